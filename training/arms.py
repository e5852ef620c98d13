"""The training recipes that the paper compares (Tables 3 and 4), each as a chain of stages made from one recipe."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from ..core.known_names import known_names
from ..core.training_runs import RunFolder, Stage
from .recipe import Recipe
from .recipe_file import changed_recipe

Arm = Literal["final-answer", "distilled-final-answer", "rl", "rl-hint", "distilled-rl", "distilled-rl-hint"]
ARMS: tuple[Arm, ...] = get_args(Arm)

SAYS: dict[Arm, str] = {
    "final-answer": "SFT on final answers alone",
    "distilled-final-answer": "SFT on distilled reasoning, then on final answers alone",
    "rl": "GRPO from the model as it is",
    "rl-hint": "GRPO with the reasoning hint in the prompt",
    "distilled-rl": "SFT on distilled reasoning, then GRPO",
    "distilled-rl-hint": "SFT on distilled reasoning, then GRPO with the reasoning hint in the prompt",
}

_DISTILLED = "distilled"


def checked_arms(names: Sequence[str]) -> tuple[Arm, ...]:
    """In the paper's order. Raises SettingsError naming the first that is no arm."""
    return tuple(sorted(known_names(names, ARMS, "arm", "arm"), key=ARMS.index))


class ArmStage(NamedTuple):
    """A stage of an arm: its folder below the ablation's, its recipe, and whose model it starts from, if anyone's."""

    folder: str
    recipe: Recipe
    stage: Stage

    def run(self, ablation: Path) -> RunFolder:
        return RunFolder(ablation / self.folder)

    def model(self, ablation: Path) -> Path:
        return self.run(ablation).stage(self.stage).model


def arm_stages(recipe: Recipe, arm: Arm, ablation: Path) -> tuple[ArmStage, ...]:
    """The stages of an arm in order; the last one's model is the arm's.

    The distilled model is one run that several arms start from; it has seen no hint. Nothing else is changed: an arm
    without SFT has the recipe's GRPO, and the other way round.
    """
    plain = _changed(recipe, prompt={"hint": False})
    shared = ArmStage(_DISTILLED, _changed(plain, name=_DISTILLED, sft={"target": "reasoning"}), "sft")
    own = _changed(plain, name=arm, prompt={"hint": arm.endswith("-hint")})
    distilled = arm.startswith("distilled-")
    if distilled:
        own = _changed(own, model={"name": str(shared.model(ablation)), "tiny": None})
    if arm.endswith("final-answer"):
        last = ArmStage(arm, _changed(own, sft={"target": "answer", "split": "train"}), "sft")
    else:
        last = ArmStage(arm, _changed(own, grpo={"start": "base"}), "grpo")
    return (shared, last) if distilled else (last,)


def _changed(recipe: Recipe, **changes: Any) -> Recipe:
    return changed_recipe(recipe, f"recipe {recipe.name} as the ablation changes it", **changes)
