"""Reasoning traces for distillation (paper §5.1, App. C) and what people decided about them, as files of lines.

traces/TASK.jsonl         the task's traces, in the order they were made
traces/_verdicts.jsonl    people's decisions, one a trace; no task's id starts with an underscore
traces/_put_away.jsonl    traces of examples that the benchmark no longer has, which nobody learns from
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, TypeVar, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from .answer import after_thought
from .errors import WorkspaceError
from .prompt import example_prompt
from .tasks import Example
from .workspace import atomic_path, write_bytes

Criterion = Literal["completeness", "length", "coherence"]
CRITERIA: tuple[Criterion, ...] = get_args(Criterion)
"""What the paper's review agent looks at: completeness of the logical flow, length, coherence of the steps."""

RejectionReason = Literal[
    "unusable", "answer", "too_short", "too_long", "leaning", "completeness", "length", "coherence", "rederived"
]
"""Why a trace is not kept: no readable trace, another answer than gold, its words counted, signs that it leans on the
given answer, a rating below the bar, or an assignment that its reasoning alone does not give."""
REASONS: tuple[RejectionReason, ...] = get_args(RejectionReason)

_MISLEADING: frozenset[RejectionReason] = frozenset({"unusable", "answer"})
_VERDICTS = "_verdicts.jsonl"
_PUT_AWAY = "_put_away.jsonl"
_Line = TypeVar("_Line", bound=BaseModel)
_Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,199}$")]
_Rating = Annotated[int, Field(ge=1, le=5)]


class Turn(NamedTuple):
    """A message of a prompt."""

    role: Literal["system", "user", "assistant"]
    content: str


def prompt_of(example: Example) -> tuple[Turn, ...]:
    """What the student is shown of an example."""
    system, user = example_prompt(example.instruction, example.texts)
    return Turn("system", system), Turn("user", user)


def _as_turns(prompt: object) -> object:
    return (Turn("user", prompt),) if isinstance(prompt, str) else prompt


class TraceScores(BaseModel):
    """The review agent's ratings, 1 (poor) to 5 (good)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    completeness: _Rating
    length: _Rating
    coherence: _Rating
    comment: str = ""

    @property
    def mean(self) -> float:
        return (self.completeness + self.length + self.coherence) / 3


class TraceAttempt(BaseModel):
    """A trace that was sent back: why, and where the ledger has what was said."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    round: int = Field(ge=1)
    reason: RejectionReason
    says: str = Field(description="what the generation agent was told")
    call: str = Field(default="", description="key of the generation agent's call in the ledger")


class Trace(BaseModel):
    """One reasoning trace: what a student model will be shown, think and answer.

    The prompt is the student's: the generation agent saw the gold clustering as well (App. C), the student never does.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: _Id = Field(description="unique among all tasks' traces")
    task: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    instruction: str = Field(min_length=1)
    prompt: Annotated[tuple[Turn, ...], BeforeValidator(_as_turns)] = Field(
        min_length=1, description="messages; a text is one message of the user"
    )
    reasoning: str = Field(description="what stands between the think tags; empty only where no answer had any")
    answer: str = Field(min_length=1, description="canonical answer (App. D), without the reasoning")
    model: str = Field(min_length=1, description="the model that wrote it")
    scores: TraceScores | None = None
    kept: bool | None = Field(default=None, description="the review agent's decision; None before it looked")
    example: str = Field(default="", description="id of the benchmark's example; empty for a trace from elsewhere")
    call: str = Field(default="", description="key of the generation agent's call in the ledger")
    rederived: float | None = Field(
        default=None, ge=0, le=1, description="V-measure against gold of the assignment repeated from the reasoning"
    )
    attempts: tuple[TraceAttempt, ...] = Field(default=(), description="those before it that were sent back")
    rejected: TraceAttempt | None = Field(default=None, description="why this one is not kept")
    made_from: str = Field(
        default="", description="hash of example, prompts, models and settings: where it differs, it is made anew"
    )

    @model_validator(mode="after")
    def _says_something(self) -> Trace:
        if not self.reasoning and self.leads_to_gold:
            raise ValueError("the reasoning is empty")
        return self

    @property
    def leads_to_gold(self) -> bool:
        """Whether there is a reasoning and gold was its answer: nobody can keep a trace of which that is not true."""
        return self.rejected is None or self.rejected.reason not in _MISLEADING

    @property
    def completion(self) -> str:
        """What the student learns to say: reasoning and answer in the canonical form."""
        return after_thought(self.reasoning, self.answer)


class TraceVerdict(BaseModel):
    """People's decision about a trace; ratings are medians of those who gave one.

    `authors` decided as `keep` says, `dissenters` otherwise; `rule` says what settled it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    trace: _Id
    keep: bool
    completeness: float | None = Field(default=None, ge=1, le=5)
    length: float | None = Field(default=None, ge=1, le=5)
    coherence: float | None = Field(default=None, ge=1, le=5)
    comment: str = ""
    authors: tuple[str, ...]
    dissenters: tuple[str, ...] = ()
    rule: Literal["single", "agreed", "majority", "lead"]
    at: str


def read_traces(folder: Path) -> Iterator[Trace]:
    """Every task's traces, one at a time.

    Raises WorkspaceError naming a line that is not a trace, or one whose id came before.
    """
    seen: set[str] = set()
    for path in sorted(folder.glob("[!._]*.jsonl")):
        for number, trace in _read_lines(path, Trace):
            if trace.id in seen:
                raise WorkspaceError(f"{path} line {number}: a trace with the id {trace.id!r} came before; rename one")
            seen.add(trace.id)
            yield trace


def is_kept(trace: Trace, verdict: TraceVerdict | None) -> bool:
    """Whether a model may learn from a trace: people's word, and without it the review agent's."""
    return trace.leads_to_gold and (bool(trace.kept) if verdict is None else verdict.keep)


def kept_traces(folder: Path) -> Iterator[Trace]:
    """The traces that a model may learn from, after people's word, one at a time. Raises WorkspaceError."""
    verdicts = read_verdicts(folder)
    return (trace for trace in read_traces(folder) if is_kept(trace, verdicts.get(trace.id)))


def read_task_traces(folder: Path, task: str) -> Iterator[Trace]:
    """One task's traces, none where it has no file. Raises WorkspaceError naming a line that is not a trace."""
    path = folder / f"{task}.jsonl"
    return (trace for _, trace in _read_lines(path, Trace)) if path.exists() else iter(())


def write_traces(folder: Path, task: str, traces: Iterable[Trace]) -> Path:
    """A task's traces as one file, in place of those before, written line by line and renamed when complete."""
    path = folder / f"{task}.jsonl"
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        for trace in traces:
            file.write(_as_line(trace))
    return path


def put_traces_away(folder: Path, traces: Iterable[Trace]) -> Path:
    """Keep traces where no one learns from them; returns the file, which grows."""
    path = folder / _PUT_AWAY
    with path.open("ab") as file:
        for trace in traces:
            file.write(_as_line(trace))
    return path


def read_verdicts(folder: Path) -> dict[str, TraceVerdict]:
    """People's decisions by trace id. Raises WorkspaceError naming a line that is not a verdict."""
    path = folder / _VERDICTS
    return {verdict.trace: verdict for _, verdict in _read_lines(path, TraceVerdict)} if path.exists() else {}


def put_verdicts(folder: Path, verdicts: Iterable[TraceVerdict]) -> None:
    """Store decisions, each in place of an earlier one about its trace; the file is replaced whole."""
    known = read_verdicts(folder)
    merged = known | {verdict.trace: verdict for verdict in verdicts}
    if merged != known:
        write_bytes(folder / _VERDICTS, b"".join(_as_line(merged[trace]) for trace in sorted(merged)))


def _as_line(item: BaseModel) -> bytes:
    return item.model_dump_json(exclude_none=True).encode() + b"\n"


def _read_lines(path: Path, model: type[_Line]) -> Iterator[tuple[int, _Line]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                yield number, model.model_validate_json(line)
            except ValidationError as error:
                wrong = error.errors()[0]
                place = ".".join(map(str, wrong["loc"])) or "the line"
                raise WorkspaceError(
                    f"{path} line {number} is not a {model.__name__} ({place}: {wrong['msg']}); mend or delete the line"
                ) from None
