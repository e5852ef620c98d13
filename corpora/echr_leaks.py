"""Where the text of a case names Convention articles or the outcome: mentions are masked, outcome sentences removed.

"Cluster legal cases by the violated article" must be answered from the facts (paper App. H.2). So articles of the
European Convention on Human Rights and its Protocols are masked however they are written, while articles of domestic
law and of other treaties stay. What a party alleges stays too, without the article; what any court found does not.
"""

from __future__ import annotations

import re
from typing import NamedTuple

MASK = "[Article]"

_NUMBER = r"(?:P\d{1,2}-\d{1,2}|\d{1,4}(?:[.-]\d{1,2})?(?:\s?(?:bis|ter))?[A-Za-z]?)(?![\w])"
_PARAGRAPH = (
    r"(?:\s*,?\s*(?:§+\s*\d{1,2}|(?:paragraphs?|paras?\.?|pars?\.?|sub-?paragraphs?)\s*\(?\w{1,3}\)?"
    r"|\(\w{1,4}\)|in fine)"
    r"(?:\s*(?:,|and|&|-|–)\s*(?:§+\s*)?(?:\d{1,2}(?=\s*(?:of\b|\())|\(\w{1,4}\)))*)"
)
_ONE = rf"{_NUMBER}{_PARAGRAPH}*"
_OLD_STYLE = r"(?:\s*\(\s*art(?:icle)?s?\.?\s*[\w\s.,+§()-]{1,60}?\s*\)(?=[\s.,;:)]|$))?"
_LIST = rf"{_ONE}(?:\s*(?:,\s*(?:and\s+|or\s+)?|and\s+|or\s+|&\s*|to\s+|/\s*|–\s*){_ONE})*{_OLD_STYLE}"
_REFERENCE = re.compile(rf"\b(?:articles?|arts?\.?)\s*(?P<list>{_LIST})", re.IGNORECASE)

_OF = r"\s*,?\s*(?:of|to|in|from|under)\s+"
_DETERMINER = r"(?:(?:the|that|this|said|aforementioned|above-mentioned|same)\s+){0,3}"
_QUOTE = r"[\[“\"'‘’(]*\s*(?:the\s+)?"
_OTHER_TREATY = (
    r"(?!\s+(?:(?:on|for|of|against)\s+(?:the\s+)?(?-i:[A-Z][a-z]|\d)|relating|concerning|no\b|(?:on|of) the rights))"
)
_ECHR = (
    r"(?:(?:european|eur\.?|rome|human rights|1950|strasbourg)\s+(?:human rights\s+)?convention\b"
    rf"(?:(?=\s+(?:on|of|for the protection of) human)|{_OTHER_TREATY})"
    r"|convention (?:for the protection of human|on human)\b|convention of (?:human rights|4 november 1950)\b"
    rf"|ECHR\b|CEDH\b|E\.C\.H\.R\b|convention\b{_OTHER_TREATY})"
)
_ECHR_IS_NEXT = re.compile(
    rf"(?:\s*\([^()]{{1,60}}\))?(?:{_OF}(?P<determiner>{_DETERMINER}){_QUOTE}|\s+|\s*[(\[]\s*(?:of\s+the\s+)?){_ECHR}",
    re.IGNORECASE,
)
_POINTS_BACK = re.compile(r"\b(?:that|this|said|aforementioned|above-mentioned|same)\b", re.IGNORECASE)
_CONVENTION = re.compile(
    r"(?:\b(?P<place>[A-Z]\w+) )?\bConvention\b(?P<about>\s+(?:on|for|of|against)\s+(?:the\s+)?[A-Z\d]\w*)?"
)
_PROTOCOL_IS_NEXT = re.compile(
    rf"{_OF}{_DETERMINER}{_QUOTE}(?:(?:first|second|fourth|sixth|seventh|additional|\d+(?:st|nd|rd|th))\s+)*protocols?\b"
    r"(?!\s+additional|\s+(?:additional\s+)?(?:to|relating to|on)\s+the\s+(?:\w+\s+)?(?:geneva|hague|statute))"
    r"(?:\s*,?\s*nos?\.?\s*\d{1,2}\b)?(?:\s*\(\s*(?:art|p\d)[^()]{0,40}\))?",
    re.IGNORECASE,
)
_OTHER_LAW_IS_NEXT = re.compile(r"\s*,?\s*\(?(?:of|to)\s+(?P<name>[^.;,]{1,60})", re.IGNORECASE)
_LAW_NAME = re.compile(r"[A-Z]{2}|\b[A-Z]\w|\b(?:code|law|act|constitution|regulation|decree|rules|treaty|directive)\b")
_JOINED = re.compile(
    r"(?:[\s,;/()]|\([^()]{1,60}\)|\b(?:and|or|nor|as well as|taken|read|in|conjunction|together|with|alone"
    r"|combined|also|under|both"
    r"|either|on|of|the|its|requirements|provisions|principles|meaning)\b|&)*",
    re.IGNORECASE,
)
_CUE_BEFORE = re.compile(
    r"(?:violat\w*|breach\w*|infring\w*|contraven\w*|contrary to|compl(?:y|ied|iance|ies) with|(?:in)?compatib\w+ with"
    r"|guaranteed"
    r"|protected|enshrined|secured|complain\w*|rights?|relying|relied|reliance|invok\w*|convention|ECHR"
    r"|strasbourg|european court"
    r"|threshold|meaning|reiterat\w*|recall\w*|alleg\w+|purposes?)\b[^.;]{0,60}$",
    re.IGNORECASE,
)
_CUE_AFTER = re.compile(
    r"\s*,?\s*(?:[-–]\s*)?(?:rights?|claims?|complaints?|grounds?|issues?|threshold|risks?|standards?"
    r"|requirements?|points?|arguments?|challenges?"
    r"|compliant|compatible|jurisprudence|case.law|taken (?:alone|together)|in conjunction)\b",
    re.IGNORECASE,
)
_READS = re.compile(
    r"\s*,?\s*(?:reads|provides|guarantees|which (?:safeguards|guarantees|protects|prohibits|provides))\b",
    re.IGNORECASE,
)
_OTHER_BODY = re.compile(
    r"\b(?:Codes?|Constitution|Acts?|Laws?|Regulations?|Decrees?|Statutes?|Ordinances?|Rules|Hague|Geneva"
    r"|Minsk|Istanbul|Treaty|Basic Law"
    r"|Covenant|Charter|Directive|CC[PA]?|CCrP|UCC)\b|(?:criminal|civil|penal|labour|family) code"
    r"|[Cc]onvention (?:[Oo]n|of \d)"
)
_NEAR = 160
_LOOK_BACK = 400
_SUBSTANTIVE = re.compile(r"(?:[2-9]|1[0-4]|18)(?!\d)")
_CODES = re.compile(r"\bP(?:1-[1-3]|4-[1-4]|6-1|7-[1-5]|12-1|13-1)\b")
_BARE_PROTOCOL = re.compile(r"\bProtocols?\s+Nos?\.?\s*\d{1,2}\b(?!\s+to\s+the\s+(?:Geneva|Hague))", re.IGNORECASE)

_OPERATIVE = re.compile(
    r"\bFOR THESE REASONS,?\s*THE (?:COURT|COMMISSION)\b.*"
    r"|(?:^|(?<=[.;:\n]))\s*\(?(?:\d{1,2}[.)]\s*)?(?:Holds|Declares|Dismisses|Decides|Rejects|Strikes|Joins),?\s*"
    r"(?:(?:unanimously|by [^,;]{1,40} votes?[^,;]{0,40}),?\s*)?"
    r"(?=that (?:there|the (?:respondent|finding|complaint|application))|the (?:complaint|application|remainder"
    r"|applicants?['’])|\(?a\)|to join"
    r"|(?:in)?admissible|the Government)[^;\n]*;?",
    re.DOTALL,
)
_BODY = (
    rf"(?:{re.escape(MASK)}|the (?:european )?convention\b(?!\s+(?:on|of|relating|against|for)\b)"
    rf"|\[the convention\]|convention rights\b)"
)
_OUTCOME = re.compile(
    rf"\b(?:violation|breach|infringement|contravention)s? of (?:[^.;]{{0,80}}?\b)?{_BODY}"
    rf"|\b(?:violat|infring|breach|contraven)(?:ed|es)\b[^.;]{{0,80}}?{_BODY}"
    rf"|\bin (?:breach|violation|contravention) of (?:[^.;]{{0,60}}?\b)?{_BODY}"
    rf"|{_BODY}[^.;]{{0,60}}\b(?:had|has|have|was|were) (?:not )?(?:also |therefore |thus "
    rf"|accordingly )?(?:been )?(?:violated|breached|infringed)\b",
    re.IGNORECASE,
)
_CLAIM = re.compile(
    r"\b(?:alleg|complain|argu|submi|claim|conten[dt]|maintain|assert|invok|plead|pleas?\b|request"
    r"|ask(?:ed|ing|s)?\b|sought|seek|petition|lodg|applied\b"
    r"|reli(?:ed|es|ance)|relying|according to the (?:applicant|government)|in (?:his|her|their|its) (?:view"
    r"|opinion|appeal|application)|whether|if\b|would|could"
    r"|might|may\b|must|can\b|cannot|should|shall|suggest|risk|possible|potential|claimant|memorial|appealed"
    r"|grounds? of appeal|criticis|object|protest|stat(?:ed|ing) that the"
    r"|averr|appellants?\b|\binvit|\bwill\b|stated that|raised|referr(?:ed|ing) to|citing|cited|denied|disput)",
    re.IGNORECASE,
)
_FINDING = re.compile(
    r"\b(?:(?:court|commission|judge|chamber|tribunal|it) (?:(?!to\b)\w+ )?(?:found|finds|held|holds|conclud"
    r"|rul|decid|declar|consider|establish))",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"(?<=[.!?])[”\"’')\]]*\s+(?=[“\"‘'(\[]*[A-Z0-9])|(?<=[a-z)\]][.!?])(?=\d{1,3}\. [A-Z])|\n+")
_ABBREVIATION = re.compile(
    r"(?:\b(?:art|arts|no|nos|para|paras|p|pp|v|mr|mrs|ms|dr|st|cf|eg|ie|inter|vol|sec|et al|op|ibid|e\.g"
    r"|i\.e)|\b[A-Z]|^\W*\d{1,3})\.$",
    re.IGNORECASE,
)


class Redaction(NamedTuple):
    """A text without leaks, and what was taken out: the mentions and sentences as they stood."""

    text: str
    mentions: tuple[str, ...]
    sentences: tuple[str, ...]


def redact(text: str, *, outcomes: bool = True, mentions: bool = True) -> Redaction:
    """Remove sentences that state the outcome, then mask mentions of Convention articles; either can be left out.

    A redacted text redacts to itself: what a mask makes clear about the words around it is looked at once more.
    """
    removed: list[str] = []
    masked: list[str] = []
    before = None
    while text != before:
        before = text
        text = _without_outcomes(text, removed) if outcomes else text
        text = mask_articles(text, masked) if mentions else text
    return Redaction(text, tuple(masked), tuple(removed))


def mask_articles(text: str, found: list[str] | None = None) -> str:
    """The text with each reference to Convention articles replaced by the mask; `found` receives what stood there."""
    found = [] if found is None else found
    spans = _convention_spans(text)
    parts: list[str] = []
    end = 0
    for start, stop in spans:
        parts += [text[end:start], MASK]
        found.append(text[start:stop])
        end = stop
    text = "".join([*parts, text[end:]])
    for pattern, mask in ((_CODES, MASK), (_BARE_PROTOCOL, "[Protocol]")):
        found += [match.group() for match in pattern.finditer(text)]
        text = pattern.sub(mask, text)
    return text


def _convention_spans(text: str) -> list[tuple[int, int]]:
    """Where Convention articles are mentioned, in order. A reference joined to the next by `and`, `or`, `taken in
    conjunction with` is of the same law as that one."""
    references = list(_REFERENCE.finditer(text))
    spans: list[tuple[int, int]] = []
    next_is: bool | None = None
    next_start = -1
    for reference in reversed(references):
        end = reference.end()
        law, stop = _law(text, end)
        if law is None and next_start >= 0 and next_start - end < 60 and _JOINED.fullmatch(text, end, next_start):
            law = next_is
        if law is None:
            law = _by_context(text, reference)
        if law:
            spans.append((reference.start(), stop))
        next_is, next_start = law, reference.start()
    return spans[::-1]


def _law(text: str, end: int) -> tuple[bool | None, int]:
    """Whether what follows a reference names the Convention (True), another law (False) or nothing, and the end of what
    is to be masked."""
    protocol = _PROTOCOL_IS_NEXT.match(text, end)
    if protocol:
        return True, protocol.end()
    convention = _ECHR_IS_NEXT.match(text, end)
    if convention:
        return not _points_to_another(convention["determiner"] or "", text[max(0, end - _LOOK_BACK) : end]), end
    other = _OTHER_LAW_IS_NEXT.match(text, end)
    return (False if other and _LAW_NAME.search(other["name"]) else None), end


def _points_to_another(determiner: str, before: str) -> bool:
    """`that Convention` is the one named last, which may be the Hague Convention."""
    if not _POINTS_BACK.search(determiner):
        return False
    named = [found for found in _CONVENTION.finditer(before) if found["place"] or found["about"]]
    return bool(named) and not re.search(r"European|Human", named[-1].group())


def _by_context(text: str, reference: re.Match[str]) -> bool:
    """A bare `Article 8`: the Convention's when its number is one of a right and the words around speak of rights and
    violations, unless another law is near."""
    if re.search(r"\(\s*art", reference.group(), re.IGNORECASE):
        return True
    if not _SUBSTANTIVE.match(reference["list"]):
        return False
    around = text[max(0, reference.start() - _NEAR) : reference.start()]
    before = around[max(around.rfind("\n"), around.rfind(". ")) + 1 :]
    after = text[reference.end() : reference.end() + _NEAR]
    if _READS.match(after):
        return "Convention" in around and not _OTHER_BODY.search(around)
    if _OTHER_BODY.search(before):
        return bool(re.match(r"\s*(?:rights?|claims?|threshold)\b", after))
    return bool(_CUE_BEFORE.search(before) or _CUE_AFTER.match(after))


def _without_outcomes(text: str, removed: list[str]) -> str:
    def noted(gone: re.Match[str]) -> str:
        removed.append(gone.group().strip())
        return ""

    lines: list[str] = []
    for line in text.split("\n"):
        kept = _OPERATIVE.sub(noted, line)
        sentences = [(sentence, states_outcome(sentence)) for sentence in _sentences(kept)]
        removed += [sentence.strip() for sentence, goes in sentences if goes]
        kept = "".join(sentence for sentence, goes in sentences if not goes)
        if kept.strip() or not line.strip():
            lines.append(line if kept == line else kept.strip())
    return "\n".join(lines)


def _sentences(line: str) -> list[str]:
    """The sentences of a line with the space behind them; joined they are the line."""
    parts: list[str] = []
    start = 0
    for end in _SENTENCE_END.finditer(line):
        if not _ABBREVIATION.search(line[max(start, end.start() - 12) : end.start()]):
            parts.append(line[start : end.end()])
            start = end.end()
    return [*parts, line[start:]]


def states_outcome(sentence: str) -> bool:
    """Whether a sentence says that a Convention right was or was not violated: no claim, no question, no fear."""
    masked = mask_articles(sentence)
    outcome = _OUTCOME.search(masked)
    if outcome is None:
        return False
    before = masked[: outcome.end()]
    claim = _CLAIM.search(before)
    if claim is None:
        return True
    finding = next((found for found in _FINDING.finditer(before) if found.start() > claim.end()), None)
    return finding is not None and not _CLAIM.search(before, finding.end()) and not _alleged(before, claim, finding)


def _alleged(before: str, claim: re.Match[str], finding: re.Match[str]) -> bool:
    """`alleged that there had been`, `whether the court found`: the finding is itself the object of the claim."""
    between = before[claim.end() : finding.start()]
    return len(between) < 60 and re.search(r"[,;]\s+(?:and|but)\s*(?:the\s)?$", between) is None
