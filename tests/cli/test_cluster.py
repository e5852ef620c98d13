"""`cluster-r1 cluster` as a newcomer uses it, wrong input included."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cluster_r1.cli.app import app
from cluster_r1.clustering.outputs import read_assignments
from cluster_r1.core.errors import ClusterR1Error, CorpusError, SettingsError, WorkspaceError
from cluster_r1.llm.testing.process import RunningEndpoint
from topic_messages import INSTRUCTION, write_clusters, write_messages
from typer.testing import CliRunner


def says(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, ["cluster", *map(str, arguments)])
    if isinstance(result.exception, ClusterR1Error):
        raise result.exception
    assert result.exception is None, result.output
    return result.output


def model(endpoint: RunningEndpoint) -> list[str]:
    return ["--model", "m", "--base-url", endpoint.base_url]


def test_a_result_and_documents_added_to_it(tmp_path: Path, endpoint: RunningEndpoint) -> None:
    texts, out = write_messages(tmp_path / "texts.jsonl", 90), tmp_path / "result"
    said = says(texts, "--instruction", INSTRUCTION, "--clusters", "3..6", "--out", out, *model(endpoint))
    assert re.search(r"90 texts in [3-6] clusters", said)
    assert {path.name for path in out.iterdir()} >= {"assignments.parquet", "taxonomy.yaml", "report.html"}
    more = write_messages(tmp_path / "more.jsonl", 70, first=500)
    assert "70 texts added" in says(more, "--into", out)
    assert "70 texts added" in says(more, "--into", out)


def test_parts_of_a_prepared_result(tmp_path: Path, endpoint: RunningEndpoint) -> None:
    texts, out = write_messages(tmp_path / "texts.jsonl", 90), tmp_path / "result"
    given = write_clusters(tmp_path / "c.yaml")
    before = endpoint.stats().calls
    asked = [texts, "--instruction", INSTRUCTION, "--taxonomy", given, "--out", out, *model(endpoint)]
    with pytest.raises(WorkspaceError, match="--prepare"):
        says(*asked, "--shard", "1/3")
    assert "--shard I/N" in says(*asked, "--prepare")
    assert not (out / "assignments.parquet").exists()
    for part in ("1/3", "2/3", "3/3"):
        assert f"part {part[0]} of 3" in says(*asked, "--shard", part)
    calls = endpoint.stats().calls
    assert calls - before == 90
    assert "90 texts in 5 clusters" in says(*asked)
    assert endpoint.stats().calls == calls
    assert len(list(read_assignments(out / "assignments.parquet"))) == 90


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (["--clusters", "many"], "--clusters takes"),
        (["--clusters", "9..3"], "--clusters takes"),
        (["--clusters", "0"], "--clusters takes"),
        (["--shard", "4/3"], "--shard takes"),
        (["--embedder", "magic", "--assign", "embed"], "magic"),
        (["--taxonomy", "nowhere.yaml"], "nowhere.yaml"),
    ],
)
def test_wrong_options_are_told(tmp_path: Path, wrong: list[str], told: str) -> None:
    texts = write_messages(tmp_path / "texts.jsonl", 80)
    with pytest.raises(ClusterR1Error, match=told):
        says(
            *(texts, "--instruction", INSTRUCTION, "--out", tmp_path / "r", "--model", "m"),
            *("--base-url", "http://127.0.0.1:9/v1", *wrong),
        )


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    texts = write_messages(tmp_path / "texts.jsonl", 5)
    reach = ["--model", "m", "--base-url", "http://127.0.0.1:9/v1", "--out", tmp_path / "r"]
    with pytest.raises(SettingsError, match="no instruction"):
        says(texts, *reach)
    with pytest.raises(SettingsError, match="no model is named"):
        says(texts, "--instruction", INSTRUCTION, "--out", tmp_path / "r")
    with pytest.raises(CorpusError, match="nowhere"):
        says(tmp_path / "nowhere.jsonl", "--instruction", INSTRUCTION, *reach)
    with pytest.raises(SettingsError, match="name it with --model"):
        says(texts, "--instruction", INSTRUCTION, "--base-url", "http://127.0.0.1:9/v1")
    with pytest.raises(SettingsError, match="there is no result"):
        says(texts, "--into", tmp_path / "nowhere")
    with pytest.raises(SettingsError, match="--instruction cannot be given with --into"):
        says(texts, "--into", tmp_path, "--instruction", INSTRUCTION)
