"""Groups of near-duplicate texts: MinHash signatures by rensa, candidates by bands, pairs checked, groups joined.

Texts are compared by their 8-byte shingles after folding case, Unicode form and white space. Memory is a few dozen
bytes a text; signatures lie in temporary files.
"""

from __future__ import annotations

import hashlib
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from importlib import import_module
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

SHINGLE = 8
"""Bytes of a shingle: about a word and a half of English."""

_SLOTS = 128
_ROWS = 5
_BANDS = _SLOTS // _ROWS
"""25 bands of 5 slots: of pairs with Jaccard 0.7 the bands find 99 %, of those with 0.3 they propose 6 %."""

_SEED = 43
_BATCH_BYTES = 4 * 1024 * 1024
_PAIRS_AT_ONCE = 65_536
_ROUNDS = 8


def normalised(text: str) -> str:
    """The text as comparisons see it: Unicode NFKC, case folded, white space collapsed."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def near_duplicate_groups(texts: Iterable[str], threshold: float | None) -> NDArray[np.int32]:
    """The group of each text, numbered by first member: (texts,).

    Two texts share a group when a chain of pairs, each with an estimated Jaccard similarity of at least `threshold`,
    joins them; with None, when they are equal after normalising.
    """
    with DuplicateFinder(threshold) as finder:
        coming = iter(texts)
        while batch := list(islice(coming, 1024)):
            finder.add(batch)
        return finder.groups()


class DuplicateFinder:
    """Takes texts batch by batch, then groups them. A context manager: it has temporary files."""

    def __init__(self, threshold: float | None, folder: Path | None = None) -> None:
        self._threshold = threshold
        self._files = ExitStack()
        self._folder = Path(self._files.enter_context(tempfile.TemporaryDirectory(dir=folder)))
        bands = _BANDS if threshold is not None else 0
        self._equal = self._files.enter_context((self._folder / "equal").open("wb"))
        self._signatures = self._files.enter_context((self._folder / "signatures").open("wb"))
        self._bands = [self._files.enter_context((self._folder / f"band-{n}").open("wb")) for n in range(bands)]
        self._count = 0

    def __enter__(self) -> DuplicateFinder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.close()

    def add(self, texts: Sequence[str]) -> None:
        """The next texts, in order."""
        contents = [normalised(text).encode(errors="surrogatepass") for text in texts]
        digests = (hashlib.blake2b(content, digest_size=8).digest() for content in contents)
        self._equal.write(b"".join(digests))
        self._count += len(contents)
        if self._threshold is not None:
            for batch in _batches(contents):
                self._add_signatures(_signatures(batch))

    def groups(self) -> NDArray[np.int32]:
        """The group of each text so far, numbered by first member: (texts,)."""
        for file in (self._equal, self._signatures, *self._bands):
            file.flush()
        parents = np.arange(self._count, dtype=np.int64)
        self._join(parents, "equal", np.uint64, check=False)
        for band in range(len(self._bands)):
            self._join(parents, f"band-{band}", np.uint64, check=True)
        return np.unique(_roots(parents, parents), return_inverse=True)[1].astype(np.int32)

    def _add_signatures(self, signatures: NDArray[np.uint32]) -> None:
        self._signatures.write(signatures.tobytes())
        weights = _mixed(np.arange(1, _ROWS + 1, dtype=np.uint64)) | np.uint64(1)
        for number, file in enumerate(self._bands):
            rows = signatures[:, number * _ROWS : (number + 1) * _ROWS].astype(np.uint64)
            file.write(_mixed((_mixed(rows) * weights).sum(axis=1, dtype=np.uint64)).tobytes())

    def _join(self, parents: NDArray[np.int64], name: str, kind: type[np.uint64], *, check: bool) -> None:
        """Join texts that have the same value in a file; with `check` only when their signatures agree too."""
        values = np.fromfile(self._folder / name, dtype=kind)
        order = np.argsort(values, kind="stable")
        starts = np.flatnonzero(np.diff(values[order], prepend=~values[order[:1]]))
        runs = np.repeat(np.arange(starts.size), np.diff(starts, append=order.size))
        for _ in range(_ROUNDS):
            if order.size < 2:
                return
            first, others = _stars(order, runs)
            different = _roots(parents, order[first]) != _roots(parents, order[others])
            first, others = first[different], others[different]
            same = self._similar(order[first], order[others]) if check else np.ones(others.size, dtype=bool)
            _unite(parents, order[first[same]], order[others[same]])
            order, runs = order[others[~same]], runs[others[~same]]

    def _similar(self, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.bool_]:
        if not first.size:
            return np.zeros(0, dtype=bool)
        signatures = np.memmap(self._folder / "signatures", dtype=np.uint32, mode="r").reshape(-1, _SLOTS)
        parts = [
            np.mean(signatures[first[at : at + _PAIRS_AT_ONCE]] == signatures[second[at : at + _PAIRS_AT_ONCE]], axis=1)
            for at in range(0, first.size, _PAIRS_AT_ONCE)
        ]
        return np.concatenate(parts) >= (self._threshold or 0)


def _batches(contents: Sequence[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for content in contents:
        batch.append(content)
        size += len(content)
        if size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _signatures(contents: Sequence[bytes]) -> NDArray[np.uint32]:
    """MinHash signatures: (texts, 128)."""
    minhash: Any = import_module("rensa").RMinHash  # a compiled module without types
    shingles = [_shingles(content) for content in contents]
    ends = np.cumsum([0, *(part.size for part in shingles)], dtype=np.uint64)
    matrix = minhash.digest_matrix_from_flat_token_hashes(_mixed(np.concatenate(shingles)), ends, _SLOTS, _SEED)
    return np.array(matrix.to_rows(), dtype=np.uint32)


def _shingles(content: bytes) -> NDArray[np.uint64]:
    """Every 8 bytes in a row as one number; a shorter text is padded to a single shingle."""
    padded = np.frombuffer(content.ljust(SHINGLE, b"\0"), dtype=np.uint8)
    windows = np.lib.stride_tricks.sliding_window_view(padded, SHINGLE)
    return np.ascontiguousarray(windows).view(np.uint64).ravel()


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Well spread 64-bit hashes of numbers (the finaliser of SplitMix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _stars(order: NDArray[np.int64], runs: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places of each run's first member, once for each of its other members, and of those."""
    heads = np.flatnonzero(np.diff(runs, prepend=-1))
    head_of = np.repeat(heads, np.diff(heads, append=order.size))
    others = np.setdiff1d(np.arange(order.size), heads, assume_unique=True)
    return head_of[others], others


def _roots(parents: NDArray[np.int64], places: NDArray[np.int64]) -> NDArray[np.int64]:
    roots = parents[places]
    while not np.array_equal(above := parents[roots], roots):
        roots = above
    return roots


def _unite(parents: NDArray[np.int64], first: NDArray[np.int64], second: NDArray[np.int64]) -> None:
    """Join pairs; the smaller number becomes the root."""
    for one, other in zip(first.tolist(), second.tolist(), strict=True):
        low, high = sorted((_root(parents, one), _root(parents, other)))
        parents[high] = low


def _root(parents: NDArray[np.int64], place: int) -> int:
    """The root of one place; the way there is halved for the next who walks it."""
    while parents[place] != place:
        parents[place] = parents[parents[place]]
        place = int(parents[place])
    return place
