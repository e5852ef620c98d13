"""The levels of a hierarchical run on the page: every document that falls out is drawn and counted."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from cluster_r1.core.hierarchy import CoarseCluster, Hierarchy, InsideTask
from cluster_r1.core.tasks import Parent
from cluster_r1.reports.icicle import Slice, icicle
from cluster_r1.reports.levels import render_levels
from cluster_r1.reports.run import render_run
from cluster_r1.reports.summary import RunSummary

ReadHtml = Callable[[str], Any]
HIERARCHY = Hierarchy(
    task="coarse",
    documents=200,
    outcomes={"kept": 150, "conflict": 30, "none_fits": 10},
    min_documents=40,
    clusters=(
        CoarseCluster(name="Small <b>", documents=10, small=True),
        CoarseCluster(
            name="Poems",
            documents=100,
            tasks=(
                InsideTask(id="form", instruction="By form.", stage="labelled", outcomes={"kept": 70, "conflict": 30}),
                InsideTask(id="mood", instruction="By mood.", stage="waiting"),
            ),
        ),
        CoarseCluster(name="Lookups", documents=40, trouble="no usable answer"),
    ),
    retired={"old": Parent("coarse", "Letters")},
)


def widths(svg: str) -> list[tuple[float, float]]:
    """(start, width) of every slice in percent."""
    return [(float(x), float(w)) for x, w in re.findall(r'class="slice" x="([\d.]+)%" y="\d+" width="([\d.]+)%"', svg)]


def test_each_band_adds_up_to_the_corpus() -> None:
    page = render_levels(HIERARCHY, {})
    by_band: dict[str, float] = {}
    for y, width in re.findall(r'class="slice" x="[\d.]+%" y="(\d+)" width="([\d.]+)%"', page):
        by_band[y] = by_band.get(y, 0.0) + float(width)
    assert [round(by_band[y], 1) for y in sorted(by_band, key=int)] == [100.0, 100.0, 75.0]


def test_what_falls_out_is_said_in_words(read_html: ReadHtml) -> None:
    text = read_html(f"<html><body>{render_levels(HIERARCHY, {'form': 'task-1'})}</body></html>").text
    for said in (
        "10 documents lie in coarse clusters of fewer than 40",
        "waits for a person",
        "too few to be divided",
        "no usable answer",
        "Made no more",
        "old",
    ):
        assert said in text
    page = str(render_levels(HIERARCHY, {"form": "task-1"}))
    assert "Poems, conflict: 30" in page
    assert "Not labelled yet: 10" in page
    assert '<a href="#task-1">form</a>' in page
    assert "<b>" not in page


def test_the_section_comes_first_and_only_where_there_are_levels(desk_run: RunSummary) -> None:
    assert "Where documents fall out" not in render_run(desk_run)
    page = render_run(desk_run.model_copy(update={"hierarchy": HIERARCHY}))
    assert page.index('id="levels') < page.index('id="task-1"')


def test_a_tasks_unlabelled_documents_are_those_of_its_cluster(desk_run: RunSummary) -> None:
    task = desk_run.tasks[0]
    inside = task.model_copy(update={"pool": task.documents + 3, "parent": Parent("coarse", "Poems <i>")})
    page = render_run(desk_run.model_copy(update={"tasks": (inside,)}))
    assert "3 documents of its coarse cluster have no label" in page
    assert "Poems &lt;i&gt;" in page


def test_an_empty_hierarchy_is_drawn_too() -> None:
    empty = Hierarchy(task="coarse", documents=0, outcomes={}, min_documents=40, clusters=())
    assert "0 documents" in render_levels(empty, {})


@pytest.mark.parametrize(("share", "written"), [(0.5, True), (0.02, False)])
def test_a_label_is_written_where_there_is_room(share: float, written: bool) -> None:
    drawn = str(icicle("t", [[Slice("A long name", 5, 0.0, share, "kept", written=True)]]))
    assert ("<text" in drawn) == written
    assert widths(drawn) == [(0.0, 100 * share)]
    assert "A long name: 5" in drawn
