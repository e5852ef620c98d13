"""Any corpus by the names of its columns: text, id and gold labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from .english import looks_english
from .rows import Row
from .rules import UNREADABLE, Draft, Drop, Rule, first_drop, in_order

EMPTY = Rule("empty", "texts without anything but white space, and rows without a text or an id", "ours")
NOT_ENGLISH = Rule("not_english", "with --english: texts with hardly any of English's most frequent words", "ours")


class Columns:
    """Rows with a text, an id and gold labels in named columns; `labels.intent` reaches into a column of mappings.

    Without a column for ids the rows are numbered.
    """

    name = "files"
    meta: Sequence[str] = ("place",)

    def __init__(
        self,
        off: frozenset[str] = frozenset(),
        text: str = "text",
        identity: str | None = "id",
        gold: Sequence[str] = (),
        english: bool = False,
    ) -> None:
        self._off = off if english else off | {NOT_ENGLISH.name}
        self._text, self._identity = text, identity
        self._gold = {name.rpartition(".")[2]: name for name in gold}
        self.labels: Sequence[str] = tuple(self._gold)
        wanted = [text, *([identity] if identity else []), *(name.partition(".")[0] for name in gold)]
        self.shapes: Sequence[frozenset[str]] = (frozenset(wanted),)
        self._rows = 0

    def texts(self, row: Row) -> Iterator[Draft | Drop]:
        self._rows += 1
        yield self._draft(row)

    def _draft(self, row: Row) -> Draft | Drop:
        text = row.values.get(self._text)
        found = row.values.get(self._identity) if self._identity else f"row-{self._rows}"
        if text is not None and not isinstance(text, str):
            return Drop(UNREADABLE, f"{self._text!r} is {type(text).__name__}, not a text")
        if found is not None and (isinstance(found, bool) or not isinstance(found, str | int)):
            return Drop(UNREADABLE, f"{self._identity!r} is {type(found).__name__}, not a string or an integer")
        text, identity = (text or "").strip(), "" if found is None else str(found)
        if not text or not identity.strip():
            return Drop(EMPTY, f"no {(self._identity if text else self._text)!r}", text)
        dropped = first_drop(TESTS, self._off, text)
        if dropped is not None:
            return Drop(*dropped, text)
        labels = {name: _value(row.values, column) for name, column in self._gold.items()}
        return Draft(identity, text, labels, {"place": row.place})


def _value(values: Mapping[str, Any], column: str) -> str | None:
    """A column's value, or an entry of it, as text; None for what is no single value."""
    outer, _, inner = column.partition(".")
    found = values.get(column, values.get(outer))
    if isinstance(found, Mapping) and inner:
        found = found.get(inner)
    return None if found is None or isinstance(found, Mapping | list) else str(found)


def _not_english(text: str) -> str | None:
    return None if looks_english(text) else "hardly any English words"


TESTS: tuple[tuple[Rule, Callable[[str], str | None]], ...] = ((NOT_ENGLISH, _not_english),)
RULES = in_order((EMPTY._replace(always=True), NOT_ENGLISH))
