"""The page of a clustered corpus: sizes, a map, texts to read, how sure it all is, what it cost, drift."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from ..core.clustering import ClassifierQuality, ClusteringResult, Repairs
from .charts import Estimate, intervals
from .clustering_drift import drift_section
from .clustering_map import map_section
from .clustering_names import DECIDED_WORDS, Home, code_of, home_codes, homes, mark
from .clustering_overview import added, attention, judgement, overview_section
from .clustering_view import ClusteringView, ShownText
from .page import Section, count, percent, render_page, render_part, usd_text

_SCRIPTS = ("browse.js", "clustering.js")
_STYLES = ("training.css", "clustering.css")
_LONG_TEXT = 420
"""Characters from which a text is folded."""
_ROLE_ORDER = ("typical", "borderline", "drawn")
_UNSURE = 1.0
"""A threshold above it: the classifier is never sure."""


class TextRow(NamedTuple):
    text: ShownText
    home: Home
    anchor: str
    facets: str
    long: bool


def clustering_page(view: ClusteringView, generated_at: str = "") -> str:
    """The whole page as one HTML file's text."""
    result = view.result
    found = homes(result)
    rows = _text_rows(view, found)
    anchors = [f"text-{number}" if text.listed else "" for number, text in enumerate(view.texts, start=1)]
    sections = [
        Section("overview", "Overview", overview_section(view, found, anchors)),
        Section("map", "Map", map_section(view, found, anchors)),
        Section("texts", "Texts", _texts(view, found, rows)),
        Section("quality", "Quality and cost", _quality(result)),
    ]
    if result.batches:
        sections.append(Section("drift", "Drift", drift_section(result.batches)))
    body = render_part(
        "clustering.html",
        result=result,
        judgement=judgement(result),
        attention=attention(result),
        added=added(result.batches),
    )
    return render_page(
        result.source.rstrip("/").rpartition("/")[2] or "Clusters",
        body,
        kicker="Clustered corpus",
        sections=sections,
        generated_at=generated_at or result.finished,
        styles=_STYLES,
        scripts=_SCRIPTS,
    )


def _text_rows(view: ClusteringView, found: Sequence[Home]) -> list[TextRow]:
    """Listed texts by cluster, largest first; of each the typical ones, then the borderline ones, least sure first."""
    codes, by_code = home_codes(found), {home.code: home for home in found}
    rows: list[TextRow] = []
    for number, text in enumerate(view.texts, start=1):
        if text.listed:
            home = by_code[code_of(text, codes)]
            facets = f"{home.code} by-{text.decided} {text.role}"
            rows.append(TextRow(text, home, f"text-{number}", facets, len(text.text) > _LONG_TEXT))
    place = {home.code: n for n, home in enumerate(found)}
    return sorted(rows, key=lambda row: (place[row.home.code], _ROLE_ORDER.index(row.text.role), _sureness(row.text)))


def _sureness(text: ShownText) -> float:
    return text.confidence if text.borderline and text.confidence is not None else 1.0


def _texts(view: ClusteringView, found: Sequence[Home], rows: Sequence[TextRow]) -> Markup:
    used = {row.text.decided for row in rows}
    return render_part(
        "clustering_texts.html",
        result=view.result,
        rows=rows,
        homes=found,
        decided={how: words for how, words in DECIDED_WORDS.items() if how in used},
        words=DECIDED_WORDS,
        says=view.borderline_says,
        mark=mark,
    )


def _quality(result: ClusteringResult) -> Markup:
    return render_part(
        "clustering_quality.html",
        result=result,
        repaired=_repaired(result.repairs) if result.repairs else [],
        accuracy=_accuracy(result.classifier) if result.classifier else None,
        sure=_sure(result.classifier) if result.classifier else "",
        cost=_cost(result),
        skipped=[
            (reason.replace("_", " "), number)
            for reason, number in sorted(result.skipped.items(), key=lambda item: (-item[1], item[0]))
        ],
    )


def _repaired(repairs: Repairs) -> list[tuple[str, int]]:
    return [
        ("In no cluster", repairs.missing),
        ("In several clusters", repairs.twice),
        ("Questions asked after it", repairs.questions),
        ("Without an answer: put with the text most like it", repairs.similar),
    ]


def _accuracy(found: ClassifierQuality) -> Markup:
    rows = [
        Estimate("All held-back texts", found.accuracy, "no text was held back"),
        Estimate("Where it is sure", found.sure_accuracy, "it is never sure"),
    ]
    return intervals("Agreement of the classifier with the model", rows)


def _sure(found: ClassifierQuality) -> str:
    if found.threshold > _UNSURE:
        return "It reached the accuracy asked for at no probability, so it is never sure."
    return f"It is sure from a probability of {found.threshold:.2f}, which is {percent(found.sure_share)} of them."


def _cost(result: ClusteringResult) -> list[tuple[str, str, str]]:
    """What, in all, for 1,000 texts."""
    thousands = max(1, result.documents) / 1000
    numbers = (
        ("Calls", result.calls),
        ("Tokens in", result.prompt_tokens),
        ("Tokens out", result.completion_tokens),
    )
    rows = [(words, count(number), count(round(number / thousands))) for words, number in numbers]
    return [*rows, ("Price", usd_text(result.usd), usd_text(result.usd / thousands))]
