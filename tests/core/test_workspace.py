"""The workspace on disk, with real processes, real signals and a real file size limit."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cluster_r1.core.errors import SettingsError, WorkspaceError, WorkspaceLocked
from cluster_r1.core.workspace import (
    Workspace,
    atomic_path,
    read_json,
    write_bytes,
    write_json,
    write_table,
    write_text,
)
from filelock import Timeout

HOLD = """
import sys
from pathlib import Path
from cluster_r1.core.workspace import Workspace
with Workspace(Path(sys.argv[1])).lock():
    print("held", flush=True)
    sys.stdin.read()
print("freed", flush=True)
"""

TRY = """
import sys
from pathlib import Path
from cluster_r1.core.errors import WorkspaceLocked
from cluster_r1.core.workspace import Workspace
try:
    with Workspace(Path(sys.argv[1])).lock():
        print("free")
except WorkspaceLocked as error:
    print(error)
"""

WRITE_FOREVER = """
import sys
from pathlib import Path
from cluster_r1.core.workspace import write_bytes
path, size = Path(sys.argv[1]), int(sys.argv[2])
while True:
    for letter in b"abcdefgh":
        write_bytes(path, bytes([letter]) * size)
        print("written", flush=True)
"""

WRITE_TOO_MUCH = """
import resource, sys
from pathlib import Path
import pyarrow as pa
from cluster_r1.core.workspace import atomic_path, write_bytes, write_json, write_table, write_text
path = Path(sys.argv[2])
pa.table({"x": [1]})
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, resource.RLIM_INFINITY))
try:
    match sys.argv[1]:
        case "bytes": write_bytes(path, b"x" * 100_000)
        case "text": write_text(path, "é" * 100_000)
        case "json": write_json(path, list(range(100_000)))
        case "table": write_table(path, pa.table({"x": [str(i * i) for i in range(100_000)]}))
        case "path":
            with atomic_path(path) as temporary:
                temporary.write_bytes(b"x" * 100_000)
except OSError as error:
    print("refused", error.errno)
"""


def python(code: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@contextmanager
def running(code: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    with python(code, *arguments) as process:
        try:
            yield process
        finally:
            process.kill()


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "er" / "report.json"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A file that holds the word old and lies alone in its folder."""
    path = tmp_path / "folder" / "artifact"
    write_text(path, "old")
    return path


def test_everything_lies_below_the_root(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "a" / ".." / "b")
    paths = {name: value for name, value in vars(workspace).items() if name != "root"}
    assert workspace.root == (tmp_path / "b").resolve()
    assert all(workspace.root in value.parents for value in paths.values())
    assert len(set(paths.values())) == len(paths)


def test_a_workspace_of_a_relative_path_survives_a_change_of_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    workspace = Workspace(Path("runs"))
    monkeypatch.chdir("/")
    assert workspace.root == (tmp_path / "runs").resolve()


def test_opening_a_workspace_creates_nothing(tmp_path: Path) -> None:
    Workspace(tmp_path / "new")
    assert files(tmp_path) == []


def test_folders_are_created_and_may_exist(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "new")
    workspace.create_folders()
    write_text(workspace.tasks / "a.json", "kept")
    workspace.create_folders()
    assert files(workspace.root) == ["corpus", "labels", "reviews", "state", "tasks", "taxonomies"]
    assert workspace.logs.is_dir()
    assert files(workspace.tasks) == ["a.json"]


def test_paths_of_the_settings_are_relative_to_the_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    workspace = Workspace(tmp_path)
    assert workspace.resolve("data/a.jsonl") == workspace.root / "data" / "a.jsonl"
    assert workspace.resolve("/data/a.jsonl") == Path("/data/a.jsonl")
    assert workspace.resolve("~/a.jsonl") == Path("/home/ada/a.jsonl")


def test_settings_are_read_from_the_workspace(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"there is no .*cluster-r1\.yaml"):
        Workspace(tmp_path).settings()
    write_text(tmp_path / "cluster-r1.yaml", "corpus: {source: a}\nmodels: {default: {model: m, serve: embedded}}\n")
    assert Workspace(tmp_path).settings().corpus.source == "a"


def test_writing_creates_the_folders_and_leaves_only_the_file(path: Path) -> None:
    for content in (b"", b"first", b"\0\xff" * 100_000):
        write_bytes(path, content)
        assert path.read_bytes() == content
        assert files(path.parent) == ["report.json"]


def test_text_is_written_as_utf8_without_touching_line_ends(path: Path) -> None:
    write_text(path, "été\r\n漢字\n")
    assert path.read_bytes() == "été\r\n漢字\n".encode()


def test_a_file_may_be_read_by_others(path: Path) -> None:
    write_bytes(path, b"x")
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


@pytest.mark.parametrize("content", [None, [], {"é": [1, 2.5, None, True]}, "a\nb", 10**30])
def test_json_comes_back(path: Path, content: object) -> None:
    write_json(path, content)
    assert read_json(path) == content
    assert path.read_text().endswith("\n")


def test_json_is_readable_by_people(path: Path) -> None:
    write_json(path, {"thème": "délai"})
    assert '"thème": "délai"' in path.read_text()


def test_a_table_comes_back(path: Path) -> None:
    table = pa.table({"id": ["a", "b", None], "key": pa.array([1, 2**64 - 1, 0], pa.uint64())})
    write_table(path, table)
    assert pq.read_table(path).equals(table)
    assert files(path.parent) == ["report.json"]


def test_a_table_replaces_an_older_one(path: Path) -> None:
    for rows in (5, 0, 2):
        write_table(path, pa.table({"x": pa.array(range(rows), pa.int64())}))
        assert pq.read_table(path).num_rows == rows


def unencodable(path: Path) -> None:
    write_text(path, "\ud800")


def no_bytes(path: Path) -> None:
    write_bytes(path, "text")  # pyright: ignore[reportArgumentType]


def no_json(path: Path) -> None:
    write_json(path, {"a": object()})


def no_table(path: Path) -> None:
    write_table(path, "table")  # pyright: ignore[reportArgumentType]


def interrupted(path: Path) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt


def nothing_written(path: Path) -> None:
    with atomic_path(path):
        pass


@pytest.mark.parametrize("write", [unencodable, no_bytes, no_json, no_table, interrupted, nothing_written])
def test_a_failing_write_leaves_the_old_file_and_no_temporary(old: Path, write: Callable[[Path], None]) -> None:
    with pytest.raises((TypeError, ValueError, AttributeError, OSError, KeyboardInterrupt)):
        write(old)
    assert old.read_text() == "old"
    assert files(old.parent) == ["artifact"]


@pytest.mark.parametrize("what", ["bytes", "text", "json", "table", "path"])
def test_a_full_disk_leaves_the_old_file_and_no_temporary(old: Path, what: str) -> None:
    with running(WRITE_TOO_MUCH, what, old) as process:
        assert said(process).startswith("refused")
        assert process.wait() == 0
    assert old.read_text() == "old"
    assert files(old.parent) == ["artifact"]


def test_a_folder_in_the_files_place_is_an_error_and_leaves_no_temporary(tmp_path: Path) -> None:
    (tmp_path / "artifact").mkdir()
    with pytest.raises(OSError, match="artifact"):
        write_bytes(tmp_path / "artifact", b"x")
    with pytest.raises(OSError, match="artifact"), atomic_path(tmp_path / "artifact") as temporary:
        temporary.write_bytes(b"x")
    assert files(tmp_path) == ["artifact"]


def test_a_temporary_path_is_hidden_and_beside_its_target(path: Path) -> None:
    with atomic_path(path) as temporary:
        assert temporary.parent == path.parent
        assert temporary.name.startswith(".")
        assert not path.exists()
        temporary.write_text("x")
    assert path.read_text() == "x"


def test_a_reader_never_sees_half_a_file_not_even_after_kill_9(tmp_path: Path) -> None:
    path, size = tmp_path / "artifact", 3_000_000
    with running(WRITE_FOREVER, path, size) as writer:
        assert said(writer) == "written"
        seen = []
        for _ in range(60):
            said(writer)
            seen.append(path.read_bytes())
        writer.send_signal(signal.SIGKILL)
        assert writer.wait() == -signal.SIGKILL
    seen.append(path.read_bytes())
    assert len({content[0] for content in seen}) > 1
    assert all(content == content[:1] * size for content in seen)
    write_bytes(path, b"next")
    assert path.read_bytes() == b"next"


def test_a_missing_file_is_told_with_its_path(path: Path) -> None:
    with pytest.raises(WorkspaceError, match=re.escape(f"there is no {path}")):
        read_json(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"  ", b"{", b"{'a': 1}", b"[1,]", b"1 2", b'"\xff"', b"\0", b"nope", b"9" * 10_000],
    ids=lambda c: c[:8],
)
def test_a_file_that_is_no_json_is_told_with_its_path(path: Path, content: bytes) -> None:
    write_bytes(path, content)
    with pytest.raises(WorkspaceError, match=re.escape(f"{path} is not valid JSON")):
        read_json(path)


def test_brackets_without_end_are_no_json(path: Path) -> None:
    write_bytes(path, b"[" * 100_000)
    with pytest.raises(WorkspaceError, match="is not valid JSON"):
        read_json(path)


def test_a_folder_is_no_json(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match=re.escape(str(tmp_path))):
        read_json(tmp_path)


def test_a_second_process_is_refused_and_told_the_holder(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "w")
    with workspace.lock(), running(TRY, workspace.root) as other:
        message = said(other)
    assert str(workspace.root) in message
    assert f"process {os.getpid()} on" in message


def test_this_process_is_refused_while_another_one_holds(tmp_path: Path) -> None:
    with running(HOLD, tmp_path) as holder:
        assert said(holder) == "held"
        with pytest.raises(WorkspaceLocked, match=rf"process {holder.pid} on"), Workspace(tmp_path).lock():
            pass
        holder.communicate()
    with Workspace(tmp_path).lock():
        pass


def test_the_lock_is_free_after_kill_9_of_its_holder(tmp_path: Path) -> None:
    with running(HOLD, tmp_path) as holder:
        assert said(holder) == "held"
        holder.send_signal(signal.SIGKILL)
        assert holder.wait() == -signal.SIGKILL
    with Workspace(tmp_path).lock(), running(TRY, tmp_path) as other:
        assert f"process {os.getpid()} on" in said(other)


def test_the_lock_is_free_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), Workspace(tmp_path).lock():
        _ = 1 / 0
    with running(TRY, tmp_path) as other:
        assert said(other) == "free"


def test_the_lock_can_be_taken_again_and_again(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    for _ in range(3):
        with workspace.lock():
            pass


def test_one_process_holds_the_lock_once(tmp_path: Path) -> None:
    with Workspace(tmp_path).lock():
        with pytest.raises(WorkspaceLocked), Workspace(tmp_path).lock():
            pass
        with running(TRY, tmp_path) as other:
            assert f"process {os.getpid()} on" in said(other)


def test_two_workspaces_have_two_locks(tmp_path: Path) -> None:
    with Workspace(tmp_path / "a").lock(), running(TRY, tmp_path / "b") as other:
        assert said(other) == "free"


def test_the_timeout_of_another_lock_is_not_taken_for_the_workspaces(tmp_path: Path) -> None:
    with pytest.raises(Timeout), Workspace(tmp_path).lock():
        raise Timeout("hub-download.lock")


def test_json_written_is_json_to_others(path: Path) -> None:
    write_json(path, {"a": [1, "é"]})
    assert json.loads(path.read_text(encoding="utf-8")) == {"a": [1, "é"]}
