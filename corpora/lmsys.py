"""LMSYS-Chat-1M: dialogues of one or two turns with both sides, and what makes one unfit (paper App. H.1).

The paper says "rigorous filtering to exclude unsafe or low-quality content" and no more: the rules marked "ours" spell
out what low quality is taken to mean.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from .rows import Row
from .rules import UNREADABLE, Draft, Drop, Rule, first_drop, in_order

FIRST = 500_000
_MOST_TURNS = 2
_FEWEST_WORDS = 3
_REPEATED = 0.5
_WORDS_TO_JUDGE = 30
_LINES_TO_JUDGE = 8
_CHARACTERS_TO_JUDGE = 400
_JUDGED = 20_000
_COMPRESSED = 0.1
_RULED = " \t-|=*#`{}[]()"
"""Lines of these alone are frames of tables and code."""
_FEWEST_LETTERS = 0.3
_APOLOGY_CHARACTERS = 400

_PAPER = "App. H.1"
_UNSAFE = "App. H.1: unsafe content"
_LOW = "ours, for App. H.1's low-quality content"

NOT_ENGLISH = Rule("not_english", "dialogues whose language is not English", _PAPER)
BEYOND_FIRST = Rule("beyond_first", f"English dialogues after the first {FIRST:,} (--limit)", _PAPER)
FLAGGED = Rule(
    "flagged", "dialogues with a message that the moderation flagged, or put in any of its categories", _UNSAFE
)
REDACTED = Rule("redacted", "dialogues in which personal data was redacted", _UNSAFE)
TURNS = Rule(
    "turns", f"dialogues of more than {_MOST_TURNS} turns, or of another number than their field `turn` says", _PAPER
)
ROLES = Rule(
    "roles",
    "dialogues that do not go user, assistant, user, assistant, or have an empty message",
    _PAPER + ": both sides are clustered",
)
TOO_SHORT = Rule("too_short", f"dialogues in which the user writes fewer than {_FEWEST_WORDS} words", _LOW)
REPETITIVE = Rule(
    "repetitive",
    "dialogues with a message in which one word makes up half of 30 or more words, one line half of 8 or"
    " more lines, or that shrinks to a tenth when compressed",
    _LOW,
)
NOT_LANGUAGE = Rule(
    "not_language", "dialogues in which fewer than 30 of 100 characters of the user (spaces aside) are letters", _LOW
)
NO_ANSWER = Rule(
    "no_answer",
    f"dialogues in which every answer is an error message, or an apology or refusal of at most {_APOLOGY_CHARACTERS}"
    " characters",
    _LOW,
)

_WORDS = re.compile(r"\w+")
_ERROR = re.compile(
    r"\s*(?:\**\s*network error due to high traffic|\$moderation\$|your input violates our content moderation"
    r"|\(?error_code|error:|api error|openai api error|\**no response)",
    re.IGNORECASE,
)
_APOLOGY = re.compile(
    r"\s*(?:(?:i['’]m|i am|we['’]re|we are)?\s*(?:very |so |truly |terribly )?sorry\b|(?:my|our) apologies"
    r"|i apologi[sz]e"
    r"|unfortunately,? (?:i|as an ai)|as an? (?:ai|large|language|artificial)\b|i (?:cannot|can['’]t|can not"
    r"|am unable to"
    r"|['’]m unable to|am not able to|['’]m not able to)|i['’]m (?:unable|not able) to)",
    re.IGNORECASE,
)


class Dialogue(NamedTuple):
    """A row's messages as (role, text), and the fields that rules look at."""

    messages: tuple[tuple[str, str], ...]
    row: Mapping[str, Any]

    def side(self, role: str) -> list[str]:
        return [text for speaker, text in self.messages if speaker == role]

    @property
    def text(self) -> str:
        return "\n\n".join(f"{role.capitalize()}: {text}" for role, text in self.messages)


class Lmsys:
    """Rows of LMSYS-Chat-1M, or of any file with its columns."""

    name = "lmsys"
    shapes: Sequence[frozenset[str]] = (frozenset({"conversation_id", "conversation", "language"}),)
    labels: Sequence[str] = ("model", "turns")
    meta: Sequence[str] = ("model", "turns", "language")

    def __init__(self, off: frozenset[str] = frozenset(), limit: int = FIRST) -> None:
        self._off = off
        self._limit = limit
        self._english = 0

    def texts(self, row: Row) -> Iterator[Draft | Drop]:
        yield self._text(row.values)

    def _text(self, values: Mapping[str, Any]) -> Draft | Drop:
        dialogue = _dialogue(values)
        if isinstance(dialogue, str):
            return Drop(UNREADABLE, dialogue)
        found = self._beyond_first(dialogue) or first_drop(TESTS, self._off, dialogue)
        if found is not None:
            return Drop(*found, dialogue.text)
        model, turns = values.get("model"), str(len(dialogue.side("user")))
        labels = {"model": None if model is None else str(model), "turns": turns}
        meta = labels | {"language": str(values["language"])}
        return Draft(str(values["conversation_id"]), dialogue.text, labels, meta)

    def _beyond_first(self, dialogue: Dialogue) -> tuple[Rule, str] | None:
        """First of all the language, for the limit counts English dialogues before any other rule."""
        detail = _not_english(dialogue)
        if detail is not None:
            return None if NOT_ENGLISH.name in self._off else (NOT_ENGLISH, detail)
        self._english += 1
        if self._english > self._limit and BEYOND_FIRST.name not in self._off:
            return BEYOND_FIRST, f"English dialogue {self._english:,}"
        return None


def _dialogue(values: Mapping[str, Any]) -> Dialogue | str:
    """The dialogue, or what is wrong with the row."""
    found = values.get("conversation")
    if not isinstance(found, list) or not found:
        return f"conversation {str(found)[:40]!r} is no list of messages"
    messages: list[tuple[str, str]] = []
    for message in found:
        role, content = (message.get("role"), message.get("content")) if isinstance(message, dict) else (None, None)
        if not isinstance(role, str) or not isinstance(content, str):
            return f"message {len(messages) + 1} has no role and content"
        messages.append((role, content.strip()))
    if not isinstance(values.get("conversation_id"), str | int):
        return "no conversation_id"
    return Dialogue(tuple(messages), values)


def _not_english(dialogue: Dialogue) -> str | None:
    language = dialogue.row.get("language")
    return None if str(language).lower() in ("english", "en") else f"language {language!r}"


def _flagged(dialogue: Dialogue) -> str | None:
    found = dialogue.row.get("openai_moderation")
    for place, entry in enumerate(found if isinstance(found, list) else [], 1):
        if not isinstance(entry, dict):
            continue
        categories = entry.get("categories")
        on = [name for name, is_on in categories.items() if is_on is True] if isinstance(categories, dict) else []
        if on or entry.get("flagged") is True:
            return f"message {place}: {', '.join(on) or 'flagged'}"
    return None


def _redacted(dialogue: Dialogue) -> str | None:
    return "redacted" if dialogue.row.get("redacted") is True else None


def _turns(dialogue: Dialogue) -> str | None:
    turns, said = len(dialogue.side("user")), dialogue.row.get("turn")
    if turns > _MOST_TURNS:
        return f"{turns} turns"
    return f"{turns} turns, the field says {said}" if isinstance(said, int) and said != turns else None


def _roles(dialogue: Dialogue) -> str | None:
    roles = [role for role, _ in dialogue.messages]
    if len(roles) % 2 or roles != ["user", "assistant"] * (len(roles) // 2):
        return " ".join(roles[:10])
    empty = [number for number, (_, text) in enumerate(dialogue.messages, 1) if not text]
    return f"message {empty[0]} is empty" if empty else None


def _too_short(dialogue: Dialogue) -> str | None:
    words = sum(len(_WORDS.findall(text[:_JUDGED])) for text in dialogue.side("user"))
    return f"{words} words" if words < _FEWEST_WORDS else None


def _repetitive(dialogue: Dialogue) -> str | None:
    return next((said for _, text in dialogue.messages if (said := repetition(text[:_JUDGED]))), None)


def repetition(text: str) -> str | None:
    """What a text says over and over, if it does."""
    found = _most_frequent("word", text.split(), _WORDS_TO_JUDGE)
    if found is None and text.count("\n") >= _LINES_TO_JUDGE - 1:
        lines = [line.strip() for line in text.splitlines() if line.strip(_RULED)]
        found = _most_frequent("line", lines, _LINES_TO_JUDGE)
    if found is not None or len(text) < _CHARACTERS_TO_JUDGE:
        return found
    content = text.encode(errors="replace")
    shrunk = len(zlib.compress(content, 1)) / len(content)
    return f"{len(content):,} bytes shrink to {shrunk:.2f} of that" if shrunk < _COMPRESSED else None


def _most_frequent(name: str, things: list[str], fewest: int) -> str | None:
    if len(things) < fewest:
        return None
    thing, times = Counter(things).most_common(1)[0]
    return f"the {name} {thing[:40]!r} {times} times of {len(things)}" if times > _REPEATED * len(things) else None


def _not_language(dialogue: Dialogue) -> str | None:
    seen = "".join("".join(dialogue.side("user"))[:_JUDGED].split())
    letters = sum(map(str.isalpha, seen))
    return f"{letters} letters of {len(seen)} characters" if letters < _FEWEST_LETTERS * len(seen) else None


def _no_answer(dialogue: Dialogue) -> str | None:
    answers = dialogue.side("assistant")
    return repr(answers[-1][:80]) if answers and all(map(is_no_answer, answers)) else None


def is_no_answer(text: str) -> bool:
    """An error message of the service, or nothing but a short apology or refusal."""
    return bool(_ERROR.match(text) or (len(text) <= _APOLOGY_CHARACTERS and _APOLOGY.match(text)))


TESTS: tuple[tuple[Rule, Callable[[Dialogue], str | None]], ...] = (
    (FLAGGED, _flagged),
    (REDACTED, _redacted),
    (TURNS, _turns),
    (ROLES, _roles),
    (TOO_SHORT, _too_short),
    (REPETITIVE, _repetitive),
    (NOT_LANGUAGE, _not_language),
    (NO_ANSWER, _no_answer),
)
RULES = in_order((NOT_ENGLISH, BEYOND_FIRST, *(rule for rule, _ in TESTS)))
