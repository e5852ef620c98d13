"""The shell: a complete, closed, readable HTML file whatever is put into it, and numbers written for people."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cluster_r1.core.agreement import Interval
from cluster_r1.reports import page
from cluster_r1.reports.page import (
    Section,
    decimal,
    interval_text,
    moment,
    percent,
    plural,
    render_page,
    seconds_text,
    usd_text,
)
from markupsafe import Markup
from page_colours import contrast, palette

FOLDER = Path(page.__file__).parent
HOSTILE = '<script>alert(1)</script><img src=x onerror="alert(2)">\'"&{{ 7*7 }}'

ReadHtml = Callable[[str], Any]


def two_tabs(label: str = "Two") -> list[Section]:
    return [
        Section("one", "One", Markup("<h2>First</h2>")),
        Section("two", label, Markup("<h2>Second</h2>")),
    ]


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (None, "–"),
        (0.0, "0\u00a0%"),
        (1.0, "100\u00a0%"),
        (0.874, "87\u00a0%"),
        (0.004, "0.4\u00a0%"),
        (0.0004, "<0.1\u00a0%"),
        (0.996, "99.6\u00a0%"),
        (0.99999, ">99.9\u00a0%"),
    ],
)
def test_a_share_never_claims_none_or_all_that_is_not(share: float | None, text: str) -> None:
    assert percent(share) == text


@pytest.mark.parametrize(("value", "text"), [(None, "–"), (0.834, "0.83"), (-0.12, "\u22120.12"), (-0.001, "0.00")])
def test_decimals_have_a_true_minus_and_no_negative_zero(value: float | None, text: str) -> None:
    assert decimal(value) == text


@pytest.mark.parametrize(
    ("interval", "text"),
    [
        (Interval(0.834, 0.75, 0.9), "0.83 [0.75, 0.90]"),
        (Interval(0.834, None, None), "0.83 (no interval)"),
        (Interval(None, None, None), "undefined: why"),
    ],
)
def test_an_interval_tells_what_is_missing(interval: Interval, text: str) -> None:
    assert interval_text(interval, "undefined: why") == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (0.4242, "0.42 s"),
        (1.25, "1.2 s"),
        (41.2, "41 s"),
        (312.5, "5 min 12 s"),
        (4012.8, "1 h 06 min"),
        (7_200_000, "2,000 h 00 min"),
    ],
)
def test_durations_are_read_at_a_glance(seconds: float, text: str) -> None:
    assert seconds_text(seconds) == text


@pytest.mark.parametrize(
    ("usd", "text"), [(0, "$0"), (0.00001, "<$0.0001"), (0.0021, "$0.0021"), (1.234, "$1.23"), (12_345.6, "$12,345.60")]
)
def test_small_prices_keep_their_digits(usd: float, text: str) -> None:
    assert usd_text(usd) == text


def test_plurals() -> None:
    assert [plural(1, "document"), plural(1200, "document"), plural(2, "entry", "entries")] == [
        "1 document",
        "1,200 documents",
        "2 entries",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2026-11-21T05:42:10+00:00", "21 November 2026, 05:42 UTC"),
        ("2026-11-21T05:42:10+02:00", "21 November 2026, 05:42 +0200"),
        ("2026-11-21T05:42:10", "21 November 2026, 05:42"),
        ("yesterday", "yesterday"),
        (None, ""),
    ],
)
def test_moments(text: str | None, words: str) -> None:
    assert moment(text) == words


def test_the_page_is_well_formed_with_landmarks_and_one_title(read_html: ReadHtml) -> None:
    html = read_html(render_page("My run", Markup("<p>Hello</p>"), kicker="Run", sections=two_tabs()))
    assert [len(html.all(tag)) for tag in ("main", "header", "footer", "nav", "h1", "title")] == [1] * 6
    assert html.all("html") == [{"lang": "en"}]
    assert "My run · Run" in html.text
    assert "Hello" in html.text


def test_tabs_are_links_to_their_sections(read_html: ReadHtml) -> None:
    html = read_html(render_page("t", "", sections=two_tabs()))
    assert {"one", "two"} <= set(html.ids)
    assert [a["href"] for a in html.all("a") if a.get("id", "").startswith("tab-")] == ["#one", "#two"]
    assert [s["aria-labelledby"] for s in html.all("section")] == ["tab-one", "tab-two"]


def test_a_page_without_sections_has_no_tabs(read_html: ReadHtml) -> None:
    assert read_html(render_page("t", "text")).all("nav") == []


def test_hostile_text_stays_text(read_html: ReadHtml) -> None:
    html = read_html(render_page(HOSTILE, HOSTILE, kicker=HOSTILE, sections=two_tabs(HOSTILE), generated_at=HOSTILE))
    assert len(html.all("script")) == 1
    assert html.all("img") == []
    assert not [name for element in html.elements for name in element.attributes if name.startswith("on")]
    assert html.text.count(HOSTILE) == 7


def test_only_markup_is_trusted_as_a_body(read_html: ReadHtml) -> None:
    assert len(read_html(render_page("t", Markup("<b>bold</b>"))).all("b")) == 1
    assert read_html(render_page("t", "<b>bold</b>")).all("b") == []


def test_characters_that_html_forbids_are_replaced_and_the_page_can_be_written() -> None:
    html = render_page("nul\x00 bell\x07 lone\ud800 c1\x85 none\uffff tab\t kept", "")
    assert "nul\ufffd bell\ufffd lone\ufffd c1\ufffd none\ufffd tab\t kept" in html
    assert html.encode("utf-8").decode() == html


def test_the_policy_allows_the_pages_own_style_and_script_and_nothing_else(read_html: ReadHtml) -> None:
    source = render_page("t", "")
    policy = next(str(m["content"]) for m in read_html(source).all("meta") if "http-equiv" in m)
    for tag in ("style", "script"):
        content = re.search(f"<{tag}>(.*?)</{tag}>", source, re.DOTALL)
        assert content is not None
        digest = base64.b64encode(hashlib.sha256(content[1].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy


def test_the_style_and_the_script_fetch_nothing_and_cannot_end_their_element() -> None:
    for name in ("page.css", "page.js"):
        asset = (FOLDER / name).read_text()
        assert not re.search(r"https?:|url\(|@import|fetch\(|XMLHttpRequest|</", asset), name


def test_templates_trust_nothing_but_the_policy() -> None:
    """`|safe` and inline styles or handlers would open what escaping and the policy close."""
    for template in FOLDER.glob("*.html"):
        source = template.read_text()
        trusted = re.findall(r"\{\{[^}]*\|\s*safe", source)
        assert trusted == (["{{ style_hash|safe", "{{ script_hash|safe"] if template.name == "page.html" else [])
        assert not re.search(r"\sstyle=|\son\w+=|autoescape", source), template.name


TEXTS = [(text, ground) for text in ("text", "muted", "accent") for ground in ("ground", "surface", "raised")]
TEXTS += [
    ("warn-text", "warn-ground"),
    ("warn-text", "surface"),
    ("good-text", "kept-ground"),
    ("good-text", "surface"),
]
TEXTS += [("text", "warn-ground")]
TEXTS += [("on-low", f"{hue}-{step}") for hue in ("agree", "differ") for step in (1, 2, 3)]
TEXTS += [("on-high", f"{hue}-{step}") for hue in ("agree", "differ") for step in (4, 5)]
SHAPES = ["kept", "conflict", "none", "strong-line"]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_can_be_read_and_shapes_be_seen_in_both_themes(theme: int) -> None:
    colours = palette(theme)
    weak = {(a, b): contrast(colours[a], colours[b]) for a, b in TEXTS if contrast(colours[a], colours[b]) < 4.5}
    faint = {name: contrast(colours[name], colours["surface"]) for name in SHAPES}
    assert weak == {}
    assert min(faint.values()) >= 3, faint
