"""Words weighed by tf-idf, fitted on one example's texts: no model, no instruction, the least to beat."""

from __future__ import annotations

from collections.abc import Sequence

from ...training.baseline import tfidf
from .interface import Prompt, Vectors, identity_of


class WordEmbedder:
    """Sparse vectors; another example's texts give the same text another vector, so none is kept."""

    def __init__(self) -> None:
        self.name = "tfidf"
        self.model = ""
        self.by_text = False

    @property
    def identity(self) -> str:
        return identity_of({"words": "tf-idf of each example's own texts"})

    def prompts(self, instruction: str, texts: Sequence[str]) -> list[Prompt]:
        del instruction
        return list(texts)

    def embed(self, instruction: str, texts: Sequence[str]) -> Vectors:
        del instruction
        return tfidf(texts)
