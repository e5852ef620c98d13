"""Gates without a server: what waits for a person lies as a YAML file in `reviews/`, and the run reads it back.

A gate's file shows the proposal and the findings; a person sets `verdict`, edits what they like, and runs `synth`
again. Reviews elsewhere (Argilla, an offline page) write the same decision into the same file. Beside it, in
`state/gates/`, lies what the gate asks as the run wrote it, for programs; a `ticket` tells one visit of a gate from the
next, so that a decision is never taken twice.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, NamedTuple

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from ..core.errors import WaitingForReview
from ..core.moments import now
from ..core.taxonomy import Cluster, Taxonomy
from ..core.workspace import Workspace, read_json, write_json, write_text

Verdict = Literal["accept", "rewrite", "reject"]
GateKind = Literal["proposals", "taxonomy"]

_HEAD = """\
# {title}
# Set verdict to one of: accept, rewrite, reject. Then run `cluster-r1 synth{flag}` again.
#   accept   take it as it stands in this file, your edits included
#   rewrite  have the refiner revise it by your note
#   reject   drop the task
"""

_PENDING = {"verdict": "pending", "author": "", "note": ""}


class TaskEdit(BaseModel):
    """A task as a person leaves it at a gate."""

    model_config = ConfigDict(frozen=True, extra="ignore", str_strip_whitespace=True)

    id: str
    instruction: str
    clusters: tuple[Cluster, ...]

    @model_validator(mode="after")
    def _is_a_taxonomy(self) -> TaskEdit:
        Taxonomy(task=self.id, instruction=self.instruction, clusters=self.clusters)
        return self


class Decision(BaseModel):
    """What people decided at a gate; everything they wrote is kept with author and time.

    `rule` says how several people's answers were settled, `dissent` who would have decided otherwise.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    verdict: Verdict
    tasks: tuple[TaskEdit, ...] = ()
    note: str = ""
    author: str = ""
    at: str = ""
    rule: str = ""
    dissent: tuple[str, ...] = ()


class Gate(BaseModel):
    """An open gate: what the run proposes there. `version` is the taxonomy's, None for proposals.

    With `fixed_ids` the tasks may be edited and left out, but not renamed. `hierarchical` tells which run waits there.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    kind: GateKind
    ticket: str
    title: str
    tasks: tuple[TaskEdit, ...]
    findings: tuple[str, ...] = ()
    version: int | None = None
    fixed_ids: bool = False
    hierarchical: bool = False


class Waiting(NamedTuple):
    """A gate that is closed, and the file that opens it."""

    gate: str
    title: str
    file: Path


def open_gates(workspace: Workspace) -> list[Gate]:
    """Every gate that waits for a person and has not been decided by one."""
    gates = [Gate.model_validate(read_json(path)) for path in sorted(workspace.gates.glob("[!.]*.json"))]
    return [gate for gate in gates if _file(workspace, gate.name).exists()]


def open_review(workspace: Workspace, gate: Gate) -> Waiting:
    """Write the gate's files unless they lie there already, with whatever a person has begun to write."""
    path, asked = _file(workspace, gate.name), workspace.gates / f"{gate.name}.json"
    if path.exists() and asked.exists() and Gate.model_validate(read_json(asked)).ticket != gate.ticket:
        _keep(path)
    if not path.exists():
        write_text(path, _as_yaml(gate, _PENDING))
    write_json(asked, gate.model_dump(mode="json"))
    return Waiting(gate.name, gate.title, path)


def put_decision(workspace: Workspace, gate: Gate, decision: Decision) -> None:
    """Decide a gate from outside its file; what a person had begun to write in the file is kept beside it."""
    path = _file(workspace, gate.name)
    tasks = decision.tasks or gate.tasks
    content = _as_yaml(gate, decision.model_copy(update={"tasks": tasks}).model_dump(mode="json"))
    if path.exists() and path.read_text(encoding="utf-8") not in (content, _as_yaml(gate, _PENDING)):
        _keep(path)
    write_text(path, content)


def read_decision(waiting: Waiting) -> Decision | None:
    """The decision in a gate's file, None while it is pending.

    Raises WaitingForReview naming what is wrong in the file; nothing that was written there is touched.
    """
    try:
        content = yaml.safe_load(waiting.file.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise WaitingForReview(f"{waiting.file} must be a mapping with a verdict")
        if str(content.get("verdict", "pending")) == "pending":
            return None
        return Decision.model_validate({"at": now(), **{k: v for k, v in content.items() if v is not None}})
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise WaitingForReview(f"{waiting.file} cannot be read: {error}") from error
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise WaitingForReview(f"{waiting.file} has a mistake, mend it and run again: {wrong}") from None


def close_review(workspace: Workspace, waiting: Waiting, decision: Decision) -> None:
    """Keep the decided file under reviews/decided/, numbered when the gate was decided before."""
    content = decision.model_dump(mode="json")
    write_text(_next_kept(waiting.file), yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110))
    waiting.file.unlink(missing_ok=True)
    (workspace.gates / f"{waiting.gate}.json").unlink(missing_ok=True)


def retire_gate(workspace: Workspace, name: str) -> None:
    """Put away what a process left behind that was killed after the gate's decision was taken."""
    if (path := _file(workspace, name)).exists():
        _keep(path)
    (workspace.gates / f"{name}.json").unlink(missing_ok=True)


def _file(workspace: Workspace, gate: str) -> Path:
    return workspace.reviews / f"{gate}.yaml"


def _as_yaml(gate: Gate, content: dict[str, Any]) -> str:
    notes = "".join(f"# found: {' '.join(finding.split())}\n" for finding in gate.findings)
    content = {"tasks": [task.model_dump(mode="json") for task in gate.tasks]} | content
    ordered = {key: content[key] for key in sorted(content, key="tasks".__eq__)}
    head = _HEAD.format(title=gate.title, flag=" --hierarchical" if gate.hierarchical else "")
    return head + notes + yaml.safe_dump(ordered, sort_keys=False, allow_unicode=True, width=110)


def _keep(path: Path) -> None:
    """A file that is replaced by another decision stays under reviews/decided/."""
    kept = _next_kept(path)
    kept.parent.mkdir(parents=True, exist_ok=True)
    path.replace(kept)


def _next_kept(path: Path) -> Path:
    folder = path.parent / "decided"
    numbers = [int(n) for kept in folder.glob(f"{path.stem}.*.yaml") if (n := kept.stem.rsplit(".", 1)[-1]).isdecimal()]
    return folder / f"{path.stem}.{max(numbers, default=0) + 1}.yaml"
