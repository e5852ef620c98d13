"""The labels that a task keeps in the end, as arrays: what pools are made of."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .labels import Keys, LabelStore, keys_of
from .taxonomy import NONE_FITS, Taxonomy


class KeptLabels(NamedTuple):
    """Document `rows[i]` of the corpus is kept in cluster number `clusters[i]` of the taxonomy; rows rise, (kept,)."""

    rows: NDArray[np.int64]
    clusters: NDArray[np.int16]


def kept_labels(store: LabelStore, taxonomy: Taxonomy, corpus: Keys) -> KeptLabels:
    """What LabelStore.rows gives as final clusters, people's word first, without an object for each document."""
    keys, clusters = _consensus(store, {name: number for number, name in enumerate(taxonomy.names)})
    human = store.human()
    order = np.argsort(corpus)
    places = np.minimum(np.searchsorted(corpus, keys, sorter=order), max(0, len(corpus) - 1))
    rows = order[places] if len(corpus) else np.zeros(len(keys), np.int64)
    there = corpus[rows] == keys if len(corpus) else np.zeros(len(keys), dtype=bool)
    for key, label in human.items():
        said = -1 if label.cluster == NONE_FITS else taxonomy.names.index(label.cluster)
        clusters[keys == np.uint64(key)] = said
    kept = there & (clusters >= 0)
    by_row = np.argsort(rows[kept])
    return KeptLabels(rows[kept][by_row].astype(np.int64), clusters[kept][by_row])


def _consensus(store: LabelStore, numbers: dict[str, int]) -> tuple[Keys, NDArray[np.int16]]:
    """Every labelled document once, with its cluster's number or -1; the first decided label wins, as everywhere."""
    import pyarrow.parquet as pq

    keys, clusters, decided = [np.empty(0, np.uint64)], [np.empty(0, np.int16)], [np.empty(0, bool)]
    for path in store.files():
        with pq.ParquetFile(path) as file:
            table = file.read(columns=["key", "outcome", "cluster"])
        outcomes = table["outcome"].to_pylist()
        names = table["cluster"].to_pylist()
        keys.append(keys_of(table))
        kept = [numbers[name] if out == "kept" else -1 for out, name in zip(outcomes, names, strict=True)]
        clusters.append(np.array(kept, dtype=np.int16))
        decided.append(np.array([out != "unanswered" for out in outcomes], dtype=bool))
    found, known = np.concatenate(keys), np.concatenate(decided)
    order = np.lexsort((np.arange(found.size), ~known))
    first = order[np.unique(found[order], return_index=True)[1]]
    return found[first], np.concatenate(clusters)[first]
