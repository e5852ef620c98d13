"""Projects with labelled tasks, made without a model: what `synth` leaves behind, for tests of what comes after."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import yaml
from cluster_r1.core.archive import TaxonomyArchive
from cluster_r1.core.consensus import Assignment, decide
from cluster_r1.core.labels import LabelRow, label_store
from cluster_r1.core.taxonomy import Cluster, Taxonomy
from cluster_r1.core.workspace import Workspace
from cluster_r1.corpora.store import DocumentStore, ingest
from cluster_r1.graphs.results import measure_task


class Labels(NamedTuple):
    """A task's labels: the cluster of each document by id (both labelers agree), and conflicts."""

    instruction: str
    clusters: Mapping[str, str]
    split: str = "held-in"
    conflicts: Sequence[str] = ()


def labelled_project(
    root: Path,
    texts: Mapping[str, str],
    tasks: Mapping[str, Labels],
    domain: str = "court",
    benchmark: Mapping[str, object] | None = None,
) -> Workspace:
    """A project over these texts (by document id) whose tasks are labelled."""
    root.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"id": name, "text": text}) for name, text in texts.items()]
    (root / "documents.jsonl").write_text("\n".join(lines) + "\n")
    asked = [{"id": task, "instruction": labels.instruction, "split": labels.split} for task, labels in tasks.items()]
    settings = {
        "corpus": {"source": "documents.jsonl", "domain": domain},
        "models": {"default": {"model": "nobody", "base_url": "http://127.0.0.1:9/v1"}},
        "tasks": asked,
        "benchmark": {"tokenizer": "estimate", **(benchmark or {})},
    }
    (root / "cluster-r1.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))
    workspace = Workspace(root)
    workspace.create_folders()
    read = workspace.settings()
    ingest(read.corpus, workspace)
    documents = DocumentStore(workspace.documents)
    for task, labels in tasks.items():
        taxonomy = _label(workspace, documents, task, labels)
        measure_task(workspace, read, documents, taxonomy)
    return workspace


def _label(workspace: Workspace, documents: DocumentStore, task: str, labels: Labels) -> Taxonomy:
    names = dict.fromkeys(labels.clusters.values())
    clusters = tuple(Cluster(name=name, description=f"Everything about {name}.") for name in names)
    archive = TaxonomyArchive(workspace.taxonomies)
    taxonomy = archive.add(Taxonomy(task=task, instruction=labels.instruction, clusters=clusters))
    archive.accept(taxonomy)
    keys = documents.keys()
    rows = []
    for row, document in enumerate(documents.rows(range(len(documents)), meta=False)):
        first = labels.clusters.get(document.id)
        if first is None:
            continue
        second = next(name for name in names if name != first) if document.id in labels.conflicts else first
        votes = [
            Assignment(labeler=labeler, cluster=cluster, position=0, order=0)
            for labeler, cluster in (("labeler_a", first), ("labeler_b", second))
        ]
        rows.append(LabelRow(int(keys[row]), row, False, decide(document.id, *votes)))
    label_store(workspace, taxonomy).write("labels", rows)
    return taxonomy
