"""Options about a model that a command names with `--model`: how it is reached, and how it is served."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

BaseUrl = Annotated[str | None, typer.Option(help="OpenAI-compatible endpoint, ending in /v1")]
ApiKeyEnv = Annotated[str | None, typer.Option(help="environment variable that holds its key")]
Serve = Annotated[
    Literal["embedded", "vllm"] | None, typer.Option(help="start a server for the model: llama.cpp or vLLM")
]
ContextTokens = Annotated[int | None, typer.Option(help="prompt and answer, of a server that is started")]
Concurrency = Annotated[int | None, typer.Option(help="calls in flight at most")]
Seed = Annotated[int | None, typer.Option(help="default 0")]
