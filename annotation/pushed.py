"""What was shown to people, noted before it left: which records, what was suggested, and what they must not see."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..core.errors import WorkspaceError
from ..core.forms import Form, Record, Suggestion
from ..core.workspace import read_json, write_json

_SUFFIX = ".pushed.json"


class Shown(NamedTuple):
    """A record as people see it, and beside it what they must not see (why it was chosen, whose vote it is)."""

    record: Record
    hidden: dict[str, str]


class PushedRecord(BaseModel):
    """What is kept of a record: its texts lie in the corpus, the answers to it in the channel."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    suggestions: tuple[Suggestion, ...] = ()
    metadata: dict[str, str] = Field(default_factory=dict)
    hidden: dict[str, str] = Field(default_factory=dict)


class Pushed(BaseModel):
    """A form that was shown in a channel, with its records by id."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    form: Form
    channel: str
    at: str
    records: dict[str, PushedRecord]


def write_pushed(folder: Path, pushed: Pushed) -> Path:
    path = _file(folder, pushed.form.name)
    write_json(path, pushed.model_dump(mode="json"))
    return path


def read_pushed(folder: Path, form_name: str) -> Pushed | None:
    """None when the form was never pushed. Raises WorkspaceError when its file is not what `write_pushed` writes."""
    path = _file(folder, form_name)
    return _read(path) if path.exists() else None


def all_pushed(folder: Path) -> list[Pushed]:
    """Every form that was pushed, by name. Raises WorkspaceError as `read_pushed` does."""
    return [_read(path) for path in sorted(folder.glob(f"[!.]*{_SUFFIX}"))]


def _file(folder: Path, form_name: str) -> Path:
    return folder / f"{form_name}{_SUFFIX}"


def _read(path: Path) -> Pushed:
    content = read_json(path)
    try:
        pushed = Pushed.model_validate(content)
    except ValidationError as error:
        wrong = error.errors()[0]
        place = ".".join(map(str, wrong["loc"])) or "the file"
        raise WorkspaceError(_advice(path, f"{place}: {wrong['msg']}")) from None
    if path.name != _file(path.parent, pushed.form.name).name:
        raise WorkspaceError(_advice(path, f"it is about {pushed.form.name!r}"))
    return pushed


def _advice(path: Path, wrong: str) -> str:
    return f"{path} is not a pushed review ({wrong}); delete it and run `cluster-r1 review push` again"
