"""The child program that runs llama.cpp's HTTP server (xllamacpp), and how much of it fits into memory.

`python -m cluster_r1.llm.embedded --model FILE --port N ...` serves an OpenAI-compatible API until it is terminated.
"""

from __future__ import annotations

import argparse
import os
import signal
import struct
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import IO, Any, NamedTuple

from ..core.errors import ServerError, WeightsError

_PROMPT_CACHE_MIB = 512
_WARNINGS = 2
_KV_VALUE_BYTES = 2
_UNKNOWN_KV_BYTES = 131_072
_WEIGHTS_IN_MEMORY = 1.4
_MEMORY_SHARE = 0.7
_GGUF_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_GGUF_STRING, _GGUF_ARRAY = 8, 9


class Shape(NamedTuple):
    """Parallel slots of a server, and the tokens of prompt and completion that each of them holds."""

    slots: int
    context: int


def fit(model: Path, wanted: Shape, available_bytes: int | None) -> Shape:
    """The slots and context that the model was made for and that memory holds; slots give way before context does.

    `available_bytes` None means unknown: nothing is cut for it. Raises ServerError when not even one slot fits.
    """
    header = gguf_header(model)
    architecture = header.get("general.architecture")
    context = min(wanted.context, header.get(f"{architecture}.context_length", wanted.context))
    if available_bytes is None:
        return Shape(wanted.slots, context)
    one_slot = context * kv_bytes_per_token(header)
    budget = int(available_bytes * _MEMORY_SHARE - model.stat().st_size * _WEIGHTS_IN_MEMORY)
    if budget < one_slot:
        raise ServerError(
            f"{model.name} with {context} tokens of context needs about "
            f"{(one_slot + model.stat().st_size * _WEIGHTS_IN_MEMORY) / _MEMORY_SHARE / 1e9:.1f} GB of memory, "
            f"{available_bytes / 1e9:.1f} GB are available; lower context_tokens or take a smaller model"
        )
    return Shape(min(wanted.slots, budget // one_slot), context)


def available_memory(root: Path = Path("/")) -> int | None:
    """Bytes that can be had without swapping, by the kernel and the control group; None where neither says."""
    found: list[int] = []
    try:
        found.append(_numbers(root / "proc/meminfo")["MemAvailable:"] * 1024)
        group = root / "sys/fs/cgroup"
        limit = (group / "memory.max").read_text().strip()
        if limit != "max":
            used = int((group / "memory.current").read_text()) - _numbers(group / "memory.stat")["file"]
            found.append(int(limit) - used)
    except FileNotFoundError:
        pass
    return min(found, default=None)


def _numbers(table: Path) -> dict[str, int]:
    return {words[0]: int(words[1]) for words in map(str.split, table.read_text().splitlines()) if len(words) > 1}


def kv_bytes_per_token(header: dict[str, Any]) -> int:
    """What one token of context costs in memory: a key and a value a layer and head, 16 bits each."""
    name = header.get("general.architecture")
    try:
        layers, heads = header[f"{name}.block_count"], header[f"{name}.attention.head_count"]
        kv_heads = header.get(f"{name}.attention.head_count_kv", heads)
        default = header[f"{name}.embedding_length"] // heads
    except (KeyError, TypeError):
        return _UNKNOWN_KV_BYTES
    key = header.get(f"{name}.attention.key_length", default)
    value = header.get(f"{name}.attention.value_length", default)
    total_heads = sum(kv_heads) if isinstance(kv_heads, list) else layers * kv_heads
    return total_heads * (key + value) * _KV_VALUE_BYTES


def gguf_header(path: Path) -> dict[str, Any]:
    """Metadata of a GGUF file up to its tokenizer, which comes last and is large. Raises WeightsError."""
    fields: dict[str, Any] = {}
    try:
        with path.open("rb") as file:
            magic, _, _, count = _read(file, "4sIQQ")
            if magic != b"GGUF":
                raise WeightsError(f"{str(path)!r} is not a GGUF file")
            for _ in range(count):
                key = _gguf_value(file, _GGUF_STRING)
                if key.startswith("tokenizer."):
                    break
                (kind,) = _read(file, "I")
                fields[key] = _gguf_value(file, kind)
    except (struct.error, KeyError, UnicodeDecodeError) as error:
        raise WeightsError(f"the header of {str(path)!r} is damaged: {error!r}") from error
    return fields


def _gguf_value(file: IO[bytes], kind: int) -> Any:
    if kind == _GGUF_STRING:
        return file.read(_read(file, "Q")[0]).decode()
    if kind == _GGUF_ARRAY:
        of, count = _read(file, "IQ")
        return [_gguf_value(file, of) for _ in range(count)]
    return _read(file, _GGUF_NUMBERS[kind])[0]


def _read(file: IO[bytes], layout: str) -> tuple[Any, ...]:
    layout = f"<{layout}"
    return struct.unpack(layout, file.read(struct.calcsize(layout)))


def default_threads() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM. The exit code is 3 when xllamacpp cannot be loaded, 4 when the server does not start."""
    parser = argparse.ArgumentParser(prog="python -m cluster_r1.llm.embedded", description=__doc__)
    parser.add_argument("--model", required=True, help="GGUF file")
    parser.add_argument("--alias", help="model name that the API answers to")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--slots", type=int, default=4, help="requests decoded together")
    parser.add_argument("--context", type=int, default=8192, help="tokens of one slot")
    parser.add_argument("--threads", type=int, default=default_threads())
    options = parser.parse_args(arguments)
    try:
        xllamacpp: Any = import_module("xllamacpp")
    except ImportError as error:
        sys.stderr.write(f"xllamacpp cannot be loaded: {error}\nRun: pip install 'cluster-r1[local]'\n")
        return 3
    reasoning_as_written = xllamacpp.common_reasoning_format.COMMON_REASONING_FORMAT_NONE
    try:
        server = xllamacpp.Server(_parameters(xllamacpp.CommonParams(), reasoning_as_written, options))
    except RuntimeError as error:
        sys.stderr.write(f"llama.cpp did not start: {error}\n")
        return 4
    sys.stderr.write(f"serving {options.model} at {server.listening_address}\n")
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    return 0


def _parameters(parameters: Any, reasoning_as_written: Any, options: argparse.Namespace) -> Any:
    """xllamacpp's CommonParams, given in. What is not obvious:

    The cache of prompts in RAM keeps many prefixes (cluster orders, two labelers) nearly free in few slots. Replies are
    kept as the model wrote them, a thinking block included. Web pages may not call the server.
    """
    parameters.model.path = options.model
    parameters.model_alias = {options.alias or Path(options.model).name}
    parameters.hostnames = [options.host]
    parameters.port = options.port
    parameters.n_parallel = options.slots
    parameters.n_ctx = options.context * options.slots
    parameters.cpuparams.n_threads = options.threads
    parameters.cpuparams_batch.n_threads = options.threads
    parameters.cache_ram_mib = _PROMPT_CACHE_MIB
    parameters.fit_params = False
    parameters.reasoning_format = reasoning_as_written
    parameters.cors_origins = ""
    parameters.use_jinja = True
    parameters.ui = False
    parameters.verbosity = _WARNINGS
    return parameters


if __name__ == "__main__":
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    sys.exit(main())
