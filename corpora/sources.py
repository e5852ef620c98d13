"""What `corpus.source` stands for: files with their formats, or a data set of the hub."""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Iterable
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

from ..core.errors import CorpusError
from ..core.settings import CorpusSettings
from ..core.workspace import Workspace
from .rows import FileFormat, SourceFile

_HUB = "hf:"
_FINGERPRINT_VERSION = 1
_MAGIC = frozenset("*?[")
_REPORT = ".report.json"
_FORMATS: dict[str, FileFormat] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".parquet": "parquet",
    ".txt": "text",
    ".md": "text",
}


class Source(NamedTuple):
    """Files to read, or a data set for `datasets`.

    `watched` are the files whose change makes another corpus. A data set on the hub has none: it counts as unchanged
    until the settings change. `passed_over` counts the files of a folder that are not read.
    """

    files: tuple[SourceFile, ...]
    hub: str | None
    watched: tuple[Path, ...]
    passed_over: int = 0

    def fingerprint(self, settings: CorpusSettings) -> str:
        """Tells one state of settings and files (path, size, time of change) from another: 32 hexadecimal digits."""
        stats = [(str(path), path.stat()) for path in self.watched]
        files = [(path, stat.st_size, stat.st_mtime_ns) for path, stat in stats]
        state = repr((_FINGERPRINT_VERSION, settings.model_dump_json(), files))
        return hashlib.blake2b(state.encode(), digest_size=16).hexdigest()


def find_source(settings: CorpusSettings, root: Path) -> Source:
    """Look up `corpus.source`, relative to `root`.

    A text file named by itself has a document on each line; below a folder or a glob each text file is a document.
    Raises CorpusError when nothing is there or its format cannot be told.
    """
    try:
        return _found(settings, root)
    except OSError as error:
        raise CorpusError(f"corpus.source {settings.source!r} cannot be looked up: {error}") from error


def _found(settings: CorpusSettings, root: Path) -> Source:
    if settings.source.startswith(_HUB):
        return _hub(settings.source.removeprefix(_HUB), root)
    pattern = Path(settings.source).expanduser()
    path = root / pattern
    if path.is_file():
        kind = _format(path, settings)
        file = SourceFile(path, _shown(path, root), path.name, "lines" if kind == "text" else kind)
        return Source((file,), None, (path,))
    if path.is_dir():
        return _folder(path, settings, root)
    matches = {root / match for match in glob.glob(str(pattern), root_dir=root, recursive=True)}  # noqa: PTH207
    files = _corpus_files(matches, root)
    if not files:
        raise CorpusError(
            f"corpus.source {settings.source!r} is no file, no folder and no glob that matches a file; looked for"
            f" {path}; give a path relative to {root}, an absolute one, or hf:NAME"
        )
    base = root.joinpath(*takewhile(_MAGIC.isdisjoint, pattern.parts))
    return _source(files, base, settings, root, 0)


def _hub(name: str, root: Path) -> Source:
    if not name:
        raise CorpusError("corpus.source 'hf:' names no data set; write hf:NAME or hf:FOLDER")
    local = root / Path(name).expanduser()
    if not local.exists():
        return Source((), name, ())
    return Source((), str(local), tuple(_visible_files(local)) if local.is_dir() else (local,))


def _folder(folder: Path, settings: CorpusSettings, root: Path) -> Source:
    """Its data files, those in the folders below included; JSON files only where there are no other data files, since
    many folders have one that describes the rest, and text files only where there is neither."""
    found = {path: _FORMATS.get(path.suffix.lower()) for path in _corpus_files(_visible_files(folder), root)}
    there = set(filter(None, found.values()))
    tiers: list[set[str]] = [{"jsonl", "csv", "parquet"}, {"json"}, {"text"}]
    if settings.format != "auto":
        tiers = [{settings.format}]
    wanted = next((tier for tier in tiers if there & tier), tiers[-1])
    files = [path for path, kind in found.items() if kind in wanted]
    if not files:
        suffixes = " ".join(s for s, kind in _FORMATS.items() if settings.format in ("auto", kind))
        raise CorpusError(
            f"the folder {settings.source!r} has no file that ends in {suffixes}; name files that end otherwise with a"
            f" glob such as {settings.source.rstrip('/')}/**/* and set corpus.format"
        )
    return _source(files, folder, settings, root, len(found) - len(files))


def _source(files: list[Path], base: Path, settings: CorpusSettings, root: Path, passed_over: int) -> Source:
    described = (SourceFile(p, _shown(p, root), _shown(p, base), _format(p, settings)) for p in files)
    return Source(tuple(described), None, tuple(files), passed_over)


def _format(path: Path, settings: CorpusSettings) -> FileFormat:
    if settings.format != "auto":
        return settings.format
    kind = _FORMATS.get(path.suffix.lower())
    if kind is None:
        raise CorpusError(f"the format of {path} cannot be told from its name; set corpus.format to jsonl, csv, …")
    return kind


def _shown(path: Path, base: Path) -> str:
    """A path as reports and ids have it; a name that is no UTF-8 shows replacement characters."""
    shown = path.relative_to(base) if path.is_relative_to(base) else path
    return os.fsencode(shown.as_posix()).decode(errors="replace")


def _visible_files(folder: Path) -> list[Path]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in files if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def _corpus_files(paths: Iterable[Path], root: Path) -> list[Path]:
    """In order of name, without what this project itself wrote into the folder."""
    own = Workspace(root).documents
    mine = (path for path in paths if path.is_file() and path.resolve() != own)
    return sorted(path for path in mine if not path.name.endswith(_REPORT))
