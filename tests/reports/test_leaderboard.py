"""The leaderboard's page: every figure, hostile and missing content, its size, and the page in a browser."""

from __future__ import annotations

import math
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from browser import Tab, browse, needs_chromium
from cluster_r1.core.agreement import Interval
from cluster_r1.core.evaluation import Leaderboard, ShownAnswer, ShownExample
from cluster_r1.core.paper_tables import paper_rows
from cluster_r1.reports.heat_table import HeatCell, HeatRow, heat_table, shade
from cluster_r1.reports.leaderboard import leaderboard_page
from cluster_r1.reports.leaderboard_rows import badges, probability, sure
from crowded_board import crowded_board
from leaderboards import HOSTILE, board, info, standing, standings

ReadHtml = Callable[[str], Any]
UNKNOWN = Interval(None, None, None)
NAN = Interval(math.nan, math.nan, math.inf)


@pytest.fixture(scope="module")
def page() -> str:
    return leaderboard_page(board(), paper_rows())


def charts(html: Any) -> list[str]:
    return [str(svg["aria-label"]) for svg in html.all("svg") if svg.get("role") == "img"]


def test_all_figures_are_on_the_page(page: str, read_html: ReadHtml) -> None:
    html = read_html(page)
    titles = [chart.partition(". ")[0] for chart in charts(html)]
    assert titles[:4] == ["V: All examples"] + [f"V: C{n}, mean over domains" for n in range(3)]
    assert {"V against valid answers", "Invalid answers by kind", "V by model size"} <= set(titles)
    assert sum(title.startswith("Number of texts: V of ") for title in titles) == 6
    assert len(html.ids) == len(set(html.ids))
    assert [svg for svg in html.all("svg") if not svg.get("role") and "chart" in str(svg.get("class"))] == []
    regions = [div for div in html.all("div") if div.get("role") == "region"]
    assert regions
    assert all(region["tabindex"] == "0" and region["aria-label"] for region in regions)


def test_entries_stand_ranked_with_intervals_and_badges(page: str, read_html: ReadHtml) -> None:
    html = read_html(page)
    assert "1 gold oracle what gold is 100.0 98.0–100.0" in html.text
    assert "what qwen-0.6b-constrained is" in html.text
    assert "qwen-0.6b-constrained constrained" in html.text
    assert "minilm-kmeans baseline 7 texts left out" in html.text
    assert "2 unanswered" in html.text
    assert "Best constrained model qwen-0.6b-constrained : V" in html.text
    heads = [th for th in html.all("th") if "aria-sort" in th]
    assert [head["aria-sort"] for head in heads] == ["descending"]


def test_comparisons_say_how_sure_they_are(page: str, read_html: ReadHtml) -> None:
    text = read_html(page).text
    assert "qwen-14b against each other entry" in text
    assert "120, 3, 30 <0.001 <0.001" in text
    assert "2 left out" in text


def test_the_papers_rows_stand_apart(page: str, read_html: ReadHtml) -> None:
    text = read_html(page).text
    assert "Printed in the paper, on its own benchmark: not comparable" in text
    assert all(row.model in text for row in paper_rows())
    assert "Printed in the paper" not in read_html(leaderboard_page(board())).text


def test_an_example_shows_what_each_entry_made_of_each_text(page: str, read_html: ReadHtml) -> None:
    html = read_html(page)
    assert "text 3 of 0: <i>not markup</i>" in html.text
    assert "V 100.0 · ARI 100.0" in html.text
    assert "invalid: an item in no cluster" in html.text
    cells = [td.get("class") for td in html.all("td")]
    assert cells.count("right") == 3 * 3 * 5
    assert cells.count("wrong") == 3 * 3
    assert "<b>hm</b>" in html.text


def test_a_wrong_cluster_and_a_text_left_out_are_told_apart_without_colour(read_html: ReadHtml) -> None:
    answer = ShownAnswer(entry="e", v=0.5, ari=0.25, clusters=(0, 0, -1), names=("red",))
    example = ShownExample(
        id="x/c1/0",
        task="x",
        domain="court",
        split="c1",
        instruction="Group.",
        texts=("a", "b" * 400, "c"),
        gold=("red", "blue", "blue"),
        answers=(answer,),
        why=("failure:e",),
    )
    html = read_html(leaderboard_page(board(examples=(example,))))
    assert "red 1 red" in html.text
    assert "left out" in html.text
    assert [td.get("class") for td in html.all("td") if td.get("class") in ("right", "wrong")] == ["right", "wrong"]
    assert html.text.count("b" * 150) == 2
    facets = [d["data-facets"] for d in html.all("details") if "data-facets" in d]
    assert facets == ["c1 d1 t1|failure e1"]


def test_the_confusion_names_what_is_put_together(page: str, read_html: ReadHtml) -> None:
    html = read_html(page)
    assert "Most put together that gold keeps apart: blue and red 31 %." in html.text
    assert len([div for div in html.all("div") if div.get("class") == "mixing"]) == 6


def test_how_it_was_measured_is_told(read_html: ReadHtml) -> None:
    made = info(
        "m",
        parameters=7.6,
        settings={"temperature": 0.6, "random_state": 43, "k": "gold", "odd": {"a": [1]}},
        versions={"vllm": "0.11"},
        unanswered={f"e{n}": "HTTP 500" for n in range(60)},
        usd=1.5,
        seconds=75,
    )
    text = read_html(leaderboard_page(board((standing(made, 0.5),)))).text
    for told in ("temperature 0.6", "random state 43", "7.60 billion", 'odd {"a":[1]}', "vllm 0.11", "e0 : HTTP 500"):
        assert told in text
    assert "and 10 more" in text
    assert "$1.50 1 min 15 s" in text
    assert "told gold K" in text
    assert "2,000 bootstrap resamples" in text


def test_hostile_words_stay_text_everywhere(read_html: ReadHtml) -> None:
    bad = "<xss onclick=\"a('1')\">\"'&amp;</script></style></details>{{7*191}}\x1b"
    made = info(
        bad,
        says=bad,
        model=bad,
        settings={bad: bad},
        unanswered={bad: bad},
        versions={bad: bad},
        started=bad,
        benchmark=bad,
        parameters=1.0,
    )
    row = standing(made, 0.5, 0.5, errors={bad: 3})
    rows = (row, standing(info(f"{bad}2"), 0.4))
    made_board = board(rows, benchmark=bad, generated_at=bad)
    hostile = made_board.model_copy(
        update={
            "examples": tuple(
                one.model_copy(
                    update={
                        "id": bad,
                        "task": bad,
                        "domain": bad,
                        "instruction": bad,
                        "gold": (bad,) * 5,
                        "why": (f"failure:{bad}",),
                        "answers": tuple(
                            a.model_copy(update={"error": bad if a.error else "", "text": bad, "reasoning": bad})
                            for a in one.answers
                        ),
                    }
                )
                for one in made_board.examples
            ),
            "mixings": tuple(m.model_copy(update={"task": bad, "clusters": (bad,) * 3}) for m in made_board.mixings),
        }
    )
    source = leaderboard_page(hostile)
    html = read_html(source)
    assert not [e.tag for e in html.elements if e.tag == "xss"]
    assert not [name for e in html.elements for name in e.attributes if name.startswith("on")]
    assert len(html.all("script")) == len(html.all("style")) == 1
    assert "1337" not in html.text
    assert "\x1b" not in source
    assert html.text.count("<xss") > 40


def test_the_hostile_name_of_the_toy_board_is_there_as_text(page: str, read_html: ReadHtml) -> None:
    html = read_html(page)
    assert html.text.count(HOSTILE) > 5
    assert len(html.all("script")) == 1


def test_no_entry_has_a_page(read_html: ReadHtml) -> None:
    text = read_html(leaderboard_page(Leaderboard(benchmark="b", benchmark_sha256="0", standings=(), resamples=0))).text
    for said in ("No entry is scored yet", "There is no entry yet", "Nothing was broken down", "No example was chosen"):
        assert said in text
    assert "There is no valid answer to show" in text


def test_one_entry_without_anything_else_has_a_page(read_html: ReadHtml) -> None:
    one = board(standings()[1:2], breakdowns=(), mixings=(), examples=(), comparisons=())
    html = read_html(leaderboard_page(one))
    assert "1 entry on the benchmark toy" in html.text
    assert "against each other entry" not in html.text


@pytest.mark.parametrize("nothing", [UNKNOWN, NAN, Interval(0.5, None, None), Interval(0.5, math.nan, 0.6)])
def test_what_is_undefined_or_not_finite_is_borne(read_html: ReadHtml, nothing: Interval) -> None:
    odd = dict.fromkeys(("macro", "weighted", "ari", "ami", "valid"), nothing)
    strange = dict.fromkeys(("k_right", "k_error", "k_bias", "completion_tokens", "cut"), math.nan)
    row = standings()[1]
    made = row.info.model_copy(update={"usd": math.inf, "seconds": math.nan, "parameters": math.inf})
    row = row.model_copy(update=odd | strange | {"info": made, "splits": {"c1": nothing}})
    whole = board((row, standings()[2]))
    parts = whole.breakdowns[0]
    bins = tuple(part.model_copy(update={"v": nothing}) for part in parts.bins)
    mixing = whole.mixings[0].model_copy(update={"together": ((math.nan,) * 3,) * 3})
    against = whole.comparisons[0].model_copy(
        update={"difference": nothing, "macro": nothing, "permutation_p": math.nan, "wilcoxon_p": None}
    )
    answers = tuple(a.model_copy(update={"v": math.nan, "ari": math.inf}) for a in whole.examples[0].answers)
    whole = whole.model_copy(
        update={
            "breakdowns": (parts.model_copy(update={"bins": bins}),),
            "mixings": (mixing,),
            "comparisons": (against,),
            "examples": (whole.examples[0].model_copy(update={"answers": answers}),),
        }
    )
    source = leaderboard_page(whole)
    text = read_html(source).text
    assert "nan" not in text.replace("dominant", "").lower().split()
    assert '"nan"' not in source
    assert "inf" not in text.split()


def test_a_full_page_stays_small_and_whole(read_html: ReadHtml) -> None:
    source = leaderboard_page(crowded_board(), paper_rows())
    assert len(source.encode()) < 4_000_000
    html = read_html(source)
    assert len([d for d in html.all("details") if "data-facets" in d]) == 48
    assert "characters are left out here" in html.text


def test_very_many_confusions_are_cut_and_it_is_said(read_html: ReadHtml) -> None:
    one = board().mixings[0]
    names = tuple(f"cluster {n}" for n in range(100))
    large = one.model_copy(update={"clusters": names, "together": ((0.5,) * 100,) * 100})
    html = read_html(leaderboard_page(board(mixings=(large,) * 20)))
    assert "14 tables of later entries would make this page too large" in html.text


def test_badges_name_what_makes_it_another_task() -> None:
    assert badges(info("m")) == ()
    assert badges(info("m", "baseline", settings={"k": "gold"})) == ("baseline", "told gold K")
    assert badges(info("m", "baseline", settings={"k": "silhouette"})) == ("baseline",)
    assert badges(info("m", unanswered={"a": "b"}, texts_left_out=1)) == ("1 unanswered", "1 text left out")


def test_small_probabilities_and_halves_of_intervals() -> None:
    assert [probability(p) for p in (0.0, 0.0009, 0.0312, 1.0, None, math.nan)] == [
        "<0.001", "<0.001", "0.031", "1.000", "–", "–",
    ]  # fmt: skip
    assert sure(Interval(0.5, 0.4, math.nan)) == Interval(0.5, None, None)
    assert sure(NAN) == UNKNOWN


def test_shades_are_even_steps_and_none_for_nothing(read_html: ReadHtml) -> None:
    assert [shade(v) for v in (None, math.nan, 0.0, 0.001, 0.2, 0.21, 1.0, 1.5)] == [
        "", "", "", "agree-1", "agree-1", "agree-2", "agree-5", "agree-5",
    ]  # fmt: skip
    table = heat_table("<b>", "<b>", ["<b>"], [HeatRow("<b>", [HeatCell("<b>", shade(1.0, "differ"))])])
    html = read_html(table)
    assert html.text == "<b> <b> <b> <b>"
    assert html.all("td") == [{"class": "differ-5"}]


@pytest.fixture
async def tab(tmp_path: Path) -> AsyncIterator[Tab]:
    """The full page, open and watched; a complaint or a request fails any test."""
    file = tmp_path / "leaderboard.html"
    file.write_text(leaderboard_page(crowded_board(examples=16), paper_rows()), encoding="utf-8")
    async with browse(file.as_uri(), tmp_path / "profile") as tab:
        await tab.prefer("light")
        yield tab
        assert tab.complaints() == []
        assert tab.requests() == [file.as_uri()]


TABS = ["leaderboard", "format", "breakdown", "confusion", "examples", "measured"]
SEEN = "[...document.querySelectorAll('{}')].filter(e => e.checkVisibility())"
PANELS = SEEN.format("[role=tabpanel]") + ".map(p => p.id)"
ROWS = SEEN.format(".ranking tbody tr") + ".map(row => row.querySelector('bdi').textContent)"
EXAMPLES = SEEN.format("#examples .example") + ".map(e => e.dataset.facets)"
CONTRAST = """
[...document.querySelectorAll('.ranking small, .badge, .heat-table td, .sides td, .sides th, .mark, .legend li')]
  .filter(e => e.checkVisibility() && e.textContent.trim())
  .map(e => {
    const ctx = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
    const rgb = (colour) => {
      ctx.fillStyle = colour;
      ctx.fillRect(0, 0, 1, 1);
      return [...ctx.getImageData(0, 0, 1, 1).data];
    };
    const light = (colour) => rgb(colour).slice(0, 3).map(v => v / 255)
      .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
      .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    let ground = e;
    while (getComputedStyle(ground).backgroundColor === 'rgba(0, 0, 0, 0)') ground = ground.parentElement;
    const colours = [getComputedStyle(e).color, getComputedStyle(ground).backgroundColor];
    const [a, b] = colours.map(light).sort((x, y) => y - x);
    return [(a + 0.05) / (b + 0.05), e.className + ': ' + e.textContent.slice(0, 30)];
  }).filter(([ratio]) => ratio < 4.5).slice(0, 5)
"""


@pytest.mark.slow
@needs_chromium
async def test_tabs_by_keyboard_and_text_that_can_be_read_in_both_themes(tab: Tab) -> None:
    await tab.run("document.querySelector('[role=tab]').focus()")
    seen = [await tab.run(PANELS)]
    for _ in TABS[1:]:
        await tab.press("ArrowRight")
        seen.append(await tab.run(PANELS))
    assert seen == [[anchor] for anchor in TABS]
    for scheme in ("light", "dark"):
        await tab.prefer(scheme)
        for anchor in TABS:
            await tab.run(f"document.querySelector('#tab-{anchor}').click()")
            assert await tab.run(CONTRAST) == [], (scheme, anchor)


@pytest.mark.slow
@needs_chromium
async def test_a_column_sorts_by_keyboard_and_a_kind_filters(tab: Tab) -> None:
    by_v = await tab.run(ROWS)
    head = "document.querySelector('.ranking thead').rows[0].cells[10]"
    await tab.run(f"{head}.querySelector('button').focus()")
    await tab.press("Enter")
    assert await tab.run(f"{head}.getAttribute('aria-sort')") == "descending"
    values = await tab.run(
        "[...document.querySelector('.ranking').tBodies[0].rows].map(r => +r.cells[10].dataset.value)"
    )
    assert values == sorted(values, reverse=True)
    assert await tab.run(ROWS) != by_v
    await tab.press("Enter")
    assert await tab.run(f"{head}.getAttribute('aria-sort')") == "ascending"
    await tab.run("document.querySelector('.ranking thead').rows[0].cells[2].querySelector('button').click()")
    assert await tab.run(ROWS) == by_v
    await tab.run(choose("#leaderboard", "kind", "baseline"))
    assert len(await tab.run(ROWS)) == 3
    assert (
        await tab.run("document.querySelector('#leaderboard [data-status]').textContent") == "3 of 12 shown rows match."
    )


@pytest.mark.slow
@needs_chromium
async def test_examples_are_filtered_searched_and_read_by_keyboard(tab: Tab) -> None:
    await tab.click("#tab-examples")
    everything = await tab.run(EXAMPLES)
    assert len(everything) == 16
    await tab.run(choose("#examples", "split", "c1"))
    assert all(facets.startswith("c1 ") for facets in await tab.run(EXAMPLES))
    await tab.run(choose("#examples", "why", "failure") + choose("#examples", "split", ""))
    entry = next(found[1] for facets in everything if (found := re.search(r"failure (e\d+)\b", facets)))
    await tab.run(choose("#examples", "entry", entry))
    failed = await tab.run(EXAMPLES)
    assert failed == [facets for facets in everything if f"|failure {entry}" in facets] != []
    await tab.run("document.querySelector('#examples [data-clear]').click()")
    await tab.type("variant 7.")
    assert len(await tab.run(EXAMPLES)) == 1
    await tab.type(" zyzzyva")
    assert await tab.run("document.querySelector('#examples [data-nothing]').checkVisibility()")
    await tab.run("document.querySelector('#examples [data-clear]').click()")
    table = "document.querySelector('#examples .sides')"
    assert await tab.run(f"{table}.scrollWidth > {table}.clientWidth")
    await tab.run(f"{table}.focus()")
    for _ in range(6):
        await tab.press("ArrowRight")
    await tab.wait(f"{table}.scrollLeft > 40")
    cell = f"{table}.querySelector('tbody .stick-2').getBoundingClientRect().left"
    assert await tab.run(f"{cell} - {table}.getBoundingClientRect().left") < 60
    await tab.run("document.querySelector('#examples .values summary').focus()")
    await tab.press("Enter")
    assert await tab.run("document.querySelector('#examples .values .doc-text').checkVisibility()")


@pytest.mark.slow
@needs_chromium
async def test_one_confusion_is_shown_at_a_time(tab: Tab) -> None:
    await tab.click("#tab-confusion")
    shown = SEEN.format(".mixing") + ".map(m => m.dataset.facets)"
    assert await tab.run(shown) == ["e1 t1"]
    await tab.run(choose("#confusion", "entry", "e3") + choose("#confusion", "task", "t2"))
    assert await tab.run(shown) == ["e3 t2"]


@pytest.mark.slow
@needs_chromium
@pytest.mark.parametrize("width", [320, 400, 768, 1280])
async def test_no_width_makes_the_page_scroll_sideways(tab: Tab, width: int) -> None:
    await tab.width(width)
    for anchor in TABS:
        await tab.run(f"document.querySelector('#tab-{anchor}').click()")
        await tab.run(f"document.querySelectorAll('#{anchor} details').forEach(d => d.open = true)")
        assert await tab.run("document.documentElement.scrollWidth <= innerWidth"), anchor


@pytest.mark.slow
@needs_chromium
async def test_without_javascript_everything_is_there(tmp_path: Path) -> None:
    file = tmp_path / "leaderboard.html"
    source = leaderboard_page(board()).replace("<script>", "<script>/* refused by the policy */")
    file.write_text(source, encoding="utf-8")
    async with browse(file.as_uri(), tmp_path / "profile") as tab:
        assert len(await tab.run(SEEN.format(".panel") + ".map(p => p.id)")) == 6
        assert len(await tab.run(SEEN.format(".mixing") + ".map(p => p.id)")) == 6
        assert len(await tab.run(ROWS)) == 6
        assert await tab.run(SEEN.format(".controls") + ".length") == 0


def choose(panel: str, facet: str, value: str) -> str:
    place = f"document.querySelector('{panel} [data-facet={facet}]')"
    return f"{place}.value = '{value}'; {place}.dispatchEvent(new Event('change'));"
