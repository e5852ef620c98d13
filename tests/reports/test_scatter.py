"""Scatters: points lie where their values are, numbers never lie on each other, everything is in words, all is text."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import Any

import pytest
from cluster_r1.core.agreement import Interval
from cluster_r1.reports.scatter import LOOKS, Spot, bins_axis, log_axis, scatter, share_axis, spot_list
from hypothesis import example, given
from hypothesis import strategies as st

HOSTILE = "<script>alert(1)</script>\"'&"
ReadHtml = Callable[[str], Any]
SHARES = share_axis("share")
PLACE = re.compile(r'<svg x="([\d.]+)%" y="([\d.]+)">.*?</svg>')
NUMBER = re.compile(r'class="axis number" x="\d+" y="(-?[\d.]+)">(\d+)<')


def spot(x: float | None, y: float | None, label: str = "a", look: int = 1) -> Spot:
    return Spot(label, Interval(x, None, None), Interval(y, None, None), look, f"{x} and {y}")


def numbers(chart: str) -> list[tuple[float, float]]:
    """Percent from the left, pixels from the top of each number."""
    found = []
    for place in PLACE.finditer(chart):
        number = NUMBER.search(place.group())
        assert number is not None
        found.append((float(place.group(1)), float(place.group(2)) + float(number.group(1))))
    return found


def test_points_lie_where_their_values_are(read_html: ReadHtml) -> None:
    chart = scatter("V", [spot(0.0, 1.0), spot(1.0, 0.0), spot(0.5, 0.5)], SHARES, SHARES, tall=200)
    read_html(chart)
    places = [(float(p.group(1)), float(p.group(2))) for p in PLACE.finditer(chart)]
    assert places == [(9.0, 12.0), (95.0, 212.0), (52.0, 112.0)]


def test_whiskers_reach_their_ends(read_html: ReadHtml) -> None:
    one = Spot("a", Interval(0.5, 0.0, 1.0), Interval(0.5, 0.25, 0.75), 3, "wide")
    html = read_html(scatter("V", [one], SHARES, SHARES, tall=200))
    bars = [line for line in html.all("line") if line["class"] == "bar look-3"]
    assert [(bar["x1"], bar["x2"]) for bar in bars] == [("9.00%", "95.00%"), ("52.00%", "52.00%")]
    assert (bars[1]["y1"], bars[1]["y2"]) == ("162.0", "62.0")


def test_what_is_undefined_is_not_drawn_but_listed(read_html: ReadHtml) -> None:
    spots = [spot(None, 0.5, "nothing valid"), spot(0.5, None, "no score"), spot(0.5, 0.5, "both")]
    chart = scatter("V", spots, SHARES, SHARES)
    assert len(numbers(chart)) == 1
    assert NUMBER.search(chart).group(2) == "3"  # type: ignore[union-attr]
    listed = read_html(spot_list(spots)).text
    assert listed.count("not drawn") == 2
    assert "3 both" in listed
    assert "nothing valid: None and 0.5" in str(read_html(chart).all("svg")[0]["aria-label"])


@example([(0.0, 0.0), (0.0, 0.09375), (0.0, 0.03125)])
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=20))
def test_numbers_never_lie_on_each_other(points: list[tuple[float, float]]) -> None:
    chart = scatter("V", [spot(x, y) for x, y in points], SHARES, SHARES, tall=320)
    found = sorted(numbers(chart))
    assert len(found) == len(points)
    close = [
        (a, b)
        for n, a in enumerate(found)
        for b in found[n + 1 :]
        if abs(a[0] - b[0]) < 6.9 and abs(a[1] - b[1]) < 12.7
    ]
    assert close == []


def test_twenty_entries_on_one_place_have_twenty_readable_numbers() -> None:
    found = sorted(y for _, y in numbers(scatter("V", [spot(1.0, 0.5)] * 20, SHARES, SHARES, tall=320)))
    assert all(b - a >= 12.9 for a, b in itertools.pairwise(found))


@given(st.lists(st.floats(1e-3, 1e6), max_size=12))
def test_a_logarithmic_scale_holds_its_values(values: list[float]) -> None:
    axis = log_axis("size", values)
    assert all(0 < axis.share(value) < 1 for value in values)
    assert axis.ticks
    assert all(0 <= axis.share(value) <= 1 for value, _ in axis.ticks)


def test_equal_steps_in_size_are_equally_far_apart() -> None:
    axis = log_axis("size", [0.5, 5, 50])
    assert axis.share(5) - axis.share(0.5) == pytest.approx(axis.share(50) - axis.share(5))


def test_bins_stand_side_by_side_and_are_joined_over_no_gap(read_html: ReadHtml) -> None:
    spots = [spot(0.0, 0.1), spot(1.0, 0.2), spot(2.0, None), spot(3.0, 0.4)]
    chart = scatter("V", spots, bins_axis("K", ["2", "3", "4", "5"]), SHARES, numbered=False, joined=True)
    html = read_html(chart)
    assert len([line for line in html.all("line") if line["class"] == "joined"]) == 1
    assert "number" not in chart
    assert len(PLACE.findall(chart)) == 3


@pytest.mark.parametrize("look", LOOKS)
def test_hostile_labels_stay_text(read_html: ReadHtml, look: int) -> None:
    spots = [spot(0.5, 0.5, HOSTILE, look)]
    for chart in (scatter(HOSTILE, spots, bins_axis(HOSTILE, [HOSTILE]), share_axis(HOSTILE)), spot_list(spots)):
        html = read_html(chart)
        assert html.all("script") == []
        assert HOSTILE in html.text


@pytest.mark.parametrize("axis", [SHARES, bins_axis("bins", []), log_axis("size", [])])
def test_nothing_to_draw_is_drawn_as_nothing(read_html: ReadHtml, axis: Any) -> None:
    chart = scatter("Empty", [], axis, SHARES)
    assert "nan" not in chart
    assert str(read_html(chart).all("svg")[0]["aria-label"]).startswith("Empty. ")
