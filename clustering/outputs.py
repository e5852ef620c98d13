"""A result's files: assignments.parquet, taxonomy.yaml, result.json, report.html."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from ..core.clustering import AssignedText, ClusteringResult, ResultFolder, assignments_schema
from ..core.errors import WorkspaceError
from ..core.taxonomy import Cluster
from ..core.workspace import atomic_path, read_json, table_of, write_text

_AT_ONCE = 4096


class Tally(NamedTuple):
    """Counts over all rows; `clusters` has those alone that hold texts."""

    texts: int
    clusters: Counter[str]
    none_fits: int
    unanswered: int
    cut: int
    decided: Counter[str]
    confidence: float | None


def tally(rows: Iterable[AssignedText]) -> Tally:
    """Count rows as they come; `confidence` is the mean of those that have one."""
    clusters: Counter[str] = Counter()
    decided: Counter[str] = Counter()
    texts = none_fits = cut = known = 0
    confidence = 0.0
    for row in rows:
        texts += 1
        decided[row.decided] += 1
        cut += row.cut
        if row.cluster is not None:
            clusters[row.cluster] += 1
        elif row.decided != "unanswered":
            none_fits += 1
        if row.confidence is not None:
            known += 1
            confidence += row.confidence
    mean = confidence / known if known else None
    return Tally(texts, clusters, none_fits, decided["unanswered"], cut, decided, mean)


def figures(counts: Tally) -> dict[str, Any]:
    """Counts as fields of a ClusteringResult."""
    return {
        "documents": counts.texts,
        "none_fits": counts.none_fits,
        "unanswered": counts.unanswered,
        "cut": counts.cut,
        "decided": dict(sorted(counts.decided.items())),
    }


def write_assignments(path: Path, rows: Iterable[AssignedText], groups: Mapping[str, str]) -> None:
    """All rows as one table, written as they come; `groups` are clusters' groups of the second level."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = assignments_schema().append(pa.field("group", pa.string()))
    waiting = iter(rows)
    with atomic_path(path) as temporary, pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
        while part := list(itertools.islice(waiting, _AT_ONCE)):
            records = ({**row._asdict(), "group": groups.get(row.cluster or "")} for row in part)
            writer.write_table(table_of(records, schema))


def read_assignments(path: Path) -> Iterator[AssignedText]:
    """The rows of assignments.parquet, streamed. Raises WorkspaceError where there are none."""
    import pyarrow.parquet as pq

    if not path.exists():
        raise WorkspaceError(f"there is no {path}; `cluster-r1 cluster` writes it")
    with pq.ParquetFile(path, pre_buffer=False) as file:
        for batch in file.iter_batches(_AT_ONCE, columns=list(AssignedText._fields)):
            for record in batch.to_pylist():
                yield AssignedText(**record)


def write_taxonomy(path: Path, instruction: str, clusters: Sequence[Cluster], groups: Mapping[str, str]) -> None:
    """The clusters as people read them, and as `--taxonomy FILE` takes them."""
    listed = [{"name": one.name, "description": one.description} for one in clusters]
    content: dict[str, object] = {"instruction": instruction, "clusters": listed}
    if groups:
        members = sorted(set(groups.values()))
        content["groups"] = {group: [name for name in groups if groups[name] == group] for group in members}
    write_text(path, yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110))


def read_clusters(path: Path) -> tuple[Cluster, ...]:
    """The clusters of a result's taxonomy.yaml."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    return tuple(Cluster(**item) for item in content["clusters"])


def write_result(folder: ResultFolder, result: ClusteringResult) -> None:
    write_text(folder.result, result.model_dump_json(indent=1) + "\n")


def read_result(folder: ResultFolder) -> ClusteringResult:
    """Raises WorkspaceError where the folder holds no result."""
    return ClusteringResult.model_validate(read_json(folder.result))
