"""A distillation's page: its figures, the traces to read, hostile and missing ones, its size, and it in a browser."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from browser import Tab, browse, needs_chromium
from cluster_r1.core.traces import Trace, TraceAttempt, TraceScores, TraceVerdict
from cluster_r1.reports.distillation import distillation_page
from cluster_r1.reports.distillation_rows import trace_figures, trace_row
from hypothesis import given
from hypothesis import strategies as st
from made_traces import made_report, made_traces

HOSTILE = "<script>alert(1)</script>\"'&{{7*191}}"
ReadHtml = Callable[[str], Any]


@pytest.fixture(scope="module")
def traces() -> list[Trace]:
    return made_traces()


@pytest.fixture(scope="module")
def page(traces: list[Trace]) -> str:
    return distillation_page(made_report(traces), traces)


def test_the_page_tells_what_there_is(page: str, traces: list[Trace], read_html: ReadHtml) -> None:
    html = read_html(page)
    report = made_report(traces)
    assert f"{report.usable} traces to learn from, of 63 examples" in html.text
    charts = [str(svg.get("aria-label")) for svg in html.all("svg")]
    leaning = f"sent back, and written anew {report.sent_back['leaning']}, given up after the last round"
    assert any(f"leans on the given answer: {leaning} {report.rejected['leaning']}" in chart for chart in charts)
    assert any(f"in round 1: {report.rounds_needed[1]} (" in chart for chart in charts)
    assert report.words is not None
    assert f"median {round(report.words.median)}" in html.text
    assert "pending 3 (5" in html.text
    assert "gpt-oss-120b" in html.text
    assert len(html.ids) == len(set(html.ids))


def test_every_trace_is_there_with_reasoning_and_without_its_prompt(
    page: str, traces: list[Trace], read_html: ReadHtml
) -> None:
    html = read_html(page)
    assert all(trace.id in html.text and " ".join(trace.reasoning.split()) in html.text for trace in traces)
    assert len(html.all("details")) == 2 * len(traces)
    longest = max(trace.prompt[0].content for trace in traces)
    assert longest[:500] in page
    assert longest[:800] not in page
    assert f"The first 700 of {len(longest) + len('user: '):,} characters" in html.text


def test_what_was_sent_back_stands_in_order(traces: list[Trace], read_html: ReadHtml) -> None:
    back = (
        TraceAttempt(round=1, reason="too_short", says="first words"),
        TraceAttempt(round=2, reason="leaning", says="then words"),
    )
    lost = TraceAttempt(round=3, reason="rederived", says="last words")
    trace = traces[0].model_copy(update={"attempts": back, "rejected": lost, "kept": False})
    text = read_html(distillation_page(made_report([trace]), [trace])).text
    assert "Round 1, too short : first words Round 2, leans on the given answer : then words" in text
    assert "Round 3, reasoning gives another answer : last words" in text
    assert "rejected: reasoning gives another answer 3 rounds" in text


def test_peoples_word_goes_first(traces: list[Trace], read_html: ReadHtml) -> None:
    trace = traces[0].model_copy(update={"rejected": None, "kept": True, "attempts": ()})
    verdict = TraceVerdict(trace=trace.id, keep=False, authors=("ada", "ben"), rule="agreed", comment="thin", at="t")
    assert trace_row(trace, None).standing == "kept"
    assert trace_row(trace, verdict).standing == "rejected"
    verdicts = {trace.id: verdict}
    html = read_html(distillation_page(made_report([trace], verdicts), [trace], verdicts))
    assert "ada, ben say drop: thin" in html.text
    assert "to keep 0 and to drop 1" in html.text


def test_a_trace_that_nobody_judged_is_undecided(traces: list[Trace]) -> None:
    trace = traces[0].model_copy(update={"rejected": None, "kept": None, "scores": None, "rederived": None})
    assert trace_row(trace, None).standing == "undecided"


def test_distributions_count_every_trace(traces: list[Trace]) -> None:
    figures = trace_figures(traces, {})
    assert all(sum(shown.counts) == 60 for shown in figures.ratings.values())
    assert sum(figures.rederived.counts) == 60
    assert sum(figures.words.counts) == sum(trace.rejected is None for trace in traces)
    perfect = traces[0].model_copy(update={"rederived": 1.0})
    assert trace_figures([perfect], {}).rederived.counts[-1] == 1


@given(st.lists(st.integers(1, 5000), min_size=1, max_size=50))
def test_ranges_of_words_hold_all_and_are_few(words: list[int]) -> None:
    base = made_traces(1)[0].model_copy(update={"rejected": None, "kept": True})
    shown = trace_figures([base.model_copy(update={"reasoning": "w " * n}) for n in words], {}).words
    assert sum(shown.counts) == len(words)
    assert len(shown.labels) == len(shown.counts) <= 13
    assert shown.counts[0] > 0
    assert shown.counts[-1] > 0


def test_thousands_of_traces_are_counted_and_some_are_shown(read_html: ReadHtml) -> None:
    traces = made_traces(2000)
    page = distillation_page(made_report(traces), iter(traces))
    assert len(page) < 3_000_000
    shown = len(trace_figures(traces, {}).rows)
    assert 300 <= shown <= 600
    assert f"{shown} of 2,000 traces are on this page" in read_html(page).text


def test_nothing_distilled_has_a_page(read_html: ReadHtml) -> None:
    html = read_html(distillation_page(made_report([]), []))
    assert "There is no trace yet." in html.text
    assert "No trace was sent back or rejected." in html.text


def test_hostile_words_stay_text(traces: list[Trace], read_html: ReadHtml) -> None:
    changes = {
        "instruction": HOSTILE,
        "prompt": ((("user"), HOSTILE),),
        "reasoning": f"{HOSTILE}\x00",
        "answer": HOSTILE,
        "model": HOSTILE,
        "scores": TraceScores(completeness=1, length=1, coherence=1, comment=HOSTILE),
        "rejected": TraceAttempt(round=1, reason="leaning", says=HOSTILE),
        "attempts": (),
        "kept": False,
    }
    trace = Trace.model_validate(traces[0].model_dump() | changes)
    report = made_report([trace]).model_copy(update={"benchmark": HOSTILE, "tracer": HOSTILE, "reviewer": HOSTILE})
    page = distillation_page(report, [trace])
    html = read_html(page)
    assert len(html.all("script")) == 1
    assert "1337" not in html.text
    assert html.text.count("alert(1)") >= 10
    assert "\x00" not in page


@pytest.fixture
async def tab(page: str, tmp_path: Path) -> AsyncIterator[Tab]:
    """The page, open and watched; a complaint or a request fails any test."""
    file = tmp_path / "distillation.html"
    file.write_text(page, encoding="utf-8")
    async with browse(file.as_uri(), tmp_path / "profile") as tab:
        await tab.prefer("light")
        yield tab
        assert tab.complaints() == []
        assert tab.requests() == [file.as_uri()]


SHOWN = "[...document.querySelectorAll('.trace')].filter(t => t.checkVisibility()).map(t => t.dataset.facets)"


def choose(facet: str, value: str) -> str:
    place = f"document.querySelector('[data-facet={facet}]')"
    return f"{place}.value = '{value}'; {place}.dispatchEvent(new Event('change'));"


@pytest.mark.slow
@needs_chromium
async def test_traces_are_found_by_outcome_reason_task_and_words(tab: Tab, traces: list[Trace]) -> None:
    await tab.click("#tab-traces")
    assert len(await tab.run(SHOWN)) == 60
    await tab.run(choose("standing", "rejected"))
    rejected = sum(trace.rejected is not None for trace in traces)
    assert len(await tab.run(SHOWN)) == rejected
    await tab.run(choose("reason", "not-leaning") + choose("task", "task-1"))
    found = await tab.run(SHOWN)
    assert 0 < len(found) < rejected
    assert all({"rejected", "not-leaning", "task-1"} <= set(facets.split()) for facets in found)
    await tab.run("document.querySelector('[data-clear]').click()")
    assert len(await tab.run(SHOWN)) == 60
    assert await tab.run("document.activeElement.matches('[data-search]')")
    await tab.type(traces[5].id.upper())
    assert len(await tab.run(SHOWN)) == 1
    assert await tab.run("document.querySelector('[data-status]').textContent") == "1 of 60 shown traces matches."


@pytest.mark.slow
@needs_chromium
async def test_a_trace_opens_by_keyboard(tab: Tab) -> None:
    await tab.click("#tab-traces")
    await tab.run("document.querySelector('.trace summary').focus()")
    await tab.press("Enter")
    assert await tab.run("document.querySelector('.trace .doc-text').checkVisibility()")


@pytest.mark.slow
@needs_chromium
@pytest.mark.parametrize("width", [320, 768, 1280])
async def test_no_width_makes_the_page_scroll_sideways(tab: Tab, width: int) -> None:
    await tab.width(width)
    await tab.prefer("dark")
    for place, anchor in enumerate(("figures", "tasks", "traces", "cost")):
        await tab.run(f"document.querySelectorAll('[role=tab]')[{place}].click()")
        await tab.run("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert await tab.run("document.documentElement.scrollWidth <= innerWidth"), anchor
