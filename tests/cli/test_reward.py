"""`cluster-r1 reward` as a newcomer uses it, wrong input included."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from cluster_r1.core.answer import Answer, render_answer
from exporting import proven

GOLD = ["a", "a", "b", "b"]
TEXTS = [
    render_answer(Answer.from_labels(GOLD), "2 clusters\nx: 1, 2\ny: 3, 4"),
    render_answer(Answer.from_labels([0, 0, 1])),
    render_answer(Answer.from_labels([0, 0, 0, 0])),
]


def command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    run = [sys.executable, "-m", "cluster_r1", "reward", *map(str, arguments)]
    return subprocess.run(run, capture_output=True, text=True, check=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    rows = [{"id": f"e{number}", "completion": text, "labels": GOLD} for number, text in enumerate(TEXTS)]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def test_the_summary_and_the_reason_for_every_zero(file: Path) -> None:
    done = command(file, "--zeros", "--out", file.with_name("scored.jsonl"))
    assert done.returncode == 0, done.stderr
    first, second, summary, *rest = done.stdout.splitlines()
    assert first == f"{file}:2 e1: missing: 1 of 4 items are in no cluster, the first is item 4"
    assert second == f"{file}:3 e2: quality: V-measure 0, all 4 items are in one cluster, gold has 2"
    assert summary == "3 completions, mean reward 0.3335, 2 zeros"
    assert "  invalid, missing: 1 (33.3%)" in rest
    assert "  0.9-1.0  #################### 1" in rest
    assert len(file.with_name("scored.jsonl").read_text().splitlines()) == 3


def test_json_and_settings(file: Path) -> None:
    plain = json.loads(command(file, "--json").stdout)
    other = json.loads(command(file, "--json", "--composition", "sum", "--epsilon", "0", "--decay", "0").stdout)
    assert (plain["rows"], plain["errors"]) == (3, {"missing": 1})
    assert other["reward"] == pytest.approx((1 + 0.5) / 3)
    assert other["settings"] == {"composition": "sum", "epsilon": 0, "decay": 0, "process": 0}
    process = json.loads(command(file, "--json", "--process", "1").stdout)
    assert process["reward"] == pytest.approx(1 / 3)


def test_rows_that_cannot_be_scored_end_with_two(file: Path) -> None:
    with file.open("a") as rows:
        rows.write('{"completion": "x"}\n' + "{\n" * 30)
    done = command(file)
    assert done.returncode == 2
    assert f"{file}:4: no gold labels" in done.stderr
    assert done.stderr.count("rows.jsonl:") == 20
    assert "and 11 rows more that cannot be scored" in done.stderr
    assert "3 completions, mean reward" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.jsonl"], "there is no file"),
        (["rows.txt"], "must end in .jsonl, .ndjson, .json, .parquet"),
        (["rows.jsonl", "--column", "reply"], "no column 'reply'; give --column one of id, completion, labels"),
        (["rows.jsonl", "--benchmark", "nowhere"], "`cluster-r1 build` writes one"),
        (["rows.jsonl", "--process", "2"], "process must be from 0 to 1"),
        (["rows.jsonl", "--composition", "mean"], "'product', 'harmonic', 'sum'"),
        (["rows.jsonl", "--zeros", "--json"], "exclude each other"),
        (["rows.jsonl", "--out", "rows.jsonl"], "is the file that is read"),
        (["empty.jsonl"], "has no row that can be scored"),
    ],
)
def test_what_is_typed_wrong_ends_with_two(file: Path, arguments: list[str], said: str) -> None:
    file.with_name("empty.jsonl").touch()
    paths = [str(file.parent / one) if one.endswith((".jsonl", ".txt", "nowhere")) else one for one in arguments]
    done = command(*paths)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_the_answers_of_a_benchmark_are_perfect(tmp_path: Path) -> None:
    benchmark = proven(tmp_path / "benchmark")
    rows = [{"example": one.id, "completion": render_answer(one.gold)} for one in benchmark.examples("c1")]
    (tmp_path / "completions.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    done = command(tmp_path / "completions.jsonl", "--benchmark", benchmark.folder, "--json")
    assert json.loads(done.stdout)["reward"] == 1
