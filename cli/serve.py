"""`cluster-r1 serve`: a local model by hand, to look at it or to share it between projects."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from ..core.errors import ServerError
from .console import err, out
from .init import DEFAULT_MODEL

_POLL_S = 0.5


def serve(
    model: Annotated[
        str, typer.Argument(help="local model, GGUF file or, with --vllm, a hub name or folder")
    ] = DEFAULT_MODEL,
    vllm: Annotated[bool, typer.Option("--vllm", help="serve with vLLM instead of llama.cpp")] = False,
    parallel: Annotated[int, typer.Option(min=1, help="calls answered at once")] = 4,
    context_tokens: Annotated[int, typer.Option(min=512, help="prompt and completion of one call")] = 8192,
    logs: Annotated[Path, typer.Option(help="folder for the server's log")] = Path("logs"),
) -> None:
    """Start a local OpenAI-compatible server and keep it until Ctrl-C."""
    from ..core.settings import ModelSettings
    from ..llm.server import serve as start

    settings = ModelSettings(
        model=model, serve="vllm" if vllm else "embedded", concurrency=parallel, context_tokens=context_tokens
    )
    server = start(settings, logs, lambda text: err.print(text, markup=False))
    out.print(f"{model} answers at {server.base_url} (Ctrl-C stops it)", markup=False)
    try:
        while server.running:
            time.sleep(_POLL_S)
        raise ServerError(f"the server ended by itself; the end of {server.log}:\n{server.log_tail()}")
    finally:
        server.stop()
