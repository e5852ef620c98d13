"""Where an embedder's weights lie, and which they are: a folder by its content, a hub's model by its commit."""

from __future__ import annotations

import hashlib
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from ...core.errors import SettingsError

_NOT_WEIGHTS = {".md"}


class Weights(NamedTuple):
    """What loaders take, and a hash or commit that tells one state of the model from another."""

    source: str
    revision: str | None
    content: str


def find_weights(model: str) -> Weights:
    """A folder's weights, or those of a name on the hub, whose config is fetched where it is not there yet.

    Raises SettingsError when there is no such folder or model.
    """
    path = Path(model).expanduser()
    if path.is_dir():
        return Weights(str(path), None, _content(path))
    if path.is_absolute() or model.startswith((".", "~")):
        raise SettingsError(f"there is no folder {model!r}: give a folder with a model's files, or a name on the hub")
    commit = _commit(model)
    return Weights(model, commit, commit)


def need(package: str, extra: str = "eval") -> Any:
    """The module of an optional package. Raises SettingsError saying what to install."""
    if find_spec(package) is None:
        raise SettingsError(f"this embedder needs {package}: pip install 'cluster-r1[{extra}]'")
    return import_module(package)


def not_loaded(model: str, error: Exception) -> SettingsError:
    said = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return SettingsError(
        f"the embedder's model {model!r} cannot be loaded ({said}): give a folder with its files, or a name on the hub"
        " while it can be reached; KIND=MODEL names another model of the same kind"
    )


def _content(folder: Path) -> str:
    """Of all its files but the readme and hidden ones; where the folder lies does not matter."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        hidden = any(part.startswith((".", "__")) for part in inside.parts)
        if hidden or path.suffix in _NOT_WEIGHTS or not path.is_file():
            continue
        with path.open("rb") as file:
            digest.update(f"{inside.as_posix()} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()[:32]


def _commit(model: str) -> str:
    hub = need("huggingface_hub")
    try:
        return Path(hub.hf_hub_download(model, "config.json")).parent.name
    except (OSError, ValueError) as error:
        raise not_loaded(model, error) from error
