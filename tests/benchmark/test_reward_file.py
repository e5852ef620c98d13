"""The self-contained reward file: it loads with nothing installed and scores as core/scoring.py does."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from answer_texts import Case, cases
from cluster_r1.benchmark.reward_file import reward_file_source
from cluster_r1.core.answer import Answer, render_answer
from cluster_r1.core.scoring import RewardSettings, score_completion
from hypothesis import given, settings

GOLD = ["a", "a", "b", "b"]
TEXTS = [
    render_answer(Answer.from_labels(GOLD), "two pairs"),
    render_answer(Answer.from_labels([0, 1, 2, 3]), "each its own"),
    render_answer(Answer.from_labels([0, 0, 1]), "one is missing"),
    "no answer",
]

LOAD_AND_SCORE = """
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("not_registered", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
request = json.load(sys.stdin)
rewards = module.cluster_reward(completions=request["texts"], labels=[request["gold"]] * len(request["texts"]))
truth = json.dumps({"labels": request["gold"]})
scores = [module.compute_score("cluster-r1", text, truth) for text in request["texts"]]
foreign = {name.partition(".")[0] for name in sys.modules} - set(sys.stdlib_module_names) - {"__main__"}
print(json.dumps({"rewards": rewards, "scores": scores, "foreign": sorted(foreign)}))
"""


def loaded(path: Path) -> ModuleType:
    """As verl loads it: by path, without an entry in sys.modules."""
    spec = importlib.util.spec_from_file_location("compute_score_of_a_test", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("reward") / "compute_score.py"
    file.write_text(reward_file_source(), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def module(path: Path) -> ModuleType:
    return loaded(path)


def test_a_bare_interpreter_loads_and_scores(path: Path) -> None:
    request = json.dumps({"texts": TEXTS, "gold": GOLD})
    command = [sys.executable, "-I", "-S", "-c", LOAD_AND_SCORE, path]
    done = subprocess.run(command, input=request, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    scores = [score_completion(text, GOLD) for text in TEXTS]
    assert answer["rewards"] == [score.reward for score in scores]
    assert [row["error"] for row in answer["scores"]] == ["", "", "missing", "tags"]
    assert answer["rewards"][0] == 1
    assert answer["foreign"] == []


@given(case=cases())
@settings(max_examples=300)
def test_its_scores_are_those_of_the_package(module: ModuleType, case: Case) -> None:
    expected = score_completion(case.text, case.gold)
    row = module.compute_score("cluster-r1", case.text, json.dumps({"labels": case.gold}), {"index": 0}, num_turns=2)
    assert row.pop("score") == expected.reward
    assert row.pop("error") == (expected.error or "")
    assert row == {
        name: getattr(expected, name) for name in ("format", "count", "quality", "process", "k_pred", "k_gold")
    }
    messages = [{"role": "assistant", "content": case.text}]
    prompts = [[{"role": "user", "content": "?"}]] * 2
    rewards = module.cluster_reward(
        prompts=prompts, completions=[messages, case.text], completion_ids=[[1], [1]], labels=[case.gold] * 2
    )
    assert rewards == [expected.reward] * 2


def test_it_is_formatted_and_free_of_lint(path: Path) -> None:
    for command in (["format", "--check"], ["check", "--select", "E,F,W,I,B,UP,C4,SIM,RET"]):
        run = [sys.executable, "-m", "ruff", *command, "--isolated", "--line-length", "120", path]
        done = subprocess.run(run, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_it_is_one_module_in_which_no_name_is_defined_twice() -> None:
    tree = ast.parse(reward_file_source())
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    names += [ast.unparse(node.targets[0]) for node in tree.body if isinstance(node, ast.Assign)]
    assert len(names) == len(set(names))
    assert {"compute_score", "cluster_reward", "SETTINGS"} <= set(names)
    texts = [node for node in tree.body if isinstance(node, ast.Expr)]
    assert len(texts) == 1
    assert "cluster-r1" in str(ast.get_docstring(tree))
    assert "Apache-2.0" in str(ast.get_docstring(tree))


def test_it_is_the_same_in_every_process() -> None:
    code = "from cluster_r1.benchmark.reward_file import reward_file_source as s; print(s(), end='')"
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"}
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
        assert done.stdout.decode() == reward_file_source()


def test_settings_are_those_it_was_made_with(tmp_path: Path) -> None:
    how = RewardSettings("harmonic", epsilon=0.01, decay=0.25, process=0.5)
    file = tmp_path / "compute_score.py"
    file.write_text(reward_file_source(how), encoding="utf-8")
    expected = [score_completion(text, GOLD, how).reward for text in TEXTS]
    assert loaded(file).cluster_reward(TEXTS, [GOLD] * len(TEXTS)) == expected
    assert expected != [score_completion(text, GOLD).reward for text in TEXTS]
    with pytest.raises(ValueError, match="not negative"):
        reward_file_source(RewardSettings(decay=-1))


def test_factors_and_error_kinds_are_logged_where_trl_asks(module: ModuleType) -> None:
    metrics: dict[str, float] = {}
    columns: dict[str, list[str]] = {}
    module.cluster_reward(
        completions=TEXTS, labels=[GOLD] * 4, log_metric=metrics.__setitem__, log_extra=columns.__setitem__
    )
    assert columns == {"error": ["", "", "missing", "tags"], "k_difference": ["+0", "+2", "", ""]}
    assert metrics["cluster/k_difference"] == 1
    assert metrics["cluster/format"] == 0.5
    assert metrics["cluster/quality"] == pytest.approx((1 + 2 / 3) / 4)
    assert {name: share for name, share in metrics.items() if "error" in name and share} == {
        "cluster/error/missing": 0.25,
        "cluster/error/tags": 0.25,
    }
    assert len(metrics) == 3 + 8 + 1


@pytest.mark.parametrize(
    ("ground_truth", "message"),
    [
        ("", "must be JSON text"),
        ("[0, 1]", "must be JSON text"),
        ({"labels": [0, 1]}, "must be JSON text"),
        ('{"label": [0, 1]}', "must be JSON text"),
        ('{"labels": "0101"}', "list of names or numbers"),
        ('{"labels": [[0], [1]]}', "list of names or numbers"),
        ('{"labels": []}', "empty"),
    ],
)
def test_a_ground_truth_that_is_none_stops_the_training(module: ModuleType, ground_truth: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        module.compute_score("cluster-r1", TEXTS[0], ground_truth)


def test_labels_that_do_not_match_the_completions_are_refused(module: ModuleType) -> None:
    with pytest.raises(ValueError, match="shorter"):
        module.cluster_reward(TEXTS, [GOLD])


@pytest.mark.parametrize("key", ["reasoning_content", "thinking"])
def test_reasoning_that_a_template_split_off_is_not_scored_as_invalid(module: ModuleType, key: str) -> None:
    message = {"role": "assistant", key: "why", "content": "<answer>\nTotal clusters: [1]\ncluster1: [1]\n</answer>"}
    with pytest.raises(ValueError, match=f"reasoning was moved into '{key}'"):
        module.cluster_reward([[message]], [[0]])


def test_a_message_without_text_is_refused(module: ModuleType) -> None:
    with pytest.raises(TypeError, match="must be text, not NoneType"):
        module.cluster_reward([[{"role": "assistant", "content": None}]], [[0]])
