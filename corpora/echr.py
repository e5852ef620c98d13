"""Cases of the European Court of Human Rights: facts only, nothing that tells the outcome (paper App. H.2).

Three shapes are read: ECHR-ACL2019 (ITEMID, TEXT, CONCLUSION…), ecthr_cases as released (case_id, facts,
violated_articles…) and ecthr_cases as on the hub (facts, labels), which has no names, States or dates.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from .echr_leaks import redact
from .echr_names import article_name, articles_in, state_name
from .english import looks_english
from .rows import Row
from .rules import UNREADABLE, Change, Draft, Drop, Rule, first_drop, in_order

_FEWEST_WORDS = 50
_PROCEDURAL = frozenset({"13", "14", "34", "35", "37", "38", "39", "41", "46", "50"})
"""Articles that no case is about alone: remedies, discrimination, procedure, just satisfaction."""

_PAPER = "App. H.2"
NOT_ENGLISH = Rule(
    "not_english", "cases whose language is not English, by LANGUAGEISOCODE and by the words of the facts", _PAPER
)
NO_FACTS = Rule("no_facts", f"cases with fewer than {_FEWEST_WORDS} words of facts", _PAPER)
NO_ARTICLES = Rule(
    "no_articles", "cases that name no article: none violated, none found not violated, none alleged", _PAPER
)
NO_DECISION = Rule(
    "no_decision",
    "cases without a decision on a violation. ECHR-ACL2019: no articles in the lists and no violation in"
    " the conclusion (struck out,"
    " inadmissible). ecthr_cases: violated_articles is missing or null; an empty list is the decision that"
    " there was none",
    _PAPER,
)
OUTCOMES = Rule(
    "outcomes",
    "sentences that say that the Convention was or was not violated, and operative parts, are removed",
    _PAPER,
    "changes",
)
ARTICLES = Rule(
    "articles",
    "mentions of articles of the Convention and its Protocols become [Article]; those of other laws stay",
    _PAPER,
    "changes",
)


class Case(NamedTuple):
    """A case of either shape. `violated` and `others` are article numbers such as 6 or P1-1, `violated` None where
    nothing is known; `others` are those alleged or found not violated."""

    id: str
    title: str | None
    facts: tuple[str, ...]
    language: str | None
    state: str | None
    year: int | None
    importance: str | None
    violated: tuple[str, ...] | None
    others: tuple[str, ...] | None
    conclusion: str | None

    @property
    def text(self) -> str:
        return "\n".join(self.facts)


class Echr:
    """Rows of the Court's cases, of any of the three shapes."""

    name = "echr"
    shapes: Sequence[frozenset[str]] = (
        frozenset({"ITEMID", "TEXT", "VIOLATED_ARTICLES"}),
        frozenset({"case_id", "facts", "violated_articles"}),
        frozenset({"facts", "labels"}),
    )
    labels: Sequence[str] = ("violated_article", "outcome", "respondent_state", "importance", "decade")
    meta: Sequence[str] = ("title", "date", "violated_articles", "other_articles", "conclusion", "importance")

    def __init__(self, off: frozenset[str] = frozenset()) -> None:
        self._off = off
        self._rows = 0

    def texts(self, row: Row) -> Iterator[Draft | Drop]:
        self._rows += 1
        yield self._text(row.values)

    def _text(self, values: Mapping[str, Any]) -> Draft | Drop:
        case = _case(values, self._rows)
        if isinstance(case, str):
            return Drop(UNREADABLE, case)
        found = first_drop(TESTS, self._off, case)
        if found is not None:
            return Drop(*found, case.text)
        outcomes, articles = OUTCOMES.name not in self._off, ARTICLES.name not in self._off
        redacted = redact(case.text, outcomes=outcomes, mentions=articles)
        changes = [
            Change(rule, f"{len(gone)}: {' '.join(gone[0].split())!r}")
            for rule, gone in ((OUTCOMES, redacted.sentences), (ARTICLES, redacted.mentions))
            if gone
        ]
        if NO_FACTS.name not in self._off and (left := _no_facts(case._replace(facts=(redacted.text,)))):
            return Drop(NO_FACTS, f"{left} without the outcome", case.text)
        return Draft(case.id, redacted.text.strip(), _labels(case), _meta(case), changes)


def _case(values: Mapping[str, Any], number: int) -> Case | str:
    """The case, or what is wrong with the row."""
    read = _acl2019 if "ITEMID" in values else _ecthr if "case_id" in values else _of_hub
    try:
        return read(values, number)
    except (TypeError, ValueError, KeyError) as error:
        return f"{type(error).__name__}: {error}"


def _acl2019(values: Mapping[str, Any], _number: int) -> Case:
    conclusion = _line(values.get("CONCLUSION"))
    violated, others = _articles(values.get("VIOLATED_ARTICLES")), _articles(values.get("NON_VIOLATED_ARTICLES"))
    if not violated and not others:
        violated, others = articles_in(conclusion or "")
    decided = bool(violated or others) or "violation" in (conclusion or "").lower()
    return Case(
        _required(values, "ITEMID"),
        _line(values.get("DOCNAME")),
        _paragraphs(values.get("TEXT")),
        _line(values.get("LANGUAGEISOCODE")),
        state_name(_line(values.get("RESPONDENT"))),
        _year(values.get("DATE")),
        _line(values.get("IMPORTANCE")),
        violated if decided else None,
        others,
        conclusion,
    )


def _ecthr(values: Mapping[str, Any], _number: int) -> Case:
    violated, alleged = values.get("violated_articles"), values.get("allegedly_violated_articles")
    defendants = _strings(values.get("defendants"))
    return Case(
        _required(values, "case_id"),
        _line(values.get("title")),
        _paragraphs(values.get("facts")),
        None,
        state_name(";".join(defendants)),
        _year(values.get("judgment_date")),
        _line(values.get("importance")),
        None if violated is None else _articles(violated),
        _articles(alleged),
        None,
    )


def _of_hub(values: Mapping[str, Any], number: int) -> Case:
    """`labels` of the configuration violation-prediction: an empty list says that no violation was found."""
    labels = values.get("labels")
    violated = None if labels is None else _articles(labels)
    return Case(f"case-{number}", None, _paragraphs(values.get("facts")), None, None, None, None, violated, None, None)


def _required(values: Mapping[str, Any], column: str) -> str:
    found = _line(values.get(column))
    if not found:
        raise ValueError(f"no {column}")
    return found


def _line(value: Any) -> str | None:
    return str(value).strip() or None if isinstance(value, str | int) else None


def _strings(value: Any) -> tuple[str, ...]:
    """A list of strings, one string, or lists written as text, which CSV files have."""
    if value is None:
        return ()
    if isinstance(value, str):
        return tuple(part for part in re.split(r"[;,\[\]'\"\s]+", value) if part)
    if not isinstance(value, list):
        raise TypeError(f"expected a list, found {type(value).__name__}")
    return tuple(str(part) for part in value)


def _articles(value: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip().upper() for part in _strings(value) if part.strip()))


def _paragraphs(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    parts = [value] if isinstance(value, str) else value
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise TypeError("the facts are no list of paragraphs")
    return tuple(part.strip() for part in parts if part.strip())


def _year(value: Any) -> int | None:
    """From 2014, 2014-07-01, 01/07/2014 or 2014-07-01T00:00:00."""
    found = re.search(r"\b(19|20)\d\d", str(value)) if value is not None else None
    return int(found.group()) if found else None


def _not_english(case: Case) -> str | None:
    if case.language and not case.language.upper().startswith("EN"):
        return f"language {case.language!r}"
    return None if looks_english(case.text) else "hardly any English words in the facts"


def _no_facts(case: Case) -> str | None:
    words = len(case.text.split())
    return f"{words} words of facts" if words < _FEWEST_WORDS else None


def _no_articles(case: Case) -> str | None:
    """The hub's shape, where `others` is None, cannot show that no article was alleged."""
    return "no articles" if not case.violated and case.others == () else None


def _no_decision(case: Case) -> str | None:
    return f"conclusion {case.conclusion!r}" if case.violated is None else None


def _labels(case: Case) -> dict[str, str | None]:
    """`violated_article` only where exactly one article besides the procedural ones was violated."""
    violated = case.violated or ()
    substantive = [article for article in violated if article not in _PROCEDURAL]
    outcome = None if case.violated is None else "violation" if violated else "no violation"
    return {
        "violated_article": article_name(substantive[0]) if len(substantive) == 1 else None,
        "outcome": outcome,
        "respondent_state": case.state,
        "importance": case.importance,
        "decade": None if case.year is None else f"{case.year // 10}0s",
    }


def _meta(case: Case) -> dict[str, str | None]:
    return {
        "title": case.title,
        "date": None if case.year is None else str(case.year),
        "violated_articles": None if case.violated is None else ", ".join(case.violated),
        "other_articles": None if case.others is None else ", ".join(case.others),
        "conclusion": case.conclusion,
        "importance": case.importance,
    }


TESTS: tuple[tuple[Rule, Callable[[Case], str | None]], ...] = (
    (NOT_ENGLISH, _not_english),
    (NO_FACTS, _no_facts),
    (NO_DECISION, _no_decision),
    (NO_ARTICLES, _no_articles),
)
RULES = in_order((*(rule for rule, _ in TESTS), OUTCOMES, ARTICLES))
