"""When several people answered the same record: whether it is decided, by which rule, and who saw it otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping
from typing import Generic, Literal, NamedTuple, TypeVar

from ..core.settings import ReviewSettings

Answer = TypeVar("Answer", bound=Hashable)
Rule = Literal["single", "agreed", "majority", "lead"]


class Verdict(NamedTuple, Generic[Answer]):
    """A decided record: the answer, the rule that decided, who gave this answer and who gave another one."""

    answer: Answer
    rule: Rule
    authors: tuple[str, ...]
    dissenters: tuple[str, ...]


class Undecided(NamedTuple):
    """A record that nobody or not enough people answered, or on which they are split; the reason in words."""

    reason: str


def arbitrate(answers: Mapping[str, Answer], review: ReviewSettings) -> Verdict[Answer] | Undecided:
    """Decide among people's answers, by author.

    All alike: agreed. Otherwise `review.rule`: the named lead's answer, or the one that more than half gave.
    """
    missing = review.annotators - len(answers)
    lead_spoke = review.rule == "lead" and review.lead in answers
    if missing > 0 and not lead_spoke:
        return Undecided(f"{missing} more answer{'s' if missing > 1 else ''} needed")
    counts = Counter(answers.values())
    (most, votes), alike = counts.most_common(1)[0], len(counts) == 1
    if alike:
        return _verdict(answers, most, "single" if len(answers) == 1 else "agreed")
    if review.rule == "lead":
        if not lead_spoke:
            return Undecided(f"{', '.join(sorted(answers))} disagree; {review.lead} decides")
        return _verdict(answers, answers[str(review.lead)], "lead")
    if 2 * votes > len(answers):
        return _verdict(answers, most, "majority")
    return Undecided(f"{', '.join(sorted(answers))} disagree and no answer has a majority")


def _verdict(answers: Mapping[str, Answer], answer: Answer, rule: Rule) -> Verdict[Answer]:
    given = tuple(sorted(who for who, other in answers.items() if other == answer))
    return Verdict(answer, rule, given, tuple(sorted(answers.keys() - given)))
