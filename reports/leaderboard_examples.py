"""The leaderboard's example browser: texts, gold, and what each entry made of them, side by side (Fig. 17, 18)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from markupsafe import Markup

from ..core.evaluation import EVALUATED, Leaderboard, ShownAnswer, ShownExample
from ..core.long_text import without_middle
from .charts import shortened
from .leaderboard_rows import KIND_WORDS, finite
from .page import render_part
from .training_completions import error_words

WHY = {
    "success": "a success",
    "failure": "a failure",
    "disagreement": "entries disagree",
    "cell": "typical of its domain and split",
}
_ROOM = 2_000_000
"""Characters of reasoning and answers on the page."""
_LEAST, _MOST = 400, 3000
_BEGINNING = 150
"""Characters of a text that are shown at once."""
_NAME = 36


class AnswerCell(NamedTuple):
    """What an entry made of a text; `verdict` is right, wrong, or empty for a text that it left out."""

    text: str
    verdict: str


class TextRow(NamedTuple):
    """A text in two pieces: what is shown at once, and the rest."""

    number: int
    beginning: str
    rest: str
    gold: str
    cells: tuple[AnswerCell | None, ...]
    """One for each answer; None for an invalid one."""


class AnswerColumn(NamedTuple):
    entry: str
    v: float | None
    ari: float | None
    error: str
    reasoning: str
    text: str


class ExampleView(NamedTuple):
    example: ShownExample
    facets: str
    why: tuple[str, ...]
    columns: tuple[AnswerColumn, ...]
    rows: tuple[TextRow, ...]


class _Places(NamedTuple):
    """Facets by name: names of any kind are numbered."""

    domains: Mapping[str, str]
    tasks: Mapping[str, str]
    entries: Mapping[str, str]


def examples_section(board: Leaderboard) -> Markup:
    """All examples, folded, models' answers before those of baselines; the script filters them."""
    shown = _models_first(board)
    splits = [split for split in EVALUATED if any(one.split == split for one in shown)]
    places = _Places(
        _numbered("d", sorted({one.domain for one in shown})),
        _numbered("t", sorted({one.task for one in shown})),
        _numbered("e", list(dict.fromkeys(answer.entry for one in shown for answer in one.answers))),
    )
    given = {reason.partition(":")[0] for one in shown for reason in one.why}
    room = _ROOM // max(1, 2 * sum(len(one.answers) for one in shown))
    most = min(_MOST, max(_LEAST, room))
    return render_part(
        "leaderboard_examples.html",
        views=[_view(one, places, most) for one in shown],
        splits=splits,
        places=places,
        whys=[(reason, words) for reason, words in WHY.items() if reason in given],
    )


def _models_first(board: Leaderboard) -> list[ShownExample]:
    kinds = {row.info.name: list(KIND_WORDS).index(row.info.kind) for row in board.standings}
    return [
        one.model_copy(update={"answers": tuple(sorted(one.answers, key=lambda answer: kinds.get(answer.entry, 0)))})
        for one in board.examples
    ]


def _numbered(letter: str, names: Sequence[str]) -> dict[str, str]:
    return {name: f"{letter}{number}" for number, name in enumerate(names, start=1)}


def _view(one: ShownExample, places: _Places, most: int) -> ExampleView:
    return ExampleView(
        one,
        _facets(one, places),
        tuple(_why_words(reason) for reason in one.why),
        tuple(_column(answer, most) for answer in one.answers),
        tuple(_row(one, place) for place in range(len(one.texts))),
    )


def _facets(one: ShownExample, places: _Places) -> str:
    """What always holds, then each reason with the entry that it is about."""
    ways = [f"{one.split} {places.domains[one.domain]} {places.tasks[one.task]}"]
    for reason in one.why:
        kind, _, entry = reason.partition(":")
        if kind in WHY:
            ways.append(" ".join(part for part in (kind, places.entries.get(entry, "")) if part))
    return "|".join(ways)


def _why_words(reason: str) -> str:
    kind, _, entry = reason.partition(":")
    return f"{kind} of {entry}" if entry else WHY.get(kind, reason)


def _column(answer: ShownAnswer, most: int) -> AnswerColumn:
    head = 2 * most // 3
    return AnswerColumn(
        answer.entry,
        finite(answer.v),
        finite(answer.ari),
        error_words(answer.error),
        without_middle(answer.reasoning, head, most - head),
        without_middle(answer.text, head, most - head),
    )


def _row(one: ShownExample, place: int) -> TextRow:
    text = one.texts[place]
    gold = one.gold[place] if place < len(one.gold) else ""
    cut = _BEGINNING if len(text) > _BEGINNING else len(text)
    return TextRow(
        place + 1,
        text[:cut],
        text[cut:],
        gold,
        tuple(None if answer.error else _cell(answer, place, gold) for answer in one.answers),
    )


def _cell(answer: ShownAnswer, place: int, gold: str) -> AnswerCell:
    cluster = answer.clusters[place] if place < len(answer.clusters) else -1
    if cluster < 0:
        return AnswerCell("left out", "")
    name = answer.names[cluster] if cluster < len(answer.names) else ""
    told = f"{cluster + 1} {shortened(name, _NAME)}".rstrip()
    return AnswerCell(told, "right" if name == gold else "wrong")
