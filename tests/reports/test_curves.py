"""Line charts: heights follow values, gaps stay gaps, extremes survive thinning, everything is in words as well."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable
from typing import Any

import pytest
from cluster_r1.reports.curves import Line, Mark, curve_rows, curves
from cluster_r1.reports.series import Point
from hypothesis import given
from hypothesis import strategies as st

HOSTILE = "<script>alert(1)</script>\"'&"
ReadHtml = Callable[[str], Any]


def line(*values: float, label: str = "reward") -> Line:
    return Line(label, [Point(step, value) for step, value in enumerate(values, start=1)])


def paths(html: Any, look: str) -> list[list[tuple[int, int]]]:
    """Places of each path of a look, in thousandths from the top left."""
    found = [str(path["d"]) for path in html.all("path") if str(path["class"]).startswith(look)]
    return [[(int(x), int(y)) for x, y in re.findall(r"(-?\d+) (-?\d+)", d)] for d in found]


def ticks(html: Any) -> list[str]:
    return [word for word in html.words if re.fullmatch(r"[\u2212\d.,e]+", word)]


def test_a_line_rises_with_its_values(read_html: ReadHtml) -> None:
    html = read_html(curves("Reward", [line(0, 0.5, 1)], top=1.0))
    assert paths(html, "line") == [[(0, 1000), (500, 500), (1000, 0)]]
    assert ticks(html) == ["0.00", "0.25", "0.50", "0.75", "1.00", "1", "2", "3"]


def test_a_scale_fits_the_values_with_round_numbers(read_html: ReadHtml) -> None:
    assert ticks(read_html(curves("Loss", [line(3.86, 0.22)])))[:5] == ["0", "1", "2", "3", "4"]
    assert ticks(read_html(curves("Length", [line(1490, 1512)])))[0] == "1,490"
    assert ticks(read_html(curves("Rate", [line(2e-6, 1e-6)])))[0] == "1e\u22126"
    assert ticks(read_html(curves("Rate", [line(1e-6, 1e-6)])))[0] == "0"
    fine = ticks(read_html(curves("Entropy", [line(5.7901, 5.7903)])))
    assert len(set(fine)) == len(fine)
    below = read_html(curves("Loss", [line(-0.01, 0.02)]))
    assert "\u22120.01" in ticks(below)


def test_few_points_are_joined_and_many_are_smoothed(read_html: ReadHtml) -> None:
    assert paths(read_html(curves("t", [line(*range(9))])), "pale") == []
    noisy = read_html(curves("t", [line(*[n % 2 for n in range(40)])]))
    assert {y for _, y in paths(noisy, "pale")[0]} == {0, 1000}
    assert all(300 < y < 700 for _, y in paths(noisy, "line")[0])
    assert paths(read_html(curves("t", [line(*range(40))], smooth=False)), "pale") == []


def test_a_value_that_is_not_finite_is_a_gap(read_html: ReadHtml) -> None:
    html = read_html(curves("t", [line(1, 2, math.nan, 4, 5, math.inf, 7)]))
    assert [len(path) for path in paths(html, "line")] == [2, 2, 1]
    assert len(html.all("circle")) == 1
    assert "2 not finite" in str(html.all("svg")[0]["aria-label"])
    assert "nan" not in str(html.elements).lower()


def test_a_single_peak_among_thousands_is_seen_and_the_chart_stays_small(read_html: ReadHtml) -> None:
    rng = random.Random(0)
    values = [rng.random() / 10 for _ in range(5000)]
    values[3210] = 1.0
    chart = curves("t", [line(*values)], top=1.0)
    assert len(chart) < 20_000
    assert min(y for _, y in paths(read_html(chart), "pale")[0]) == 0


def test_a_band_lies_about_the_first_line_and_not_below_nothing(read_html: ReadHtml) -> None:
    band = [Point(step, 0.25) for step in range(1, 6)]
    html = read_html(curves("t", [line(0.5, 0.5, 0.5, 0.5, 0.1)], band=band, top=1.0))
    (shape,) = paths(html, "band")
    assert shape[0] == (0, 750)
    assert shape[-1] == (0, 250)
    assert max(y for _, y in shape) == 1000


def test_lines_differ_by_more_than_their_hue(read_html: ReadHtml) -> None:
    html = read_html(curves("t", [line(1, 2, label=name) for name in "abcde"]))
    assert [str(path["class"]) for path in html.all("path")] == [f"line line-{n}" for n in range(1, 5)]
    assert len(html.all("li")) == 4


def test_marks_stand_at_their_steps_and_are_told(read_html: ReadHtml) -> None:
    html = read_html(curves("t", [line(*range(9))], marks=[Mark(5, "few valid answers")]))
    circle = html.all("circle")[0]
    assert float(str(circle["cx"]).removesuffix("%")) == pytest.approx(12 + 88 / 2, abs=0.1)
    assert "marked steps: 5 (few valid answers)" in str(html.all("svg")[0]["aria-label"])


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [line()],
        [line(math.nan)],
        [line(5)],
        [line(0, 0)],
        [line(1e99, -1e99)],
        [line(1e-300, 2e-300)],
        [line(1e6, 1e6 + 1e-10)],
        [line(7.0, 7.0)],
    ],
)
def test_nothing_to_draw_breaks_nothing(read_html: ReadHtml, lines: list[Line]) -> None:
    chart = curves("t", lines)
    assert read_html(chart).all("svg")
    assert not re.search(r'"[^"]*\b(nan|inf)\b', str(chart))


@given(st.lists(st.floats(), max_size=60), st.sampled_from([None, 1.0]))
def test_no_line_leaves_its_chart(values: list[float], top: float | None) -> None:
    chart = str(curves("t", [line(*values)], top=top))
    for path in re.findall(r' d="([^"]*)"', chart):
        assert all(0 <= int(number) <= 1000 for number in re.findall(r"-?\d+", path))


def test_hostile_labels_stay_text(read_html: ReadHtml) -> None:
    lines = [line(1, 2, label=HOSTILE), line(1, 2, label=HOSTILE)]
    html = read_html(curves(HOSTILE, lines, marks=[Mark(1, HOSTILE)]))
    assert html.all("script") == []
    assert html.text.count(HOSTILE) >= 4


def test_a_table_has_every_step_of_a_short_series_and_ranges_of_a_long_one() -> None:
    assert curve_rows([line(1, 2), line(5, label="other")]) == [("1", ["1", "5"]), ("2", ["2", "–"])]
    rows = curve_rows([line(*range(1000))])
    assert len(rows) == 40
    assert rows[0] == ("1–25", ["12 (0 to 24)"])
    assert curve_rows([]) == []
