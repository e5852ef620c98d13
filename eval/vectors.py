"""Vectors on disk by content: what a text was embedded as once is read from then on (SQLite, WAL).

The key is a hash of all that decides an embedder's vectors and of what it reads for the text, the value the vector's
float32 bytes. Vectors are committed a few hundred at a time, so that a kill loses no more than those.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from ..core.errors import WorkspaceError
from .embedders.interface import Embedder, Prompt, Vectors

_SCHEMA = "CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB NOT NULL) WITHOUT ROWID"
_AT_ONCE = 256
_NUMBER = np.dtype("<f4")


class Cached:
    """An embedder whose vectors are kept in a file; `computed` and `found` count texts. Close it, or use `with`.

    An embedder whose vectors depend on more than the prompt (`by_text`) is passed through. Raises WorkspaceError for a
    file that is no such store or is damaged. Several processes may use one file at the same time.
    """

    def __init__(self, embedder: Embedder, path: Path) -> None:
        self._embedder = embedder
        self._path = path
        self.name = embedder.name
        self.model = embedder.model
        self.by_text = embedder.by_text
        self.computed = 0
        self.found = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = self._open()

    @property
    def identity(self) -> str:
        return self._embedder.identity

    def prompts(self, instruction: str, texts: Sequence[str]) -> list[Prompt]:
        return self._embedder.prompts(instruction, texts)

    def embed(self, instruction: str, texts: Sequence[str]) -> Vectors:
        """One row for each text; what is not there yet is computed, each distinct prompt once."""
        if not self.by_text:
            self.computed += len(texts)
            return self._embedder.embed(instruction, texts)
        identity = self.identity
        keys = [_key(identity, prompt) for prompt in self.prompts(instruction, texts)]
        known = self._read(list(dict.fromkeys(keys)))
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        self.found += len(texts) - len(missing)
        for part in _parts(list(missing.items())):
            vectors = self._embedder.embed(instruction, [text for _, text in part])
            new = {key: np.asarray(vector, _NUMBER) for (key, _), vector in zip(part, vectors, strict=True)}
            self._keep(new)
            self.computed += len(new)
            known |= new
        if len({vector.shape for vector in known.values()}) > 1:
            raise self._damaged("it has vectors of several lengths")
        return np.stack([known[key] for key in keys])

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Cached:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> sqlite3.Connection:
        with self._readable():
            db = sqlite3.connect(self._path, isolation_level=None, timeout=60)
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=NORMAL")
            db.execute(_SCHEMA)
        return db

    def _read(self, keys: Sequence[bytes]) -> dict[bytes, Any]:
        found: dict[bytes, Any] = {}
        for part in _parts(keys):
            marks = ",".join("?" * len(part))
            with self._readable():
                rows = self._db.execute(f"SELECT key, vector FROM vectors WHERE key IN ({marks})", list(part))
                found |= {key: np.frombuffer(vector, _NUMBER) for key, vector in rows}
        return found

    def _keep(self, vectors: dict[bytes, Any]) -> None:
        rows = [(key, vector.tobytes()) for key, vector in vectors.items()]
        with self._readable():
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", rows)
            self._db.execute("COMMIT")

    @contextmanager
    def _readable(self) -> Iterator[None]:
        """ValueError: numpy was given half a number."""
        try:
            yield
        except (sqlite3.DatabaseError, ValueError) as error:
            raise self._damaged(str(error)) from error

    def _damaged(self, why: str) -> WorkspaceError:
        return WorkspaceError(
            f"{self._path} is no readable store of vectors ({why}); delete it, and texts are embedded again"
        )


def _key(identity: str, prompt: Prompt) -> bytes:
    """A pair never has the key of a text that reads the same."""
    return hashlib.blake2b(json.dumps([identity, prompt]).encode(), digest_size=20).digest()


def _parts(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), _AT_ONCE):
        yield items[start : start + _AT_ONCE]
