"""A part of a corpus that looks like a whole one: what works on documents works on some of them just as well."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..core.documents import Document


class Documents(Protocol):
    """Documents by row number, each with a key: the whole corpus (`DocumentStore`) or a part of it."""

    def __len__(self) -> int: ...

    def keys(self) -> NDArray[np.uint64]:
        """Key of each document, by row; read-only."""
        ...

    def batches(self, size: int, *, meta: bool = True) -> Iterator[list[Document]]:
        """All documents in order, `size` at a time; the last batch may be smaller."""
        ...

    def rows(self, indices: Sequence[int], *, meta: bool = True) -> list[Document]:
        """Documents by row number, in the order asked for. Raises IndexError for a row that is not there."""
        ...


class DocumentSubset:
    """Some rows of other documents, numbered anew from 0 in the order given; 8 bytes a document."""

    def __init__(self, documents: Documents, rows: Sequence[int] | NDArray[np.int64]) -> None:
        """Raises IndexError for a row that is not there."""
        self._documents = documents
        self._rows = np.array(rows, dtype=np.int64)
        _check(self._rows, len(documents))

    def __len__(self) -> int:
        return len(self._rows)

    def keys(self) -> NDArray[np.uint64]:
        return self._keys

    def batches(self, size: int, *, meta: bool = True) -> Iterator[list[Document]]:
        for start in range(0, len(self), size):
            yield self._documents.rows(self._rows[start : start + size].tolist(), meta=meta)

    def rows(self, indices: Sequence[int], *, meta: bool = True) -> list[Document]:
        wanted = np.asarray(indices, dtype=np.int64)
        _check(wanted, len(self))
        return self._documents.rows(self._rows[wanted].tolist(), meta=meta)

    @cached_property
    def _keys(self) -> NDArray[np.uint64]:
        keys = self._documents.keys()[self._rows]
        keys.setflags(write=False)
        return keys


def _check(rows: NDArray[np.int64], count: int) -> None:
    outside = rows[(rows < 0) | (rows >= count)]
    if outside.size:
        raise IndexError(f"there is no row {outside[0]}, there are {count} documents")
