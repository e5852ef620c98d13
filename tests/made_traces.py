"""Traces and their report made up by a generator, as `cluster-r1 distill` leaves them; no model is asked."""

from __future__ import annotations

import random
from collections.abc import Sequence

from cluster_r1.core.costs import RoleCost
from cluster_r1.core.distillation import Asked, DistillReport, distill_report
from cluster_r1.core.traces import RejectionReason, Trace, TraceAttempt, TraceScores, TraceVerdict

INSTRUCTIONS = {
    "court-0": "Cluster these judgments by the right that is said to be violated.",
    "chat-0": "Cluster these messages by what the user wants the assistant to do.",
    "chat-1": "Cluster these messages by the language they are written in.",
}
SAYS: dict[RejectionReason, str] = {
    "leaning": "The trace names the clusters before it has looked at a text; derive them from the texts.",
    "rederived": "From the reasoning alone V is 0.61: say of each text where it belongs, and why.",
    "too_short": "The reasoning has 31 words; write at least 60.",
    "coherence": "Text 4 is put in two places; decide, and say why.",
}
ANSWER = "Total clusters: [2]\ncluster1: [1, 3]\ncluster2: [2, 4]"
COSTS = (
    RoleCost(
        role="tracer",
        model="gpt-oss-120b",
        calls=90,
        prompt_tokens=800_000,
        completion_tokens=61_000,
        seconds=912.0,
        usd=1.2,
        failures=1,
    ),
)


def made_traces(number: int = 60, seed: int = 0) -> list[Trace]:
    """Most are kept, half of them at once; every reason of SAYS is there."""
    rng = random.Random(seed)
    return [_trace(n, rng) for n in range(number)]


def made_report(traces: Sequence[Trace], verdicts: dict[str, TraceVerdict] | None = None) -> DistillReport:
    """Of these and of three examples more that are pending."""
    asked = [Asked(id=t.example, task=t.task, instruction=t.instruction, made_from="") for t in traces]
    asked += [Asked(f"distill/chat-1/9{n}", "chat-1", INSTRUCTIONS["chat-1"], "") for n in range(3)]
    return distill_report(
        asked,
        traces,
        verdicts or {},
        benchmark="small",
        tracer="gpt-oss-120b",
        reviewer="Qwen/Qwen2.5-72B-Instruct",
        rounds=3,
        costs=COSTS,
    )


def _trace(number: int, rng: random.Random) -> Trace:
    task = rng.choice(list(INSTRUCTIONS))
    back = rng.choice([0, 0, 1, 2])
    lost = rng.random() < 0.2
    reasons = [rng.choice(list(SAYS)) for _ in range(3 if lost else back + 1)]
    attempts = [TraceAttempt(round=n, reason=reason, says=SAYS[reason]) for n, reason in enumerate(reasons, start=1)]
    words = max(20, round(rng.gauss(240, 60)))
    thought = "Text 1 is about the hat, text 2 about the dog; both appear again, so two clusters are enough."
    return Trace(
        id=f"{task}/{number:05d}",
        task=task,
        instruction=INSTRUCTIONS[task],
        prompt=f"{INSTRUCTIONS[task]}\n\n" + "1. The small blue hat stood in the hall.\n" * 400,
        reasoning=" ".join((thought.split() * (words // 18 + 1))[:words]),
        answer=ANSWER,
        model="gpt-oss-120b",
        scores=TraceScores(
            completeness=rng.choice([3, 4, 4, 5]),
            length=rng.choice([2, 3, 4, 5]),
            coherence=rng.choice([4, 5, 5]),
            comment="Steps follow from each other.",
        ),
        kept=not lost,
        example=f"distill/{task}/{number:05d}",
        rederived=round(min(1.0, rng.betavariate(9, 1.2)), 3),
        attempts=tuple(attempts[:-1]),
        rejected=attempts[-1] if lost else None,
    )
