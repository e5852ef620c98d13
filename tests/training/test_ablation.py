"""The ablation: every arm is the recipe with one switch; the paper's figures, the table, and stages done once."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

import pytest
from cluster_r1.core.errors import SettingsError
from cluster_r1.core.paper_tables import paper_recipes
from cluster_r1.core.training_runs import AblationArm, AblationResult, Trial, read_run_info
from cluster_r1.graphs.progress import Silent
from cluster_r1.training.ablation import PAGE, RESULTS, AblationOrder, run_ablation
from cluster_r1.training.ablation_table import ablation_markdown, ablation_report
from cluster_r1.training.arms import ARMS, SAYS, Arm, arm_stages, checked_arms
from cluster_r1.training.recipe import Recipe
from cluster_r1.training.recipe_file import load_recipe
from cluster_r1.training.toy import ToySizes, write_toy_benchmark, write_toy_traces

PAPER = paper_recipes()
DISTILLED = ("distilled", "sft", None, {"sft.target": "reasoning"})
ANSWERS = {"sft.target": "answer", "sft.split": "train"}
EXPECTED: dict[Arm, list[tuple[str, str, str | None, dict[str, Any]]]] = {
    "final-answer": [("final-answer", "sft", None, ANSWERS)],
    "distilled-final-answer": [DISTILLED, ("distilled-final-answer", "sft", "distilled/sft", ANSWERS)],
    "rl": [("rl", "grpo", None, {"grpo.start": "base"})],
    "rl-hint": [("rl-hint", "grpo", None, {"grpo.start": "base", "prompt.hint": True})],
    "distilled-rl": [DISTILLED, ("distilled-rl", "grpo", "distilled/sft", {"grpo.start": "base"})],
    "distilled-rl-hint": [
        DISTILLED,
        ("distilled-rl-hint", "grpo", "distilled/sft", {"grpo.start": "base", "prompt.hint": True}),
    ],
}


def flat(recipe: Recipe) -> dict[str, Any]:
    content = recipe.model_dump()
    return {
        f"{section}.{key}": value
        for section, values in content.items()
        if isinstance(values, dict)
        for key, value in values.items()
    }


def differences(recipe: Recipe, other: Recipe) -> dict[str, Any]:
    before, after = flat(recipe), flat(other)
    return {key: after[key] for key in after if after[key] != before[key]}


@pytest.mark.parametrize("name", ["tiny-cpu", "qwen2.5-7b"])
@pytest.mark.parametrize("arm", ARMS)
def test_an_arm_changes_its_switch_and_nothing_else(arm: Arm, name: str, tmp_path: Path) -> None:
    recipe = load_recipe(name)
    stages = arm_stages(recipe, arm, tmp_path)
    assert [(stage.folder, stage.stage) for stage in stages] == [(folder, stage) for folder, stage, *_ in EXPECTED[arm]]
    for stage, (folder, _, start, wanted) in zip(stages, EXPECTED[arm], strict=True):
        changed = differences(recipe, stage.recipe)
        if start is not None:
            assert changed.pop("model.name") == str(tmp_path / start / "model")
            assert stage.recipe.model.tiny is None
            changed.pop("model.tiny", None)
        assert changed == {key: value for key, value in wanted.items() if flat(recipe)[key] != value}
        assert stage.recipe.name == folder


def test_the_distilled_model_is_one_for_all_arms(tmp_path: Path) -> None:
    shared = {arm_stages(load_recipe("tiny-cpu"), arm, tmp_path)[0] for arm in ARMS if arm.startswith("distilled")}
    assert len(shared) == 1


def test_arms_are_named_in_the_papers_order() -> None:
    assert checked_arms(["rl", "final-answer", "rl"]) == ("final-answer", "rl")
    with pytest.raises(SettingsError, match=r"no arm 'sft'; --arm takes final-answer, distilled-final-answer, rl"):
        checked_arms(["rl", "sft"])


def test_the_papers_figures_are_there_for_every_arm() -> None:
    assert {figure.arm for figure in PAPER if figure.model == "7B"} == set(ARMS) == set(SAYS)
    for figure in PAPER:
        mean = statistics.fmean((figure.c0, figure.c1, figure.c2))
        assert (figure.table == 4) or mean == pytest.approx(figure.average, abs=0.005)


def result() -> AblationResult:
    trial = Trial(
        model="rl",
        split="c1",
        examples=8,
        samples=1,
        temperature=1.0,
        seed=0,
        reward=0.25,
        standard_error=0.05,
        format=0.5,
        count=0.4,
        quality=0.375,
    )
    arm = AblationArm(name="rl", says=SAYS["rl"], steps=1200, seconds=61.4, trials=(trial,))
    return AblationResult(recipe="tiny-cpu", benchmark="toy", seed=0, arms=(arm,), paper=PAPER)


def test_the_table_stands_beside_the_papers() -> None:
    lines = ablation_markdown(result()).splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    found = dict(zip(rows[0], rows[2], strict=True))
    assert (found["V c0"], found["V c1"], found["valid answers"]) == ("", "37.5", "50 %")
    assert (found["updates"], found["reward"]) == ("1,200", "0.25 ± 0.05")
    assert found["paper 7B: c0 / c1 / c2"] == "46.7 / 48.2 / 46.5"
    assert found["paper 14B: c0 / c1 / c2"] == "56.4 / 53.6 / 53.7"


def test_the_page_names_the_arm_and_the_papers_figure() -> None:
    page = ablation_report(result())
    assert SAYS["rl"] in page
    assert "paper 0.482" in page


@pytest.mark.slow
def test_arms_that_are_done_are_not_repeated(tmp_path: Path) -> None:
    pytest.importorskip("trl")
    benchmark = write_toy_benchmark(tmp_path / "benchmark", seed=0, sizes=ToySizes(train=24, distill=32, held_out=6))
    write_toy_traces(benchmark, tmp_path / "traces")
    content = load_recipe("tiny-cpu").model_dump()
    content["sft"] |= {"max_steps": 2, "batch": 4, "micro_batch": 4}
    content["grpo"] |= {"max_steps": 2, "prompts": 2, "micro_batch": 10, "max_completion_tokens": 16}
    folder, recipe = tmp_path / "ablation", Recipe.model_validate(content)

    def run(*arms: Arm, **changes: Any) -> AblationResult:
        order = AblationOrder(recipe, arms, ("c1", "c2"), examples=4)._replace(**changes)
        return run_ablation(order, benchmark, tmp_path / "traces", folder, Silent())

    first = run("distilled-final-answer")
    assert [arm.name for arm in first.arms] == ["distilled-final-answer"]
    assert [(trial.split, trial.examples) for trial in first.arms[0].trials] == [("c1", 4), ("c2", 4)]
    assert first.arms[0].steps == 4
    every = run(*ARMS)
    assert [arm.name for arm in every.arms] == list(ARMS)
    assert every.arms[1] == first.arms[0]
    assert AblationResult.model_validate_json((folder / RESULTS).read_bytes()) == every
    assert SAYS["rl-hint"] in (folder / PAGE).read_text()
    assert run(*ARMS) == every
    starts = [read_run_info(path) for path in folder.glob("*/*/run.json")]
    assert [info.starts for info in starts if info] == [1] * 7
    more = run("rl", examples=6)
    assert [trial.examples for arm in more.arms for trial in arm.trials if arm.name == "rl"] == [6, 6]
