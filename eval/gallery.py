"""Examples to read: texts, gold, and the first answer of every entry side by side (paper Fig. 17, 18)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..benchmark.files import EVALUATION, Benchmark, ExampleRecord, Split
from ..core.answer import AnswerError, parse_answer, reasoning_of
from ..core.errors import SettingsError, WorkspaceError
from ..core.evaluation import AnswerScore, Completion, EntryFolder, EntryInfo, ShownAnswer, ShownExample
from ..core.json_lines import read_lines
from ..core.long_text import without_middle
from .forms import response_of
from .gold import without

_TEXT = 400
_HEAD, _TAIL = 3000, 1500

Entry = tuple[EntryInfo, EntryFolder]


class _Place(NamedTuple):
    record: ExampleRecord
    split: Split
    order: Mapping[str, int]
    """Of the task's clusters."""


def show(
    benchmark: Benchmark, chosen: Mapping[str, Sequence[str]], entries: Sequence[Entry]
) -> tuple[ShownExample, ...]:
    """The chosen examples (with why) in the benchmark's order, answers in the order of `entries`.

    Texts, reasoning and invalid answers are shortened; a valid answer's text is left out, for its clusters say it.
    Completions are streamed. Raises SettingsError for an example that the benchmark does not have, WorkspaceError for
    an entry whose scores do not belong to its completions.
    """
    places = _places(benchmark, chosen)
    answers = [_answers(info, folder, places) for info, folder in entries]
    return tuple(
        ShownExample(
            id=example,
            task=record.task,
            domain=record.domain,
            split=split,
            instruction=benchmark.task(record.task).instruction,
            texts=tuple(without_middle(benchmark.texts[number], _TEXT) for number in record.texts),
            gold=record.labels,
            answers=tuple(of_entry[example] for of_entry in answers if example in of_entry),
            why=tuple(chosen[example]),
        )
        for example, (record, split, _) in places.items()
    )


def _places(benchmark: Benchmark, chosen: Mapping[str, Sequence[str]]) -> dict[str, _Place]:
    orders = {
        task.id: {cluster.name: place for place, cluster in enumerate(task.clusters)}
        for task in benchmark.manifest.tasks
    }
    places = {
        record.id: _Place(record, split, orders[record.task])
        for split in EVALUATION
        for record in benchmark.records(split)
        if record.id in chosen
    }
    for example in chosen:
        if example not in places:
            raise SettingsError(
                f"{benchmark.folder} has no example {example!r}: give the benchmark that the entries answered"
            )
    return places


def _answers(info: EntryInfo, folder: EntryFolder, places: Mapping[str, _Place]) -> dict[str, ShownAnswer]:
    """The entry's first answer to each example that it has scored."""
    scores: dict[str, AnswerScore] = {}
    for score in read_lines(folder.scores, AnswerScore):
        if score.example in places and (score.example not in scores or score.sample < scores[score.example].sample):
            scores[score.example] = score
    shown: dict[str, ShownAnswer] = {}
    for completion in read_lines(folder.completions, Completion):
        score = scores.get(completion.example)
        if score is not None and score.sample == completion.sample:
            shown[completion.example] = _shown(info, folder, completion, score, places[completion.example])
    return shown


def _shown(
    info: EntryInfo, folder: EntryFolder, completion: Completion, score: AnswerScore, place: _Place
) -> ShownAnswer:
    if score.error:
        return ShownAnswer(
            entry=info.name,
            v=score.v,
            ari=score.ari,
            error=score.error,
            reasoning=without_middle(completion.reasoning.strip(), _HEAD, _TAIL),
            text=without_middle(completion.text, _HEAD, _TAIL),
        )
    gold = without(place.record.labels, completion.left_out)
    text = response_of(info)(completion, len(gold))
    try:
        labels = parse_answer(text, len(gold)).labels()
    except AnswerError as error:
        raise WorkspaceError(
            f"{folder.scores} calls an answer to {score.example!r} valid that is not ({error}); "
            "run `cluster-r1 eval` for this entry again, which scores what is answered and pays for nothing"
        ) from None
    return ShownAnswer(
        entry=info.name,
        v=score.v,
        ari=score.ari,
        clusters=_with_left_out(labels, completion.left_out),
        names=_names(labels, gold, place.order),
        reasoning=without_middle(reasoning_of(text).strip(), _HEAD, _TAIL),
    )


def _with_left_out(labels: Sequence[int], left_out: Sequence[int]) -> tuple[int, ...]:
    """The labels of all texts, -1 for those that the answer is not about."""
    coming = iter(labels)
    n = len(labels) + len(left_out)
    return tuple(-1 if number in left_out else next(coming) for number in range(1, n + 1))


def _names(labels: Sequence[int], gold: Sequence[str], order: Mapping[str, int]) -> tuple[str, ...]:
    """For each predicted cluster the gold cluster that it shares most texts with, the task's earlier one of equals."""
    shared = Counter(zip(labels, gold, strict=True))
    best: dict[int, str] = {}
    for label, name in sorted(shared, key=lambda pair: (-shared[pair], order[pair[1]])):
        best.setdefault(label, name)
    return tuple(best[label] for label in sorted(best))
