"""Other documents into a result: nothing is done twice, and drift is seen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cluster_r1.clustering.adding import Added, add_documents
from cluster_r1.clustering.corpus import cluster_corpus
from cluster_r1.clustering.outputs import read_assignments, read_result
from cluster_r1.core.clustering import ResultFolder
from cluster_r1.core.errors import CorpusError, SettingsError
from cluster_r1.graphs.progress import Silent
from cluster_r1.llm.testing.endpoint import FaultEndpoint
from topic_messages import TOPICS, plan, write_clusters, write_messages


async def made(tmp_path: Path, endpoint: FaultEndpoint, count: int = 200) -> ResultFolder:
    source = write_messages(tmp_path / "texts.jsonl", count)
    folder = ResultFolder(tmp_path / "result")
    settings = plan(source, endpoint.base_url, taxonomy=write_clusters(tmp_path / "c.yaml"), shard=64)
    await cluster_corpus(folder, settings, Silent(), page=False)
    return folder


async def added(folder: ResultFolder, source: Path) -> Added:
    return await add_documents(folder, str(source), Silent())


async def test_new_documents_go_to_the_clusters_there_are(tmp_path: Path) -> None:
    async with FaultEndpoint() as endpoint:
        folder = await made(tmp_path, endpoint)
        before, bytes_before = endpoint.stats().calls, folder.assignments.read_bytes()
        more = write_messages(tmp_path / "more.jsonl", 150, first=1000)
        first = await added(folder, more)
        assert endpoint.stats().calls == before + 150
        again = await added(folder, more)
        assert endpoint.stats().calls == before + 150
    assert folder.assignments.read_bytes() == bytes_before
    rows = list(read_assignments(first.folder.assignments))
    texts = [json.loads(line)["text"] for line in more.read_text().splitlines()]
    assert [row.cluster for row in rows] == [text.split()[1].rstrip(":") for text in texts]
    assert (first.batch.documents, first.known, first.batch.drift.verdict) == (150, 0, "covers")
    assert again.batch == first.batch
    assert read_result(folder).batches == (first.batch,)
    assert "more" in folder.report.read_text()


async def test_documents_that_are_there_already_are_passed_over(tmp_path: Path) -> None:
    async with FaultEndpoint() as endpoint:
        folder = await made(tmp_path, endpoint)
        before = endpoint.stats().calls
        longer = write_messages(tmp_path / "longer.jsonl", 200)
        with pytest.raises(CorpusError, match=r"in .*result already"):
            await added(folder, longer)
        tail = write_messages(tmp_path / "tail.jsonl", 40, first=5000).read_text()
        longer.write_text(longer.read_text() + tail)
        found = await added(folder, longer)
        assert endpoint.stats().calls == before + 40
    assert (found.batch.documents, found.known) == (40, 200)
    assert [row.document_id for row in read_assignments(found.folder.assignments)][:2] == ["t5000", "t5001"]


async def test_texts_of_another_kind_are_told_as_drift(tmp_path: Path) -> None:
    async with FaultEndpoint() as endpoint:
        folder = await made(tmp_path, endpoint)
        other = tmp_path / "other.jsonl"
        lines = [{"id": f"o{n}", "text": f"{TOPICS[0]} {n}, nothing but {TOPICS[0]}"} for n in range(200)]
        other.write_text("".join(json.dumps(line) + "\n" for line in lines))
        found = await added(folder, other)
    assert found.batch.drift.verdict == "shifted"
    assert found.batch.drift.divergence > 0.3
    assert {share.cluster: round(share.now) for share in found.batch.drift.shares}[TOPICS[0]] == 1


async def test_into_what_is_no_result(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SettingsError, match="no finished result"):
        await added(ResultFolder(tmp_path / "empty"), write_messages(tmp_path / "t.jsonl", 3))
