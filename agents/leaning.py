"""Signs that a trace leans on the answer that its writer was given, found without a model (App. C's "cheating").

A trace speaks about texts, which have answers, labels and medals of their own. So a phrase that may as well be about a
text counts only where nothing on its line is, or where its sentence speaks of clusters. What is missed here is left to
the review agent and to the check that repeats the assignment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..core.answer import Answer

_LONGEST_SIGN = 120
_MOST_SIGNS = 10

# What a solver would call the answer; "the given clustering task" is no answer.
_NO_TASK = r"\b(?! (?:instruction|task|criteri|rule|goal|problem|request|prompt|question|dimension|perspective))"
_CLUSTERING = rf"(?:clusterings?|clusters|cluster (?:assignments?|labels?)|partition(?:ing)?s?|groupings?){_NO_TASK}"
_ANSWER = (
    r"(?:clusterings?|clusters|partition(?:ing)?s?|groupings?|groups|assignments?|answers?|solutions?|labels?|key)"
    rf"{_NO_TASK}"
)
_GOLD = r"(?:gold(?:en)?(?:[ -]standard)?|ground[ -]truth)"
_KNOWN = rf"(?:{_GOLD}|given|provided|supplied|known|reference|target)"
_RIGHT = r"(?:correct|right|true|official|expected)"
_CLEARLY_KNOWN = r"(?:given|known|expected|reference|target)"
_PASSED = r"(?:given|provided|supplied)"
_BE = r"(?:is|are|was|were|has been|have been)"
_ME = r"(?:(?:we|I) (?:was|were|am|are|have been)|(?:we|I)['’](?:m|re|ve been))"
_AS_SEEN = (
    r"(?:according to|as per|per|as in|based on|guided by|using|follow(?:s|ing|ed)?|match(?:es|ing|ed)?|reproduc\w+|"
    r"justif\w+|(?:in line|consistent|in agreement|agrees?|align(?:s|ed)?|compar\w+) with|check\w* against|"
    r"arriv\w+ at|leads? to)"
)
_ENDS = r"(?= ?(?:[.,;:!?)]|$))"
_NOT_A_CLAUSE = r"\b(?! (?:the|these|those|that|this|its|their|his|her|how|what|a|an|my|our|such)\b)"
_HOW_MANY = (
    r"(?:there (?:are|must be|should be) )?(?:\d+|two|three|four|five|six|seven|eight|nine|ten) (?:clusters|groups)\b"
)
_SAYS = r"(?:says|states|shows|tells us|indicates|requires|dictates|wants|has)"

_ALWAYS = (
    rf"{_AS_SEEN} (?:the|this|that) (?:already )?{_KNOWN} (?:\w+ )?{_ANSWER}",
    rf"{_AS_SEEN} (?:the|this|that) {_RIGHT} (?:groups\b|{_CLUSTERING})",
    rf"(?:according to|match(?:es|ing)?|agrees? with|consistent with|in line with) the {_GOLD}{_ENDS}",
    rf"the {_GOLD} (?:says|puts|places|assigns|groups)\b",
    rf"{_GOLD} (?:clusterings?|clusters?|answers?|assignments?|partitions?|groupings?|solution|key){_NO_TASK}",
    r"gold(?:en)?(?:[ -]standard)? labels\b",
    rf"(?:provided|supplied) (?:\w+ )?{_CLUSTERING}",
    rf"(?:the|these|those) (?:already )?{_CLEARLY_KNOWN} {_CLUSTERING}",
    rf"as (?:given|provided|stated|shown|indicated|specified) (?:in|by) the (?:\w+ )?{_ANSWER}",
    rf"(?:groups|{_CLUSTERING})(?: (?:that|which))?(?: {_BE}| {_ME})? (?:already )?{_PASSED}{_NOT_A_CLAUSE}",
    rf"(?:we|I) (?:already )?know (?:already )?(?:that )?(?:{_HOW_MANY}|the (?:right |correct |final )?{_ANSWER})",
    rf"{_ME} (?:already )?(?:given|provided|supplied|handed|shown|told) (?:with )?(?:that )?"
    rf"(?:{_HOW_MANY}|(?:the |an? |these )?(?:final |correct |right )?{_ANSWER})",
    r"the (?:answer|solution) says so\b",
    r"the (?:answer|solution) (?:already )?(?:puts|places|assigns|groups) (?:(?:text|item)s? |it |them |\d)",
    rf"the (?:answer|solution|clustering|grouping|partition) (?:already )?{_SAYS} (?:that )?"
    rf"(?:{_HOW_MANY}|(?:text|item|cluster|group)s? #?\d|it (?:belongs|goes)|K\b)",
    rf"(?:since|because|as) the (?:answer|solution|{_CLUSTERING}) {_BE} (?:already )?(?:{_PASSED}|known)\b",
)
"""Signs wherever they stand."""

_UNLESS_ABOUT_A_TEXT = (
    r"the (?:given|provided|supplied|known|expected|target|reference|correct) (?:final )?(?:answer|solution|labels)\b",
    rf"the (?:answer|solution|labels)(?: {_BE}| {_ME})? (?:already )?(?:given|provided|supplied|known){_NOT_A_CLAUSE}",
    r"the (?:answer|solution) (?:says|states|tells us|dictates|requires)\b",
    r"the ground[ -]truth\b",
    r"the answer key\b",
    rf"as (?:given|provided){_ENDS}",
)
"""Signs on a line that names no text and nobody who speaks in texts."""

_IF_ABOUT_CLUSTERS = (rf"{_ME} told\b",)
"""Signs in a sentence that speaks of clusters."""


def _any_of(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(patterns)})", re.IGNORECASE)


_CERTAIN, _UNCERTAIN, _TOLD = map(_any_of, (_ALWAYS, _UNLESS_ABOUT_A_TEXT, _IF_ABOUT_CLUSTERS))
_ABOUT_A_TEXT = re.compile(
    r"^\W*\d+[.:)]|\b(?:(?:text|item|document|case|message|dialogue)s? #?\d|user|assistant|applicant|student|author|"
    r"court|company|speaker|writer|customer|bot|instruction|prompt|task|exam|quiz|exercise|riddle|question)",
    re.IGNORECASE,
)
_ABOUT_CLUSTERS = re.compile(r"\b(?:cluster|group|answer|together|belong|label|K\b)", re.IGNORECASE)
_CITED = re.compile(r'"[^"\n]{1,400}"|“[^”\n]{1,400}”|«[^»\n]{1,400}»')
_WORDS_OF_A_CITATION = 4
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)|\n")
_NEAR = 300
_EMPHASIS = str.maketrans("", "", "*`_")

_AND = r"(?: ?, and | ?[,;&] ?| and )"
_NUMBERS = rf"#?\d+(?:{_AND}(?:(?:texts?|items?) )?#?\d+)++"
_GROUP = re.compile(
    r"\b(?:cluster|group) ?#?(?:\d+|[A-Z]\b)[^\n:\[\]\d]{0,60}: ?"
    rf"(?:\[ ?\d+ ?[,\]]|(?:(?:texts?|items?|documents?) )?{_NUMBERS}|(?:texts?|items?) #?\d+(?= ?(?:[.;)]|$)))",
    re.IGNORECASE | re.MULTILINE,
)
_RUN = re.compile(rf"\b(?:texts|items|documents|numbers) \[?({_NUMBERS})", re.IGNORECASE)
_MEMBERSHIP = re.compile(r"\b(?:cluster|group|together|belong|form|make up|assign|go(?:es)?\b)", re.IGNORECASE)
_LOOK = r"\b(?:text|item|document|case|message|dialogue) #?\d+\b"
_LOOKED = re.compile(rf"{_LOOK}(?P<said>[^\n]{{0,200}})", re.IGNORECASE)
_LOOKED_OR_NUMBERED = re.compile(rf"(?:{_LOOK}|^\W{{0,8}}\d+\b)(?P<said>[^\n]{{0,200}})", re.IGNORECASE | re.MULTILINE)
_LINE_NUMBER = re.compile(r"^\W{0,8}(\d{1,6})\b", re.MULTILINE)
_NUMBER = re.compile(r"\d{1,9}")
_WORD = re.compile(r"[^\W\d_]+")
_SAYS_WHERE = """
a also an and are as assigned be belong belongs cluster clusters document documents fits go goes group groups in into is
it item items of put so text texts the therefore to too together with
"""
_TELLS_NOTHING = frozenset(_SAYS_WHERE.split())
_WORDS_OF_EVIDENCE = 2


def leaning_signs(reasoning: str, answer: Answer) -> tuple[str, ...]:
    """Places that speak of a given answer, or list final groups before any text was looked at; none: ().

    Each sign quotes its place in at most 120 characters, without emphasis and with single spaces; at most ten, in the
    trace's order. `answer` is the gold clustering. Time is linear in the reasoning.
    """
    text = "\n".join(" ".join(line.split()) for line in reasoning.translate(_EMPHASIS).splitlines())
    places = sorted({*_phrases(text), *_early_groups(text, answer)})
    return tuple(dict.fromkeys(_quoted(text, place) for place in places))[:_MOST_SIGNS]


def _phrases(text: str) -> Iterator[int]:
    """Where a given answer is spoken of. Longer citations are a text's own words and are not read."""
    start = 0
    for line in _CITED.sub(_blanked, text).split("\n"):
        yield from (start + match.start() for match in _CERTAIN.finditer(line))
        if not _ABOUT_A_TEXT.search(line):
            yield from (start + match.start() for match in _UNCERTAIN.finditer(line))
        for match in _TOLD.finditer(line):
            if _ABOUT_CLUSTERS.search(line[_sentence(line, match.start())]):
                yield start + match.start()
        start += len(line) + 1


def _early_groups(text: str, answer: Answer) -> Iterator[int]:
    """The first place where a whole group is listed, if no single text was looked at before."""
    looked = _first_look(text, answer.size)
    listed = [match.start() for match in _GROUP.finditer(text, 0, looked)]
    groups = {frozenset(items) for items in answer.clusters if 1 < len(items) < answer.size}
    for match in _RUN.finditer(text, 0, looked):
        items = frozenset(int(number) for number in _NUMBER.findall(match[1]))
        if items in groups and _MEMBERSHIP.search(text[_sentence(text, match.start())]):
            listed.append(match.start())
    yield from sorted(listed)[:1]


def _first_look(text: str, n: int) -> int:
    """Where something is said of a single text for the first time; the text's end if nowhere.

    Numbers that begin lines are those of texts when all of 1 to n do; else they may count steps.
    """
    begins = {int(number) for number in _LINE_NUMBER.findall(text)}
    looks = _LOOKED_OR_NUMBERED if begins.issuperset(range(1, n + 1)) else _LOOKED
    return next((match.start() for match in looks.finditer(text) if _says_something(match["said"])), len(text))


def _says_something(said: str) -> bool:
    """Whether the words after a text's number say more than where it belongs."""
    return sum(word.casefold() not in _TELLS_NOTHING for word in _WORD.findall(said)) >= _WORDS_OF_EVIDENCE


def _blanked(citation: re.Match[str]) -> str:
    return " " * len(citation[0]) if len(citation[0].split()) >= _WORDS_OF_A_CITATION else citation[0]


def _sentence(text: str, place: int) -> slice:
    """The sentence around a place, or what of it is near; a line ends it."""
    start, end = max(0, place - _NEAR), min(len(text), place + _NEAR)
    for match in _SENTENCE_END.finditer(text, start, end):
        if match.end() > place:
            return slice(start, match.end())
        start = match.end()
    return slice(start, end)


def _quoted(text: str, place: int) -> str:
    """What stands at a place, from the beginning of its sentence where that leaves room for it."""
    sentence = _sentence(text, place)
    start = sentence.start if place - sentence.start <= _LONGEST_SIGN // 3 else place
    return text[start : sentence.stop].strip()[:_LONGEST_SIGN].strip()
