"""The heat map: what is counted is drawn, big ones stay drawable, and the words tell where the labelers differ."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from cluster_r1.reports.heatmap import heat_map

ReadHtml = Callable[[str], Any]


def diagonal(labels: int, votes: int = 9) -> list[list[int]]:
    return [[votes if row == column else 0 for column in range(labels)] for row in range(labels)]


def cells(html: Any, hue: str) -> list[dict[str, str]]:
    return [rect for rect in html.all("rect") if rect["class"].startswith(hue)]


def test_agreement_and_difference_have_their_own_colours_and_counts(read_html: ReadHtml) -> None:
    html = read_html(heat_map("Votes", ["Roads", "Water", "none fits"], [[97, 3, 0], [0, 4, 6], [0, 0, 0]]))
    assert [cell["class"] for cell in cells(html, "agree")] == ["agree-5", "agree-4"]
    assert [cell["class"] for cell in cells(html, "differ")] == ["differ-1", "differ-4"]
    assert "97" in html.text
    assert "A: Roads · B: Water: 3" in html.text


def test_the_words_tell_the_diagonal_and_the_largest_disagreements(read_html: ReadHtml) -> None:
    html = read_html(heat_map("Votes", ["Roads", "Water"], [[1000, 3], [5, 4]]))
    told = str(html.all("svg")[0]["aria-label"])
    assert "1,004 of 1,012" in told
    assert told.index("A Water, B Roads: 5") < told.index("A Roads, B Water: 3")


def test_full_agreement_is_said(read_html: ReadHtml) -> None:
    assert "No disagreement" in read_html(heat_map("Votes", ["a", "b"], diagonal(2))).text


def test_no_votes_draw_no_cell(read_html: ReadHtml) -> None:
    html = read_html(heat_map("Votes", ["a", "b"], diagonal(2, votes=0)))
    assert cells(html, "agree") == []
    assert "0 of 0" in html.text


@pytest.mark.parametrize(
    ("labels", "counts", "names"),
    [(3, True, True), (12, True, True), (31, True, True), (78, False, True), (151, False, False)],
)
def test_bigger_maps_drop_counts_then_names(read_html: ReadHtml, labels: int, counts: bool, names: bool) -> None:
    html = read_html(heat_map("Votes", [f"Label {n:03d}" for n in range(labels)], diagonal(labels, votes=777)))
    texts = html.all("text")
    assert len(cells(html, "agree")) == labels
    assert sum("on-agree" in str(text["class"]) for text in texts) == (labels if counts else 0)
    assert sum(text["class"] == "label end" for text in texts) == (labels if names else 1 + labels // 10)


@pytest.mark.parametrize("labels", [3, 12, 31, 78, 151, 501])
def test_a_map_fits_a_page_or_scrolls_a_little(read_html: ReadHtml, labels: int) -> None:
    svg = read_html(heat_map("Votes", ["A label of some length, cut" for _ in range(labels)], diagonal(labels))).all(
        "svg"
    )[0]
    assert float(svg["width"]) <= (1010 if labels < 200 else 1600)


def test_empty_cells_cost_nothing(read_html: ReadHtml) -> None:
    html = read_html(heat_map("Votes", [str(n) for n in range(151)], diagonal(151)))
    assert len(html.all("rect")) == 151 + 1


@pytest.mark.parametrize(
    ("votes", "text"),
    [(999, "999"), (1234, "1.2k"), (34_499, "34k"), (999_499, "999k"), (999_500, "1.0M"), (5_600_000, "5.6M")],
)
def test_counts_fit_their_cell(read_html: ReadHtml, votes: int, text: str) -> None:
    assert f" {text} " in f" {read_html(heat_map('Votes', ['a'], [[votes]])).text} "


def test_hostile_labels_stay_text(read_html: ReadHtml) -> None:
    hostile = "<script>x</script>\"'&"
    html = read_html(heat_map(hostile, [hostile, "b"], [[1, 2], [3, 4]]))
    assert html.all("script") == []
    assert hostile in html.text
