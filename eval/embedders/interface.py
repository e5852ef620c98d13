"""What an embedder is: texts under an instruction become vectors (paper App. E.1)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

Prompt = str | tuple[str, str]
"""What a model reads for one text: all of it, or an instruction and the text apart."""

Vectors = Any
"""(texts, features), float32: an array, from tf-idf a sparse matrix. numpy's types would be Any to the checker too."""


class Embedder(Protocol):
    """Texts as vectors. Making one loads nothing; weights are loaded when the first text is embedded."""

    @property
    def name(self) -> str:
        """Short, as entries are named."""
        ...

    @property
    def model(self) -> str:
        """The model's name or folder; empty without one."""
        ...

    @property
    def identity(self) -> str:
        """All that decides its vectors, as a JSON object with sorted keys. Raises SettingsError without the model."""
        ...

    @property
    def by_text(self) -> bool:
        """Whether a text's vector depends on its prompt alone, so that it can be kept."""
        ...

    def prompts(self, instruction: str, texts: Sequence[str]) -> list[Prompt]: ...

    def embed(self, instruction: str, texts: Sequence[str]) -> Vectors:
        """One row for each text. Raises SettingsError for a model that does not load, EndpointError for an API's."""
        ...


class Options(NamedTuple):
    """How embedders are run, beside which.

    template: the paper's; `none` leaves the text alone, so that the price of the template shows; `official` is
    InBedder's own where the paper's differs.
    device: torch's name of one; None takes a GPU where there is one. batch: prompts at once.
    states: of InBedder, see `inbedder.py`.
    base_url, api_key_env, timeout_s, retries: of an API; the key is read from that environment variable alone.
    """

    template: str = "paper"
    device: str | None = None
    batch: int = 32
    states: str = "first"
    base_url: str | None = None
    api_key_env: str | None = None
    timeout_s: float = 120.0
    retries: int = 6


def identity_of(content: Mapping[str, Any]) -> str:
    return json.dumps(content, sort_keys=True, ensure_ascii=False)
