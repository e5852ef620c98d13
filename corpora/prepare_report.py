"""PrepareReport: what preparing a raw corpus came to. Every text that was looked at was kept or dropped by one rule."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from .rules import Draft, Drop, Effect, Rule

EXAMPLES_A_RULE = 5
_DETAIL_CHARACTERS = 200
_CUT_CHARACTERS = 160


class Example(BaseModel):
    """One text that a rule dropped or changed: where it is, why, and its beginning."""

    model_config = ConfigDict(extra="forbid")

    place: str
    detail: str
    cut: str


class RuleCount(BaseModel):
    """How many texts a rule dropped or changed. A rule that was off looked at none."""

    model_config = ConfigDict(extra="forbid")

    name: str
    effect: Effect
    what: str
    source: str
    off: bool = False
    count: int = 0
    examples: list[Example] = Field(default_factory=list)


class PrepareReport(BaseModel):
    """Counts of one preparation; `read == kept + dropped` at every moment.

    `rows` are the source's rows, `read` the texts in them: the same number but for annual reports, whose rows hold an
    item each. `labelled` counts the documents that have each label. `tokens` is what the kept texts have together, by
    `tokenizer`. Rules stand in the order they are tried.
    """

    model_config = ConfigDict(extra="forbid")

    kind: str
    sources: list[str]
    out: str
    tokenizer: str
    options: dict[str, str] = Field(default_factory=dict)
    rows: int = 0
    read: int = 0
    kept: int = 0
    tokens: int = 0
    labelled: dict[str, int] = Field(default_factory=dict)
    rules: list[RuleCount] = Field(default_factory=list)

    @property
    def dropped(self) -> int:
        return sum(rule.count for rule in self.rules if rule.effect == "drops")

    def by_rule(self) -> dict[str, int]:
        return {rule.name: rule.count for rule in self.rules}

    def keep(self, place: str, draft: Draft, tokens: int) -> None:
        self.read += 1
        self.kept += 1
        self.tokens += tokens
        for label, value in draft.labels.items():
            self.labelled[label] = self.labelled.get(label, 0) + (value is not None)
        for change in draft.changes:
            self._count(change.rule, place, change.detail, draft.text)

    def drop(self, place: str, drop: Drop) -> None:
        self.read += 1
        self._count(drop.rule, place, drop.detail, drop.text)

    def to_json(self) -> str:
        return self.model_dump_json(indent=1) + "\n"

    def _count(self, rule: Rule, place: str, detail: str, text: str) -> None:
        count = next(count for count in self.rules if count.name == rule.name)
        count.count += 1
        if count.count <= EXAMPLES_A_RULE:
            shown = " ".join(text[: 2 * _CUT_CHARACTERS].split())[:_CUT_CHARACTERS]
            count.examples.append(Example(place=place, detail=detail[:_DETAIL_CHARACTERS], cut=shown))


def counts_of(rules: Sequence[Rule], off: frozenset[str]) -> list[RuleCount]:
    """An empty count for each rule."""
    return [
        RuleCount(name=rule.name, effect=rule.effect, what=rule.what, source=rule.source, off=rule.name in off)
        for rule in rules
    ]
