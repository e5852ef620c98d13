"""Checks that look at tasks: what is held out is asked nowhere else, neither by its id nor in other words."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from .duplicates import normalised
from .evidence import Evidence, ProofTask
from .files import Split
from .tally import Tally
from .usage import Place, Usage


def task_checks(evidence: Evidence, usage: Usage) -> list[Tally]:
    """Held-out tasks are in C2 alone, and no held-in task is one of them under another name."""
    first: dict[tuple[str, Split], Place] = {}
    for place in usage.places:
        first.setdefault((place.task, place.split), place)
    out = [task for task in evidence.tasks if task.held == "held-out"]
    inside = [task for task in evidence.tasks if task.held == "held-in"]
    tallies = [_by_id(first)]
    if evidence.benchmark is not None:
        tallies.append(_by_side(evidence, usage))
    instructions = Tally(
        "held-out-instructions", "No held-out task has the instruction of a held-in one, but for case and punctuation."
    )
    names = Tally("held-out-clusters", "No held-out task has the cluster names of a held-in one, all of them.")
    _alike(instructions, out, inside, lambda task: _words(task.instruction), "says the same as")
    _alike(names, out, inside, lambda task: frozenset(map(_words, task.clusters)), "has the same cluster names as")
    return [*tallies, instructions, names]


def _by_id(first: dict[tuple[str, Split], Place]) -> Tally:
    tasks = dict.fromkeys(task for task, split in first if split == "c2")
    tally = Tally("held-out-tasks", "No task of C2 has an example in another split.", len(tasks))
    for task in tasks:
        elsewhere = next((place for (other, split), place in first.items() if other == task and split != "c2"), None)
        if elsewhere is not None:
            tally.leak(lambda task=task, elsewhere=elsewhere: f"{first[task, 'c2']} and {elsewhere} are of one task")
    return tally


def _by_side(evidence: Evidence, usage: Usage) -> Tally:
    says = "Held-out tasks have examples in C2 alone, held-in tasks in every split but C2."
    tally = Tally("held-out-splits", says, len(usage.places))
    held = {task.id: task.held for task in evidence.tasks}
    for place in usage.places:
        if place.task in held and (held[place.task] == "held-out") != (place.split == "c2"):
            tally.leak(lambda place=place: f"{place} is of a {held[place.task]} task")
    return tally


def _alike(
    tally: Tally, out: list[ProofTask], inside: list[ProofTask], key: Callable[[ProofTask], Hashable], words: str
) -> None:
    tally.looked_at = len(out) * len(inside)
    known: dict[Hashable, list[ProofTask]] = {}
    for task in inside:
        known.setdefault(key(task), []).append(task)
    for task in out:
        for other in known.get(key(task), []):
            if other.id != task.id:
                tally.leak(
                    lambda task=task, other=other: f"held-out task {task.id!r} {words} held-in task {other.id!r}"
                )


def _words(text: str) -> str:
    """Letters and digits alone, as words; a name without any stays as it is."""
    plain = normalised(text)
    return " ".join("".join(c if c.isalnum() else " " for c in plain).split()) or plain
