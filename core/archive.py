"""The archive of taxonomies: a current file a task, which people may edit, and every version there ever was.

taxonomies/TASK.yaml                 the accepted taxonomy; an edit of it becomes a new version
taxonomies/history/TASK/vN.yaml      drafts, refinements and edits, in order
taxonomies/history/TASK/vN.check.json
"""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from .check import TaxonomyCheck
from .errors import TaxonomyError
from .moments import now
from .taxonomy import Provenance, Taxonomy
from .workspace import read_json, write_json, write_text


class TaxonomyArchive:
    """Taxonomies of a workspace. Versions are numbered from 1 and never overwritten with other content."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def current_file(self, task: str) -> Path:
        return self.folder / f"{task}.yaml"

    def tasks(self) -> list[str]:
        """Tasks with an accepted taxonomy."""
        return sorted(path.stem for path in self.folder.glob("[!.]*.yaml"))

    def version(self, task: str, version: int) -> Taxonomy:
        return read_taxonomy(self._version_file(task, version), task)

    def history(self, task: str) -> list[Taxonomy]:
        """Every version, oldest first."""
        numbers = (int(path.stem[1:]) for path in (self.folder / "history" / task).glob("v*.yaml"))
        return [self.version(task, number) for number in sorted(numbers)]

    def put(self, taxonomy: Taxonomy) -> Taxonomy:
        """Store a version under its number; storing the same content again changes nothing.

        Raises TaxonomyError when the number is taken by other content.
        """
        path = self._version_file(taxonomy.task, taxonomy.version)
        if path.exists():
            known = read_taxonomy(path, taxonomy.task)
            if known.fingerprint != taxonomy.fingerprint:
                raise TaxonomyError(
                    f"version {taxonomy.version} of {taxonomy.task!r} is taken by other clusters: {path}"
                )
            return known
        write_taxonomy(path, taxonomy)
        return taxonomy

    def add(self, taxonomy: Taxonomy) -> Taxonomy:
        """Store as the next version, or return the version that has the same content."""
        history = self.history(taxonomy.task)
        for known in history:
            if known.fingerprint == taxonomy.fingerprint:
                return known
        number = history[-1].version + 1 if history else 1
        return self.put(taxonomy.model_copy(update={"version": number}))

    def accept(self, taxonomy: Taxonomy) -> None:
        """Make a version the task's current taxonomy."""
        write_taxonomy(self.current_file(taxonomy.task), taxonomy)

    def accepted(self, task: str) -> Taxonomy | None:
        """The task's current file as it stands, with the number of the stored version it equals, else its own.

        Raises TaxonomyError when the file is not a taxonomy. Nothing is written.
        """
        path = self.current_file(task)
        if not path.exists():
            return None
        found = read_taxonomy(path, task)
        return next((t for t in self.history(task) if t.fingerprint == found.fingerprint), found)

    def current(self, task: str) -> Taxonomy | None:
        """The accepted taxonomy; a file that a person edited is first stored as a new version."""
        found = self.accepted(task)
        if found is None:
            return None
        history = self.history(task)
        if all(known.fingerprint != found.fingerprint for known in history):
            parent = history[-1].fingerprint if history else None
            change = f"edited {self.current_file(task).name}"
            by_hand = Provenance(author=_user(), kind="human", parent=parent, changes=(change,), at=now())
            found = self.add(found.model_copy(update={"provenance": by_hand}))
            self.accept(found)
        return found

    def put_check(self, task: str, check: TaxonomyCheck) -> None:
        write_json(self._check_file(task, check.version), check.model_dump(mode="json"))

    def check(self, task: str, version: int) -> TaxonomyCheck | None:
        path = self._check_file(task, version)
        return TaxonomyCheck.model_validate(read_json(path)) if path.exists() else None

    def _version_file(self, task: str, version: int) -> Path:
        return self.folder / "history" / task / f"v{version}.yaml"

    def _check_file(self, task: str, version: int) -> Path:
        return self.folder / "history" / task / f"v{version}.check.json"


def read_taxonomy(path: Path, task: str, instruction: str | None = None) -> Taxonomy:
    """Read a taxonomy file. `clusters` may be a list of {name, description}, of names, or a mapping name: description.

    `task` and `instruction` fill in what a hand-written file leaves out; `groups` of a clustering result are passed
    over. Raises TaxonomyError naming file and field.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TaxonomyError(f"there is no taxonomy file {path}") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise TaxonomyError(f"{path} is not readable YAML: {error}") from error
    if not isinstance(content, Mapping):
        raise TaxonomyError(f"{path} must be a mapping with at least the key clusters")
    filled: dict[str, Any] = {"task": task, **content}
    if instruction is not None:
        filled.setdefault("instruction", instruction)
    filled.pop("groups", None)
    filled["clusters"] = [_cluster(item) for item in _cluster_items(filled.get("clusters"))]
    return parse_taxonomy(filled, str(path))


def parse_taxonomy(content: Mapping[str, Any], where: str) -> Taxonomy:
    """Check a taxonomy's fields. Raises TaxonomyError naming every wrong one."""
    try:
        return Taxonomy.model_validate(content)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, e['loc'])) or 'taxonomy'}: {e['msg'].removeprefix('Value error, ')}"
            for e in error.errors()
        )
        raise TaxonomyError(f"{where}: {wrong}") from None


def write_taxonomy(path: Path, taxonomy: Taxonomy) -> None:
    content = taxonomy.model_dump(mode="json", exclude_none=True)
    write_text(path, yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110))


def _cluster_items(clusters: Any) -> list[Any]:
    if isinstance(clusters, Mapping):
        return [{"name": name, "description": description or ""} for name, description in clusters.items()]
    return list(clusters) if isinstance(clusters, list) else []


def _cluster(item: Any) -> Any:
    return {"name": str(item)} if isinstance(item, str | int | float) else item


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
