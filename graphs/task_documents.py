"""Which documents a task is about: the whole corpus, or those kept in one cluster of a coarse task."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from ..core.archive import TaxonomyArchive
from ..core.hierarchy import read_hierarchy
from ..core.kept import kept_labels
from ..core.labels import label_store
from ..core.tasks import Parent
from ..core.workspace import Workspace
from ..corpora.subset import Documents, DocumentSubset

_NONE = np.empty(0, np.int64)


class TaskDocuments:
    """A workspace's documents by task, by the labels that lie there now; a coarse task's are read once."""

    def __init__(self, workspace: Workspace, documents: Documents) -> None:
        self._workspace = workspace
        self._documents = documents
        hierarchy = read_hierarchy(workspace)
        self._parents = hierarchy.parents() if hierarchy is not None else {}
        self._kept = cache(self._rows_by_cluster)

    def parent(self, task: str) -> Parent | None:
        return self._parents.get(task)

    def of(self, task: str) -> Documents:
        parent = self.parent(task)
        if parent is None:
            return self._documents
        return self.inside(parent)

    def inside(self, parent: Parent) -> DocumentSubset:
        """The documents that are kept in a cluster in the end; people's labels count."""
        return DocumentSubset(self._documents, self._kept(parent.task).get(parent.cluster, _NONE))

    def _rows_by_cluster(self, task: str) -> dict[str, NDArray[np.int64]]:
        taxonomy = TaxonomyArchive(self._workspace.taxonomies).accepted(task)
        if taxonomy is None:
            return {}
        kept = kept_labels(label_store(self._workspace, taxonomy), taxonomy, self._documents.keys())
        return {name: kept.rows[kept.clusters == number] for number, name in enumerate(taxonomy.names)}
