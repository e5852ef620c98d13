"""Valid answers of an entry beside gold, read one by one from its completions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..core.answer import AnswerError, parse_answer
from ..core.evaluation import Completion, EntryFolder, EntryInfo
from ..core.json_lines import read_lines
from .forms import response_of
from .gold import Gold, without
from .mixings import Answered


def valid_answers(folder: EntryFolder, info: EntryInfo, gold: Mapping[str, Gold]) -> Iterator[Answered]:
    """All samples of all examples that are in `gold`; answers that are not valid are passed over."""
    response = response_of(info)
    for completion in read_lines(folder.completions, Completion):
        if completion.example not in gold:
            continue
        about, labels = gold[completion.example]
        kept = without(labels, completion.left_out)
        try:
            answer = parse_answer(response(completion, len(kept)), len(kept))
        except AnswerError:
            continue
        yield Answered(about.task, kept, answer.labels())
