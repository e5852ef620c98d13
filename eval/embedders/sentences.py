"""Embedders that sentence-transformers loads: all-MiniLM-L6-v2, Instructor, Qwen3-Embedding, or any other.

Each pools as the paper says, and a model that would pool otherwise is refused: transformers' folders without
sentence-transformers' own files would quietly be pooled by mean. All vectors have length 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np

from ...core.errors import SettingsError
from ...training.surroundings import hush
from .interface import Options, Prompt, Vectors, identity_of
from .templates import Template
from .weights import Weights, find_weights, need, not_loaded

Pooling = Literal["mean", "lasttoken", "own"]
"""own: as the model's files say."""


class SentenceEmbedder:
    """A model of sentence-transformers under a template.

    A prompt that is a pair goes in as `prompt + text`, nothing between, and only the text's states are pooled: so do
    the authors of Instructor. The last token of Qwen3-Embedding is the end-of-text token that its tokenizer appends.
    """

    def __init__(self, name: str, model: str, template: Template, pooling: Pooling, options: Options) -> None:
        self.name = name
        self.model = model
        self.by_text = True
        self._template = template
        self._pooling: Pooling = pooling
        self._options = options

    @property
    def identity(self) -> str:
        example = self._template("{instruction}", "{text}")
        about = {"weights": self._weights.content, "template": example, "pooling": self._pooling, "normalised": True}
        return identity_of(about)

    def prompts(self, instruction: str, texts: Sequence[str]) -> list[Prompt]:
        return [self._template(instruction, text) for text in texts]

    def embed(self, instruction: str, texts: Sequence[str]) -> Vectors:
        before, shown = "", []
        for prompt in self.prompts(instruction, texts):
            before, text = prompt if isinstance(prompt, tuple) else ("", prompt)
            shown.append(text)
        vectors = self._loaded.encode(
            shown,
            prompt=before,
            batch_size=self._options.batch,
            normalize_embeddings=True,
            show_progress_bar=False,
        )
        return np.asarray(vectors, dtype=np.float32)

    @cached_property
    def _weights(self) -> Weights:
        return find_weights(self.model)

    @cached_property
    def _loaded(self) -> Any:
        sentence_transformers = need("sentence_transformers")
        hush()
        try:
            model = sentence_transformers.SentenceTransformer(
                self._weights.source, revision=self._weights.revision, device=self._options.device
            )
        except (OSError, ValueError, KeyError, ImportError) as error:
            raise not_loaded(self.model, error) from error
        self._check_pooling(model)
        _read_as_text(model)
        pairs = isinstance(self._template("", ""), tuple)
        model.set_pooling_include_prompt(not pairs)
        return model.eval()

    def _check_pooling(self, model: Any) -> None:
        found = [mode for mode in map(_pooling_mode, model) if mode]
        if self._pooling != "own" and found != [self._pooling]:
            raise SettingsError(
                f"{self.model!r} pools by {' and '.join(found) or 'nothing'}, {self.name} by {self._pooling} (App. E.1)"
                ": give the model as its makers published it, modules.json included"
            )


def _pooling_mode(module: Any) -> str:
    """Of one part of a model, as sentence-transformers from 6 on and up to 5 say it; empty where it pools nothing."""
    if hasattr(module, "get_pooling_mode_str"):
        return module.get_pooling_mode_str()
    mode = getattr(module, "pooling_mode", "")
    return mode if isinstance(mode, str) else "+".join(mode)


def _read_as_text(model: Any) -> None:
    """Where the tokenizer has a chat template, sentence-transformers 6 would put every text into a chat."""
    for module in model:
        reads = getattr(module, "modality_config", {})
        if "text" in reads:
            module.modality_config = {"text": reads["text"]}
