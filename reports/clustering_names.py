"""Words and looks of a clustered corpus' page: where a text can have gone, and how it was decided."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from ..core.clustering import ClusteringResult, Decided
from .clustering_view import ShownText

DECIDED_WORDS: dict[Decided, str] = {
    "prompt": "by the one generation over all texts",
    "repaired": "by a question after the generation",
    "similar": "with the text most like it",
    "model": "by the model",
    "classifier": "by the classifier",
    "copied": "with another text that reads the same",
    "only": "there is one cluster only",
    "unanswered": "not answered",
}
COLOURS = 12
_SHAPES = (
    "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0-9 0z",
    "M0-5.5L5 4H-5z",
    "M-4-4h8v8h-8z",
    "M0-5.8L5.8 0L0 5.8L-5.8 0z",
    "M0 5.5L5-4H-5z",
    "M-1.8-5.2h3.6v3.4h3.4v3.6h-3.4v3.4h-3.6v-3.4h-3.4v-3.6h3.4z",
    "M0-5.8L1.5-1.9L5.6-1.8L2.4.8L3.5 4.8L0 2.4L-3.5 4.8L-2.4.8L-5.6-1.8L-1.5-1.9z",
)
"""Circle, triangle, square, diamond, triangle upside down, cross, star. Seven, so that with 12 colours 84 differ."""
_HOLLOW = {"nowhere": _SHAPES[0], "unanswered": _SHAPES[2]}


class Home(NamedTuple):
    """Where texts went: a cluster, nowhere, or no answer. `code` is its facet and the class of its points."""

    code: str
    name: str
    texts: int
    colour: int
    """1 to 12; 0 is hollow."""
    shape: str
    """Data of an SVG path around (0, 0), some 10 pixels wide."""
    group: str | None = None
    description: str = ""


def homes(result: ClusteringResult) -> list[Home]:
    """Clusters by size, then what fits none and what has no answer, where there is any."""
    ordered = sorted(result.clusters, key=lambda cluster: -cluster.texts)
    found = [
        Home(f"c{n + 1}", one.name, one.texts, n % COLOURS + 1, _SHAPES[n % len(_SHAPES)], one.group, one.description)
        for n, one in enumerate(ordered)
    ]
    rest = (("nowhere", "fits no cluster", result.none_fits), ("unanswered", "not answered", result.unanswered))
    return found + [Home(code, name, texts, 0, _HOLLOW[code]) for code, name, texts in rest if texts]


def home_codes(found: Sequence[Home]) -> dict[str, str]:
    """Codes of the clusters by name."""
    return {home.name: home.code for home in found if home.colour}


def code_of(text: ShownText, codes: dict[str, str]) -> str:
    if text.cluster is not None:
        return codes[text.cluster]
    return "unanswered" if text.decided == "unanswered" else "nowhere"


def mark(home: Home) -> Markup:
    """Its shape in its colour, for lists and legends."""
    return Markup(
        '<svg class="swatch" viewBox="-6 -6 12 12" aria-hidden="true"><path class="mark-{}" d="{}"/></svg>'
    ).format(home.colour, home.shape)


def groups_of(found: Sequence[Home]) -> dict[str, list[Home]]:
    """The second level, largest first; empty where there is none."""
    named: dict[str, list[Home]] = {}
    for home in found:
        if home.group is not None:
            named.setdefault(home.group, []).append(home)
    return dict(sorted(named.items(), key=lambda item: -sum(home.texts for home in item[1])))
