"""A training run on disk: what it was, its metrics, alarms and trials, as files of lines that grow (paper App. F).

runs/NAME/recipe.yaml          the recipe as it was run
runs/NAME/STAGE/run.json       RunInfo: data, model, versions, how it ended
runs/NAME/STAGE/metrics.jsonl  MetricLine: one a logged step
runs/NAME/STAGE/alarms.jsonl   Alarm
runs/NAME/STAGE/completions.jsonl  SampledCompletion: some of each logged step, to read
runs/NAME/STAGE/recipe.yaml    the recipe as this stage was last run; runs/NAME/recipe.yaml is the last of both
runs/NAME/STAGE/base/          the model it starts from, where it was made for the stage (tiny) or unpacked (.gguf)
runs/NAME/STAGE/checkpoints/   to resume from
runs/NAME/STAGE/model/         the trained model, when it is done
runs/NAME/trials.jsonl         Trial: models sampled on the same held-out examples
runs/NAME/trials/MODEL-SPLIT.jsonl  TrialCompletion: what each of them said
runs/NAME/report.html          curves, trials, completions
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .errors import WorkspaceError

Stage = Literal["sft", "grpo"]
STAGES: tuple[Stage, ...] = get_args(Stage)
Outcome = Literal["running", "done", "stopped", "failed"]
AlarmKind = Literal["zero_spread", "clipped", "format", "kl", "not_finite"]


class _Frozen(BaseModel):
    # A loss that is not finite must come back as it was: JSON's null would not be read as a number.
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class RunInfo(_Frozen):
    """What a stage is and how far it came. Times are ISO 8601, UTC."""

    stage: Stage
    recipe: str
    model: str = Field(description="what was trained: a name, a folder, or 'tiny'")
    parameters: int = Field(default=0, description="trainable ones")
    data: str = Field(description="the benchmark or file that the rows came from")
    data_sha256: str = Field(description="of the rows as they were trained on")
    rows: int
    left_out: dict[str, int] = Field(default_factory=dict, description="rows not trained on, by reason")
    steps: int = Field(description="optimizer updates that the whole run has")
    outcome: Outcome = "running"
    step: int = 0
    seconds: float = Field(default=0.0, description="of training, over all starts")
    starts: int = Field(default=1, description="1, and one more for each time it was resumed")
    versions: dict[str, str] = Field(default_factory=dict)
    device: str = "cpu"
    started: str = ""
    ended: str = ""


class MetricLine(_Frozen):
    """A logged step: `values` by the trainer's names, such as reward, cluster/format, completions/mean_length."""

    step: int
    seconds: float
    values: dict[str, float]


class Alarm(_Frozen):
    """Something a person should look at, and what to do about it."""

    step: int
    kind: AlarmKind
    value: float
    limit: float
    says: str


class SampledCompletion(_Frozen):
    """A completion of a training step, with its score."""

    step: int
    example: str
    completion: str
    reward: float
    error: str = ""


class Trial(_Frozen):
    """A model's completions on held-out examples: means over all completions, in [0, 1].

    `standard_error` is of the mean reward over examples (the mean of an example's samples is one observation).
    """

    model: str = Field(description="base, sft, grpo, or a baseline's name")
    split: str
    examples: int
    samples: int = Field(description="completions of each example")
    temperature: float
    seed: int
    reward: float
    standard_error: float
    format: float
    count: float
    quality: float
    k_error: float = Field(default=0.0, description="mean of |K predicted - K gold| over valid answers")
    tokens: float = Field(default=0.0, description="mean length of a completion")
    seconds: float = 0.0
    errors: dict[str, int] = Field(default_factory=dict, description="invalid answers by kind")


class TrialCompletion(_Frozen):
    """What a model said to an example in a trial, with its score."""

    example: str
    completion: str
    reward: float
    format: Literal[0, 1]
    count: float
    quality: float
    error: str = ""


class PaperFigure(_Frozen):
    """What the paper reports for an arm: V-measure on each split, in percent, and the average as printed."""

    arm: str
    model: str
    table: Literal[3, 4]
    c0: float
    c1: float
    c2: float
    average: float


class AblationArm(_Frozen):
    """A training recipe that was compared, and how its model did on each split."""

    name: str
    says: str
    steps: int = Field(description="optimizer updates over all its stages, those shared with other arms included")
    seconds: float = Field(description="of training them")
    trials: tuple[Trial, ...]


class AblationResult(_Frozen):
    """Arms of one recipe tried on the same examples (Tables 3 and 4), in the paper's order."""

    recipe: str
    benchmark: str
    seed: int
    arms: tuple[AblationArm, ...]
    paper: tuple[PaperFigure, ...] = ()


class StageFolder:
    """The files of one stage."""

    def __init__(self, run: Path, stage: Stage) -> None:
        self.folder = run / stage
        self.info = self.folder / "run.json"
        self.recipe = self.folder / "recipe.yaml"
        self.base = self.folder / "base"
        self.metrics = self.folder / "metrics.jsonl"
        self.alarms = self.folder / "alarms.jsonl"
        self.completions = self.folder / "completions.jsonl"
        self.checkpoints = self.folder / "checkpoints"
        self.model = self.folder / "model"


class RunFolder:
    """The files of a run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.recipe = folder / "recipe.yaml"
        self.trials = folder / "trials.jsonl"
        self.report = folder / "report.html"
        self.sft = StageFolder(folder, "sft")
        self.grpo = StageFolder(folder, "grpo")

    def trial_completions(self, model: str, split: str) -> Path:
        return self.folder / "trials" / f"{model}-{split}.jsonl"

    def stage(self, stage: Stage) -> StageFolder:
        return self.sft if stage == "sft" else self.grpo


def read_run_info(path: Path) -> RunInfo | None:
    """None where the stage has not begun. Raises WorkspaceError for a file that is damaged."""
    if not path.exists():
        return None
    try:
        return RunInfo.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise WorkspaceError(f"{path} is damaged ({error.errors()[0]['msg']}); delete the stage's folder") from None
