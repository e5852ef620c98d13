"""A training run's page: what it says of whole, running, damaged and hostile runs, its size, and it in a browser."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from browser import Tab, browse, needs_chromium
from cluster_r1.core.errors import WorkspaceError
from cluster_r1.core.json_lines import append_line, read_lines
from cluster_r1.core.training_runs import Alarm, MetricLine, RunFolder, SampledCompletion
from cluster_r1.reports.training import training_page
from cluster_r1.reports.training_completions import choose_completions
from cluster_r1.reports.training_markdown import trial_lines, trials_markdown
from cluster_r1.reports.training_record import latest_trials, outcome_sentence, read_record
from training_run import RECIPE, TRIALS, add_lines, trial, write_info, write_run

HOSTILE = "<script>alert(1)</script>\"'&{{7*191}}"
ReadHtml = Callable[[str], Any]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return write_run(tmp_path_factory.mktemp("runs") / "tiny-cpu")


def test_the_page_tells_what_there_is(run: RunFolder, read_html: ReadHtml) -> None:
    html = read_html(training_page(run))
    assert "Mean reward on c1 : base 0.00, sft 0.28, grpo 0.44, MiniLM + K-means 0.39." in html.text
    assert "GRPO is done: 40 steps. It was started 2 times" in html.text
    assert "groups without spread , 2 times from step 20 to 30: most groups have equal rewards" in html.text
    assert "0.441 ± 0.021" in html.text
    assert "grpo on c1: 40× an item in no cluster; 9× think or answer tags" in html.text
    assert "prompt longer than 28,000 tokens 3" in html.text
    assert RECIPE.splitlines()[1] in html.text
    assert len(html.ids) == len(set(html.ids))
    assert [svg for svg in html.all("svg") if svg.get("role") == "img" and not svg.get("aria-label")] == []


def test_every_chart_has_its_words_and_its_table(run: RunFolder, read_html: ReadHtml) -> None:
    html = read_html(training_page(run))
    charts = [str(svg["aria-label"]) for svg in html.all("svg") if svg.get("class") == "chart curves"]
    names = [chart.split(" of ")[0] for chart in charts]
    assert names[:4] == ["Reward", "Factors", "Length", "Lost to learning"]
    assert {"KL", "Entropy", "Loss", "Gradient norm", "Learning rate", "Tokens guessed right"} <= set(names)
    invalid = next(chart for chart in charts if chart.startswith("Invalid answers"))
    assert "an item in two clusters: " in invalid
    assert "an item that is not there" not in invalid
    tables = [str(div["aria-label"]) for div in html.all("div") if str(div.get("aria-label")).startswith("Values of")]
    assert len(tables) == len(charts)
    assert "marked steps: 20 (groups without spread), 30 (groups without spread)" in charts[0]


@pytest.mark.parametrize(
    ("outcome", "says"),
    [
        ("running", "GRPO is running, or was killed: step 7 of 40."),
        ("stopped", "GRPO was stopped at step 7 of 40"),
        ("failed", "GRPO failed at step 7 of 40."),
    ],
)
def test_a_stage_that_is_not_done_says_so(tmp_path: Path, read_html: ReadHtml, outcome: str, says: str) -> None:
    run = write_run(tmp_path / "run")
    write_info(run.grpo, "grpo", 40, step=7, outcome=outcome)
    html = read_html(training_page(run))
    assert says in html.text
    assert f"{outcome} GRPO" in html.text


def test_a_folder_with_nothing_has_a_page(tmp_path: Path, read_html: ReadHtml) -> None:
    html = read_html(training_page(RunFolder(tmp_path)))
    assert "Nothing was trained here yet" in html.text
    assert "No model of this run was tried" in html.text
    assert "There is no recipe.yaml" in html.text


def test_one_stage_without_a_line_has_a_page(tmp_path: Path, read_html: ReadHtml) -> None:
    run = RunFolder(tmp_path)
    write_info(run.sft, "sft", 10, step=0, outcome="running")
    html = read_html(training_page(run))
    assert "Nothing was logged yet." in html.text
    assert "GRPO" not in html.text


def test_metrics_without_run_json_are_shown(tmp_path: Path, read_html: ReadHtml) -> None:
    run = write_run(tmp_path / "run")
    run.grpo.info.unlink()
    assert "GRPO has metrics but no run.json" in read_html(training_page(run)).text


def test_values_that_are_not_finite_come_back_and_are_told(tmp_path: Path, read_html: ReadHtml) -> None:
    run = RunFolder(tmp_path)
    write_info(run.grpo, "grpo", 4)
    for step, loss in enumerate((0.5, math.nan, math.inf, 0.4), start=1):
        append_line(run.grpo.metrics, MetricLine(step=step, seconds=step, values={"loss": loss, "reward": math.nan}))
    says = "loss not a finite number: start again"
    append_line(run.grpo.alarms, Alarm(step=2, kind="not_finite", value=math.nan, limit=0, says=says))
    append_line(run.trials, trial("grpo", math.nan, standard_error=math.nan))
    assert math.isnan(next(iter(read_lines(run.grpo.alarms, Alarm))).value)
    html = read_html(training_page(run))
    assert "2 values not finite, left out." in html.text
    assert says in html.text


def test_a_line_cut_by_a_kill_is_left_out_and_a_damaged_one_is_named(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run")
    with run.grpo.metrics.open("a") as file:
        file.write('{"step": 41, "seco')
    training_page(run)
    run.grpo.metrics.write_text("no json\n")
    with pytest.raises(WorkspaceError, match=r"metrics\.jsonl line 1 is no MetricLine"):
        training_page(run)


def test_steps_logged_again_after_a_resume_count_once(tmp_path: Path, read_html: ReadHtml) -> None:
    run = RunFolder(tmp_path)
    write_info(run.grpo, "grpo", 4, starts=2)
    for step, reward in ((1, 0.1), (2, 0.2), (3, 0.9), (3, 0.3), (4, 0.4)):
        append_line(run.grpo.metrics, MetricLine(step=step, seconds=step, values={"reward": reward}))
    (stage,) = read_record(run).stages
    assert [point.value for point in stage.series["reward"]] == [0.1, 0.2, 0.3, 0.4]
    assert "1 step after a checkpoint was done again" in read_html(training_page(run)).text


def test_hostile_words_stay_text(tmp_path: Path, read_html: ReadHtml) -> None:
    run = RunFolder(tmp_path / "run")
    told = {"recipe": HOSTILE, "model": HOSTILE, "data": HOSTILE, "device": HOSTILE, "started": HOSTILE}
    write_info(run.grpo, "grpo", 2, left_out={HOSTILE: 1}, versions={HOSTILE: HOSTILE}, ended=HOSTILE, **told)
    run.recipe.write_text(HOSTILE)
    append_line(run.grpo.metrics, MetricLine(step=1, seconds=1, values={HOSTILE: 1.0, "reward": 0.5}))
    append_line(run.grpo.alarms, Alarm(step=1, kind="kl", value=1, limit=1, says=HOSTILE))
    append_line(run.trials, trial(HOSTILE, 0.5, HOSTILE, errors={HOSTILE: 3}))
    bad = SampledCompletion(step=1, example=HOSTILE, completion=f"{HOSTILE}\x00\x1b[31m", reward=0, error=HOSTILE)
    append_line(run.grpo.completions, bad)
    page = training_page(run)
    html = read_html(page)
    assert len(html.all("script")) == 1
    assert "1337" not in html.text
    assert html.text.count("alert(1)") > 15
    assert "\x00" not in page
    assert "\x1b" not in page


def test_a_megabyte_completion_is_cut_and_says_so(tmp_path: Path, read_html: ReadHtml) -> None:
    run = RunFolder(tmp_path)
    write_info(run.grpo, "grpo", 1)
    text = f"beginning {'x' * 1_000_000} end"
    append_line(run.grpo.completions, SampledCompletion(step=1, example="e", completion=text, reward=0.0, error="tags"))
    page = training_page(run)
    assert len(page) < 100_000
    assert "beginning" in page
    assert "993,514 characters are left out here" in page
    assert " end" in read_html(page).text


def test_five_thousand_steps_make_a_small_page(tmp_path: Path, read_html: ReadHtml) -> None:
    run = write_run(tmp_path / "long", steps=5000)
    page = training_page(run)
    assert len(page) < 600_000
    html = read_html(page)
    assert "of 20,000 completions" in html.text
    assert "step 2,369" in html.text


def test_completions_have_both_ends_the_best_and_the_worst(tmp_path: Path) -> None:
    path = tmp_path / "completions.jsonl"
    lines = [
        SampledCompletion(step=step, example="e", completion="c", reward=0.0 if step % 9 == 0 else step / 1000)
        for step in range(1, 201)
    ]
    lines[49] = lines[49].model_copy(update={"reward": 0.99})
    lines[70] = lines[70].model_copy(update={"reward": 0.0, "error": "duplicate"})
    add_lines(path, lines)
    found = choose_completions(path)
    assert (len(found.steps), found.steps[0], found.steps[-1], found.total) == (20, 1, 200, 200)
    chosen = {item.step: item.facets.split() for item in found.shown}
    assert [step for step, facets in chosen.items() if "best" in facets] == [50, 197, 199, 200]
    assert chosen[71] == ["worst", "invalid"]
    assert [step for step, facets in chosen.items() if "worst" in facets] == [71, 180, 189, 198]


def test_no_completions_are_none(tmp_path: Path) -> None:
    assert choose_completions(tmp_path / "missing.jsonl") == ((), (), 0)


def test_the_last_trial_of_a_model_counts_and_trained_ones_come_first() -> None:
    again = trial("grpo", 0.5)
    found = latest_trials([*TRIALS, again, trial("sft", 0.2, "c0")])
    assert [(t.split, t.model) for t in found] == [
        ("c0", "sft"),
        ("c1", "base"),
        ("c1", "sft"),
        ("c1", "grpo"),
        ("c1", "MiniLM + K-means"),
    ]
    assert found[3] == again


def test_trials_as_markdown_and_as_lines() -> None:
    markdown = trials_markdown([trial("a|b", 0.5), trial("sft", 0.25, samples=1)])
    assert markdown.splitlines()[2].startswith(r"| c1 | a\|b | 0.500 ± 0.021 | 1.000 |")
    assert markdown.splitlines()[3].endswith("| 52 | 128 |")
    lines = trial_lines(TRIALS)
    assert len(lines) == 5
    assert lines[0].split()[:3] == ["split", "model", "reward"]
    assert len({line.index("±") for line in lines[1:]}) == 1
    assert trial_lines([]) == []


def test_an_unknown_end_is_said(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    append_line(run.sft.metrics, MetricLine(step=1, seconds=1, values={"loss": 1.0}))
    assert "how it ended is not known" in outcome_sentence(read_record(run).stages[0])


@pytest.fixture
async def tab(run: RunFolder, tmp_path: Path) -> AsyncIterator[Tab]:
    """The page, open and watched; a complaint or a request fails any test."""
    page = tmp_path / "report.html"
    page.write_text(training_page(run), encoding="utf-8")
    async with browse(page.as_uri(), tmp_path / "profile") as tab:
        await tab.prefer("light")
        yield tab
        assert tab.complaints() == []
        assert tab.requests() == [page.as_uri()]


TABS = ["trials", "grpo", "read-grpo", "sft", "recipe"]
VISIBLE = "[...document.querySelectorAll('[role=tabpanel]')].filter(p => p.checkVisibility()).map(p => p.id)"
READ = "[...document.querySelectorAll('#read-grpo .doc')].filter(d => d.checkVisibility()).map(d => d.dataset.facets)"


@pytest.mark.slow
@needs_chromium
async def test_tabs_by_keyboard_and_themes_in_a_browser(tab: Tab) -> None:
    await tab.run("document.querySelector('[role=tab]').focus()")
    seen = [await tab.run(VISIBLE)]
    for _ in TABS[1:]:
        await tab.press("ArrowRight")
        seen.append(await tab.run(VISIBLE))
    assert seen == [[anchor] for anchor in TABS]
    line = "getComputedStyle(document.querySelector('.line-1')).stroke"
    light = await tab.run(line)
    await tab.prefer("dark")
    assert await tab.run(line) != light


@pytest.mark.slow
@needs_chromium
async def test_completions_are_chosen_by_step_reward_and_words(tab: Tab) -> None:
    await tab.click("#tab-read-grpo")
    last = await tab.run(READ)
    assert len(last) == 4
    assert all("step-40" in facets for facets in last)
    await tab.run("document.querySelector('#read-grpo [data-choose]').focus()")
    await tab.press("Enter")
    assert all("step-1" in facets.split() for facets in await tab.run(READ))
    assert await tab.run("document.activeElement.getAttribute('aria-pressed')") == "true"
    await tab.run("document.querySelector('#read-grpo button[value=worst]').click()")
    worst = await tab.run(READ)
    assert all("worst" in facets for facets in worst)
    await tab.run("document.querySelector('#read-grpo [data-search]').focus()")
    await tab.type("CLUSTER1 total")
    assert 0 < len(await tab.run(READ)) < len(worst)
    await tab.type(" zyzzyva")
    assert await tab.run(READ) == []
    assert await tab.run("document.querySelector('#read-grpo [data-nothing]').checkVisibility()")


@pytest.mark.slow
@needs_chromium
async def test_the_table_of_a_chart_opens_by_keyboard(tab: Tab) -> None:
    await tab.click("#tab-grpo")
    await tab.run("document.querySelector('#grpo .values summary').focus()")
    await tab.press("Enter")
    assert await tab.run("document.querySelector('#grpo .values table').checkVisibility()")
    assert await tab.run("document.querySelector('#grpo .values tbody').rows.length") == 40


@pytest.mark.slow
@needs_chromium
@pytest.mark.parametrize("width", [320, 768, 1280])
async def test_no_width_makes_the_page_scroll_sideways(tab: Tab, width: int) -> None:
    await tab.width(width)
    for place, anchor in enumerate(TABS):
        await tab.run(f"document.querySelectorAll('[role=tab]')[{place}].click()")
        await tab.run("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert await tab.run("document.documentElement.scrollWidth <= innerWidth"), anchor


@pytest.mark.slow
@needs_chromium
async def test_without_javascript_all_completions_are_there(run: RunFolder, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text(training_page(run).replace("<script>", "<script>/* refused by the policy */"), encoding="utf-8")
    async with browse(page.as_uri(), tmp_path / "profile") as tab:
        assert len(await tab.run(READ)) > 60
        assert not await tab.run("document.querySelector('.controls').checkVisibility()")
