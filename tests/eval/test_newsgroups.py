"""The script that checks embedders against published figures, on a file made up in its format."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "newsgroups.py"
BOATS, TREES = (
    ["red boat sails", "boat sails far", "the boat sails"],
    ["old tree grows", "tree grows high", "a tree grows"],
)


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPT, *arguments, "--embedder", "tfidf"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_v_is_the_mean_over_sets(tmp_path: Path) -> None:
    rows = [
        {"sentences": [*BOATS, *TREES], "labels": ["b"] * 3 + ["t"] * 3},
        {"sentences": BOATS, "labels": ["b"] * 3},
        {"sentences": ["one", "one"], "labels": [0, 1]},
    ]
    (tmp_path / "sets.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = run(tmp_path, "sets", "sets.jsonl")
    assert done.stdout.splitlines()[:2] == ["V 66.67, standard deviation 47.14", "sets: 100.00, 100.00, 0.00"]


@pytest.mark.slow
def test_labelled_texts_are_clustered_at_once(tmp_path: Path) -> None:
    rows = [{"text": text, "labels": {"kind": kind}} for kind, texts in (("b", BOATS), ("t", TREES)) for text in texts]
    rows.append({"text": "unlabelled sails", "labels": {"kind": None}})
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert run(tmp_path, "labelled", "texts.jsonl", "--labeling", "kind").stdout.startswith("V 100.00\n")


@pytest.mark.slow
def test_a_file_of_another_kind_is_named(tmp_path: Path) -> None:
    (tmp_path / "texts.jsonl").write_text('{"text": "a", "labels": {}}\n')
    for arguments, says in (
        (("sets", "texts.jsonl"), "texts.jsonl row 1: a row needs `sentences` and `labels`"),
        (("labelled", "texts.jsonl"), "texts.jsonl has no row with a label in 'intent'"),
        (("sets", "nothing.jsonl"), "No such file"),
    ):
        done = run(tmp_path, *arguments)
        assert (done.returncode, says in done.stderr) == (1, True)
