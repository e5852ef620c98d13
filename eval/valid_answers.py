"""Valid answers of an entry beside gold, read one by one from its completions."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

from ..benchmark.files import EVALUATION, Benchmark
from ..core.answer import AnswerError, parse_answer
from ..core.evaluation import Completion, EntryFolder, EntryInfo
from ..core.json_lines import read_lines
from .forms import response_of
from .mixings import Answered

_Value = TypeVar("_Value")


class Gold(NamedTuple):
    """An example's task and the gold cluster of each of its texts."""

    task: str
    labels: tuple[str, ...]


def gold_of(benchmark: Benchmark) -> dict[str, Gold]:
    """Gold by example of all evaluation splits: eight bytes a text, since the names are shared."""
    return {
        record.id: Gold(sys.intern(record.task), tuple(map(sys.intern, record.labels)))
        for split in EVALUATION
        for record in benchmark.records(split)
    }


def valid_answers(folder: EntryFolder, info: EntryInfo, gold: Mapping[str, Gold]) -> Iterator[Answered]:
    """All samples of all examples that are in `gold`; answers that are not valid are passed over."""
    response = response_of(info)
    for completion in read_lines(folder.completions, Completion):
        if completion.example not in gold:
            continue
        task, labels = gold[completion.example]
        kept = without(labels, completion.left_out)
        try:
            answer = parse_answer(response(completion, len(kept)), len(kept))
        except AnswerError:
            continue
        yield Answered(task, kept, answer.labels())


def without(values: Sequence[_Value], left_out: Collection[int]) -> list[_Value]:
    """The values of the texts that an answer is about; `left_out` are 1-based."""
    return [value for place, value in enumerate(values, start=1) if place not in left_out]
