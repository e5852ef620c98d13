"""Embedders against published figures, with our loading, clustering and scoring: nothing is fetched but the model.

    python benchmarks/newsgroups.py sets twentynewsgroups.jsonl                 MTEB's legacy protocol
    python benchmarks/newsgroups.py labelled banking77.jsonl --labeling intent  all texts at once

sets      rows {"sentences": [...], "labels": [...]} (JSON lines or Parquet), as MTEB's TwentyNewsgroupsClustering has
          10 of: each set is clustered by MiniBatchKMeans (batch_size 500, as many clusters as labels), and V is the
          mean over sets. Published for all-MiniLM-L6-v2: 46.5, standard deviation 1.0. MTEB fixes no seed; here a
          set's number is its seed.
labelled  rows {"text": ..., "labels": {labeling: label}}: one K-means with gold's K, as the paper clusters.

Without --instruction the text stands alone; with it the embedder's template is used.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cluster_r1.core.errors import ClusterR1Error, CorpusError
from cluster_r1.core.scoring import v_measure
from cluster_r1.eval.clusterers import Clusterer, cluster
from cluster_r1.eval.embedders.interface import Embedder, Options, Vectors
from cluster_r1.eval.embedders.registry import embedder
from cluster_r1.eval.vectors import Cached
from sklearn.cluster import MiniBatchKMeans


class LabelledTexts(NamedTuple):
    """Texts and the label of each."""

    texts: Sequence[str]
    labels: Sequence[str]


def read_sets(path: Path) -> Iterator[LabelledTexts]:
    """MTEB's rows. Raises CorpusError for a file that has others."""
    for number, row in enumerate(_rows(path), start=1):
        texts, labels = row.get("sentences"), row.get("labels")
        if not isinstance(texts, list) or not isinstance(labels, list) or len(texts) != len(labels):
            raise CorpusError(f"{path} row {number}: a row needs `sentences` and `labels`, two lists of one length")
        yield LabelledTexts(texts, [str(label) for label in labels])


def read_labelled(path: Path, labeling: str) -> LabelledTexts:
    """Texts that have a label in this labeling. Raises CorpusError when there is none."""
    rows = [row for row in _rows(path) if (row.get("labels") or {}).get(labeling) is not None]
    if not rows:
        raise CorpusError(f"{path} has no row with a label in {labeling!r}")
    return LabelledTexts([row["text"] for row in rows], [str(row["labels"][labeling]) for row in rows])


def v_of_set(model: Embedder, instruction: str, one: LabelledTexts, seed: int) -> float:
    """V of a set under MTEB's legacy protocol; 1 where there is one label at most, as there."""
    k = len(set(one.labels))
    if k <= 1:
        return 1.0
    vectors: Vectors = model.embed(instruction, one.texts)
    found = MiniBatchKMeans(k, batch_size=500, n_init="auto", random_state=seed).fit_predict(vectors)
    return v_measure(one.labels, found.tolist()).value


def v_of_all(model: Embedder, instruction: str, all_of_them: LabelledTexts) -> float:
    """V of the paper's K-means, told K, on all texts at once."""
    vectors: Vectors = model.embed(instruction, all_of_them.texts)
    return v_measure(all_of_them.labels, cluster(vectors, Clusterer(), len(set(all_of_them.labels)))).value


def main(arguments: Sequence[str] | None = None) -> None:
    asked = _parser().parse_args(arguments)
    options = Options(template="none" if asked.instruction is None else "paper", device=asked.device)
    try:
        with Cached(embedder(asked.embedder, options), asked.vectors) as model:
            if asked.protocol == "sets":
                values = [
                    100 * v_of_set(model, asked.instruction or "", one, seed)
                    for seed, one in enumerate(read_sets(asked.data))
                ]
                print(f"V {statistics.fmean(values):.2f}, standard deviation {statistics.pstdev(values):.2f}")
                print("sets:", ", ".join(f"{value:.2f}" for value in values))
            else:
                value = v_of_all(model, asked.instruction or "", read_labelled(asked.data, asked.labeling))
                print(f"V {100 * value:.2f}")
            print(f"{model.name}, {model.model}: {model.computed} texts embedded, {model.found} vectors were there")
    except (ClusterR1Error, OSError) as error:
        sys.exit(str(error))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("protocol", choices=("sets", "labelled"))
    parser.add_argument("data", type=Path)
    parser.add_argument("--labeling", default="intent")
    parser.add_argument("--instruction")
    parser.add_argument("--embedder", default="minilm", help="KIND or KIND=MODEL")
    parser.add_argument("--device")
    parser.add_argument("--vectors", type=Path, default=Path("vectors.sqlite"), help="where vectors are kept")
    return parser


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        for batch in pq.ParquetFile(path).iter_batches(1):
            yield from batch.to_pylist()
        return
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


if __name__ == "__main__":
    main()
