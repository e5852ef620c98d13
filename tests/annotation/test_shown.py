"""Text from elsewhere: what is shown is what was written, whatever Markdown or a terminal would make of it."""

from __future__ import annotations

import html
import re

import pytest
from cluster_r1.annotation.shown import REPLACEMENT, escape_markdown, has_control_characters, shown_line, shown_text
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

HOSTILE = [
    "<script>alert(1)</script>",
    "<object data='x'>",
    "<!-- ",
    "[a](http://x.org)",
    "![i](http://x.org/p.png)",
    "[x]: y",
    "# heading",
    "===",
    "---",
    "    code",
    "\tcode",
    "```",
    "`",
    "**b** _i_ ~~s~~",
    "- item",
    "1. item",
    "> quote",
    "|a|b|\n|-|-|\n|1|2|",
    "$$x$$",
    "&amp; &#35; &nbsp;",
    "\\",
    "\n",
    "\n\n",
    " ",
    "word",
]
RENDERER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def words(text: str) -> list[str]:
    return text.replace("\xa0", " ").split()


def rendered(markdown: str) -> tuple[set[str], list[str]]:
    """The tags and the words that a reader of the Markdown gets."""
    page = RENDERER.render(markdown)
    return set(re.findall(r"<(\w+)", page)), words(html.unescape(re.sub(r"<[^>]+>", " ", page)))


@given(st.lists(st.sampled_from(HOSTILE) | st.text(max_size=5), max_size=8).map("".join))
def test_escaped_text_is_shown_word_by_word_and_as_nothing_but_text(text: str) -> None:
    clean = shown_text(text, 10_000)
    tags, seen = rendered(escape_markdown(clean))
    assert tags <= {"p", "br"}
    assert seen == words(clean)


@pytest.mark.parametrize("text", HOSTILE)
def test_escaped_text_stays_in_its_item_of_a_list(text: str) -> None:
    tags, _ = rendered(f"- **{escape_markdown(shown_line(f'a {text} b'))}** — c")
    assert tags == {"ul", "li", "strong"}


def test_lines_and_their_indent_stay() -> None:
    assert RENDERER.render(escape_markdown("one\n  two")) == "<p>one<br />\n\xa0\xa0two</p>\n"


@given(st.text(st.characters(categories=("Cc", "Cs", "L", "P", "Z"))))
def test_control_characters_are_replaced(text: str) -> None:
    shown = shown_text(text, 10_000)
    assert not has_control_characters(shown)
    assert shown.encode().decode() == shown


def test_newlines_and_tabs_stay_and_carriage_returns_become_newlines() -> None:
    assert shown_text("a\tb\r\nc\rd\x00e\x1bf\ud800", 100) == f"a\tb\nc\nd{REPLACEMENT}e{REPLACEMENT}f{REPLACEMENT}"


def test_a_long_text_is_cut_and_says_so() -> None:
    assert shown_text("x" * 1_000_000, 10) == "x" * 10 + "\n\n[999,990 more characters are not shown]"
    assert shown_text("x" * 10, 10) == "x" * 10


def test_a_name_is_shown_on_one_line() -> None:
    assert shown_line("  a\n\n b\x07 ") == f"a b{REPLACEMENT}"
