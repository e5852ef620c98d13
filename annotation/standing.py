"""Where reviews stand, in lines for the terminal: who answered what, what is decided, how far people agree."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from ..core.forms import ResponseStatus
from ..core.settings import Settings
from ..core.workspace import Workspace
from ..graphs.reviews import Decision, Gate
from .audit import Entry
from .label_figures import label_review_lines
from .pull import Answered, PullResult, read_reviews
from .trace_figures import trace_review_lines

_LONGEST_VALUE = 200


def standing_lines(workspace: Workspace, settings: Settings, answered: Sequence[Answered]) -> Iterator[str]:
    """Each form with its people, then what their answers would decide now; nothing is stored."""
    for form in answered:
        by_author: dict[str, Counter[ResponseStatus]] = defaultdict(Counter)
        for response in form.latest():
            by_author[response.author][response.status] += 1
        submitted = {response.record for response in form.latest() if response.status == "submitted"}
        yield f"{form.form.name}: {len(submitted)} of {len(form.records)} records answered"
        for author, counts in sorted(by_author.items()):
            yield f"  {author}: {', '.join(f'{count} {status}' for status, count in sorted(counts.items()))}"
    yield from pull_lines(read_reviews(workspace, settings, answered))


def pull_lines(result: PullResult) -> Iterator[str]:
    """What a pull came to."""
    for gate, decision in result.gates:
        if isinstance(decision, Decision):
            tail = f", against {', '.join(decision.dissent)}" if decision.dissent else ""
            said = f"{gate.name}: {decision.verdict}{_changes(gate, decision)}"
            yield f"{said} by {decision.author} ({decision.rule}{tail})"
        else:
            yield f"{gate.name}: not decided: {decision.reason}"
    for labels in result.labels:
        old = "" if labels.current else ", which is not the accepted one any more"
        yield f"{labels.taxonomy.task}: review of labels under version {labels.taxonomy.version}{old}"
        yield from (f"  {line}" for line in label_review_lines(labels.review))
    if result.traces is not None:
        yield "traces:"
        yield from (f"  {line}" for line in trace_review_lines(result.traces.review))
    for response, reason in (item for items in result.returned.values() for item in items):
        yield f"given back to {response.author}: {response.record}: {reason}"


def _changes(gate: Gate, decision: Decision) -> str:
    """What became of the gate's tasks, where that is not what was proposed."""
    proposed = {task.id: task for task in gate.tasks}
    parts = [f"{len(decision.tasks)} of {len(gate.tasks)} tasks"] if gate.kind == "proposals" else []
    if any(task != proposed.get(task.id) for task in decision.tasks):
        parts.append("rewritten")
    return "".join(f", {part}" for part in parts)


def new_answers_line(result: PullResult) -> str:
    count = result.new_answers
    return f"{count or 'no'} new answer{'' if count == 1 else 's'}"


def entry_lines(entry: Entry) -> Iterator[str]:
    """An event of the audit log: who, when, then every value that differs, before and after."""
    tail = f" ({entry.detail})" if entry.detail else ""
    yield f"{entry.at}  {entry.who or 'somebody'}  {entry.event}  {entry.record}{tail}"
    for name, value in entry.after.items():
        before = entry.before.get(name)
        if value in (None, "", [], before):
            continue
        if before in (None, "", []):
            yield f"    {name}: {_short(value)}"
        else:
            yield f"    {name}: {_short(before)} → {_short(value)}"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    flat = " / ".join(line.strip() for line in text.splitlines() if line.strip())
    clean = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in flat)
    return clean if len(clean) <= _LONGEST_VALUE else f"{clean[:_LONGEST_VALUE]}… ({len(text):,} characters)"
