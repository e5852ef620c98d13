"""What a reasoning states about the clusters: how many there are, and which items they hold, in the forms models write.

    a count         5 clusters, five groups, Total clusters: [5], K = 5
    a group         cluster1: [1, 4]   Cluster 2 (Children): texts 3, 5 and 7   - Children: 1-3   Children (1, 4)
                    Cluster 2: Children, and lines of texts below it
    a placement     Text 3 -> Children   Item 4 belongs to cluster 2   3: Children   3 young children   1 boy 2 man

Clauses that are none of these state nothing. Standard library only, and time is linear in the text: a clause is bounded
and each expression reads it a bounded number of times.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_LONGEST_NAME = 60
_MOST_NAME_WORDS = 6

_UNIT = r"(?:texts?|items?|documents?|docs?|cases?|sentences?|utterances?|messages?|dialogues?|conversations?)(?![a-z])"
_NUMBER = r"#?[0-9]{1,6}(?!\.?[0-9])"
_ENTRY = rf"(?:{_UNIT} ?)?{_NUMBER}(?: ?[-–] ?{_NUMBER})?"
_ENTRIES = rf"{_ENTRY}(?:(?:,(?: and\b)?| and\b| &)? ?{_ENTRY})*"
_LIST = re.compile(rf"(?:{_UNIT}:? ?)?(?:\[ ?{_ENTRIES} ?\]|\( ?{_ENTRIES} ?\)|{_ENTRIES})", re.I)
_RANGE = re.compile(r"([0-9]+)(?: ?[-–] ?#?([0-9]+))?")
_COMMENT = re.compile(r" ?(?:\([^()]*\)|[-–—|] .*)?[ .,:]*")

_ARROW = r"(?:->|→|=>|⇒|⟶) ?"
_IS = rf" ?{_ARROW}| ?[:=|] ?| [-–—] "
_HOLDS = r" (?:contains?|includes?|holds?|has|gets|covers?|comprises|consists of|is) (?:the )?"
_GROUP_SIGN = re.compile(rf"{_HOLDS}|{_IS}|(?= ?[\[(])", re.I)
_JOINS = (
    r" (?:(?:belong|go|fit|fall|move|join)(?:s|es)?(?: to| in| into| under)?|(?:is|are)(?: placed| put)? (?:in|under))"
)
_PLACE_SIGN = re.compile(rf"(?:{_JOINS}(?: the)? |{_IS})", re.I)
_MOVE_SIGN = re.compile(rf"(?: (?:in|into|to|under)(?: the)? |{_JOINS}(?: the)? |{_IS})", re.I)
_MOVE = re.compile(r"\b(?:put|place|move|assign|add|keep)(?: the)? $", re.I)
_UNIT_NUMBER = re.compile(rf"\b{_UNIT} ?#?[0-9]", re.I)
_ARROWS = re.compile(_ARROW)
_NAME_STARTS = re.compile(r"[:,]| [-–—] ")
_NAME_ENDS = re.compile(r"[.,(]| [-–—] | because | since ")

_NOUN = r"(?:clusters?|groups?|categor(?:y|ies))"
_NUMBERED = re.compile(rf"\b{_NOUN} ?#?([0-9]{{1,6}})\b", re.I)
_HEADING = re.compile(rf"{_NOUN} ?#?[0-9]{{1,6}}(?: ?[:(=|]| [-–—] |\Z)", re.I)
_PAIRS = re.compile(r"(?:[0-9]{1,6} (?:[^\W\d]|-)+(?:,? |$))+")
_PAIR = re.compile(r"([0-9]+) ((?:[^\W\d]|-)+)")
_NAMED = re.compile(r"([0-9]{1,6})((?: (?:[^\W\d]|-)+){2,3})")
_DIGIT = re.compile(r"[0-9]")
_ENUMERATION = re.compile(r"^[\s>+-]*\(?[0-9]{1,3}[.)]\s+(?=[^\s\d])")
_CLAUSE_END = re.compile(
    r";|\.\s+(?=[^\W\d])"
    rf"|,\s*(?=(?!and\b)[^\W\d][\w /&-]{{0,{_LONGEST_NAME}}}(?:[:=|→>]|\([0-9]))"
    rf"|,\s*(?=(?:{_UNIT} ?)?#?[0-9]{{1,6}}(?: ?[:=→]| ?->| in | into | to | belong| go))",
    re.I,
)
_MARKS = "*`\"'“”{}"

_NO_NAME = re.compile(
    r"\b(?:all|checks?|totals?|counts?|numbers?|sizes?|steps?|articles?|section|remaining|left|missing|k|n|order|indices"
    r"|ids?|verify|sum|so far|texts?|items?|documents?|cases?|clusters|groups|categories|years?|aged?|instruction)\b"
)
_FILLER = (
    "(?:so|then|thus|therefore|hence|final|finally|now|and|the|a|an|my|our|updated|revised|new|still|also|in|into|under"
    "|cluster|group|category)"
)
_FILLERS = re.compile(rf"^(?:{_FILLER} )*(?:{_FILLER}$)?|(?: {_FILLER})+$")

_WORDS = (
    "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen"
    "|eighteen|nineteen|twenty"
)
_VALUES = {word: value for value, word in enumerate(_WORDS.split("|"), start=1)}
_AMOUNT = rf"([0-9]{{1,6}}|{_WORDS})"
_KIND = r"(?:(?:main|distinct|final|clear|different|natural|coherent|broad|separate) )?"
_COUNTED = re.compile(r"(?:clusters?|groups?|categor(?:y|ies))\b(?! ?#?[0-9])|k(?= ?[:=])")
_REACH = 48  # characters before "clusters" in which their number may stand
_TOTAL = re.compile(rf"(?: ?[:=]| is| are| should be){{1,2}} ?\[?{_AMOUNT}\b")
_SEVERAL = re.compile(
    rf"(\b(?:these|those|the|first|last|other|both|and|(?<!total )of|or|to|merge|merging|combine|{_NOUN}|{_UNIT}) "
    rf"|[-–] ?)?(?<![\w.]){_AMOUNT} {_KIND}\Z"
)
_ONE = re.compile(rf"\b(?:only|just|is|have|need) (?:a )?(?:one|1|single) {_KIND}\Z")


class Statement(NamedTuple):
    """Items said to be in a group, as a bit mask. A listing says all that the group holds, a placement some of it.

    group is "#2" for cluster 2 and for what cluster 2 was called, else the group's name, its words in lower case.
    Places of clauses that follow one another differ by one.
    """

    group: str
    items: int
    listing: bool
    place: int


def last_count(reasoning: str) -> int | None:
    """The number of clusters stated last; None where none is. "the two clusters" and "4 or 5 clusters" state none."""
    text = _unmarked(reasoning).lower()
    for counted in reversed(list(_COUNTED.finditer(text))):
        start, noun = counted.start(), counted.group()
        if text[start - 1 : start].isalnum():
            continue
        before = text[max(0, start - _REACH) : start]
        if noun == "k" or before.endswith(("total ", "number of ")):
            total = _TOTAL.match(text, counted.end())
            if total:
                return _amount(total.group(1))
        several = _SEVERAL.search(before) if noun.endswith("s") else None
        if several and not several.group(1):
            return _amount(several.group(2))
        if not noun.endswith("s") and _ONE.search(before):
            return 1
    return None


def _amount(word: str) -> int:
    return _VALUES.get(word) or int(word)


def read_statements(reasoning: str, n: int) -> list[Statement]:
    """What is said about items 1..n, in order. A list with a number out of that range lists something else."""
    reader = _Reader(n)
    for place, clause in enumerate(_clauses(_unmarked(reasoning))):
        reader.read(clause, place)
    return reader.statements


def _unmarked(text: str) -> str:
    """Without the marks of Markdown, quotation and JSON that would stand between a name and its colon."""
    for mark in _MARKS:
        text = text.replace(mark, "")
    return text


def _clauses(text: str) -> Iterator[str]:
    """What stands between full stops, semicolons, and commas before another statement; "" where it has no digit."""
    for line in text.splitlines():
        if _DIGIT.search(line) is None:
            yield ""
            continue
        for part in _CLAUSE_END.split(_ENUMERATION.sub("", line.rstrip("| "))):
            clause = " ".join(part.split()).lstrip("-+>•#|/,. ").rstrip("|/,. ")
            yield clause if _DIGIT.search(clause) else ""


class _Reader:
    """Reads one clause after the other."""

    def __init__(self, n: int) -> None:
        self.statements: list[Statement] = []
        self._n = n
        self._longest_clause = 200 + 12 * n
        self._number_of: dict[str, str] = {}
        self._name_of: dict[str, str] = {}
        self._heading = ""
        self._below: int | None = None
        """Where the listing of what stands below the heading is, once it has begun."""

    def read(self, clause: str, place: int) -> None:
        if not clause or len(clause) > self._longest_clause:
            return
        if _PAIRS.fullmatch(clause):
            for number, name in _PAIR.findall(clause):
                self._state(self._name(name), self._items(number), False, place)
        elif named := _NAMED.fullmatch(clause):
            self._state(self._name(named.group(2)), self._items(named.group(1)), False, place)
        elif _NUMBERED.match(clause):
            found = self._group(clause, place) or self._placement(clause, place)
            self._heading, self._below = "", None
            if not found and _HEADING.match(clause):
                self._heading = self._name(clause)
        elif self._heading and (items := self._items_below(clause)):
            self._add_below(items, place)
        elif self._placement(clause, place) or self._group(clause, place):
            self._heading = ""

    def _group(self, clause: str, place: int) -> bool:
        """Children: 1, 4"""
        for sign in _GROUP_SIGN.finditer(clause, 1, 2 * _LONGEST_NAME):
            start = sign.end() + clause.startswith(" ", sign.end())
            entries = _LIST.match(clause, start)
            if entries is None or _COMMENT.fullmatch(clause, entries.end()) is None:
                continue
            if not sign.group() and "," not in entries.group() and clause[start] == "(":
                continue
            name = clause[: sign.start()]
            if _NUMBERED.search(name) is None:
                name = _NAME_STARTS.split(name)[-1]
            return self._state(self._name(name), self._items(entries.group()), True, place)
        return False

    def _placement(self, clause: str, place: int) -> bool:
        """Text 3 -> Children; "3: [1, 4]" is a group all the same."""
        unit = _UNIT_NUMBER.search(clause)
        start = unit.start() if unit else 0
        entries = _LIST.match(clause, start)
        moved = _MOVE.search(clause, 0, start)
        sign = (_MOVE_SIGN if moved else _PLACE_SIGN).match(clause, entries.end()) if entries else None
        if entries is None or sign is None:
            return False
        rest = clause[sign.end() :]
        if unit is None and _LIST.fullmatch(rest) and (rest[0] in "[(" or "," in rest):
            return self._state(f"#{entries.group()}", self._items(rest), True, place)
        rest = _ARROWS.split(rest)[-1]
        name = f"#{rest}" if rest.isdecimal() else self._name(_NAME_ENDS.split(rest, maxsplit=1)[0])
        return self._state(name, self._items(entries.group()), False, place)

    def _items_below(self, clause: str) -> int:
        """Items of a line that names no group of its own: a list, or a text with what is said about it."""
        entries = _LIST.match(clause)
        if entries is None:
            return 0
        if _COMMENT.fullmatch(clause, entries.end()) is None:
            sign = _PLACE_SIGN.match(clause, entries.end()) if _UNIT_NUMBER.match(clause) else None
            if sign is None or _ARROWS.search(clause) or self._name(clause[sign.end() :]).startswith("#"):
                return 0
        return self._items(entries.group())

    def _add_below(self, items: int, place: int) -> None:
        if self._below is None:
            self._below = len(self.statements)
            self._state(self._heading, items, True, place)
        else:
            listing = self.statements[self._below]
            self.statements[self._below] = listing._replace(items=listing.items | items, place=place)

    def _state(self, group: str, items: int, listing: bool, place: int) -> bool:
        if group and items:
            self.statements.append(Statement(group, items, listing, place))
        return bool(group and items)

    def _name(self, text: str) -> str:
        """A group's name as names are compared; "" for what is none. "Cluster 2 (Children)" makes both one group."""
        numbered = _NUMBERED.search(text)
        rest = f"{text[: numbered.start()]} {text[numbered.end() :]}" if numbered else text
        words = _FILLERS.sub("", " ".join(re.findall(r"\w+", rest[: 2 * _LONGEST_NAME].casefold())))
        named = words.count(" ") < _MOST_NAME_WORDS and _NO_NAME.search(words) is None
        name = words if named else ""
        if numbered is None:
            return self._number_of.get(name, name)
        number = f"#{int(numbered.group(1))}"
        if name:
            self._number_of.pop(self._name_of.get(number, ""), None)
            self._number_of[name] = number
            self._name_of[number] = name
        return number

    def _items(self, entries: str) -> int:
        mask = 0
        for first, last in _RANGE.findall(entries):
            low, high = int(first), int(last or first)
            if not 1 <= low <= high <= self._n:
                return 0
            mask |= (2 << high) - (1 << low)
        return mask
