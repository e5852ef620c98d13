"""Settings: `cluster-r1.yaml` as frozen models. Unknown keys are refused and every error names its key.

Keys of APIs are never settings: a model names the environment variable that holds its key.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from .build_settings import BenchmarkSettings
from .cluster_settings import ClusterSettings
from .distill_settings import DistillSettings
from .errors import SettingsError
from .section import Section
from .task_settings import HierarchySettings, TaskSettings
from .unique_keys import read_yaml
from .wrong_keys import ExtraKeys, wrong_keys

SETTINGS_FILE = "cluster-r1.yaml"

Role = Literal["generator", "refiner", "labeler_a", "labeler_b", "tracer", "reviewer"]
ROLES: tuple[Role, ...] = get_args(Role)


class CorpusSettings(Section):
    """Where the documents come from."""

    source: str = Field(min_length=1, description="a JSONL, JSON, CSV or Parquet file, a folder, a glob, or hf:NAME")
    format: Literal["auto", "jsonl", "json", "csv", "parquet", "text"] = Field(
        default="auto", description="auto goes by the file's suffix"
    )
    text: str = Field(default="text", description="column with the text")
    id: str | None = Field(default="id", description="column with a unique id; null numbers the rows")
    gold: str | None = Field(
        default=None, description="column with gold labels, for evaluation only: a value or {labeling: value}"
    )
    split: str = Field(default="train", description="split of a hub data set")
    config: str | None = Field(default=None, description="configuration of a hub data set")
    max_characters: int = Field(default=100_000, ge=100, description="longer texts are skipped and counted")
    on_bad: Literal["skip", "fail"] = Field(
        default="skip", description="skip and report bad rows, or stop at the first"
    )
    domain: str = Field(default="corpus", description="short name of the corpus in tasks and reports")
    licence: str = Field(default="not stated", description="licence of the texts, for data cards")


class Price(Section):
    """US dollars per million tokens."""

    input: float = Field(default=0.0, ge=0)
    output: float = Field(default=0.0, ge=0)


class ModelSettings(Section):
    """One role's model: an endpoint that answers, or a server that this project starts (`serve`)."""

    model: str = Field(
        min_length=1, description="the endpoint's model name; with serve, a local model's name, file or hub name"
    )
    serve: Literal["embedded", "vllm"] | None = Field(
        default=None, description="start a local server: llama.cpp (CPU) or vLLM"
    )
    base_url: str | None = Field(default=None, description="OpenAI-compatible endpoint, ending in /v1")
    api_key_env: str | None = Field(
        default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="environment variable with the key"
    )
    temperature: float = Field(default=0.0, ge=0, le=2)
    top_p: float = Field(default=1.0, gt=0, le=1)
    seed: int | None = Field(default=0, description="sent with every call; null sends none")
    max_tokens: int = Field(default=1024, ge=1, le=200_000, description="completion tokens a call may use")
    context_tokens: int = Field(default=8192, ge=512, description="prompt and completion together")
    concurrency: int = Field(default=32, ge=1, le=4096, description="calls in flight at most, for the whole endpoint")
    timeout_s: float = Field(default=120.0, gt=0, le=86_400)
    retries: int = Field(default=6, ge=0, le=50, description="repeats after 429, 5xx, timeouts and broken answers")
    structured: Literal["json_schema", "structured_outputs", "prompt"] = Field(
        default="json_schema",
        description="response_format json_schema, vLLM's structured_outputs, or asked for in words",
    )
    price: Price = Price()
    extra_body: dict[str, Any] = Field(
        default_factory=dict, description="further request fields, e.g. reasoning_effort"
    )

    @model_validator(mode="after")
    def _one_way_to_reach_it(self) -> ModelSettings:
        if (self.serve is None) == (self.base_url is None):
            raise ValueError(
                "name either base_url (an endpoint that runs) or serve (embedded, vllm), not both or neither"
            )
        return self

    @field_validator("base_url")
    @classmethod
    def _http(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("http://", "https://")):
            raise ValueError(f"base_url must start with http:// or https://, got {url!r}")
        return url.rstrip("/") if url else url


_ROLE_DEFAULTS: dict[Role, dict[str, Any]] = {
    "generator": {"temperature": 0.7, "max_tokens": 2048},
    "refiner": {"temperature": 0.2, "max_tokens": 2048},
    "labeler_a": {"max_tokens": 256},
    "labeler_b": {"max_tokens": 256},
    "tracer": {"temperature": 0.7, "max_tokens": 4096},
    "reviewer": {"max_tokens": 1024},
}


class ModelsSettings(Section):
    """A model for each role; what a role leaves out comes from `default`, then from the role's own defaults."""

    generator: ModelSettings
    refiner: ModelSettings
    labeler_a: ModelSettings
    labeler_b: ModelSettings
    tracer: ModelSettings
    reviewer: ModelSettings

    @model_validator(mode="before")
    @classmethod
    def _inherit(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        if any(isinstance(section, ModelSettings) for section in value.values()):
            return value
        sections = {name: {} if value[name] is None else value[name] for name in value}
        wrong = [name for name, section in sections.items() if not isinstance(section, Mapping)]
        default = sections.pop("default", {})
        if wrong:
            raise ValueError(f"{wrong[0]} must be a mapping such as {{model: ..., base_url: ...}}")
        return sections | {role: _inherited(role, default, sections.get(role, {})) for role in ROLES}

    def role(self, role: Role) -> ModelSettings:
        return getattr(self, role)

    def by_role(self) -> dict[str, ModelSettings]:
        return {role: self.role(role) for role in ROLES}


def _inherited(role: Role, default: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    reach = {"serve", "base_url"}
    base = {key: value for key, value in default.items() if not (key in reach and reach & own.keys())}
    return {**_ROLE_DEFAULTS[role], **base, **own}


class TestedModel(ModelSettings):
    """A model under test: all that a role's model may have, and what leaderboards tell about it."""

    __test__ = False  # not a test, whatever pytest makes of the name

    max_tokens: int = Field(default=4000, ge=1, le=200_000, description="of an answer with its reasoning")
    context_tokens: int = Field(default=32_768, ge=512, description="prompt and completion together")
    timeout_s: float = Field(default=1800.0, gt=0, le=86_400, description="long reasoning takes many minutes")
    parameters: float | None = Field(default=None, gt=0, description="billions, for pictures of quality by size")
    hint: bool = Field(default=False, description="add the reasoning hint to the prompt (paper Table 4)")


class EvalSettings(Section):
    """Models under test by name, for `cluster-r1 eval run --model NAME`."""

    models: dict[str, TestedModel] = Field(default_factory=dict, description="by the name of their entry")


class TaxonomySettings(Section):
    """Generation, refinement and the check between them (paper §4.1)."""

    proposals: int = Field(
        default=3, ge=1, le=50, description="instructions the generator proposes when no task is given"
    )
    samples: int = Field(
        default=1, ge=1, le=100, description="independent samples of the corpus, their proposals merged"
    )
    sample_tokens: int = Field(
        default=2500, ge=200, description="tokens of corpus shown to the generator in one sample"
    )
    excerpt_tokens: int = Field(default=200, ge=20, description="tokens of one document shown at most")
    min_clusters: int = Field(default=2, ge=2, le=500)
    max_clusters: int = Field(default=12, ge=2, le=500)
    probe: int = Field(default=40, ge=4, le=5000, description="documents the check labels")
    max_none_fits: float = Field(
        default=0.10, ge=0, le=1, description="coverage: share of probe votes that fit nowhere"
    )
    max_confusion: float = Field(
        default=0.25, ge=0, le=1, description="overlap: share of a pair's votes that the labelers split"
    )
    rounds: int = Field(default=2, ge=0, le=20, description="refinements after the first one, at most")

    @model_validator(mode="after")
    def _range(self) -> TaxonomySettings:
        if self.min_clusters > self.max_clusters:
            raise ValueError(f"min_clusters {self.min_clusters} is larger than max_clusters {self.max_clusters}")
        return self


class LabelingSettings(Section):
    """The two labelers and their consensus."""

    chunk: int = Field(default=250, ge=1, le=5000, description="documents in one graph run")
    orders: int = Field(
        default=4, ge=1, le=64, description="cluster orders a labeler rotates through, so that position bias shows"
    )
    reason: bool = Field(default=False, description="ask for a one-sentence reason before the cluster")
    document_tokens: int = Field(default=2000, ge=50, description="longer documents are cut in the prompt, and counted")
    attempts: int = Field(
        default=3, ge=1, le=10, description="answers asked of a labeler before a document is left unanswered"
    )
    carry: bool = Field(
        default=True, description="after an edit of the taxonomy vote anew only on what it touches, else on everything"
    )
    recheck: int = Field(
        default=50,
        ge=0,
        le=100_000,
        description="untouched documents voted on anew all the same, to measure what carrying labels over costs",
    )


class ReviewSettings(Section):
    """Gates where the run waits for a person (`--yes` passes them), and how several people's answers are settled."""

    proposals: bool = True
    taxonomy: bool = True
    annotators: int = Field(default=1, ge=1, le=50, description="people who must answer a record before it is decided")
    rule: Literal["majority", "lead"] = Field(
        default="majority", description="who decides when people disagree: more than half of them, or the lead"
    )
    lead: str | None = Field(default=None, description="user name of the person whose answer decides")
    sample: int = Field(default=200, ge=1, le=100_000, description="documents in a review of a task's labels")
    random_share: float = Field(
        default=0.5, ge=0, le=1, description="share of them drawn at random, for estimates without selection bias"
    )
    blind: bool = Field(
        default=True, description="show the random ones without the labelers' votes, so that nobody leans on them"
    )

    @model_validator(mode="after")
    def _has_its_lead(self) -> ReviewSettings:
        if self.rule == "lead" and not self.lead:
            raise ValueError("rule: lead needs the user name of the lead")
        return self


class ArgillaSettings(Section):
    """A team's own Argilla server; without this section reviews go to the embedded one."""

    url: str = Field(description="the server's address, such as https://argilla.example.org")
    workspace: str = Field(default="cluster-r1", min_length=1, description="workspace on the server; it must exist")
    api_key_env: str = Field(
        default="ARGILLA_API_KEY",
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        description="environment variable with an owner's or admin's API key",
    )

    @field_validator("url")
    @classmethod
    def _http(cls, url: str) -> str:
        if not url.startswith(("http://", "https://")):
            raise ValueError("url must start with http:// or https://")
        return url.rstrip("/")


class BudgetSettings(Section):
    """The run stops cleanly when one of these is spent; null means no limit."""

    calls: int | None = Field(default=None, ge=1)
    tokens: int | None = Field(default=None, ge=1)
    usd: float | None = Field(default=None, gt=0, allow_inf_nan=False)


class Settings(Section):
    """The whole of cluster-r1.yaml."""

    corpus: CorpusSettings
    tasks: tuple[TaskSettings, ...] = Field(default=(), description="empty: the generator proposes instructions")
    registry: str | None = Field(
        default=None,
        description="where `tasks` is empty: make the tasks of this corpus.domain in a registry,"
        " which is reasoncluster (paper Table 5) or a YAML file",
    )
    hierarchy: HierarchySettings = Field(default=HierarchySettings(), description="what synth --hierarchical makes")
    models: ModelsSettings
    taxonomy: TaxonomySettings = TaxonomySettings()
    labeling: LabelingSettings = LabelingSettings()
    review: ReviewSettings = ReviewSettings()
    argilla: ArgillaSettings | None = Field(default=None, description="null: the embedded server")
    budget: BudgetSettings = BudgetSettings()
    benchmark: BenchmarkSettings = BenchmarkSettings()
    distill: DistillSettings = DistillSettings()
    eval: EvalSettings = EvalSettings()
    cluster: ClusterSettings = ClusterSettings()
    checkpoints: str = Field(default="sqlite", description="'sqlite' in the workspace, or a postgresql:// URL")
    seed: int = Field(default=0, description="sampling, probe choice and cluster orders")

    @field_validator("tasks")
    @classmethod
    def _unique_ids(cls, tasks: tuple[TaskSettings, ...]) -> tuple[TaskSettings, ...]:
        ids = [task.id for task in tasks]
        twice = sorted({i for i in ids if ids.count(i) > 1})
        if twice:
            raise ValueError(f"two tasks have the id {twice[0]!r}")
        return tasks

    def asked(self, task: str) -> TaskSettings | None:
        """What the settings say about a task, if they name it."""
        named = [*self.tasks, self.hierarchy.coarse, *(inside for _, inside in self.hierarchy.tasks_inside())]
        return next((asked for asked in named if asked.id == task), None)

    def gold_labeling(self, task: str) -> str | None:
        """The labeling in the corpus' gold column that a task is compared with."""
        asked = self.asked(task)
        return asked.gold if asked is not None else None


def load_settings(path: Path) -> Settings:
    """Read and check a settings file. Raises SettingsError naming the file and every wrong key."""
    try:
        content = read_yaml(path, str(path))
    except FileNotFoundError:
        raise SettingsError(f"there is no {path}; `cluster-r1 init {path.parent}` writes one") from None
    return parse_settings(content, str(path))


def parse_settings(content: Any, where: str = "settings") -> Settings:
    """Check already loaded settings; `where` is named in errors."""
    if not isinstance(content, Mapping):
        raise SettingsError(f"{where} must be a mapping with at least the keys corpus and models")
    try:
        return Settings.model_validate(content)
    except ValidationError as error:
        details = [_named_after_source(detail, content.get("models")) for detail in error.errors()]
        extra: ExtraKeys = {ModelsSettings: {"default": ModelSettings}}
        raise SettingsError(wrong_keys(details, Settings, where, extra)) from None


def _named_after_source(detail: ErrorDetails, models: Any) -> ErrorDetails:
    """An error in what a role took over from models.default is an error of models.default."""
    location = detail["loc"]
    if len(location) < 2 or location[0] != "models" or location[1] not in ROLES or not isinstance(models, Mapping):
        return detail
    own = models.get(location[1]) or {}
    if own and (len(location) == 2 or location[2] in own):
        return detail
    return ErrorDetails(**{**detail, "loc": ("models", "default", *location[2:])})
