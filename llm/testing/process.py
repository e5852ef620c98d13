"""The endpoint in a process of its own: its flags, how it is stopped, and the context manager that starts it."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, NamedTuple

import orjson
from pydantic import ValidationError

from ...core.errors import ServerError
from .config import EndpointConfig
from .counts import EndpointStats

_MODULE = "cluster_r1.llm.testing.endpoint"
_UNTIL_STDIN = "--until-stdin-closes"
_ASK_S = 10.0
_STOP_S = 5.0
_LOG_END = 2000


class Flags(NamedTuple):
    config: EndpointConfig
    until_stdin_closes: bool


@dataclass(frozen=True, slots=True)
class RunningEndpoint:
    """An endpoint in another process. Its methods raise OSError when it does not answer."""

    base_url: str
    pid: int

    def stats(self) -> EndpointStats:
        return EndpointStats.from_json(self._ask("GET", "stats"))

    def reset(self) -> None:
        self._ask("POST", "reset")

    def _ask(self, method: str, path: str) -> bytes:
        request = urllib.request.Request(self.base_url.removesuffix("v1") + path, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=_ASK_S) as response:
            return response.read()


@contextmanager
def endpoint_process(prefix: Sequence[str] = (), **options: Any) -> Iterator[RunningEndpoint]:
    """Start an endpoint with the fields of EndpointConfig and stop it at the end; it also ends when this process dies.

    `prefix` is put before its command, e.g. ("taskset", "-c", "0"). Raises pydantic.ValidationError for wrong options
    before anything is started, ServerError when the endpoint does not start.
    """
    flags = flags_of(EndpointConfig(**options))
    command = [*prefix, sys.executable, "-m", _MODULE, _UNTIL_STDIN, *flags]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        with process:
            try:
                yield RunningEndpoint(_base_url(process, log), process.pid)
            finally:
                _stop(process)


def flags_of(config: EndpointConfig) -> list[str]:
    """The command line that gives this configuration."""
    flags: list[str] = []
    for name in sorted(config.model_fields_set):
        value = getattr(config, name)
        if isinstance(value, bool):
            flags.append(_flag(name) if value else f"--no-{_flag(name)[2:]}")
        elif isinstance(value, tuple):
            flags += [_flag(name), *value]
        elif value is not None:
            flags += [_flag(name), str(value)]
    return flags


def parse_flags(arguments: Sequence[str] | None) -> Flags:
    """Exits with status 2 and a message when a flag is wrong."""
    parser = argparse.ArgumentParser(prog=f"python -m {_MODULE}", allow_abbrev=False)
    parser.add_argument(_UNTIL_STDIN, action="store_true", help="stop when standard input ends")
    for name, field in EndpointConfig.model_fields.items():
        if field.annotation is bool:
            parser.add_argument(
                _flag(name),
                dest=name,
                default=argparse.SUPPRESS,
                action=argparse.BooleanOptionalAction,
                help=field.description,
            )
        else:
            nargs = "*" if name == "models" else None
            parser.add_argument(
                _flag(name), dest=name, default=argparse.SUPPRESS, nargs=nargs, help=field.description, metavar="VALUE"
            )
    given = vars(parser.parse_args(arguments))
    until_stdin_closes = given.pop("until_stdin_closes")
    try:
        return Flags(EndpointConfig(**given), until_stdin_closes)
    except ValidationError as error:
        wrong = error.errors()[0]
        parser.error(f"{_flag(str(wrong['loc'][0]))}: {wrong['msg']}")


def stop_event(until_stdin_closes: bool) -> asyncio.Event:
    """Set on SIGTERM or SIGINT, and when standard input ends if that is asked for."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if until_stdin_closes:
        stdin = sys.stdin.fileno()
        loop.add_reader(stdin, lambda: os.read(stdin, 4096) or stop.set())
    return stop


def _flag(name: str) -> str:
    """`latency_s` → `--latency`: every time in seconds drops its unit, those in milliseconds keep it."""
    return "--" + name.removesuffix("_s").replace("_", "-")


def _base_url(process: subprocess.Popen[bytes], log: IO[bytes]) -> str:
    if process.stdout is None:
        raise ServerError("the endpoint's output is not connected")
    line = process.stdout.readline()
    if not line:
        process.wait(_STOP_S)
        log.seek(0)
        said = log.read()[-_LOG_END:].decode(errors="replace").strip()
        raise ServerError(f"the endpoint did not start (exit status {process.returncode}): {said}")
    return orjson.loads(line)["base_url"]


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
