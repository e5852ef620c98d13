"""The page of a clustered corpus: its figures, its sentences, its points, hostile text, and what there is not."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from cluster_r1.core.agreement import Interval
from cluster_r1.core.clustering import ClassifierQuality, ClusteringResult, ClusterSize, Repairs
from cluster_r1.reports import clustering
from cluster_r1.reports.clustering import clustering_page
from cluster_r1.reports.clustering_names import homes
from cluster_r1.reports.clustering_overview import attention, judgement
from cluster_r1.reports.clustering_view import ClusteringView, ShownText
from hostile import bad
from made_clustering import MadeDocuments, assigned, desk_view, drift_view, one_view, result_of, small_view
from page_colours import contrast, palette

FOLDER = Path(clustering.__file__).parent
ReadHtml = Callable[[str], Any]


@pytest.fixture(scope="module")
def desk() -> ClusteringView:
    return desk_view(700)


def result(places: Sequence[str | None], names: Sequence[str], **changes: Any) -> ClusteringResult:
    return result_of(assigned(MadeDocuments([str(n) for n in range(len(places))]), places), names, **changes)


def text(cluster: str | None = "a", **changes: Any) -> ShownText:
    return ShownText("d1", "some text", cluster, "model", None, None, 0.5, 0.5)._replace(**changes)


def test_the_page_is_whole_and_says_the_figures(desk: ClusteringView, read_html: ReadHtml) -> None:
    html = read_html(clustering_page(desk))
    assert len(set(html.ids)) == len(html.ids)
    for cluster in desk.result.clusters:
        assert cluster.name in html.text
        assert cluster.description in html.text
        assert f"{cluster.texts:,}" in html.text
    for told in ("0.88 [0.83, 0.91]", "0.95 [0.91, 0.98]", "2,713", "1,204,512", "$0.28", "duplicate id"):
        assert told in html.text
    assert "Drift" not in html.text


def test_every_shown_text_is_a_point_and_every_listed_one_an_item(desk: ClusteringView, read_html: ReadHtml) -> None:
    html = read_html(clustering_page(desk))
    items = [e.attributes["id"] for e in html.elements if e.tag == "li" and "data-facets" in e.attributes]
    links = [str(a["href"])[1:] for a in html.all("a") if a.get("tabindex") == "-1"]
    assert len(html.all("use")) == len(desk.texts)
    assert sorted(items) == sorted(links)
    assert len(items) == sum(one.listed for one in desk.texts) < len(desk.texts)
    places = {str(use["href"])[1:] for use in html.all("use")}
    assert places <= set(html.ids)
    assert {float(str(use[axis])[:-1]) for use in html.all("use") for axis in ("x", "y")} <= {
        n / 100 for n in range(10_001)
    }


def test_clusters_come_by_size_and_each_looks_different() -> None:
    names = [f"cluster {n}" for n in range(84)]
    found = homes(result([name for n, name in enumerate(names) for _ in range(n + 1)] + [None], names))
    assert [home.texts for home in found[:-1]] == sorted((home.texts for home in found[:-1]), reverse=True)
    assert len({(home.colour, home.shape) for home in found}) == 85
    assert len({home.colour for home in found[:12]}) == 12


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_points_can_be_seen_in_both_themes(theme: int) -> None:
    pairs = re.findall(r"--(mark-\d+): light-dark\((#\w{6}), (#\w{6})\)", (FOLDER / "clustering.css").read_text())
    grounds = palette(theme)
    faint = {
        name: contrast(colours[theme], grounds[ground])
        for name, *colours in pairs
        for ground in ("surface", "raised")
        if contrast(colours[theme], grounds[ground]) < 3
    }
    assert len(pairs) == 12
    assert faint == {}


def test_own_style_and_script_fetch_nothing() -> None:
    for name in ("clustering.css", "clustering.js"):
        assert not re.search(r"https?:|url\(|@import|fetch\(|XMLHttpRequest|innerHTML|</", (FOLDER / name).read_text())


@pytest.mark.parametrize(
    ("places", "names", "told"),
    [
        ([], [], "There was no text to cluster."),
        (["a", "a"], ["a"], "All 2 texts are in one cluster."),
        (["a", None], ["a"], "1 of 2 texts are in 1 cluster; 1 fit none."),
        (
            ["a", "b", "b"],
            ["a", "b"],
            "All 3 texts are in 2 clusters, each in exactly one. The largest, b, has 67\u00a0%",
        ),
        ([None, None], ["a", "b"], "None of 2 texts is in a cluster."),
    ],
)
def test_the_outcome_in_a_sentence(places: list[str | None], names: list[str], told: str) -> None:
    assert judgement(result(places, names)).startswith(told)


def test_nothing_asks_for_a_look_where_all_is_well() -> None:
    assert attention(result(["a", "b"] * 5, ["a", "b"])) == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"unanswered": 3}, "3 texts have no answer"),
        ({"none_fits": 2}, "20\u00a0% of the texts fit no cluster"),
        ({"cut": 5}, "50\u00a0% of the texts were judged by their beginning"),
        ({"trouble": ("The endpoint <died>.",)}, "The endpoint <died>."),
        ({"repairs": Repairs(valid=False, similar=2)}, "2 texts got no answer and went with"),
        ({"clusters": (ClusterSize(name="x", texts=10), ClusterSize(name="y", texts=0))}, "1 cluster took no text: y."),
        (
            {"clusters": tuple(ClusterSize(name=n, texts=s) for n, s in (("x", 8), ("y", 1), ("z", 1)))},
            "x holds 80\u00a0% of the texts",
        ),
    ],
)
def test_what_asks_for_a_look_is_told(changes: dict[str, Any], told: str) -> None:
    found = attention(result(["a", "b"] * 5, ["a", "b"], **changes))
    assert [sentence for sentence in found if sentence.startswith(told)], found


@pytest.mark.parametrize(
    ("assign", "accuracy", "sure", "told"),
    [("embed", 0.7, 0.95, 1), ("hybrid", 0.7, 0.95, 0), ("hybrid", 0.95, 0.8, 1)],
)
def test_a_classifier_is_judged_by_what_it_decides(assign: str, accuracy: float, sure: float, told: int) -> None:
    quality = classifier(accuracy=Interval(accuracy, 0.6, 0.99), sure_accuracy=Interval(sure, 0.7, 0.99))
    assert len(attention(result(["a", "b"], ["a", "b"], assign=assign, classifier=quality))) == told


def test_a_classifier_that_is_never_sure_is_said_to_be(read_html: ReadHtml) -> None:
    never = classifier(threshold=1.01, sure_share=0.0, sure_accuracy=Interval(None, None, None))
    html = read_html(clustering_page(ClusteringView(result(["a"], ["a"], classifier=never), (), "words")))
    assert "never sure" in html.text


def test_repairs_of_one_generation_are_counted(read_html: ReadHtml) -> None:
    html = read_html(clustering_page(small_view()))
    assert "The generation was no partition" in html.text
    assert "In no cluster 2 In several clusters 1 Questions asked after it 2" in html.text
    valid = small_view()._replace(result=small_view().result.model_copy(update={"repairs": Repairs(valid=True)}))
    assert "nothing was repaired" in read_html(clustering_page(valid)).text


def test_drift_is_told_newest_first_with_its_verdict_on_top(read_html: ReadHtml) -> None:
    html = read_html(clustering_page(drift_view(200)))
    assert "Newest batch, 2026-11 <new shop>: 24 %" in html.text
    assert "24\u00a0% [19\u00a0%, 30\u00a0%]".replace("\u00a0", " ") in html.text.replace("\u00a0", " ")
    assert html.text.index("no longer covers") < html.text.index("p = 0.210")
    assert "1,600 texts came later in 2 batches" in html.text


def test_groups_and_one_cluster(read_html: ReadHtml) -> None:
    sizes = (ClusterSize(name="x", texts=3, group="north"), ClusterSize(name="y", texts=2, group="south"))
    html = read_html(clustering_page(ClusteringView(result(["x"] * 3 + ["y"] * 2, ["x"], clusters=sizes), (), "words")))
    assert "Second level" in html.text
    assert "north" in html.text
    assert "Second level" not in read_html(clustering_page(one_view())).text


def test_a_page_without_any_text_is_a_page(read_html: ReadHtml) -> None:
    html = read_html(clustering_page(ClusteringView(result([], [], source="", model=""), (), "words")))
    for told in ("There was no text to cluster", "There is no text to draw", "There is no text to read", "no model"):
        assert told in html.text


def test_hostile_text_is_text_wherever_it_comes_from(read_html: ReadHtml) -> None:
    names = [bad("first"), bad("second")]
    sizes = tuple(ClusterSize(name=name, description=bad("told"), group=bad("group"), texts=1) for name in names)
    base = drift_view(200).result
    drift = base.batches[1].drift.model_copy(update={"says": bad("says")})
    found = result(
        [names[0], names[1], None],
        names,
        clusters=sizes,
        instruction=bad("instruction"),
        source=bad("source"),
        model=bad("model"),
        trouble=(bad("trouble"),),
        skipped={bad("reason"): 1},
        repairs=Repairs(valid=False, detail=bad("detail")),
        classifier=classifier(embedder=bad("embedder")),
        batches=(base.batches[1].model_copy(update={"name": bad("batch"), "source": bad("from"), "drift": drift}),),
    )
    texts = (
        text(names[0], text=bad("text"), document_id=bad("id"), second=bad("nearly"), role="borderline"),
        text(None),
    )
    source = clustering_page(ClusteringView(found, texts, bad("made"), bad("borderline")))
    html = read_html(source)
    assert not [e.tag for e in html.elements if e.tag.startswith("xss")]
    assert not [name for e in html.elements for name in e.attributes if name.startswith("on")]
    assert len(html.all("script")) == len(html.all("style")) == 1
    places = "first second told group says instruction source model trouble reason detail embedder batch from text id"
    missing = [at for at in [*places.split(), "nearly", "made", "borderline"] if f"<xss-{at} " not in html.text]
    assert missing == []


def test_the_same_view_gives_the_same_bytes(desk: ClusteringView) -> None:
    assert clustering_page(desk, "2026-01-02T03:04:05+00:00") == clustering_page(desk, "2026-01-02T03:04:05+00:00")
    assert "2 January 2026, 03:04 UTC" in clustering_page(desk, "2026-01-02T03:04:05+00:00")


def classifier(**changes: Any) -> ClassifierQuality:
    told: dict[str, Any] = {
        "embedder": "hashed",
        "labelled": 100,
        "held_back": 25,
        "accuracy": Interval(0.9, 0.8, 0.95),
        "sure_accuracy": Interval(0.95, 0.9, 0.99),
        "sure_share": 0.8,
        "threshold": 0.7,
        "target": 0.9,
        "clusters": 2,
    }
    return ClassifierQuality(**told | changes)
