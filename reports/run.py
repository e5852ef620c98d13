"""The page of a synthesis run: what came out, what waits for a person, and everything to judge it by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from ..core.taxonomy import NONE_FITS
from .charts import Bar, Estimate, Part, bars, intervals, meter, pairs, stack, swatch
from .heatmap import STEPS, heat_map
from .levels import render_levels
from .page import Section, count, interval_text, percent, plural, render_page, render_part
from .summary import RunSummary, TaskSummary
from .views import (
    OUTCOME_TONES,
    OUTCOME_WORDS,
    cluster_rows,
    confused,
    document_groups,
    document_places,
    kept_against_gold,
    labeler_name,
    undefined_because,
    versions,
)

_FAILURES = {
    "refused": "refused: too many requests (429)",
    "server": "server error",
    "timeout": "no answer in time",
    "connection": "no connection",
    "broken": "unreadable answer",
    "rejected": "request rejected",
    "fatal": "no call can succeed (key, model or address)",
}
_LISTED_PAIRS = 10


def render_run(summary: RunSummary) -> str:
    """The whole page as one HTML file's text."""
    anchors = [f"task-{number}" for number in range(1, len(summary.tasks) + 1)]
    levels = _levels_section(summary, anchors)
    sections = [
        Section(anchor, task.id, _task_part(anchor, task, summary))
        for anchor, task in zip(anchors, summary.tasks, strict=True)
    ]
    results = [
        (anchor, task.id, outcome_sentence(task), _outcome_stack(task, legend=False))
        for anchor, task in zip(anchors, summary.tasks, strict=True)
    ]
    return render_page(
        summary.title,
        render_part("run.html", results=results, waiting=summary.waiting, corpus_kept=summary.corpus_kept),
        kicker="Synthesis run",
        sections=[*levels, *sections, Section("run", "Cost and corpus", _run_part(summary))],
        generated_at=summary.generated_at,
    )


def _levels_section(summary: RunSummary, anchors: Sequence[str]) -> list[Section]:
    if summary.hierarchy is None:
        return []
    places = {task.id: anchor for anchor, task in zip(anchors, summary.tasks, strict=True)}
    return [Section("levels", "Levels", render_levels(summary.hierarchy, places))]


def outcome_sentence(task: TaskSummary) -> str:
    """What came out of a task, in one sentence."""
    if not task.documents:
        return "No document is labelled yet."
    kept = task.outcomes.get("kept", 0)
    used, all_ = sum(size > 0 for size in task.sizes.values()), len(task.taxonomy.clusters)
    clusters = plural(all_, "cluster") if used == all_ else f"{count(used)} of {plural(all_, 'cluster')}"
    came = f"{count(kept)} of {plural(task.documents, 'document')} kept in {clusters}"
    if not kept:
        came = f"None of {plural(task.documents, 'document')} kept"
    agreement = task.agreement
    if agreement.raw.value is None:
        return f"{came}; agreement {undefined_because(agreement)}."
    kappa = interval_text(agreement.kappa, undefined_because(agreement))
    return f"{came}; labelers agree on {percent(agreement.raw.value)}, kappa {kappa}."


def _task_part(anchor: str, task: TaskSummary, summary: RunSummary) -> Markup:
    groups = document_groups(anchor, task)
    return render_part(
        "task.html",
        anchor=anchor,
        task=task,
        unlabelled=max(0, (summary.corpus_kept if task.pool is None else task.pool) - task.documents),
        outcomes=_outcome_stack(task),
        clusters=cluster_rows(anchor, task),
        none_fits=NONE_FITS,
        versions=versions(task),
        groups=groups,
        places=document_places(groups),
        gold_sentence=kept_against_gold(task.gold),
        labeler_name=labeler_name,
        models=summary.models,
        meter=meter,
        people=_people_chart(task),
        **_agreement_charts(task),
    )


def _agreement_charts(task: TaskSummary) -> dict[str, Any]:
    agreement = task.agreement
    reason = undefined_because(agreement)
    rows = [
        Estimate("Raw agreement", agreement.raw, reason),
        Estimate("Cohen's kappa", agreement.kappa, reason),
        Estimate("Krippendorff's alpha", agreement.alpha, reason),
    ]
    split = confused(agreement)
    return {
        "intervals": intervals(f"Agreement of the labelers on {task.id}", rows),
        "heat": heat_map(f"Votes of labeler A by votes of labeler B on {task.id}", agreement.labels, agreement.matrix),
        "heat_legend": _heat_legend(),
        "wide_heat": len(agreement.labels) > 8,
        "confused": split[:_LISTED_PAIRS],
        "more_confused": max(0, len(split) - _LISTED_PAIRS),
        "bias": [
            (bias, pairs(f"{labeler_name(bias.labeler)}: votes by list position", bias.observed, bias.expected))
            for bias in task.bias
        ],
        "gold_bars": bars(
            f"Accuracy against gold labels on {task.id}",
            [Bar(g.who, g.accuracy, f"{percent(g.accuracy)} of {count(g.documents)}") for g in task.gold],
            maximum=1.0,
        ),
        "swatch": swatch,
    }


def _people_chart(task: TaskSummary) -> Markup | None:
    """Agreement of people with each other and with the models, where there is any to draw."""
    review = task.review
    if review is None or not review.settled:
        return None
    rows = [Estimate("Labels that people confirm", review.confirmed, "no random document was kept")]
    if review.people.units:
        rows.append(Estimate("People among themselves, alpha", review.people.alpha, "no two labels"))
    rows += [
        Estimate(f"People and {compared.model}, kappa", compared.random.kappa, undefined_because(compared.random))
        for compared in review.models
    ]
    return intervals(f"Agreement of people on {task.id}", rows)


def _outcome_stack(task: TaskSummary, legend: bool = True) -> Markup:
    parts = [Part(OUTCOME_WORDS[o], task.outcomes.get(o, 0), tone) for o, tone in OUTCOME_TONES.items()]
    return stack(f"Outcomes of {task.id}", parts, legend)


def _heat_legend() -> Markup:
    words = [f"up to {percent(step)}" for step in STEPS]
    items = Markup("").join(
        Markup("<li>{}{}<span>{}</span></li>").format(swatch(f"agree-{i}"), swatch(f"differ-{i}"), word)
        for i, word in enumerate(words, start=1)
    )
    return Markup('<ul class="legend small">{}</ul>').format(items)


def _run_part(summary: RunSummary) -> Markup:
    skipped = sorted(summary.corpus_skipped.items(), key=lambda item: (-item[1], item[0]))
    failures = sorted(summary.cost_failures.items(), key=lambda item: (-item[1], item[0]))
    left_out = summary.corpus_read - summary.corpus_kept
    return render_part(
        "costs.html",
        summary=summary,
        skipped=[(reason.replace("_", " "), number) for reason, number in skipped],
        intake=stack(
            "Rows of the corpus", [Part("Kept", summary.corpus_kept, "kept"), Part("Skipped", left_out, "open")]
        ),
        failures=_failure_bars(failures),
    )


def _failure_bars(failures: Sequence[tuple[str, int]]) -> Markup | None:
    if not failures:
        return None
    rows = [Bar(_FAILURES.get(kind, kind), number, count(number), "conflict") for kind, number in failures]
    return bars("Failed calls by kind", rows)
