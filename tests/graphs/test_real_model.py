"""The main job from texts to labels on a real language model; its answers are not judged, only that all are there."""

from pathlib import Path

import pytest
import yaml
from cluster_r1.core.workspace import Workspace
from cluster_r1.graphs.pages import write_page

from .conftest import TOPICS, run, write_documents


@pytest.mark.model
async def test_a_small_model_labels_every_document_and_is_not_asked_twice(tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp", reason="the embedded server needs the extra [local]")
    write_documents(tmp_path / "texts.jsonl", 6)
    (tmp_path / "clusters.yaml").write_text(yaml.safe_dump({"clusters": list(TOPICS)}))
    model = {"serve": "embedded", "model": "smollm2-135m", "concurrency": 2, "context_tokens": 1024, "timeout_s": 300}
    settings = {
        "corpus": {"source": "texts.jsonl", "gold": "topic"},
        "tasks": [{"id": "topic", "instruction": "Cluster by topic.", "taxonomy": "clusters.yaml"}],
        "models": {"default": model},
        "labeling": {"orders": 1},
    }
    (tmp_path / "cluster-r1.yaml").write_text(yaml.safe_dump(settings))
    workspace = Workspace(tmp_path)
    first = await run(workspace)
    (task,) = first.tasks
    assert sum(task.outcomes.values()) == 6
    assert task.outcomes.get("unanswered", 0) == 0
    assert first.paid >= 12
    assert (await run(workspace)).paid == 0
    assert "Cluster by topic." in write_page(workspace, workspace.settings()).read_text()
