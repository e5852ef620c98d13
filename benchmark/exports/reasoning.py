"""Reasoning by example id: from a file of lines, of which places are kept and not texts, or from a folder of traces."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Protocol

import orjson

from ...core.answer import Answer, render_answer
from ...core.errors import BenchmarkError
from ...core.prompt import example_prompt
from ...core.tasks import Example
from ...core.traces import kept_traces


class _Kept(NamedTuple):
    """Of a trace: the user's message with the texts, and what the student is to say."""

    prompt: str
    completion: str


class Thoughts(Protocol):
    """Reasoning for examples."""

    def completion(self, example: Example) -> str | None:
        """Reasoning and answer as the student gives them; None where there is no reasoning for this example."""
        ...


def read_thoughts(path: Path) -> Thoughts:
    """From a folder of traces (those that are kept, people's word first), or a file of {"example": id, "think": text}.

    What is not there is taken for a folder if its name has no suffix. Raises BenchmarkError, and WorkspaceError for a
    folder, naming a line that cannot be used.
    """
    is_folder = path.is_dir() or not (path.exists() or path.suffix)
    return KeptReasoning(path) if is_folder else Reasoning(path)


class KeptReasoning:
    """A project's kept traces. Their answers are gold, with clusters numbered as the reasoning numbers them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: dict[str, _Kept] = {}
        for trace in kept_traces(folder):
            if not trace.example:
                continue
            if trace.example in self._kept:
                raise BenchmarkError(f"{folder}: example {trace.example!r} has two kept traces; drop one of them")
            self._kept[trace.example] = _Kept(trace.prompt[-1].content, trace.completion)
        if not self._kept:
            raise BenchmarkError(f"{folder} has no kept trace of an example; `cluster-r1 distill` makes them")

    def completion(self, example: Example) -> str | None:
        kept = self._kept.get(example.id)
        if kept is None:
            return None
        if kept.prompt != example_prompt(example.instruction, example.texts).user:
            raise BenchmarkError(
                f"{self._folder}: the trace of {example.id!r} is about other texts than this benchmark's example;"
                " run `cluster-r1 distill` again"
            )
        return kept.completion


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
            raise BenchmarkError(
                f"{path} cannot be read: {error}; --traces takes a file of JSON lines, or a folder of traces"
            ) from error

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, example: str) -> bool:
        return example in self._places

    def __getitem__(self, example: str) -> str:
        with self._path.open("rb") as file:
            file.seek(self._places[example])
            return orjson.loads(file.readline())["think"]

    def completion(self, example: Example) -> str | None:
        return render_answer(example.gold, self[example.id]) if example.id in self else None

    def _add(self, line: bytes, number: int, offset: int) -> None:
        where = f"{self._path}, line {number}"
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise BenchmarkError(f"{where} is not JSON ({error})") from error
        example, think = (row.get("example"), row.get("think")) if isinstance(row, dict) else (None, None)
        if not (isinstance(example, str) and isinstance(think, str) and example and think.strip()):
            raise BenchmarkError(
                f'{where} is not {{"example": an example\'s id, "think": its reasoning}};'
                " for the traces of `cluster-r1 distill` give their folder"
            )
        if example in self._places:
            raise BenchmarkError(f"{where}: example {example!r} has a trace already; keep one of them")
        try:
            render_answer(Answer(((1,),)), think)
        except ValueError as error:
            raise BenchmarkError(f"{where}: {error}; the file takes what stands between the think tags alone") from None
        self._places[example] = offset
