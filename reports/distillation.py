"""The page of a distillation: what was kept and why the rest was not, ratings, and the traces to read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from markupsafe import Markup

from ..core.distillation import DistillReport, TaskTraces
from ..core.traces import REASONS, RejectionReason, Trace, TraceVerdict
from .charts import Bar, Part, bars, stack, stacks
from .distillation_rows import REASON_WORDS, TraceFigures, TraceRow, tasks_of, trace_figures
from .histogram import histogram
from .page import Section, count, decimal, percent, plural, render_page, render_part

_SCRIPTS = ("browse.js",)
_STYLES = ("training.css",)
_STANDING_TONES = {"kept": "kept", "rejected": "conflict", "undecided": "open"}


def distillation_page(
    report: DistillReport, traces: Iterable[Trace], verdicts: Mapping[str, TraceVerdict] | None = None
) -> str:
    """The whole page as one HTML file's text. Traces are read once; of their prompts only the beginnings stay."""
    figures = trace_figures(traces, verdicts or {})
    sections = [
        Section("figures", "Figures", _figures(report, figures)),
        Section("tasks", "Tasks", _tasks(report)),
        Section("traces", "Traces", _browser(figures)),
        Section("cost", "Cost", render_part("distillation_cost.html", report=report)),
    ]
    body = render_part("distillation.html", report=report, outcome=_outcome(report))
    return render_page(
        report.benchmark, body, kicker="Distillation", sections=sections, styles=_STYLES, scripts=_SCRIPTS
    )


def _outcome(report: DistillReport) -> Markup:
    parts = [
        Part("kept", report.kept, "kept"),
        Part("rejected", sum(report.rejected.values()), "conflict"),
        Part("pending", report.pending, "open"),
    ]
    return stack("Examples", parts)


def _figures(report: DistillReport, figures: TraceFigures) -> Markup:
    return render_part(
        "distillation_figures.html",
        report=report,
        reasons=_reasons(report),
        rounds=_rounds(report),
        ratings=[
            (name, figures.rating_means.get(name), histogram(f"Traces by {name}, 1 to 5", shown))
            for name, shown in figures.ratings.items()
            if any(shown.counts)
        ],
        words=histogram("Kept traces by words of their reasoning", figures.words),
        rederived=histogram("Traces by V-measure of the repeated assignment", figures.rederived),
        rederived_mean=figures.rederived_mean,
    )


def _reasons(report: DistillReport) -> Markup | None:
    """A bar for each reason that was given: traces that went back with it, and examples given up for it."""
    rows = [
        (REASON_WORDS[reason], _reason_parts(report, reason))
        for reason in REASONS
        if report.sent_back.get(reason) or report.rejected.get(reason)
    ]
    return stacks("Traces that were not kept, by reason", rows) if rows else None


def _reason_parts(report: DistillReport, reason: RejectionReason) -> tuple[Part, Part]:
    return (
        Part("sent back, and written anew", report.sent_back.get(reason, 0), "open"),
        Part("given up after the last round", report.rejected.get(reason, 0), "conflict"),
    )


def _rounds(report: DistillReport) -> Markup | None:
    if not report.rounds_needed:
        return None
    rows = [
        Bar(f"in round {number}", kept, f"{count(kept)} ({percent(kept / max(1, report.kept))})")
        for number, kept in sorted(report.rounds_needed.items())
    ]
    return bars("Kept traces by the round that made them", rows)


def _tasks(report: DistillReport) -> Markup:
    rows = [(task.task, _task_parts(task)) for task in report.tasks]
    return render_part(
        "distillation_tasks.html",
        tasks=[(task, _reasons_text(task.rejected)) for task in report.tasks],
        picture=stacks("Examples of each task", rows) if rows else None,
    )


def _task_parts(task: TaskTraces) -> tuple[Part, Part, Part]:
    return (
        Part("kept", task.kept, "kept"),
        Part("rejected", sum(task.rejected.values()), "conflict"),
        Part("pending", task.pending, "open"),
    )


def _reasons_text(reasons: Mapping[RejectionReason, int]) -> str:
    ordered = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    return "; ".join(f"{count(number)}× {REASON_WORDS[reason]}" for reason, number in ordered if number)


def _browser(figures: TraceFigures) -> Markup:
    tasks = tasks_of(figures.rows)
    places = {task: f"task-{number}" for number, task in enumerate(tasks, start=1)}
    given = {reason for row in figures.rows for reason in row.reasons}
    return render_part(
        "distillation_traces.html",
        rows=[(row, _facets(row, places), _summary(row)) for row in figures.rows],
        total=figures.total,
        tasks=places,
        reasons=[(reason, REASON_WORDS[reason]) for reason in REASONS if reason in given],
        words=REASON_WORDS,
        tones=_STANDING_TONES,
    )


def _facets(row: TraceRow, places: Mapping[str, str]) -> str:
    return " ".join([row.standing, places[row.task], *sorted(f"not-{reason}" for reason in row.reasons)])


def _summary(row: TraceRow) -> Sequence[str]:
    """What the closed trace tells of itself."""
    told = [plural(row.rounds, "round"), plural(row.words, "word")]
    if row.scores is not None:
        told.append(f"rated {decimal(row.scores.mean, 1)}")
    if row.rederived is not None:
        told.append(f"V {decimal(row.rederived)}")
    return told
