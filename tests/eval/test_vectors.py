"""Kept vectors: nothing is embedded twice, what differs is never mixed up, and what a kill leaves behind is read."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from cluster_r1.core.errors import WorkspaceError
from cluster_r1.eval.embedders.interface import Prompt, Vectors
from cluster_r1.eval.embedders.registry import embedder
from cluster_r1.eval.vectors import Cached


class Letters:
    """A text's length and its letters a and b; counts what it is asked."""

    name = "letters"
    model = ""
    by_text = True

    def __init__(self, identity: str = "letters 1", pairs: bool = False) -> None:
        self.identity = identity
        self.pairs = pairs
        self.asked: list[str] = []

    def prompts(self, instruction: str, texts: Sequence[str]) -> list[Prompt]:
        return [(instruction, text) if self.pairs else f"{instruction}{text}" for text in texts]

    def embed(self, instruction: str, texts: Sequence[str]) -> Vectors:
        prompts = ["".join(prompt) for prompt in self.prompts(instruction, texts)]
        self.asked += prompts
        return np.array([[len(one), one.count("a") / 3, one.count("b")] for one in prompts], dtype=np.float32)


def test_a_second_run_embeds_nothing_and_gets_the_same_bytes(tmp_path: Path) -> None:
    texts = ["abba", "a", "", "abba", "ü😀"]
    with Cached(Letters(), tmp_path / "deep" / "vectors.sqlite") as first:
        found = first.embed("x", texts)
        assert (first.computed, first.found) == (4, 1)
    with Cached(Letters(), tmp_path / "deep" / "vectors.sqlite") as second:
        again = second.embed("x", list(reversed(texts)))
        assert (second.computed, second.found) == (0, 5)
    assert again.dtype == np.float32
    np.testing.assert_array_equal(again[::-1], found)
    np.testing.assert_array_equal(found, Letters().embed("x", texts))


def test_what_is_new_alone_is_embedded(tmp_path: Path) -> None:
    inner = Letters()
    with Cached(inner, tmp_path / "vectors.sqlite") as cached:
        cached.embed("x", ["a", "b"])
        cached.embed("x", ["b", "c", "a", "c"])
        cached.embed("y", ["a"])
        assert (cached.computed, cached.found) == (4, 3)
    assert inner.asked == ["xa", "xb", "xc", "ya"]


def test_another_embedder_and_a_pair_that_reads_alike_are_others(tmp_path: Path) -> None:
    for inner in (Letters(), Letters("letters 2"), Letters(pairs=True)):
        with Cached(inner, tmp_path / "vectors.sqlite") as cached:
            cached.embed("x", ["a"])
            assert cached.computed == 1


def test_vectors_that_depend_on_the_other_texts_are_not_kept(tmp_path: Path) -> None:
    with Cached(embedder("tfidf"), tmp_path / "vectors.sqlite") as cached:
        assert cached.embed("", ["red boat", "tree"]).shape == (2, 3)
        assert cached.embed("", ["red boat", "boat"]).shape == (2, 2)
        assert (cached.computed, cached.found) == (4, 0)


def test_thousands_of_texts_are_read_at_once(tmp_path: Path) -> None:
    texts = [f"{number}{'ab' * (number % 7)}" for number in range(3000)]
    with Cached(Letters(), tmp_path / "vectors.sqlite") as cached:
        np.testing.assert_array_equal(cached.embed("", texts), Letters().embed("", texts))
        np.testing.assert_array_equal(cached.embed("", texts), Letters().embed("", texts))
        assert (cached.computed, cached.found) == (3000, 3000)


def test_a_file_that_is_no_store_is_named(tmp_path: Path) -> None:
    path = tmp_path / "vectors.sqlite"
    path.write_bytes(b"not a database " * 400)
    with pytest.raises(WorkspaceError, match=r"vectors\.sqlite is no readable store of vectors"):
        Cached(Letters(), path)


@pytest.mark.parametrize("left", [7, 8])
def test_a_vector_that_was_cut_is_noticed(tmp_path: Path, left: int) -> None:
    path = tmp_path / "vectors.sqlite"
    with Cached(Letters(), path) as cached:
        cached.embed("", ["a", "b"])
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(
            "UPDATE vectors SET vector = substr(vector, 1, ?) WHERE key = (SELECT min(key) FROM vectors)", (left,)
        )
    with (
        Cached(Letters(), path) as cached,
        pytest.raises(WorkspaceError, match="delete it, and texts are embedded again"),
    ):
        cached.embed("", ["a", "b"])


def test_what_was_embedded_before_a_kill_is_there(tmp_path: Path) -> None:
    path = tmp_path / "vectors.sqlite"
    program = f"""
        import sys, time
        from pathlib import Path
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from test_vectors import Letters
        from cluster_r1.eval.vectors import Cached
        cached = Cached(Letters(), Path({str(path)!r}))
        cached.embed("x", ["a", "b"])
        print("kept", flush=True)
        time.sleep(600)
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"kept\n"
        os.kill(process.pid, signal.SIGKILL)
    with Cached(Letters(), path) as cached:
        cached.embed("x", ["a", "b", "c"])
        assert (cached.computed, cached.found) == (1, 2)
