"""The data set as `datasets` loads it, and its data card as the hub reads it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from cluster_r1.benchmark.exports.formats import export_benchmark
from cluster_r1.benchmark.exports.order import ExportOrder
from cluster_r1.benchmark.files import SPLITS, Benchmark
from cluster_r1.core.errors import BenchmarkError
from datasets import DatasetDict, load_dataset, load_from_disk
from exporting import proven
from huggingface_hub import DatasetCard
from small_benchmark import SmallBenchmark

COLUMNS = ["id", "split", "task", "domain", "instruction", "document_ids", "texts", "labels", "answer"]


def card_of(benchmark: Benchmark, folder: Path, languages: tuple[str, ...] = ("en",)) -> DatasetCard:
    export_benchmark(benchmark, "hf", folder, ExportOrder(languages=languages))
    return DatasetCard.load(folder / "README.md")


def test_the_folder_loads_as_it_is(benchmark: Benchmark, tmp_path: Path) -> None:
    export_benchmark(benchmark, "hf", tmp_path / "out")
    found = load_dataset(str(tmp_path / "out"))
    assert isinstance(found, DatasetDict)
    assert list(found) == list(SPLITS)
    for split in SPLITS:
        assert found[split].column_names == COLUMNS
        for row, example in zip(found[split], benchmark.examples(split), strict=True):
            assert isinstance(row, dict)
            assert (row["id"], row["split"], row["texts"]) == (example.id, split, list(example.texts))
            assert row["labels"] == list(example.clusters)
    tasks = load_dataset(str(tmp_path / "out"), "tasks", split="tasks")
    assert tasks["id"] == [task.id for task in benchmark.manifest.tasks]
    first = tasks[0]
    assert first["clusters"][1] == {"name": "green", "description": "Everything green."}
    assert (first["documents"], first["kept"], first["kappa"]) == (40, 30, 0.8)


def test_the_same_rows_load_from_disk(benchmark: Benchmark, tmp_path: Path) -> None:
    export_benchmark(benchmark, "hf", tmp_path / "out")
    found, same = load_dataset(str(tmp_path / "out")), load_from_disk(tmp_path / "out" / "arrow")
    assert isinstance(same, DatasetDict)
    assert list(same) == list(SPLITS)
    for split in SPLITS:
        assert same[split].features == found[split].features
        assert same[split].to_list() == found[split].to_list()


def test_the_hub_finds_in_the_card_what_it_reads(benchmark: Benchmark, tmp_path: Path) -> None:
    data = card_of(benchmark, tmp_path / "out", ("en", "fr")).data
    assert (data.language, data.license, data.size_categories) == (["en", "fr"], "unknown", ["n<1K"])
    configs = data.to_dict()["configs"]
    assert [config["config_name"] for config in configs] == ["default", "tasks"]
    for config in configs:
        assert all((tmp_path / "out" / file["path"]).exists() for file in config["data_files"])


@pytest.mark.parametrize(
    ("licences", "license_", "name"),
    [
        (["CC BY 4.0"], "cc-by-4.0", None),
        (["mit", "MIT"], "mit", None),
        (["mit", "odc-by"], "other", "several"),
        (["mit", "not stated"], "other", "stated-by-the-source"),
        (["LMSYS-Chat-1M licence"], "other", "stated-by-the-source"),
        (["not stated"], "unknown", None),
    ],
)
def test_licences(licences: list[str], license_: str, name: str | None, tmp_path: Path) -> None:
    origin = SmallBenchmark().write(tmp_path / "a").manifest.origins[0]
    origins = tuple(origin.model_copy(update={"licence": licence}) for licence in licences)
    data = card_of(proven(tmp_path / "b", origins=origins), tmp_path / "out").data.to_dict()
    assert (data["license"], data.get("license_name")) == (license_, name)


def test_the_card_tells_what_a_person_should_know(benchmark: Benchmark, tmp_path: Path) -> None:
    text = card_of(benchmark, tmp_path / "out").text
    for said in (
        "6 tasks (4 held-in, 2 held-out) over 180 texts",
        "| court | cases.jsonl | not stated | 100 | 90 | empty 10 |",
        "labeler_a `a-model`",
        "labeling_a `0123456789ab`",
        "| Cluster these texts of court by colour number 0. | 3 | 30 of 40 | 0 | 0.900 (0.80–0.95)",
        "| `ids` | No two examples have one id. | 24 | 0 |",
        "| court | train | 2 | 4 |",
        "The licence of at least one corpus is not stated",
        "Cluster-R1: Large Reasoning Models",
    ):
        assert said in text
    assert str(tmp_path) not in text


def test_what_stands_in_a_table_does_not_break_it(small: SmallBenchmark, tmp_path: Path) -> None:
    small.tasks[0] = small.tasks[0].model_copy(update={"instruction": "By a | b,\nor ---\n# else"})
    text = card_of(proven(tmp_path / "b", small), tmp_path / "out").text
    assert r"| By a \| b, or --- # else |" in text
    front = (tmp_path / "out" / "README.md").read_text("utf-8").split("---\n")[1]
    assert yaml.safe_load(front)["pretty_name"] == "small"


@pytest.mark.parametrize("code", ["english", "EN", "", "en US"])
def test_a_language_is_a_code(code: str, benchmark: Benchmark, tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="ISO 639"):
        export_benchmark(benchmark, "hf", tmp_path / "out", ExportOrder(languages=(code,)))
