"""Reasoning by example id, from a file of lines {"example": id, "think": text}: places are kept, not texts."""

from __future__ import annotations

from pathlib import Path

import orjson

from ...core.answer import Answer, render_answer
from ...core.errors import BenchmarkError


class Reasoning:
    """What to think before an example's answer. Raises BenchmarkError naming a line that cannot be used."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._places: dict[str, int] = {}
        offset = 0
        try:
            with path.open("rb") as file:
                for number, line in enumerate(file, start=1):
                    if line.strip():
                        self._add(line, number, offset)
                    offset += len(line)
        except OSError as error:
            raise BenchmarkError(f"{path} cannot be read: {error}; --traces takes a file of JSON lines") from error

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, example: str) -> bool:
        return example in self._places

    def __getitem__(self, example: str) -> str:
        with self._path.open("rb") as file:
            file.seek(self._places[example])
            return orjson.loads(file.readline())["think"]

    def _add(self, line: bytes, number: int, offset: int) -> None:
        where = f"{self._path}, line {number}"
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise BenchmarkError(f"{where} is not JSON ({error})") from error
        example, think = (row.get("example"), row.get("think")) if isinstance(row, dict) else (None, None)
        if not (isinstance(example, str) and isinstance(think, str) and example and think.strip()):
            raise BenchmarkError(f'{where} is not {{"example": an example\'s id, "think": its reasoning}}')
        if example in self._places:
            raise BenchmarkError(f"{where}: example {example!r} has a trace already; keep one of them")
        try:
            render_answer(Answer(((1,),)), think)
        except ValueError as error:
            raise BenchmarkError(f"{where}: {error}; the file takes what stands between the think tags alone") from None
        self._places[example] = offset
