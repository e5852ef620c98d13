"""What a clustering run is asked for: where it comes from, and what may not change under a result."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cluster_r1.clustering.plan import Request, added_plan, agent_model, keep_plan, plan_of, planned
from cluster_r1.core.clustering import ResultFolder
from cluster_r1.core.errors import CorpusError, SettingsError
from cluster_r1.core.settings import ModelSettings, Settings, parse_settings
from topic_messages import INSTRUCTION, plan, write_messages

MODEL = ModelSettings(model="m", base_url="http://127.0.0.1:9/v1")


def asked(source: Path, **more: object) -> Settings:
    return planned(Request(str(source), INSTRUCTION, MODEL, **more))  # type: ignore[arg-type]


def test_one_model_serves_every_role_and_chance_stays_where_it_helps(tmp_path: Path) -> None:
    settings = asked(write_messages(tmp_path / "t.jsonl", 3))
    assert {model.model for model in settings.models.by_role().values()} == {"m"}
    assert settings.models.generator.temperature > 0
    assert (agent_model(settings).temperature, agent_model(settings).max_tokens) == (0.0, 4000)


def test_a_projects_models_columns_and_bounds_are_taken(tmp_path: Path) -> None:
    source = tmp_path / "t.jsonl"
    source.write_text(json.dumps({"body": "a text", "key": 1}) + "\n")
    base = parse_settings(
        {
            "corpus": {"source": "elsewhere.jsonl", "text": "body", "id": "key"},
            "models": {"default": {"model": "d", "base_url": "http://x/v1"}, "labeler_a": {"model": "a"}},
            "taxonomy": {"max_clusters": 40, "probe": 7},
            "cluster": {"votes": 3},
            "seed": 5,
        }
    )
    settings = planned(Request(str(source), INSTRUCTION, None, base, cluster={"levels": 2}))
    assert (settings.corpus.text, settings.corpus.id, settings.corpus.source) == ("body", "key", str(source))
    assert (settings.models.labeler_a.model, settings.models.refiner.model, settings.seed) == ("a", "d", 5)
    assert (settings.cluster.votes, settings.cluster.levels) == (3, 2)
    assert (settings.taxonomy.max_clusters, settings.taxonomy.probe) == (40, 7)


@pytest.mark.parametrize(
    ("least", "most", "expected"),
    [(None, None, (2, 12)), (5, 8, (5, 8)), (20, None, (20, 20)), (None, 4, (2, 4)), (1, 3, (2, 3))],
)
def test_the_range_bounds_the_taxonomy(
    tmp_path: Path, least: int | None, most: int | None, expected: tuple[int, int]
) -> None:
    said = {name: value for name, value in (("min_clusters", least), ("max_clusters", most)) if value is not None}
    settings = asked(write_messages(tmp_path / "t.jsonl", 3), cluster=said)
    assert (settings.taxonomy.min_clusters, settings.taxonomy.max_clusters) == expected


def test_texts_without_an_id_are_numbered(tmp_path: Path) -> None:
    plain = tmp_path / "t.csv"
    plain.write_text("text\na\nb\n")
    assert asked(plain).corpus.id is None
    assert asked(write_messages(tmp_path / "t.jsonl", 3)).corpus.id == "id"
    assert asked(plain, id="number").corpus.id == "number"


def test_prompts_cut_texts_alike_on_both_ways(tmp_path: Path) -> None:
    settings = asked(write_messages(tmp_path / "t.jsonl", 3), cluster={"document_tokens": 77})
    assert settings.labeling.document_tokens == settings.cluster.document_tokens == 77


@pytest.mark.parametrize(
    ("cluster", "told"),
    [
        ({"min_clusters": 5, "max_clusters": 3}, "larger than max_clusters"),
        ({"assign": "magic"}, r"cluster\.assign"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_what_cannot_be_is_told(tmp_path: Path, cluster: dict[str, object], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        asked(write_messages(tmp_path / "t.jsonl", 3), cluster=cluster)


def test_a_source_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="nowhere"):
        asked(tmp_path / "nowhere.jsonl")


def test_a_stored_plan_is_the_one_that_was_made_and_holds_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "sk-secret")
    model = MODEL.model_copy(update={"api_key_env": "MY_KEY"})
    folder = ResultFolder(tmp_path / "r")
    settings = planned(Request(str(write_messages(tmp_path / "t.jsonl", 3)), INSTRUCTION, model, cluster={"votes": 2}))
    keep_plan(folder, settings)
    folder.result.write_text("{}")
    assert plan_of(folder) == settings
    assert "sk-secret" not in (folder.folder / "cluster-r1.yaml").read_text()


def test_a_plan_of_nothing_yet_may_still_be_put_right(tmp_path: Path) -> None:
    folder = ResultFolder(tmp_path / "r")
    keep_plan(folder, asked(write_messages(tmp_path / "t.jsonl", 3), id="wrong"))
    keep_plan(folder, asked(tmp_path / "t.jsonl"))
    assert "wrong" not in (folder.folder / "cluster-r1.yaml").read_text()


def test_added_documents_keep_all_but_their_source(tmp_path: Path) -> None:
    settings = plan(write_messages(tmp_path / "t.jsonl", 3), "http://127.0.0.1:9/v1", votes=2)
    more = added_plan(settings, str(tmp_path / "more.jsonl"), text="body")
    assert (more.corpus.source, more.corpus.text, more.corpus.id) == (str(tmp_path / "more.jsonl"), "body", "id")
    assert (more.cluster, more.tasks, more.models) == (settings.cluster, settings.tasks, settings.models)
