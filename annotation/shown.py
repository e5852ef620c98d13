"""Text from elsewhere made fit to show: documents, models' words and people's are data, whatever they contain."""

from __future__ import annotations

import re
import unicodedata

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
"""Stands where a control character stood, so that a reader sees that something was there."""

_BREAKS = re.compile(r"\r\n?")
_PUNCTUATION = re.compile(r"""[!-/:-@\[-`{-~]""")
_MARGIN = re.compile(r"^[ \t]+", re.MULTILINE)
_LINE_END = re.compile(r"(?<=\S)\n(?=[^\n])")


def has_control_characters(text: str) -> bool:
    """Whether a text holds what nobody types: control characters (newline and tab are fine) or half a surrogate."""
    return any(map(_is_control, text))


def shown_text(text: str, longest: int) -> str:
    """The text with its control characters replaced; what follows the first `longest` characters is cut, and said."""
    kept = _BREAKS.sub("\n", text[:longest])
    clean = "".join(map(_shown, kept))
    cut = len(text) - longest
    return clean if cut <= 0 else f"{clean}\n\n[{cut:,} more characters are not shown]"


def escape_markdown(text: str) -> str:
    """Markdown that shows the text as it is, line by line: no HTML, no links, no headings, no formulas.

    Every punctuation mark gets a backslash, which CommonMark takes for the mark itself wherever it stands. A line that
    begins with spaces would be code, so that they become no-break spaces.
    """
    escaped = _PUNCTUATION.sub(r"\\\g<0>", text)
    indented = _MARGIN.sub(lambda margin: "&nbsp;" * len(margin[0].expandtabs(4)), escaped)
    return _LINE_END.sub("  \n", indented)


def one_line(text: str) -> str:
    """The text with every run of white space made one space."""
    return " ".join(text.split())


def shown_line(text: str) -> str:
    """A name or an instruction as it is shown: on one line, control characters replaced."""
    return one_line(shown_text(text, len(text)))


def _shown(character: str) -> str:
    return REPLACEMENT if _is_control(character) else character


def _is_control(character: str) -> bool:
    return character not in "\n\t" and unicodedata.category(character) in ("Cc", "Cs")
