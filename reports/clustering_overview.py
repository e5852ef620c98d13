"""What came of a clustered corpus in words and bars: the outcome, what asks for a look, sizes, how it was decided."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from ..core.clustering import Batch, ClassifierQuality, ClusteringResult
from .charts import Bar, Part, bars, meter, shortened, stack
from .clustering_names import DECIDED_WORDS, Home, code_of, groups_of, home_codes, mark
from .clustering_view import ClusteringView
from .histogram import histogram
from .page import count, percent, plural, render_part

_MANY_NOWHERE = 0.1
_MANY_CUT = 0.1
_MOST_IN_ONE = 0.5
_LEAST_ASKED = 3
"""Clusters from which one that holds most texts is worth a word."""
_EXAMPLE = 150


class SizeRow(NamedTuple):
    """A line of the table of sizes; `anchor` is empty where no text of the cluster is listed."""

    home: Home
    share: float
    bar: Markup
    example: str
    anchor: str


def overview_section(view: ClusteringView, found: Sequence[Home], anchors: Sequence[str]) -> Markup:
    result = view.result
    return render_part(
        "clustering_overview.html",
        result=result,
        rows=_size_rows(view, found, anchors),
        outcome=_outcome(result),
        groups=_groups(found),
        decided=_decided(result),
        confidence=histogram("Texts by confidence", view.confidence) if view.confidence else None,
        neighbours=view.neighbours,
        mark=mark,
    )


def judgement(result: ClusteringResult) -> str:
    """What came out, in a sentence."""
    if not result.documents:
        return "There was no text to cluster."
    used = sum(cluster.texts > 0 for cluster in result.clusters)
    if result.way == "only" or len(result.clusters) == 1:
        return (
            f"All {plural(result.documents, 'text')} are in one cluster." if not _left_out(result) else _placed(result)
        )
    if not used:
        return f"None of {plural(result.documents, 'text')} is in a cluster."
    largest = max(result.clusters, key=lambda cluster: cluster.texts)
    return f"{_placed(result)} The largest, {largest.name}, has {percent(largest.texts / result.documents)} of them."


def attention(result: ClusteringResult) -> list[str]:
    """What a careful reader would look at before the result is used, in sentences."""
    told = list(result.trouble)
    if result.unanswered:
        were = "has" if result.unanswered == 1 else "have"
        told.append(f"{plural(result.unanswered, 'text')} {were} no answer: run the same command again to ask again.")
    if result.documents and result.none_fits / result.documents >= _MANY_NOWHERE:
        told.append(
            f"{percent(result.none_fits / result.documents)} of the texts fit no cluster: read some under Texts;"
            " the taxonomy may lack a cluster, or the instruction may not be about them."
        )
    told += _about_sizes(result)
    if result.repairs is not None and result.repairs.similar:
        told.append(
            f"{plural(result.repairs.similar, 'text')} got no answer and went with the text whose words are most alike."
        )
    if result.classifier is not None:
        told += _about_classifier(result.classifier, result.assign)
    if result.documents and result.cut / result.documents >= _MANY_CUT:
        told.append(f"{percent(result.cut / result.documents)} of the texts were judged by their beginning alone.")
    if result.batches and result.batches[-1].drift.verdict != "covers":
        told.append(f"Newest batch, {result.batches[-1].name}: {result.batches[-1].drift.says}")
    return told


def added(batches: Sequence[Batch]) -> str:
    """What was added later, as a sentence; empty where nothing was."""
    if not batches:
        return ""
    texts = sum(batch.documents for batch in batches)
    return f"{plural(texts, 'text')} came later in {plural(len(batches), 'batch', 'batches')}, see Drift."


def _left_out(result: ClusteringResult) -> int:
    return result.none_fits + result.unanswered


def _placed(result: ClusteringResult) -> str:
    placed, clusters = result.documents - _left_out(result), plural(len(result.clusters), "cluster")
    if placed == result.documents:
        return f"All {plural(result.documents, 'text')} are in {clusters}, each in exactly one."
    rest = [
        f"{count(number)} {words}"
        for number, words in ((result.none_fits, "fit none"), (result.unanswered, "have no answer"))
        if number
    ]
    return f"{count(placed)} of {plural(result.documents, 'text')} are in {clusters}; {' and '.join(rest)}."


def _about_sizes(result: ClusteringResult) -> list[str]:
    told: list[str] = []
    empty = [cluster.name for cluster in result.clusters if not cluster.texts]
    if empty:
        names = ", ".join(empty[:3]) + (f" and {len(empty) - 3} more" if len(empty) > 3 else "")
        told.append(f"{plural(len(empty), 'cluster')} took no text: {names}.")
    largest = max(result.clusters, key=lambda cluster: cluster.texts, default=None)
    if largest is not None and len(result.clusters) >= _LEAST_ASKED:
        share = largest.texts / max(1, result.documents)
        if share > _MOST_IN_ONE:
            told.append(f"{largest.name} holds {percent(share)} of the texts: is it too wide for the instruction?")
    return told


def _about_classifier(found: ClassifierQuality, assign: str) -> list[str]:
    decides, words = (
        (found.accuracy, "The classifier")
        if assign == "embed"
        else (found.sure_accuracy, "Where it is sure, the classifier")
    )
    if decides.value is None or decides.value >= found.target:
        return []
    return [
        f"{words} agrees with the model on {percent(decides.value)} of held-back texts, less than the"
        f" {percent(found.target)} that was asked for."
    ]


def _size_rows(view: ClusteringView, found: Sequence[Home], anchors: Sequence[str]) -> list[SizeRow]:
    codes = home_codes(found)
    examples: dict[str, tuple[str, str]] = {}
    for role in ("typical", "drawn", "borderline"):
        for text, anchor in zip(view.texts, anchors, strict=True):
            if anchor and text.role == role:
                examples.setdefault(code_of(text, codes), (text.text, anchor))
    longest = max((home.texts for home in found), default=0) or 1
    rows: list[SizeRow] = []
    for home in found:
        text, anchor = examples.get(home.code, ("", ""))
        bar = meter(home.texts / longest, "kept" if home.colour else "none")
        share = home.texts / max(1, view.result.documents)
        rows.append(SizeRow(home, share, bar, shortened(" ".join(text.split()), _EXAMPLE), anchor))
    return rows


def _outcome(result: ClusteringResult) -> Markup:
    placed = result.documents - _left_out(result)
    parts = [Part("In a cluster", placed, "kept"), Part("Fits none", result.none_fits, "none")]
    if result.unanswered:
        parts.append(Part("Not answered", result.unanswered, "open"))
    return stack("Texts by outcome", parts)


def _groups(found: Sequence[Home]) -> Markup | None:
    named = groups_of(found)
    if not named:
        return None
    rows = [
        Bar(name, sum(home.texts for home in inside), f"{count(sum(home.texts for home in inside))} in {len(inside)}")
        for name, inside in named.items()
    ]
    return bars("Texts of each group, and its clusters", rows)


def _decided(result: ClusteringResult) -> Markup | None:
    rows = [
        Bar(
            words[0].upper() + words[1:],
            number,
            f"{count(number)} ({percent(number / max(1, result.documents))})",
            "open" if how == "unanswered" else "kept",
        )
        for how, words in DECIDED_WORDS.items()
        if (number := result.decided.get(how, 0))
    ]
    return bars("Texts by how they were decided", rows, maximum=max(1, result.documents)) if rows else None
