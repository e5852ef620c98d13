"""Kept labels as arrays say what the label rows say one by one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from cluster_r1.core.archive import TaxonomyArchive
from cluster_r1.core.consensus import Assignment, decide
from cluster_r1.core.human import HumanLabel
from cluster_r1.core.kept import kept_labels
from cluster_r1.core.labels import LabelRow, label_store
from cluster_r1.core.taxonomy import NONE_FITS
from cluster_r1.core.workspace import Workspace
from cluster_r1.corpora.store import DocumentStore
from labelled import Labels, labelled_project

_COLOURS = ("red", "green", "blue")


def _project(root: Path) -> Workspace:
    names = [f"d{number:02d}" for number in range(30)]
    clusters = {name: _COLOURS[number % 3] for number, name in enumerate(names)}
    texts = {name: f"text number {name}" for name in names}
    return labelled_project(root, texts, {"colour": Labels("Cluster by colour.", clusters, conflicts=names[:4])})


def _both(workspace: Workspace) -> tuple[dict[int, str], dict[int, str]]:
    """Final clusters by row: from the arrays, and from the rows one by one."""
    taxonomy = TaxonomyArchive(workspace.taxonomies).accepted("colour")
    assert taxonomy is not None
    keys = DocumentStore(workspace.documents).keys()
    store = label_store(workspace, taxonomy)
    kept = kept_labels(store, taxonomy, keys)
    assert (np.diff(kept.rows) > 0).all()
    arrays = {int(row): taxonomy.names[cluster] for row, cluster in zip(kept.rows, kept.clusters, strict=True)}
    place = {int(key): row for row, key in enumerate(keys)}
    rows = {place[row.key]: row.final_cluster for row in store.rows(keys) if row.final_cluster is not None}
    return arrays, rows


def test_consensus_alone(tmp_path: Path) -> None:
    arrays, rows = _both(_project(tmp_path))
    assert arrays == rows
    assert len(arrays) == 26


def test_peoples_word_and_repeated_labels(tmp_path: Path) -> None:
    workspace = _project(tmp_path)
    taxonomy = TaxonomyArchive(workspace.taxonomies).accepted("colour")
    assert taxonomy is not None
    store = label_store(workspace, taxonomy)
    keys = DocumentStore(workspace.documents).keys().tolist()
    said = {0: "blue", 5: NONE_FITS, 6: "green"}
    store.put_human(
        HumanLabel(
            key=keys[row],
            document_id=f"d{row:02d}",
            cluster=cluster,
            authors=("ann",),
            rule="single",
            slice="random",
            at="2026-01-01T00:00:00Z",
        )
        for row, cluster in said.items()
    )
    silent = [Assignment(labeler=name, cluster=None, error="no answer") for name in ("labeler_a", "labeler_b")]
    other = [Assignment(labeler=name, cluster="red", position=0) for name in ("labeler_a", "labeler_b")]
    store.write("a-first", [LabelRow(keys[7], 7, False, decide("d07", *silent))])
    store.write(
        "z-last", [LabelRow(keys[8], 8, False, decide("d08", *other)), LabelRow(1, 0, False, decide("x", *other))]
    )
    arrays, rows = _both(workspace)
    assert arrays == rows
    assert arrays[0] == "blue"
    assert 5 not in arrays
    assert (arrays[6], arrays[7], arrays[8]) == ("green", "green", "blue")


def test_an_empty_store(tmp_path: Path) -> None:
    workspace = _project(tmp_path)
    taxonomy = TaxonomyArchive(workspace.taxonomies).accepted("colour")
    assert taxonomy is not None
    kept = kept_labels(label_store(workspace, taxonomy), taxonomy, np.empty(0, np.uint64))
    assert kept.rows.size == kept.clusters.size == 0
