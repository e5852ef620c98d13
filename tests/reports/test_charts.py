"""Charts: lengths follow the numbers, every value is in words, nothing breaks on nothing, hostile labels stay text."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from cluster_r1.core.agreement import Interval
from cluster_r1.reports.charts import Bar, Estimate, Part, bars, intervals, meter, pairs, shortened, stack
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

HOSTILE = "<script>alert(1)</script>\"'&"
OUTCOMES = [Part("Kept", 104, "kept"), Part("Conflict", 12, "conflict"), Part("None fits", 4, "none")]

ReadHtml = Callable[[str], Any]


def rects(html: Any, look: str) -> list[dict[str, str]]:
    return [rect for rect in html.all("rect") if rect["class"] == look]


def share(length: str | None) -> float:
    return float(str(length).removesuffix("%"))


def test_bars_are_as_long_as_their_values(read_html: ReadHtml) -> None:
    html = read_html(bars("Sizes", [Bar("a", 20, "20"), Bar("b", 5, "5"), Bar("c", None, "undefined")]))
    assert [share(rect["width"]) for rect in rects(html, "kept")] == [100, 25, 0]
    assert "a 20" in html.text
    assert "undefined" in html.text


def test_bars_on_a_given_scale_never_leave_it(read_html: ReadHtml) -> None:
    html = read_html(bars("Shares", [Bar("a", 0.5, "50 %"), Bar("b", 1.5, "150 %")], maximum=1.0))
    assert [share(rect["width"]) for rect in rects(html, "kept")] == [50, 100]


def test_a_stack_fills_the_width_and_tells_counts_and_shares(read_html: ReadHtml) -> None:
    html = read_html(stack("Outcomes", OUTCOMES))
    drawn = [rect for rect in html.all("rect") if "x" in rect]
    ends = [share(rect["x"]) + share(rect["width"]) for rect in drawn]
    assert [share(rect["x"]) for rect in drawn] == pytest.approx([0, *ends[:-1]], abs=0.02)
    assert ends[-1] == pytest.approx(100, abs=0.02)
    assert len(html.all("li")) == 3
    assert "Kept 104 (87\u00a0%)".replace("\u00a0", " ") in html.text


def test_a_thin_stack_has_no_legend_but_still_its_words(read_html: ReadHtml) -> None:
    html = read_html(stack("Outcomes", OUTCOMES, legend=False))
    assert html.all("li") == []
    assert "Conflict: 12" in str(html.all("svg")[0]["aria-label"])


def test_intervals_lie_on_a_scale_of_zero_to_one(read_html: ReadHtml) -> None:
    html = read_html(intervals("Agreement", [Estimate("kappa", Interval(0.8, 0.7, 0.9))]))
    assert [share(circle["cx"]) for circle in html.all("circle")] == [80]
    whisker = next(line for line in html.all("line") if line["class"] == "whisker")
    assert (share(whisker["x1"]), share(whisker["x2"])) == (70, 90)
    assert "0.80 [0.70, 0.90]" in html.text


def test_an_interval_below_zero_widens_the_scale(read_html: ReadHtml) -> None:
    html = read_html(intervals("Agreement", [Estimate("kappa", Interval(0.0, -0.3, 0.2))]))
    assert "\u22120.50" in html.text
    assert all(0 <= share(circle["cx"]) <= 100 for circle in html.all("circle"))


def test_an_undefined_statistic_has_no_point_and_says_why(read_html: ReadHtml) -> None:
    html = read_html(intervals("Agreement", [Estimate("kappa", Interval(None, None, None), "undefined: one label")]))
    assert html.all("circle") == []
    assert "undefined: one label" in html.text


def test_pairs_are_as_high_as_their_shares(read_html: ReadHtml) -> None:
    html = read_html(pairs("Votes", [0.4, 0.1], [0.2, 0.2]))
    observed, expected = ([float(r["height"]) for r in rects(html, look)] for look in ("kept", "open"))
    assert observed[0] == pytest.approx(4 * observed[1], rel=0.02)
    assert expected[0] == expected[1] == pytest.approx(observed[0] / 2, rel=0.02)
    assert "position 1: 40\u00a0% against 20\u00a0% expected" in str(html.all("svg")[0]["aria-label"])


@pytest.mark.parametrize(("positions", "slots"), [(1, 1), (16, 16), (17, 9), (77, 16), (150, 15)])
def test_many_positions_are_summed_over_ranges(read_html: ReadHtml, positions: int, slots: int) -> None:
    html = read_html(pairs("Votes", [1 / positions] * positions, [1 / positions] * positions))
    assert len(rects(html, "kept")) == slots
    assert sum(float(r["height"]) for r in rects(html, "kept")) > 0


@pytest.mark.parametrize(
    "chart",
    [
        bars("t", []),
        bars("t", [Bar("a", 0, "0")]),
        stack("t", []),
        stack("t", [Part("Kept", 0, "kept")]),
        intervals("t", []),
        pairs("t", [], []),
        pairs("t", [0.0, 0.0], [0.0, 0.0]),
        meter(None),
    ],
)
def test_nothing_to_draw_is_drawn_as_nothing(read_html: ReadHtml, chart: Markup) -> None:
    assert "nan" not in str(chart)
    assert len(read_html(chart).all("svg")) >= 1


@pytest.mark.parametrize(
    "chart",
    [
        bars(HOSTILE, [Bar(HOSTILE, 1, HOSTILE)]),
        stack(HOSTILE, [Part(HOSTILE, 1, "kept")]),
        intervals(HOSTILE, [Estimate(HOSTILE, Interval(None, None, None), HOSTILE)]),
        pairs(HOSTILE, [1.0], [1.0]),
    ],
)
def test_hostile_labels_stay_text(read_html: ReadHtml, chart: Markup) -> None:
    html = read_html(chart)
    assert html.all("script") == []
    assert HOSTILE in html.text


@pytest.mark.parametrize(
    "chart", [bars("Title", []), stack("Title", OUTCOMES), intervals("Title", []), pairs("Title", [1], [1])]
)
def test_every_chart_is_an_image_with_a_title_and_a_description(read_html: ReadHtml, chart: Markup) -> None:
    html = read_html(chart)
    svg = html.all("svg")[0]
    assert svg["role"] == "img"
    assert str(svg["aria-label"]).startswith("Title. ")
    assert len(html.all("desc")) == 1


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.lists(st.floats(0, 1), min_size=40, max_size=40))
def test_columns_never_leave_the_plot(observed: list[float], fair: list[float]) -> None:
    total, fair_total = max(sum(observed), 1.0), max(sum(fair), 1.0)
    chart = pairs("Votes", [v / total for v in observed], [v / fair_total for v in fair[: len(observed)]])
    boxes = re.findall(r'<rect class="\w+" x="[\d.]+%" y="(-?[\d.]+)" width="[\d.]+%" height="(-?[\d.]+)"', chart)
    assert boxes
    assert all(float(y) >= 15.9 and float(height) >= 0 for y, height in boxes)


def test_a_long_label_is_shortened() -> None:
    assert shortened("abcdef", 6) == "abcdef"
    assert shortened("abcde fgh", 7) == "abcde…"
