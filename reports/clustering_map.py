"""The map of a clustered corpus: a point for each shown text, a legend to choose clusters by.

Points are placed in percent and keep their size, so the picture fits any width. Without JavaScript it is a picture with
a tooltip at each point; with it (clustering.js) the legend becomes buttons and the keyboard walks from point to point.
"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from .charts import shortened
from .clustering_names import COLOURS, Home, code_of, groups_of, home_codes, mark
from .clustering_view import ClusteringView, ShownText
from .page import count, decimal, plural, render_part

_GLIMPSE = 280
_EDGE = 2.0
"""Percent of the picture that is kept free around the points."""


def map_section(view: ClusteringView, found: Sequence[Home], anchors: Sequence[str]) -> Markup:
    """`anchors` are where each shown text stands in the list; empty for one that does not."""
    borderline = sum(text.borderline for text in view.texts)
    return render_part(
        "clustering_map.html",
        view=view,
        picture=_picture(view, found, anchors),
        homes=found,
        groups=[(f"g{n}", name, inside) for n, (name, inside) in enumerate(groups_of(found).items(), start=1)],
        mark=mark,
        borderline=borderline,
        drawn=drawn_of(view),
        repeated=sum(1 for home in found if home.colour) > COLOURS,
    )


def _picture(view: ClusteringView, found: Sequence[Home], anchors: Sequence[str]) -> Markup:
    codes = home_codes(found)
    by_code = {home.code: home for home in found}
    groups = {home.code: f"g{n}" for n, inside in enumerate(groups_of(found).values(), start=1) for home in inside}
    shapes = Markup("").join(
        Markup('<path id="map-{}" d="{}"/>').format(home.code, home.shape) for home in found if home.texts
    )
    points: list[Markup] = []
    for text, anchor in zip(view.texts, anchors, strict=True):
        home = by_code[code_of(text, codes)]
        points.append(_point(text, home, groups.get(home.code, ""), anchor))
    said = f"{plural(len(view.texts), 'text')} in {plural(len(codes), 'cluster')}; the texts are listed under Texts"
    return Markup(
        '<svg class="map{}" role="img" aria-label="Map of the texts: {}" data-map><defs>{}</defs>\n{}</svg>'
    ).format(" many" if len(codes) > COLOURS else "", said, shapes, Markup("\n").join(points))


def _point(text: ShownText, home: Home, group: str, anchor: str) -> Markup:
    kinds = " ".join(part for part in (home.code, group, "borderline" if text.borderline else "") if part)
    point = Markup('<use href="#map-{}" class="mark-{}" x="{}" y="{}" data-kinds="{}"><title>{}</title></use>').format(
        home.code, home.colour, _percent(text.x), _percent(1 - text.y), kinds, _told(text, home)
    )
    return Markup('<a href="#{}" tabindex="-1">{}</a>').format(anchor, point) if anchor else point


def _told(text: ShownText, home: Home) -> str:
    """A line about the choice, then the text in one line."""
    sure = "" if text.confidence is None else f" · confidence {decimal(text.confidence)}"
    nearly = f" · nearly {text.second}" if text.borderline and text.second else ""
    return f"{home.name}{sure}{nearly}\n{shortened(' '.join(text.text.split()), _GLIMPSE)}"


def _percent(share: float) -> str:
    return f"{_EDGE + (100 - 2 * _EDGE) * min(1.0, max(0.0, share)):.2f}%"


def drawn_of(view: ClusteringView) -> str:
    """How much of the corpus the map shows, in words."""
    shown, all_ = len(view.texts), view.result.documents
    return "every text" if shown >= all_ else f"{count(shown)} of {plural(all_, 'text')}"
