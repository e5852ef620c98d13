"""Files of JSON lines, each a pydantic model: appended to while a job runs, read back after a kill."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from .errors import WorkspaceError
from .workspace import atomic_path

_Line = TypeVar("_Line", bound=BaseModel)
_BLOCK = 1 << 16


def read_lines(path: Path, model: type[_Line]) -> Iterator[_Line]:
    """The lines of a file that grows; none where it is missing. A last line that was cut by a kill is left out.

    Raises WorkspaceError naming any other line that cannot be read.
    """
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                yield model.model_validate_json(line)
            except ValidationError as error:
                raise WorkspaceError(
                    f"{path} line {number} is no {model.__name__} ({error.errors()[0]['msg']}); delete it"
                ) from None


def sort_lines(path: Path, model: type[_Line], key: Callable[[_Line], int]) -> None:
    """Put the lines into the order of `key`, equal ones as they were; one of them is held at a time."""
    if not path.exists():
        return
    places: list[tuple[int, int]] = []
    start = 0
    with path.open("rb") as file:
        for line, raw in zip(read_lines(path, model), file, strict=False):
            places.append((key(line), start))
            start += len(raw)
        ordered = sorted(places, key=lambda place: place[0])
        if ordered == places:
            return
        with atomic_path(path) as temporary, temporary.open("wb") as out:
            for _, place in ordered:
                file.seek(place)
                out.write(file.readline())


def cut_half_line(path: Path) -> None:
    """Take off a last line that a kill left without its end, so that the next one begins where it should."""
    if not path.exists():
        return
    with path.open("r+b") as file:
        start = file.seek(0, os.SEEK_END)
        while start:
            step = min(_BLOCK, start)
            file.seek(start - step)
            place = file.read(step).rfind(b"\n")
            if place >= 0:
                file.truncate(start - step + place + 1)
                return
            start -= step
        file.truncate(0)


def append_line(path: Path, line: BaseModel) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write(_as_line(line))


def write_lines(path: Path, lines: Iterable[BaseModel]) -> None:
    """In place of those before, whole or not at all; `lines` may be read from the file itself."""
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        file.writelines(map(_as_line, lines))


def _as_line(line: BaseModel) -> bytes:
    return line.model_dump_json().encode() + b"\n"
