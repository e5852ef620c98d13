"""Items of annual reports (Form 10-K): one document an item, without its heading (paper App. H.3).

Two shapes are read: the columns of jlohding/sp500-edgar-10k (company, date, item_2…) and those of edgar-crawler
(filing_date). A heading would give away the item, and a stub says only where else to look.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ..core.errors import SettingsError
from .rows import Row
from .rules import UNREADABLE, Change, Draft, Drop, Rule, first_drop, in_order

ITEMS: dict[str, str] = {
    "1": "Business",
    "1A": "Risk Factors",
    "1B": "Unresolved Staff Comments",
    "2": "Properties",
    "3": "Legal Proceedings",
    "4": "Mine Safety Disclosures",
    "5": "Market for Registrant's Common Equity",
    "6": "Selected Financial Data",
    "7": "Management's Discussion and Analysis",
    "7A": "Market Risk Disclosures",
    "8": "Financial Statements",
    "9": "Changes in and Disagreements with Accountants",
    "9A": "Controls and Procedures",
    "9B": "Other Information",
    "10": "Directors and Corporate Governance",
    "11": "Executive Compensation",
    "12": "Security Ownership",
    "13": "Certain Relationships",
    "14": "Principal Accountant Fees",
    "15": "Exhibits and Financial Statement Schedules",
}
PAPER_ITEMS = ("2", "3", "5")
MAX_TOKENS = 4000
"""Default of --max-tokens: two such texts and the 20 more of a prompt still fit the paper's 28,000 tokens (App. F)."""

_STUB_WORDS = 120
_OWN_WORDS = 15
_HEADING_CHARACTERS = 300

EMPTY = Rule("empty", "items that are absent or empty", "ours")
STUB = Rule(
    "stub",
    f"items of at most {_STUB_WORDS} words with fewer than {_OWN_WORDS} of their own: incorporated by reference,"
    f" see a note, none, not applicable",
    "ours",
)
HEADING = Rule(
    "heading", "the item's own heading at the beginning, which would give the item away, is removed", "ours", "changes"
)
PAGE_RESTS = Rule(
    "page_rests",
    "rests of the page at the end (PART II, page numbers, Table of Contents) are removed",
    "ours",
    "changes",
)

_TITLES: dict[str, str] = {
    "1": r"(?:description of )?business(?: of .{0,40})?",
    "1A": r"risk factors",
    "1B": r"unresolved staff comments?",
    "2": r"(?:description of )?propert(?:y|ies)",
    "3": r"legal proceedings?",
    "4": r"mine safety disclosures?|submission of matters to a vote of (?:security|share)\s?holders?"
    r"|\(?removed and reserved\)?|reserved",
    "5": r"market (?:price )?(?:for|of) (?:the )?(?:registrant|compan(?:y|ie)|corporation|our|firm"
    r"|.{1,40}?)?['’´`]?s?['’]?\s*(?:common |capital |ordinary )?(?:equity|stock|shares?"
    r"|units?)(?:\s*(?:securities|equity))?"
    r"(?:\s*,?\s*(?:and|,)?\s*(?:related|share|stock|security|unit|issuer|purchases|holder)[^\n.]{0,140})?",
    "6": r"selected (?:consolidated )?financial (?:and operating )?data|\[?reserved\]?",
    "7": r"management['’]?s discussion and analysis[^\n.]{0,80}",
    "7A": r"quantitative and qualitative disclosures? (?:about|of) market risks?",
    "8": r"(?:consolidated )?financial statements(?: and supplementary (?:financial )?data)?",
    "9": r"changes in and disagreements with accountants[^\n.]{0,60}",
    "9A": r"controls and procedures",
    "9B": r"other information",
    "10": r"directors,? (?:and )?executive officers[^\n.]{0,50}",
    "11": r"executive compensation",
    "12": r"security ownership of certain[^\n.]{0,90}",
    "13": r"certain relationships[^\n.]{0,70}",
    "14": r"principal account(?:ant|ing)[^\n.]{0,30}",
    "15": r"exhibits?,?[^\n.]{0,60}",
}
_END_OF_TITLE = r"\s*(?:[.:;—–-]+(?=\s|$)|(?=\n)|$|(?<=[A-Z])(?=\s+[A-Z][a-z])|(?<=[a-z])(?=\s+[A-Z]))"
_PAGE_REST = re.compile(
    r"(?:\s*\n\s*(?:part\s+[IVX]{1,4}\.?(?:\s*,?\s*items?\s*\d{1,2}[abc]?(?:\s*,\s*\d{1,2}[abc]?)*)?"
    r"|table of contents|(?:page\s+)?[-–—]?\s*\d{1,3}\s*[-–—]?|[A-Z]-\d{1,3}"
    r"|items?\s*\d{1,2}[abc]?(?:\s*,\s*\d{1,2}[abc]?)*\.?))+\s*$",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z“\"(])|\n+")
_WORDS = re.compile(r"[^\W\d_]{2,}")
_ELSEWHERE = re.compile(
    r"\bincorporated (?:herein |in this \w+ )?(?:in [^.]{0,40})?by (?:this )?reference|\bby reference\b"
    r"|\b(?:see|refer(?:ence is made)? to|refer to)\b.{0,80}\b(?:notes?|items?|parts?|section|caption|heading"
    r"|pages?|exhibit|“|\")"
    r"|\b(?:is|are|was|were|appears?|can be found|may be found)\b.{0,60}\b(?:set forth|included|contained"
    r"|described|disclosed|discussed|found"
    r"|presented|provided|reported|located|appears?)\b.{0,60}"
    r"\b(?:notes?|items?|parts?|section|caption|heading|pages?|exhibit|statements?|report)\b"
    r"|\b(?:information|disclosures?|discussion|description)\b.{0,120}\b(?:required|called for|set forth"
    r"|contained|included|appears?|under)\b"
    r".{0,120}\b(?:notes?|items?|parts?|section|caption|heading|pages?|exhibit|reference|report)\b",
    re.IGNORECASE | re.DOTALL,
)
_NOTHING = re.compile(
    r"^\W*(?:none|not applicable|n/?a|omitted|not required|reserved|nothing to report|there are no(?:ne)?"
    r"|no response)\b"
    r"[^.]{0,160}\.?\W*$",
    re.IGNORECASE,
)

_DIVISIONS: tuple[tuple[int, int, str], ...] = (
    (100, 999, "Agriculture, forestry and fishing"),
    (1000, 1499, "Mining"),
    (1500, 1799, "Construction"),
    (2000, 3999, "Manufacturing"),
    (4000, 4999, "Transportation, communications and utilities"),
    (5000, 5199, "Wholesale trade"),
    (5200, 5999, "Retail trade"),
    (6000, 6799, "Finance, insurance and real estate"),
    (7000, 8999, "Services"),
    (9100, 9729, "Public administration"),
)


class Sp500:
    """Rows of annual reports, a text for each item asked for. Raises SettingsError for an item that no report has."""

    name = "sp500"
    shapes: Sequence[frozenset[str]] = (
        frozenset({"cik", "date", "item_2"}),
        frozenset({"cik", "filing_date", "item_2"}),
    )
    labels: Sequence[str] = ("item", "industry_division", "filing_decade")
    meta: Sequence[str] = ("company", "cik", "sic", "date", "item")

    def __init__(self, off: frozenset[str] = frozenset(), items: Sequence[str] = PAPER_ITEMS) -> None:
        self._off = off
        self._items = tuple(dict.fromkeys(item.strip().upper().removeprefix("ITEM").strip(" _") for item in items))
        unknown = [item for item in self._items if item not in ITEMS]
        if unknown:
            raise SettingsError(f"--item {unknown[0]!r} is no item of Form 10-K; the items are {', '.join(ITEMS)}")

    def texts(self, row: Row) -> Iterator[Draft | Drop]:
        for item in self._items:
            yield self._item(row.values, item)

    def _item(self, values: Mapping[str, Any], item: str) -> Draft | Drop:
        text = values.get(f"item_{item}") or ""
        company, date = _company(values), str(values.get("date") or values.get("filing_date") or "")[:10]
        if not isinstance(text, str) or company is None or not re.match(r"\d{4}", date):
            wrong = (
                f"item_{item} is {type(text).__name__}"
                if not isinstance(text, str)
                else "no cik and no company, or no date"
            )
            return Drop(UNREADABLE, wrong)
        text, changes = _stripped(text.strip(), item, self._off)
        found = first_drop(TESTS, self._off, text)
        if found is not None:
            return Drop(found[0], f"item {item}: {found[1]}", text)
        sic = str(values.get("sic") or "")
        labels = {
            "item": f"Item {item} {ITEMS[item]}",
            "industry_division": industry_division(sic),
            "filing_decade": f"{date[:3]}0s",
        }
        meta = {
            "company": _or_none(values.get("company")),
            "cik": _or_none(values.get("cik")),
            "sic": sic or None,
            "date": date,
            "item": item,
        }
        return Draft(f"{company}-{date}-item_{item}", text, labels, meta, changes)


def _company(values: Mapping[str, Any]) -> str | None:
    """The company's number (CIK), or its name where a row has none."""
    cik = values.get("cik")
    return (
        str(cik) if cik not in (None, "") else re.sub(r"\W+", "-", str(values.get("company") or "")).strip("-") or None
    )


def _or_none(value: Any) -> str | None:
    return None if value is None else str(value)


def _stripped(text: str, item: str, off: frozenset[str]) -> tuple[str, list[Change]]:
    changes: list[Change] = []
    for rule, strip in ((HEADING, strip_heading), (PAGE_RESTS, strip_page_rests)):
        shorter = text if rule.name in off else strip(text, item)
        if shorter != text:
            gone = text.removesuffix(shorter) if rule is HEADING else text.removeprefix(shorter)
            changes.append(Change(rule, f"item {item}: {' '.join(gone.split())!r}"))
            text = shorter
    return text, changes


def strip_heading(text: str, item: str) -> str:
    """Without `Item 2. Properties` and the like at the beginning, however it is spelled and set in lines; a line after
    it that says the title once more goes too."""
    pattern = rf"\s*(?:part\s+[ivx]+[\s.,:—–-]*)?item\s*{item}\b[\s.:)—–-]*(?:(?:{_TITLES[item]}){_END_OF_TITLE})?\s*"
    found = re.match(pattern, text, re.IGNORECASE)
    if found is not None:
        text = text[found.end() :].lstrip(" \t\n.:—–-").rstrip()
    alone = re.match(rf"\s*(?:{_TITLES[item]})\s*[.:]?\s*(?:\n|$)", text[:_HEADING_CHARACTERS], re.IGNORECASE)
    return text[alone.end() :].strip() if alone else text


def strip_page_rests(text: str, _item: str = "") -> str:
    return _PAGE_REST.sub("", "\n" + text).strip()


def _empty(text: str) -> str | None:
    return None if _WORDS.search(text) else "no words"


def _stub(text: str) -> str | None:
    words = len(_WORDS.findall(text))
    if words > _STUB_WORDS:
        return None
    sentences = [part for part in _SENTENCE.split(text) if part.strip()]
    own = [part for part in sentences if not (_ELSEWHERE.search(part) or _NOTHING.match(part))]
    own_words = sum(len(_WORDS.findall(part)) for part in own)
    if own_words < _OWN_WORDS:
        return f"{own_words} words of its own among {words}"
    return None


def industry_division(sic: str) -> str | None:
    """The division of the Standard Industrial Classification; None for a code outside all."""
    if not sic.strip().isdigit():
        return None
    code = int(sic)
    return next((name for first, last, name in _DIVISIONS if first <= code <= last), None)


TESTS: tuple[tuple[Rule, Callable[[str], str | None]], ...] = ((EMPTY, _empty), (STUB, _stub))
RULES = in_order((HEADING, PAGE_RESTS, *(rule for rule, _ in TESTS)))
