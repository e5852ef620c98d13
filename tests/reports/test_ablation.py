"""An ablation's page: every recipe and split, the paper beside it, what is not tried, hostile names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from browser import browse, needs_chromium
from cluster_r1.reports.ablation import Arm, ablation_page
from training_run import trial

ReadHtml = Callable[[str], Any]
PAPER = {"c0": 0.7226, "c1": 0.7196, "c2": 0.5715}
ARMS = (
    Arm("sft-answer", "SFT on answers alone.", (trial("sft", 0.42, "c1"), trial("sft", 0.05, "c2")), {"c1": 0.527}),
    Arm("distilled-rl", "Distilled reasoning, then RL.", (trial("grpo", 0.66, "c1"), trial("grpo", 0.51, "c2")), PAPER),
    Arm("rl", "RL from the base model.", ()),
)


def test_every_recipe_and_split_stands_beside_the_paper(read_html: ReadHtml) -> None:
    html = read_html(ablation_page("ablation", ARMS))
    assert "3 recipes, each with one switch set differently, all else the same; 2 are trained and tried." in html.text
    assert "0.660 ± 0.021" in html.text
    assert "paper 0.723" in html.text
    assert "Not tried yet." in html.text
    charts = [str(svg["aria-label"]) for svg in html.all("svg")]
    assert [chart.partition(".")[0] for chart in charts] == ["Mean reward on c1", "Mean reward on c2"]
    assert "distilled-rl: 0.66 [0.62, 0.70]" in charts[0]


def test_without_the_papers_values_nothing_is_said_of_it(read_html: ReadHtml) -> None:
    text = read_html(ablation_page("ablation", [arm._replace(paper={}) for arm in ARMS])).text
    assert "aper" not in text


def test_no_recipe_and_hostile_names_have_a_page(read_html: ReadHtml) -> None:
    assert "No recipe is compared." in read_html(ablation_page("ablation", [])).text
    bad = "<script>alert(1)</script>"
    html = read_html(ablation_page(bad, [Arm(bad, bad, (trial(bad, 0.5, bad),), {bad: 0.1})]))
    assert len(html.all("script")) == 1
    assert html.text.count(bad) > 5


@pytest.mark.slow
@needs_chromium
@pytest.mark.parametrize("width", [320, 1280])
async def test_the_page_in_a_browser(tmp_path: Path, width: int) -> None:
    page = tmp_path / "ablation.html"
    page.write_text(ablation_page("ablation", ARMS), encoding="utf-8")
    async with browse(page.as_uri(), tmp_path / "profile") as tab:
        await tab.width(width)
        assert await tab.run("document.documentElement.scrollWidth <= innerWidth")
        await tab.run("document.querySelectorAll('th.num .sort')[2].click()")
        assert await tab.run("document.querySelector('tbody th').dataset.value") == "distilled-rl"
        assert tab.complaints() == []
        assert tab.requests() == [page.as_uri()]
