"""The environment package: its files here, and the real verifiers loading and scoring it where it is installed."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from cluster_r1.benchmark.exports.formats import export_benchmark
from cluster_r1.benchmark.exports.order import ExportOrder
from cluster_r1.benchmark.exports.verifiers_files import package_files, package_name
from cluster_r1.benchmark.files import Benchmark
from cluster_r1.benchmark.reward_file import reward_file_source
from cluster_r1.core.answer import Answer, render_answer
from cluster_r1.core.prompt import example_prompt

PYTHON = "VERIFIERS_PYTHON"
"""verifiers wants another openai than this project's tests: this variable may name an interpreter that has it."""

SCORE = """
import asyncio, json, sys
import verifiers.v1 as vf
from verifiers.v1.graph import MessageNode
from verifiers.v1.trace import AgentInfo, Trace, TraceTask
from verifiers.v1.types import AssistantMessage
from verifiers.v1.utils.generic import concrete_type
from verifiers.v1.utils.loaders import taskset_class

request = json.load(sys.stdin)
Taskset = taskset_class(request["name"])
Config = concrete_type(Taskset, vf.TasksetConfig)
tasks = list(Taskset(Config(id=request["name"], split="c2")))

async def scored(task, message):
    node = MessageNode(message=AssistantMessage(**message), sampled=True)
    data = TraceTask(type=type(task).__name__, data=task.data)
    trace = Trace(task=data, agent=AgentInfo(config=vf.AgentConfig()), nodes=[node])
    try:
        await task.score(trace)
    except vf.TaskError as error:
        return str(error)
    return {"reward": trace.reward, "metrics": trace.metrics}

try:
    list(Taskset(Config(id=request["name"], split="c9")))
except ValueError as error:
    refusal = str(error)
json.dump(
    {
        "keys": [task.key for task in tasks],
        "prompts": [[task.data.system_prompt, task.data.prompt] for task in tasks],
        "scores": [asyncio.run(scored(tasks[0], message)) for message in request["messages"]],
        "valid": [asyncio.run(task.validate(None)) for task in tasks],
        "default": len(list(Taskset(Config(id=request["name"])))),
        "refusal": refusal,
    },
    sys.stdout,
)
"""


def test_the_package_is_complete(benchmark: Benchmark, tmp_path: Path) -> None:
    written = export_benchmark(benchmark, "verifiers", tmp_path / "out")
    assert written.rows == {"train": 8, "c0": 4, "c1": 4, "c2": 4}
    project = tomllib.loads((tmp_path / "out" / "pyproject.toml").read_text())
    package = tmp_path / "out" / "cluster_r1_small"
    assert project["project"]["name"] == "cluster-r1-small"
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == [package.name]
    assert (package / "compute_score.py").read_text() == reward_file_source()
    for split in written.rows:
        rows = [json.loads(line) for line in (package / "data" / f"{split}.jsonl").read_text().splitlines()]
        for row, example in zip(rows, benchmark.examples(split), strict=True):  # type: ignore[arg-type]
            prompt = example_prompt(example.instruction, example.texts)
            assert (row["id"], row["prompt"], row["system_prompt"]) == (example.id, prompt.user, prompt.system)
            assert row["labels"] == example.gold.labels()


def test_the_first_split_is_the_default(benchmark: Benchmark, tmp_path: Path) -> None:
    export_benchmark(benchmark, "verifiers", tmp_path / "out", ExportOrder(("c2", "c1")))
    source = (tmp_path / "out" / "cluster_r1_small" / "taskset.py").read_text()
    assert 'split: str = "c1"\n    """c1, c2."""' in source


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("small", "cluster_r1_small"),
        ("ReasonCluster v2.1", "cluster_r1_reasoncluster_v2_1"),
        ('a"""b\\{c}', "cluster_r1_a_b_c"),
        ("тест", "cluster_r1_benchmark"),
    ],
)
def test_any_name_of_a_benchmark_gives_code_that_is_free_of_lint(name: str, package: str, tmp_path: Path) -> None:
    assert package_name(name) == package
    files = package_files(name, "1.0", ("train", "c1"))
    assert tomllib.loads(files["pyproject.toml"])["project"]["name"] == package.replace("_", "-")
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
        if path.endswith(".py"):
            ast.parse(text)
    run = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "E,F,W,B,UP", "--line-length", "120"]
    done = subprocess.run([*run, tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def interpreter() -> str:
    if importlib.util.find_spec("verifiers") is not None:
        return sys.executable
    if PYTHON not in os.environ:
        pytest.skip(f"verifiers is not installed here, and {PYTHON} names no interpreter that has it")
    return os.environ[PYTHON]


@pytest.mark.slow
def test_verifiers_loads_and_scores_it(benchmark: Benchmark, tmp_path: Path) -> None:
    python = interpreter()
    export_benchmark(benchmark, "verifiers", tmp_path / "out")
    examples = list(benchmark.examples("c2"))
    good = render_answer(examples[0].gold, "by colour")
    merged = render_answer(Answer((tuple(range(1, len(examples[0].texts) + 1)),)))
    messages = [{"content": good}, {"content": "no"}, {"content": merged}, {"content": "x", "reasoning_content": "y"}]
    done = subprocess.run(
        [python, "-c", SCORE],
        input=json.dumps({"name": "cluster-r1-small", "messages": messages}),
        env={**os.environ, "PYTHONPATH": str(tmp_path / "out")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["keys"] == [example.id for example in examples]
    assert told["prompts"] == [list(example_prompt(one.instruction, one.texts)) for one in examples]
    perfect, invalid, one_cluster, split_off = told["scores"]
    assert perfect["reward"] == 1
    assert perfect["metrics"] == {"format": 1, "count": 1, "quality": 1, "process": 0, "k_difference": 0}
    assert invalid["reward"] == 0
    assert invalid["metrics"]["error_tags"] == 1
    assert 0 < one_cluster["reward"] < 0.01
    assert one_cluster["metrics"]["k_difference"] == 1 - len(examples[0].gold.clusters)
    assert "without a reasoning parser" in split_off
    assert told["valid"] == [True] * len(examples)
    assert told["default"] == 8
    assert told["refusal"] == "there is no split 'c9'; there are train, c0, c1, c2"
