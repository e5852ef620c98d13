"""Labels on disk: one Parquet file a chunk of documents, in a folder for each taxonomy version.

A file is written whole or not at all, so a document is either decided or still pending. Documents that got no answer
are stored with the error and stay pending. People's labels lie beside the votes and leave them as they were.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from .consensus import Assignment, Consensus, Outcome
from .human import HumanLabel, merge_human, read_human
from .taxonomy import NONE_FITS, Taxonomy
from .workspace import Workspace, table_of, write_bytes, write_table

if TYPE_CHECKING:
    import pyarrow as pa

Keys = NDArray[np.uint64]


def keys_of(table: pa.Table) -> Keys:
    """The table's `key` column."""
    chunks = [np.from_dlpack(chunk).astype(np.uint64) for chunk in table["key"].chunks]
    return np.concatenate([np.empty(0, np.uint64), *chunks])


class LabelRow(NamedTuple):
    """A document's consensus; `row` is its place in the corpus file when it was labelled, `cut` tells a cut prompt.

    `carried_from` is the fingerprint of the taxonomy version that the votes were cast under, when that is another one.
    """

    key: int
    row: int
    cut: bool
    consensus: Consensus
    carried_from: str | None = None
    human: HumanLabel | None = None

    @property
    def final_outcome(self) -> Outcome:
        """People's word where there is one, else what the labelers came to."""
        if self.human is None:
            return self.consensus.outcome
        return "none_fits" if self.human.cluster == NONE_FITS else "kept"

    @property
    def final_cluster(self) -> str | None:
        """The cluster of a document that is kept in the end."""
        if self.human is None:
            return self.consensus.cluster
        return None if self.human.cluster == NONE_FITS else self.human.cluster

    @property
    def corrected(self) -> bool:
        """People say something else than the consensus, or there was none."""
        return (self.final_outcome, self.final_cluster) != (self.consensus.outcome, self.consensus.cluster)


class LabelStore:
    """The labels of one task under one taxonomy version."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def files(self) -> list[Path]:
        return sorted(self.folder.glob("[!.]*.parquet"))

    def decided(self) -> Keys:
        """Sorted keys of documents that need no further call, each once."""
        import pyarrow.parquet as pq

        keys = [np.empty(0, dtype=np.uint64)]
        for path in self.files():
            with pq.ParquetFile(path) as file:
                table = file.read(columns=["key", "outcome"])
            answered = np.array([outcome != "unanswered" for outcome in table["outcome"].to_pylist()], dtype=bool)
            keys.append(keys_of(table)[answered])
        return np.unique(np.concatenate(keys))

    def write(self, name: str, rows: Sequence[LabelRow]) -> Path:
        path = self.folder / f"{name}.parquet"
        write_table(path, table_of(map(_record, rows), _schema()))
        return path

    def human(self) -> dict[int, HumanLabel]:
        """People's labels by document key."""
        return read_human(self._human_file)

    def put_human(self, labels: Iterable[HumanLabel], withdrawn: Collection[int] = ()) -> None:
        """Store people's labels, each in place of an earlier one of its document; drop those of `withdrawn` keys."""
        merge_human(self._human_file, labels, withdrawn)

    @property
    def _human_file(self) -> Path:
        return self.folder / "human.jsonl"

    def rows(self, corpus: Keys | None = None) -> Iterator[LabelRow]:
        """Decided rows, then those still unanswered, each document once; `corpus` keeps only these keys."""
        wanted = None if corpus is None else set(corpus.tolist())
        human = self.human()
        open_rows: dict[int, LabelRow] = {}
        seen: set[int] = set()
        for path in self.files():
            for votes in read_rows(path):
                if (wanted is not None and votes.key not in wanted) or votes.key in seen:
                    continue
                row = votes._replace(human=human[votes.key]) if votes.key in human else votes
                if row.consensus.outcome == "unanswered":
                    open_rows[row.key] = row
                else:
                    seen.add(row.key)
                    yield row
        yield from (row for key, row in open_rows.items() if key not in seen)


def label_store(workspace: Workspace, taxonomy: Taxonomy) -> LabelStore:
    """Where a taxonomy version's labels lie in a workspace."""
    return LabelStore(workspace.labels / taxonomy.task / taxonomy.fingerprint)


def read_rows(path: Path) -> Iterator[LabelRow]:
    """The rows of one chunk's file, streamed, without people's labels."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path, pre_buffer=False) as file:
        for batch in file.iter_batches(batch_size=1024):
            for record in batch.to_pylist():
                yield _row(record)


def write_votes(path: Path, votes: Iterable[Assignment]) -> None:
    """One labeler's votes on a chunk, in the chunk's order, before the other labeler's are known."""
    write_bytes(path, b"\n".join(vote.model_dump_json(exclude_none=True).encode() for vote in votes))


def read_votes(path: Path) -> list[Assignment]:
    """Raises FileNotFoundError when the labeler has not finished the chunk."""
    return [
        Assignment.model_validate({"cluster": None, **orjson.loads(line)}) for line in path.read_bytes().splitlines()
    ]


_VOTE_FIELDS = ("cluster", "position", "order", "reason", "call", "error")


def _schema() -> pa.Schema:
    import pyarrow as pa

    columns = {"document_id": pa.string(), "key": pa.uint64(), "row": pa.int64(), "cut": pa.bool_()}
    columns |= {"outcome": pa.string(), "cluster": pa.string()}
    for letter in "ab":
        columns[f"labeler_{letter}"] = pa.string()
        columns |= {
            f"{field}_{letter}": pa.int16() if field in ("position", "order") else pa.string() for field in _VOTE_FIELDS
        }
    return pa.schema(columns | {"carried_from": pa.string()})


def _record(row: LabelRow) -> dict[str, Any]:
    consensus = row.consensus
    record: dict[str, Any] = {
        "document_id": consensus.document_id,
        "key": row.key,
        "row": row.row,
        "cut": row.cut,
        "outcome": consensus.outcome,
        "cluster": consensus.cluster,
        "carried_from": row.carried_from,
    }
    for letter, vote in zip("ab", consensus.votes, strict=True):
        record[f"labeler_{letter}"] = vote.labeler
        for field in _VOTE_FIELDS:
            record[f"{field}_{letter}"] = getattr(vote, field)
    return record


def _row(record: dict[str, Any]) -> LabelRow:
    first, second = (
        Assignment(labeler=record[f"labeler_{x}"], **{field: record[f"{field}_{x}"] for field in _VOTE_FIELDS})
        for x in "ab"
    )
    outcome: Outcome = record["outcome"]
    consensus = Consensus(
        document_id=record["document_id"], outcome=outcome, cluster=record["cluster"], votes=(first, second)
    )
    carried_from = record.get("carried_from")  # older files have no such column
    return LabelRow(record["key"], record["row"], record["cut"], consensus, carried_from)
