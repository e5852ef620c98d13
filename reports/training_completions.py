"""Which of a stage's sampled completions its page shows: steps from first to last, the best and the worst."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from ..core.json_lines import read_lines
from ..core.long_text import without_middle
from ..core.training_runs import SampledCompletion
from .series import is_drawable

ERROR_WORDS = {
    "tags": "think or answer tags missing, doubled or out of order",
    "count_line": "no line with the total of clusters",
    "count_mismatch": "another number of clusters than it says",
    "duplicate": "an item in two clusters",
    "missing": "an item in no cluster",
    "out_of_range": "an item that is not there",
    "malformed_list": "a cluster's list that cannot be read",
    "empty_cluster": "an empty cluster",
}
_MOST_STEPS = 20
_A_STEP = 6
_EXTREMES = 4
_HEAD, _TAIL = 5000, 1500


class Shown(NamedTuple):
    """A completion on the page; `facets` are the choices that show it, `long` whether its text is folded."""

    step: int
    example: str
    text: str
    reward: float
    error: str
    facets: str
    long: bool


class Completions(NamedTuple):
    """`steps` are those to choose from, in order; `total` counts all that the file has."""

    steps: tuple[int, ...]
    shown: tuple[Shown, ...]
    total: int


class _Place(NamedTuple):
    line: int
    step: int
    reward: float
    error: str


def error_words(error: str) -> str:
    """An error kind in words; what is none stays as it is."""
    return ERROR_WORDS.get(error.partition(":")[0], error)


def choose_completions(path: Path) -> Completions:
    """Up to 20 steps with 6 completions each, 4 best and 4 worst of all; the file is read twice and never held.

    Raises WorkspaceError for a damaged line.
    """
    places = [_Place(line, c.step, c.reward, c.error) for line, c in enumerate(read_lines(path, SampledCompletion))]
    wanted = _wanted(places)
    shown = [
        _shown(completion, wanted[line])
        for line, completion in enumerate(read_lines(path, SampledCompletion))
        if line in wanted
    ]
    shown.sort(key=lambda item: (item.step, -item.reward if is_drawable(item.reward) else 0.0))
    return Completions(tuple(_steps(places)), tuple(shown), len(places))


def _wanted(places: list[_Place]) -> dict[int, list[str]]:
    """Facets by line of the file."""
    wanted: dict[int, list[str]] = defaultdict(list)
    by_step: dict[int, list[_Place]] = defaultdict(list)
    for place in places:
        by_step[place.step].append(place)
    for step in _steps(places):
        for place in by_step[step][-_A_STEP:]:
            wanted[place.line].append(f"step-{step}")
    rated = [place for place in places if is_drawable(place.reward)]
    for place in sorted(rated, key=lambda p: (p.reward, p.line))[-_EXTREMES:]:
        wanted[place.line].append("best")
    for place in _worst(rated):
        wanted[place.line].append("worst")
    return wanted


def _worst(rated: list[_Place]) -> list[_Place]:
    """The last completion of each kind of error; the lowest rewards where there are fewer kinds."""
    kinds = {place.error: place for place in rated if place.error}
    latest = sorted(kinds.values(), key=lambda p: -p.line)[: 2 * _EXTREMES]
    lowest = [place for place in sorted(rated, key=lambda p: (p.reward, -p.line)) if place not in latest]
    return [*latest, *lowest[: max(0, _EXTREMES - len(latest))]]


def _steps(places: list[_Place]) -> list[int]:
    """The first and the last sampled step and others evenly between them."""
    steps = sorted({place.step for place in places})
    if len(steps) <= _MOST_STEPS:
        return steps
    return [steps[round(n * (len(steps) - 1) / (_MOST_STEPS - 1))] for n in range(_MOST_STEPS)]


def _shown(completion: SampledCompletion, facets: list[str]) -> Shown:
    text = without_middle(completion.completion, _HEAD, _TAIL)
    return Shown(
        completion.step,
        completion.example,
        text,
        completion.reward,
        error_words(completion.error),
        " ".join([*facets, "invalid" if completion.error else "valid"]),
        len(text) > 420 or text.count("\n") > 8,
    )
