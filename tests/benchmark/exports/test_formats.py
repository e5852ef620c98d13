"""What all exports share: refusals, whole folders, the same bytes, memory."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from cluster_r1.benchmark.exports.formats import FORMATS, export_benchmark
from cluster_r1.benchmark.exports.order import ExportOrder
from cluster_r1.benchmark.files import SPLITS, Benchmark, Check
from cluster_r1.cli.export import FormatName
from cluster_r1.core.errors import BenchmarkError, LeakError
from exporting import PROOF, proven
from small_benchmark import SmallBenchmark

EVERY = pytest.mark.parametrize("name", list(FORMATS))


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_the_command_line_names_every_format() -> None:
    assert [one.value for one in FormatName] == list(FORMATS)


@EVERY
def test_the_same_benchmark_gives_the_same_bytes(name: str, tmp_path: Path) -> None:
    first, second = (proven(tmp_path / place / "benchmark") for place in ("a", "b"))
    export_benchmark(first, name, tmp_path / "one")
    export_benchmark(second, name, tmp_path / "two")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


@EVERY
def test_an_export_replaces_an_earlier_one(name: str, benchmark: Benchmark, tmp_path: Path) -> None:
    export_benchmark(benchmark, "trl-sft", tmp_path / "out")
    written = export_benchmark(benchmark, name, tmp_path / "out")
    marker = json.loads((tmp_path / "out" / "export.json").read_text())
    assert (marker["format"], marker["rows"]) == (name, written.rows)
    assert {*marker["files"], "export.json"} == set(contents(tmp_path / "out"))
    assert not list(tmp_path.glob(".out*"))


def test_what_no_export_wrote_is_left_alone(benchmark: Benchmark, tmp_path: Path) -> None:
    for place in (tmp_path / "notes", benchmark.folder):
        place.mkdir(exist_ok=True)
        (place / "thesis.txt").write_text("years")
        with pytest.raises(BenchmarkError, match="holds something that no export wrote"):
            export_benchmark(benchmark, "jsonl", place)
        assert (place / "thesis.txt").read_text() == "years"
    with pytest.raises(BenchmarkError, match="is a file"):
        export_benchmark(benchmark, "jsonl", tmp_path / "notes" / "thesis.txt")


def test_a_checkpoint_in_an_export_is_not_lost(benchmark: Benchmark, tmp_path: Path) -> None:
    export_benchmark(benchmark, "jsonl", tmp_path / "out")
    (tmp_path / "out" / "__pycache__").mkdir()
    (tmp_path / "out" / "__pycache__" / "a.pyc").touch()
    export_benchmark(benchmark, "jsonl", tmp_path / "out")
    (tmp_path / "out" / "runs").mkdir()
    (tmp_path / "out" / "runs" / "model.safetensors").write_text("days")
    with pytest.raises(BenchmarkError, match=r"runs/model\.safetensors"):
        export_benchmark(benchmark, "jsonl", tmp_path / "out")
    assert (tmp_path / "out" / "runs" / "model.safetensors").exists()


def test_a_failed_export_leaves_the_earlier_one(benchmark: Benchmark, tmp_path: Path) -> None:
    export_benchmark(benchmark, "jsonl", tmp_path / "out")
    before = contents(tmp_path / "out")
    (benchmark.folder / "c2.parquet").unlink()
    with pytest.raises(BenchmarkError, match=r"c2\.parquet"):
        export_benchmark(benchmark, "verl", tmp_path / "out")
    assert contents(tmp_path / "out") == before
    assert not list(tmp_path.glob(".out*"))


def test_what_a_killed_export_left_does_not_matter(benchmark: Benchmark, tmp_path: Path) -> None:
    half = tmp_path / ".out.building"
    half.mkdir()
    (half / "train.jsonl").write_text("{")
    export_benchmark(benchmark, "trl-grpo", tmp_path / "out", ExportOrder(("c0",)))
    assert set(contents(tmp_path / "out")) == {"c0.jsonl", "compute_score.py", "export.json"}
    assert not half.exists()


def test_a_leak_is_refused(tmp_path: Path) -> None:
    leak = Check(name="ids", says="No two examples have one id.", looked_at=2, leaks=1, examples=("c0/1 twice",))
    leaking = proven(tmp_path / "b", proof=(*PROOF, leak))
    with pytest.raises(LeakError, match="c0/1 twice"):
        export_benchmark(leaking, "jsonl", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_changed_or_unproven_benchmark_is_refused(tmp_path: Path) -> None:
    unproven = proven(tmp_path / "a", proof=())
    with pytest.raises(BenchmarkError, match="nothing proves"):
        export_benchmark(unproven, "jsonl", tmp_path / "out")
    changed = proven(tmp_path / "b", sha256={"train.parquet": "0" * 64})
    with pytest.raises(LeakError, match=r"train\.parquet was changed"):
        export_benchmark(changed, "jsonl", tmp_path / "out")


def test_an_unknown_format_names_the_known_ones(benchmark: Benchmark, tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="trl-sft, trl-grpo, verl, verifiers, hf, mteb, jsonl"):
        export_benchmark(benchmark, "trl", tmp_path / "out")


def test_splits_are_chosen(benchmark: Benchmark, tmp_path: Path) -> None:
    written = export_benchmark(benchmark, "jsonl", tmp_path / "out", ExportOrder(("c2", "train", "c2")))
    assert written.rows == {"train": 8, "c2": 4}
    for wrong in ("test", "C1"):
        with pytest.raises(BenchmarkError, match="train, distill, c0, c1, c2"):
            export_benchmark(benchmark, "jsonl", tmp_path / "out", ExportOrder((wrong,)))
    with pytest.raises(BenchmarkError, match="it takes c1, c2"):
        export_benchmark(benchmark, "mteb", tmp_path / "out", ExportOrder(("train",)))


@EVERY
def test_a_split_without_examples_is_left_out(name: str, small: SmallBenchmark, tmp_path: Path) -> None:
    small.splits["c0"].clear()
    small.splits["distill"].clear()
    benchmark = proven(tmp_path / "b", small)
    written = export_benchmark(benchmark, name, tmp_path / "out")
    assert not {"c0", "distill"} & set(written.rows)
    assert not [path for path in contents(tmp_path / "out") if "c0" in path or "distill" in path]
    if "c0" in FORMATS[name].possible:
        with pytest.raises(BenchmarkError, match="no example in c0"):
            export_benchmark(benchmark, name, tmp_path / "out", ExportOrder(("c0",)))


def test_texts_that_imitate_the_format_stay_texts(small: SmallBenchmark, tmp_path: Path) -> None:
    rude = '</text>\n<answer>\u2028"quotes" \\ \x00 <|im_end|> 🦊</answer>'
    small.texts[0] = small.texts[0]._replace(text=rude)
    benchmark = proven(tmp_path / "b", small)
    export_benchmark(benchmark, "jsonl", tmp_path / "out")
    lines = (tmp_path / "out" / "train.jsonl").read_bytes().split(b"\n")
    assert rude in json.loads(lines[0])["texts"]
    assert len(lines) == 9
    export_benchmark(benchmark, "trl-grpo", tmp_path / "grpo")
    user = json.loads((tmp_path / "grpo" / "train.jsonl").read_bytes().split(b"\n")[0])["prompt"][1]["content"]
    assert user.count("</text>") == 9


def test_plain_rows_are_what_verify_reads(benchmark: Benchmark, tmp_path: Path) -> None:
    from cluster_r1.benchmark.proof import prove

    export_benchmark(benchmark, "jsonl", tmp_path / "out")
    checks = {check.name: check for check in prove(tmp_path / "out")}
    assert checks["ids"].looked_at == 24
    assert checks["well-formed"].leaks == checks["ids"].leaks == 0
    shutil.copyfile(tmp_path / "out" / "train.jsonl", tmp_path / "out" / "c1.jsonl")
    assert {check.name: check for check in prove(tmp_path / "out")}["ids"].leaks


def test_plain_rows_hold_the_canonical_answer(benchmark: Benchmark, tmp_path: Path) -> None:
    from cluster_r1.core.answer import parse_answer
    from cluster_r1.core.scoring import score_completion

    export_benchmark(benchmark, "jsonl", tmp_path / "out")
    for split in SPLITS:
        rows = [json.loads(line) for line in (tmp_path / "out" / f"{split}.jsonl").read_text("utf-8").splitlines()]
        assert [row["id"] for row in rows] == [record.id for record in benchmark.records(split)]
        for row, example in zip(rows, benchmark.examples(split), strict=True):
            assert row["texts"] == list(example.texts)
            assert parse_answer(row["answer"], len(row["texts"])) == example.gold
            assert score_completion(row["answer"], row["labels"]).reward == 1
    tasks = [json.loads(line) for line in (tmp_path / "out" / "tasks.jsonl").read_text("utf-8").splitlines()]
    assert [task["id"] for task in tasks] == [task.id for task in benchmark.manifest.tasks]
    assert tasks[0]["clusters"][0] == {"name": "red", "description": "Everything red."}
