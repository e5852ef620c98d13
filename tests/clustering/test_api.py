"""`cluster_r1.cluster`: labels in the texts' order, results that are kept, and words for what is typed wrong."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import cluster_r1
import pytest
from cluster_r1.core.errors import CorpusError, SettingsError
from cluster_r1.core.settings import ModelSettings
from cluster_r1.llm.testing.process import RunningEndpoint

TOPICS = ("cards", "loans", "fees")


@pytest.fixture
def model(endpoint: RunningEndpoint) -> dict[str, Any]:
    return {"model": "stand-in", "base_url": endpoint.base_url}


def texts(count: int) -> list[str]:
    return [f"Text {n} is about {TOPICS[n % 3]}." for n in range(count)]


def test_texts_get_labels_in_their_order(model: dict[str, Any]) -> None:
    found = cluster_r1.cluster(texts(9), "Cluster by topic.", **model)
    assert found.labels == [0, 1, 2] * 3
    assert [one.document_id for one in found.assignments] == [str(n) for n in range(9)]
    assert [row.cluster for row in found.assignments] == [found.clusters[label].name for label in found.labels]
    assert found.result.documents == 9
    assert found.folder is None


def test_more_texts_than_a_prompt_holds_go_by_a_taxonomy(model: dict[str, Any]) -> None:
    found = cluster_r1.cluster(iter(texts(40)), "Cluster by topic.", prompt_texts=10, clusters=(2, 8), **model)
    assert found.result.way == "taxonomy"
    assert len(found.labels) == 40
    assert set(found.labels) <= set(range(-1, len(found.clusters)))


def test_blank_texts_keep_their_place_and_fit_nowhere(model: dict[str, Any]) -> None:
    found = cluster_r1.cluster(["Text about cards.", "  ", "Text about loans.", ""], "Cluster by topic.", **model)
    assert [label == -1 for label in found.labels] == [False, True, False, True]
    assert [row.document_id for row in found.assignments] == ["0", "2"]
    assert found.result.skipped == {"empty": 2}


def test_one_text_and_equal_texts_are_one_cluster(model: dict[str, Any]) -> None:
    assert cluster_r1.cluster(["A text."], "Cluster by topic.", **model).labels == [0]
    assert cluster_r1.cluster(["A text."] * 3, "Cluster by topic.", **model).labels == [0, 0, 0]


def test_a_result_that_is_kept_costs_nothing_the_second_time(
    endpoint: RunningEndpoint, model: dict[str, Any], tmp_path: Path
) -> None:
    first = cluster_r1.cluster(texts(9), "Cluster by topic.", out=tmp_path / "result", **model)
    paid = endpoint.stats().calls
    second = cluster_r1.cluster(texts(9), "Cluster by topic.", out=str(tmp_path / "result"), **model)
    assert endpoint.stats().calls == paid
    assert second.labels == first.labels
    assert second.folder == tmp_path / "result"
    assert (tmp_path / "result" / "report.html").exists()


def test_a_folder_with_other_texts_or_another_instruction_is_refused(model: dict[str, Any], tmp_path: Path) -> None:
    cluster_r1.cluster(texts(6), "Cluster by topic.", out=tmp_path, **model)
    with pytest.raises(SettingsError, match="result of other texts"):
        cluster_r1.cluster(texts(7), "Cluster by topic.", out=tmp_path, **model)
    with pytest.raises(SettingsError, match="instruction"):
        cluster_r1.cluster(texts(6), "Cluster by tone.", out=tmp_path, **model)
    assert cluster_r1.cluster(texts(6), "Cluster by topic.", out=tmp_path, **model).labels == [0, 1, 2] * 2


async def test_it_runs_beside_a_running_loop_as_in_a_notebook(model: dict[str, Any]) -> None:
    async def ticking() -> None:
        await asyncio.sleep(0)

    assert cluster_r1.cluster(texts(6), "Cluster by topic.", **model).labels == [0, 1, 2] * 2
    await ticking()


def test_model_settings_say_all_about_the_model(endpoint: RunningEndpoint) -> None:
    settings = ModelSettings(model="stand-in", base_url=endpoint.base_url, concurrency=2, context_tokens=4096)
    assert cluster_r1.cluster(texts(6), "Cluster by topic.", model=settings).labels == [0, 1, 2] * 2


def test_progress_tells_the_stages(model: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    cluster_r1.cluster(texts(6), "Cluster by topic.", progress=True, **model)
    said = capsys.readouterr()
    assert "corpus" in said.err
    assert said.out == ""


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("one string", "texts is one string"),
        (b"bytes", "texts is one string"),
        ([], "texts is empty"),
        (["a", 3.5], r"texts\[1\] is 3.5, of type float"),
        ([None], r"texts\[0\] is None"),
        (["a", "\ud800"], r"texts\[1\] is no valid Unicode"),
        (["", " "], "none of the 2 rows"),
    ],
)
def test_what_is_no_list_of_texts_is_named(given: Any, message: str, model: dict[str, Any]) -> None:
    with pytest.raises(CorpusError, match=message):
        cluster_r1.cluster(given, "Cluster by topic.", **model)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"instruction": "  "}, "there is no instruction"),
        ({"model": None}, "no model is named"),
        ({"base_url": None}, "'stand-in' is no model"),
        ({"clusters": (5, 3)}, "min_clusters 5 is larger"),
        ({"clusters": (1, 2, 3)}, r"clusters must be a number or \(least, most\)"),
        ({"assign": "magic"}, "assign"),
        ({"prompt_text": 3}, "prompt_text"),
        ({"model": ModelSettings(model="m", base_url="http://h/v1")}, "belong in there"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], message: str, model: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=message):
        cluster_r1.cluster(texts(3), **{"instruction": "Cluster by topic.", **model, **options})
