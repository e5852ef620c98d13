from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from cluster_r1.benchmark.build import build_benchmark
from cluster_r1.benchmark.collecting import collect_projects
from cluster_r1.benchmark.files import Benchmark
from cluster_r1.core.errors import CorpusError, SettingsError
from cluster_r1.core.tokenizer import load_tokenizer
from cluster_r1.core.workspace import Workspace
from cluster_r1.graphs.adopt import adopt_gold
from cluster_r1.graphs.progress import Silent
from cluster_r1.graphs.results import TaskResult

COLOURS = ("red", "green", "blue")
SIZES = ("small", "large")


def labelled_corpus(root: Path, tasks: list[dict[str, str]], gold: str | None = "labels") -> Workspace:
    """48 texts with a colour and a size; the last one has no size."""
    root.mkdir(parents=True, exist_ok=True)
    rows = []
    for place in range(48):
        labels = {"colour": COLOURS[place % 3], "size": SIZES[place % 2]}
        if place == 47:
            del labels["size"]
        text = f"A {' '.join(labels.values())} thing, number {place * 7919} of the list {place * 104729}."
        rows.append({"id": f"thing-{place}", "text": text, "labels": labels, "plain": COLOURS[place % 3]})
    (root / "things.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    settings = {
        "corpus": {"source": "things.jsonl", "gold": gold, "domain": "things"},
        "tasks": tasks,
        "models": {"default": {"model": "nobody", "base_url": "http://127.0.0.1:9/v1"}},
        "benchmark": {"tokenizer": "estimate", "train": 10, "distill": 2},
    }
    (root / "cluster-r1.yaml").write_text(yaml.safe_dump(settings))
    return Workspace(root)


def adopt(workspace: Workspace) -> tuple[TaskResult, ...]:
    return adopt_gold(workspace, workspace.settings(), Silent())


COLOUR = {"id": "colour", "instruction": "Cluster the things by colour.", "gold": "colour"}
SIZE = {"id": "size", "instruction": "Cluster the things by size.", "gold": "size", "split": "held-out"}


def test_gold_labels_become_kept_labels(tmp_path: Path) -> None:
    colour, size = adopt(labelled_corpus(tmp_path, [COLOUR, SIZE]))
    assert colour.task.taxonomy.names == ("blue", "green", "red")
    assert colour.outcomes == {"kept": 48}
    assert size.outcomes == {"kept": 47}
    assert colour.task.sizes == {"blue": 16, "green": 16, "red": 16}


def test_nobody_voted_so_there_is_no_agreement(tmp_path: Path) -> None:
    (colour,) = adopt(labelled_corpus(tmp_path, [COLOUR]))
    assert colour.agreement.documents == 0
    assert colour.agreement.kappa.value is None


def test_plain_values_are_labels_too(tmp_path: Path) -> None:
    (colour,) = adopt(labelled_corpus(tmp_path, [COLOUR], gold="plain"))
    assert colour.task.sizes == {"blue": 16, "green": 16, "red": 16}


def test_adopting_again_changes_nothing(tmp_path: Path) -> None:
    workspace = labelled_corpus(tmp_path, [COLOUR, SIZE])
    assert adopt(workspace) == adopt(workspace)


def test_a_benchmark_is_built_of_it(tmp_path: Path) -> None:
    workspace = labelled_corpus(tmp_path, [COLOUR, SIZE])
    adopt(workspace)
    settings = workspace.settings().benchmark
    counter = load_tokenizer("estimate")
    build_benchmark(collect_projects(workspace, settings), settings, counter, 0, tmp_path / "built", Silent())
    benchmark = Benchmark(tmp_path / "built")
    assert benchmark.manifest.origins[0].models == {}
    example = next(benchmark.examples("train"))
    assert all(colour in text for colour, text in zip(example.clusters, example.texts, strict=True))


@pytest.mark.parametrize(
    ("tasks", "gold"),
    [([COLOUR], None), ([{k: v for k, v in COLOUR.items() if k != "gold"}], "labels"), ([], "labels")],
)
def test_nothing_to_adopt_is_said(tmp_path: Path, tasks: list[dict[str, str]], gold: str | None) -> None:
    with pytest.raises(SettingsError, match=r"corpus\.gold.*tasks\.gold"):
        adopt(labelled_corpus(tmp_path, tasks, gold))


def test_an_unknown_labeling_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"'colour'.*no label under 'color'"):
        adopt(labelled_corpus(tmp_path, [{**COLOUR, "gold": "color"}]))
