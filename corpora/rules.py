"""Rule: why a text of a raw corpus is left out or changed; what each kind of corpus hands to the driver.

Rules are tried in a fixed order and a text is counted under the first that drops it. `--keep NAME` turns one off.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol

from ..core.errors import SettingsError
from .rows import Row

Effect = Literal["drops", "changes"]


class Rule(NamedTuple):
    """`what` it drops or changes, in words; `source` is the paper's section, or "ours" where the paper is silent.

    A rule that is `always` on guards what a document is, and cannot be turned off.
    """

    name: str
    what: str
    source: str
    effect: Effect = "drops"
    always: bool = False


class Drop(NamedTuple):
    """A text that a rule leaves out: `detail` says why, `text` is the text so far."""

    rule: Rule
    detail: str
    text: str = ""


class Change(NamedTuple):
    """What a rule changed in a text that was kept: how often, and the first place before and after."""

    rule: Rule
    detail: str


class Draft(NamedTuple):
    """A text that passed its kind's own rules. `labels` and `meta` hold the kind's names only, values are strings."""

    id: str
    text: str
    labels: Mapping[str, str | None]
    meta: Mapping[str, str | None]
    changes: Sequence[Change] = ()


class Kind(Protocol):
    """One kind of raw corpus. A row gives one text, but for the items of an annual report."""

    name: str
    shapes: Sequence[frozenset[str]]
    labels: Sequence[str]
    meta: Sequence[str]

    def texts(self, row: Row) -> Iterator[Draft | Drop]:
        """Every text of the row, kept or dropped. Raises nothing for what a row may hold."""
        ...


UNREADABLE = Rule(
    "unreadable", "rows that cannot be read, or whose columns hold something else than expected", "ours", always=True
)
NUL = Rule("nul", "texts and ids with a NUL character, which no later stage takes", "ours", always=True)
TOO_LONG = Rule(
    "too_long", "texts of more characters than --max-characters (100,000), which `synth` would skip", "ours"
)
DUPLICATE = Rule(
    "duplicate", "texts or ids that an earlier text had; case and white space of texts do not count", "ours"
)
TOKENS = Rule("tokens", "texts outside --min-tokens and --max-tokens", "App. H.3: a tractable range of lengths")
LAST: tuple[Rule, ...] = (NUL, TOO_LONG, DUPLICATE, TOKENS)
"""After the rules of each kind, in this order."""


def in_order(own: Iterable[Rule]) -> tuple[Rule, ...]:
    """All rules that a text of a kind meets: those of the kind stand between reading and the last ones."""
    return (UNREADABLE, *own, *LAST)


def rules_off(rules: Sequence[Rule], keep: Sequence[str]) -> frozenset[str]:
    """The names to turn off. Raises SettingsError for one that is no rule of these or may not be turned off."""
    known = {rule.name: rule for rule in rules}
    for name in keep:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f", did you mean {near[0]!r}?" if near else ""
            raise SettingsError(f"--keep {name!r} is no rule here{hint}; the rules are {', '.join(known)}")
        if known[name].always:
            raise SettingsError(f"--keep {name!r}: this rule cannot be turned off, it drops {known[name].what}")
    return frozenset(keep)


def first_drop(
    tests: Sequence[tuple[Rule, Callable[[Any], str | None]]], off: frozenset[str], subject: Any
) -> tuple[Rule, str] | None:
    """The first rule that is on and has something to say against the subject."""
    for rule, test in tests:
        if rule.name not in off and (detail := test(subject)) is not None:
            return rule, detail
    return None


def markdown_table(rules: Sequence[Rule]) -> str:
    """The rules in their order, as the documents show them."""
    lines = ["| rule | effect | what | from |", "|---|---|---|---|"]
    lines += [f"| `{rule.name}` | {rule.effect} | {rule.what} | {rule.source} |" for rule in rules]
    return "\n".join(lines)
