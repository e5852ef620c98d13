"""Local servers: a server, of a model or of anything else, as a child process that never outlives this one. POSIX only.

Between this process and the server sits a watcher (`python -m cluster_r1.llm.server`). It ends the server with all its
children as soon as its standard input closes or its parent is gone, so that not even kill -9 leaves a server behind.
"""

from __future__ import annotations

import ctypes
import http.client
import importlib.util
import json
import os
import re
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from ..core.errors import ServerError

if TYPE_CHECKING:
    from ..core.settings import ModelSettings

Progress = Callable[[str], None]

THREADS_VARIABLE = "CLUSTER_R1_THREADS"
VLLM_VARIABLE = "CLUSTER_R1_VLLM"
VLLM_OPTIONS_VARIABLE = "CLUSTER_R1_VLLM_OPTIONS"

_HOST = "127.0.0.1"
_MOST_SLOTS = 8
_EMBEDDED_READY_S = 300.0
_VLLM_READY_S = 3600.0
_GRACE_S = 10.0
_POLL_S = 0.2
_SAY_EVERY_S = 15.0
_TAIL_LINES = 25
_TAIL_BYTES = 8192
_PR_SET_PDEATHSIG = 1
_VLLM_STRUCTURED = json.dumps({"backend": "xgrammar", "disable_any_whitespace": True})


class LocalServer:
    """One server process, started by `start()` or by entering the context.

    `command` gets the port and returns the command line; `model` is what it serves, in messages. `ready` gets the port
    and says whether the server answers yet. `base_url` ends in `path` and is known after the start.
    """

    def __init__(
        self,
        command: Callable[[int], Sequence[str]],
        model: str,
        log: Path,
        *,
        port: int | None = None,
        environment: Mapping[str, str] | None = None,
        ready_s: float = _EMBEDDED_READY_S,
        grace_s: float = _GRACE_S,
        progress: Progress = lambda _: None,
        ready: Callable[[int], bool] | None = None,
        path: str = "/v1",
    ) -> None:
        self.model = model
        self.log = log
        self._command = command
        self._port = port
        self._environment = environment
        self._ready_s = ready_s
        self._grace_s = grace_s
        self._progress = progress
        self._ready = ready or _answers
        self._path = path
        self._watcher: subprocess.Popen[bytes] | None = None
        self.base_url = ""

    def __enter__(self) -> LocalServer:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        return self._watcher is not None and self._watcher.poll() is None

    def start(self) -> LocalServer:
        """Return when the server answers. Raises ServerError with the end of the log when it ends or takes too long."""
        if self.running:
            return self
        port = free_port(self._port)
        self.base_url = f"http://{_HOST}:{port}{self._path}"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        watch = [sys.executable, "-P", "-m", __spec__.name, str(os.getpid()), str(self._grace_s)]
        with self.log.open("wb") as log:
            self._watcher = subprocess.Popen(
                [*watch, *self._command(port)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment,
                start_new_session=True,
            )
        try:
            self._wait_until_ready(port)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Ask the server to end, end it after the grace time. Calling it again does nothing."""
        watcher, self._watcher = self._watcher, None
        if watcher is None:
            return
        if watcher.stdin is not None:
            watcher.stdin.close()
        try:
            watcher.wait(self._grace_s + 5)
        except subprocess.TimeoutExpired:
            os.killpg(watcher.pid, signal.SIGKILL)
            watcher.wait()

    def log_tail(self) -> str:
        """The end of the log, for messages."""
        try:
            content = self.log.read_bytes()[-_TAIL_BYTES:]
        except FileNotFoundError:
            return "(no log)"
        lines = content.decode(errors="replace").splitlines()[-_TAIL_LINES:]
        return "\n".join(f"  {line}" for line in lines) or "  (the log is empty)"

    def _wait_until_ready(self, port: int) -> None:
        started = said = time.monotonic()
        while not self._ready(port):
            if not self.running:
                raise ServerError(f"the server for {self.model!r} ended while it started; {self._what_it_logged()}")
            now = time.monotonic()
            if now - started > self._ready_s:
                raise ServerError(
                    f"the server for {self.model!r} did not answer within {self._ready_s:g} s; {self._what_it_logged()}"
                )
            if now - said > _SAY_EVERY_S:
                said = now
                self._progress(f"the server for {self.model} is still starting ({now - started:.0f} s; see {self.log})")
            time.sleep(_POLL_S)

    def _what_it_logged(self) -> str:
        return f"the end of {self.log}:\n{self.log_tail()}"


def serve(settings: ModelSettings, logs: Path, progress: Progress) -> LocalServer:
    """Start the server that a role's settings ask for. Raises ServerError, and WeightsError when a model is missing."""
    log = logs / f"server-{re.sub(r'[^A-Za-z0-9.-]+', '-', settings.model).strip('-')[-60:]}.log"
    build = {"embedded": embedded_server, "vllm": vllm_server}
    if settings.serve is None:
        raise ServerError(f"the settings of {settings.model!r} name an endpoint; there is no server to start")
    server = build[settings.serve](settings, log, progress)
    progress(f"starting a local server for {settings.model} ({settings.serve})")
    server.start()
    progress(f"{settings.model} is served at {server.base_url}")
    return server


def embedded_server(settings: ModelSettings, log: Path, progress: Progress, threads: int | None = None) -> LocalServer:
    """llama.cpp in a Python process; the weights are fetched when they are missing. Not started yet.

    `threads` comes from $CLUSTER_R1_THREADS when it is not given, else it is every core this process may use.
    """
    from .embedded import Shape, available_memory, default_threads, fit
    from .weights import weights_path

    if importlib.util.find_spec("xllamacpp") is None:
        raise ServerError("serve: embedded needs xllamacpp; run: pip install 'cluster-r1[local]'")
    threads = threads or _number_from_environment(THREADS_VARIABLE) or default_threads()
    path = weights_path(settings.model, progress)
    wanted = Shape(min(settings.concurrency, _MOST_SLOTS), settings.context_tokens)
    shape = fit(path, wanted, available_memory())
    if shape != wanted:
        progress(
            f"{settings.model}: {shape.slots} slots of {shape.context} tokens instead of {wanted.slots} of "
            f"{wanted.context}, which is what memory and the model allow"
        )

    def command(port: int) -> list[str]:
        numbers = {"port": port, "slots": shape.slots, "context": shape.context, "threads": threads}
        options = [part for name, number in numbers.items() for part in (f"--{name}", str(number))]
        program = [sys.executable, "-P", "-m", f"{__package__}.embedded"]
        return [*program, "--model", str(path), "--alias", settings.model, *options]

    return LocalServer(command, settings.model, log, environment=_sharing_cores(os.environ), progress=progress)


def vllm_server(
    settings: ModelSettings, log: Path, progress: Progress, program: Sequence[str] | None = None
) -> LocalServer:
    """vLLM from its own environment. Not started yet.

    `program` comes from $CLUSTER_R1_VLLM when it is not given, else it is `vllm` on the PATH; $CLUSTER_R1_VLLM_OPTIONS
    holds further options, which win over these.
    """
    program = list(program or shlex.split(os.environ.get(VLLM_VARIABLE, "vllm")))
    if not program or shutil.which(program[0]) is None:
        raise ServerError(
            f"there is no program {program[:1]}; install vLLM in an environment of its own and set {VLLM_VARIABLE} to "
            "its command (such as /opt/vllm/bin/vllm), or take serve: embedded"
        )

    def command(port: int) -> list[str]:
        where = ["--host", _HOST, "--port", str(port), "--served-model-name", settings.model]
        limits = ["--max-model-len", str(settings.context_tokens), "--enable-prefix-caching"]
        structured = ["--structured-outputs-config", _VLLM_STRUCTURED]
        further = shlex.split(os.environ.get(VLLM_OPTIONS_VARIABLE, ""))
        return [*program, "serve", settings.model, *where, *limits, *structured, *further]

    return LocalServer(command, settings.model, log, ready_s=_VLLM_READY_S, progress=progress)


def _sharing_cores(environment: Mapping[str, str]) -> dict[str, str]:
    """OpenMP threads that yield soon: with its default spinning two threads on two busy cores are slower than one."""
    return {"GOMP_SPINCOUNT": "300", **environment}


def _number_from_environment(variable: str) -> int | None:
    text = os.environ.get(variable)
    if not text:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise ServerError(f"the environment variable {variable} must be a number from 1 on, got {text!r}")
    return int(text)


def free_port(wanted: int | None) -> int:
    """The wanted local port when nobody listens there, else ServerError; any free port when none is wanted."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_HOST, wanted or 0))
        except OSError as error:
            raise ServerError(f"port {wanted} is taken: {error}; name another one or none") from error
        return probe.getsockname()[1]


def _answers(port: int) -> bool:
    """Whether the server is ready: /health says 200, or it has no /health and lists its models."""
    return (status := _status(port, "/health")) == 200 or (status == 404 and _status(port, "/v1/models") == 200)


def _status(port: int, path: str) -> int | None:
    connection = http.client.HTTPConnection(_HOST, port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def watch(parent: int, grace_s: float, command: Sequence[str]) -> int:
    """The watcher: run `command` until it ends or the parent does, then leave nothing of this process group behind."""
    try:
        # The watcher has a single thread, so preexec_fn is safe here.
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=_die_with_watcher())  # noqa: PLW1509
    except OSError as error:
        sys.stderr.write(f"{command[0]} cannot be run: {error}\n")
        return 127
    while child.poll() is None:
        closed, _, _ = select.select([sys.stdin], [], [], _POLL_S)
        if closed or os.getppid() != parent:
            break
    else:
        sys.stderr.write(f"{command[0]} ended with exit code {child.returncode}\n")
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(0, signal.SIGTERM)
    try:
        child.wait(grace_s)
    except subprocess.TimeoutExpired:
        sys.stderr.write(f"{command[0]} did not end within {grace_s:g} s and is killed\n")
    sys.stderr.flush()
    os.killpg(0, signal.SIGKILL)
    return child.returncode or 0


def _die_with_watcher() -> Callable[[], object] | None:
    """On Linux the kernel kills the server when the watcher is killed."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(watch(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]))
