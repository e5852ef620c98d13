"""Gates without a server: what waits for a person lies as a YAML file in `reviews/`, and the run reads it back.

A gate's file shows the proposal and the findings; a person sets `verdict`, edits what they like, and runs `synth`
again. The Argilla reviews feed the same decisions to the same gates.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, NamedTuple

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from ..core.archive import now
from ..core.errors import WaitingForReview
from ..core.taxonomy import Cluster, Taxonomy
from ..core.workspace import write_text

Verdict = Literal["accept", "rewrite", "reject"]

_HEAD = """\
# {title}
# Set verdict to one of: {verdicts}. Then run `cluster-r1 synth` again.
#   accept   take it as it stands in this file, your edits included
#   rewrite  have the refiner revise it by your note
#   reject   drop the task
"""


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
    """What a person decided at a gate; everything they wrote is kept with author and time."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    verdict: Verdict
    tasks: tuple[TaskEdit, ...] = ()
    note: str = ""
    author: str = ""
    at: str = ""


class Waiting(NamedTuple):
    """A gate that is closed, and the file that opens it."""

    gate: str
    title: str
    file: Path


def open_review(folder: Path, gate: str, title: str, tasks: list[dict[str, Any]], findings: list[str]) -> Waiting:
    """Write the gate's file unless it lies there already, with whatever a person has begun to write."""
    path = folder / f"{gate}.yaml"
    if not path.exists():
        head = _HEAD.format(title=title, verdicts="accept, rewrite, reject")
        notes = "".join(f"# found: {' '.join(finding.split())}\n" for finding in findings)
        content = {"verdict": "pending", "author": "", "note": "", "tasks": tasks}
        write_text(path, head + notes + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110))
    return Waiting(gate, title, path)


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


def close_review(waiting: Waiting, decision: Decision) -> None:
    """Keep the decided file under reviews/decided/, numbered when the gate was decided before."""
    folder = waiting.file.parent / "decided"
    count = len(list(folder.glob(f"{waiting.gate}.*.yaml")))
    content = decision.model_dump(mode="json")
    write_text(
        folder / f"{waiting.gate}.{count + 1}.yaml",
        yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110),
    )
    waiting.file.unlink(missing_ok=True)
