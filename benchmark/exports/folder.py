"""The folder of an export: there whole or not at all, and never in place of what no export wrote."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from ...core.errors import BenchmarkError
from ...core.workspace import write_text

MARKER = "export.json"


class ExportMarker(BaseModel):
    """export.json: what an export holds. It has no time in it: the same benchmark gives the same bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: str
    benchmark: str
    version: str
    prompt_version: int
    rows: dict[str, int]
    files: tuple[str, ...] = ()


def refuse_other_content(folder: Path) -> None:
    """Raises BenchmarkError unless `folder` is absent, empty, or holds an earlier export and nothing beside it."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise BenchmarkError(f"{folder} is a file; name a folder with --out")
    if not any(folder.iterdir()):
        return
    try:
        marker = ExportMarker.model_validate_json((folder / MARKER).read_bytes())
    except (FileNotFoundError, ValidationError):
        raise BenchmarkError(f"{folder} holds something that no export wrote; name another place with --out") from None
    if foreign := sorted(set(_files(folder)) - {*marker.files, MARKER}):
        raise BenchmarkError(
            f"{folder} is an export, but {foreign[0]!r} came to it later and would be lost; move it,"
            " or name another place with --out"
        )


def write_marker(folder: Path, marker: ExportMarker) -> None:
    """Seal a folder that is complete."""
    complete = marker.model_copy(update={"files": tuple(_files(folder))})
    write_text(folder / MARKER, complete.model_dump_json(indent=1) + "\n")


def _files(folder: Path) -> list[str]:
    """Files by path below the folder, without what tools leave behind: hidden files, byte code."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    kept = (path for path in paths if not any(part.startswith(".") or part == "__pycache__" for part in path.parts))
    return sorted(path.as_posix() for path in kept)
