"""Words, word pairs and pieces of words hashed into a vector of fixed size: no model and nothing fitted.

A text has the same vector in any corpus and on any machine. Pieces of 2 to 5 characters make word forms alike, and are
all there is to go by in Chinese, Japanese or Thai, whose words no space divides.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cached_property
from importlib import import_module
from typing import Any

from .interface import Prompt, Vectors, identity_of

HALF = 2**13
"""Features of either half: words and word pairs first, then pieces."""

_WORD = r"[^\s!-/:-@\[-`{-~‐-‧、-〟]+"
r"""What stands between spaces and punctuation. Not \w+, which breaks Thai and Hindi words at their vowel signs."""


class HashedEmbedder:
    """Sparse vectors of 2 x HALF features and length 1 (0 for an empty text), the instruction left out.

    Either half counts what occurs, as 1 + ln(count), and has length 1 before they are put together. A vector depends
    on its text alone, but `by_text` is False: it is sooner made than read, and the store keeps no sparse ones.
    """

    def __init__(self) -> None:
        self.name = "hashed"
        self.model = ""
        self.by_text = False

    @property
    def identity(self) -> str:
        return identity_of({"hashed": "words, word pairs, 2 to 5 characters within words", "features": 2 * HALF})

    def prompts(self, instruction: str, texts: Sequence[str]) -> list[Prompt]:
        del instruction
        return list(texts)

    def embed(self, instruction: str, texts: Sequence[str]) -> Vectors:
        del instruction
        sparse: Any = import_module("scipy.sparse")
        if not texts:
            return sparse.csr_matrix((0, 2 * HALF), dtype="float32")
        halves = [_weighed(hasher.transform(texts)) for hasher in self._hashers]
        return _of_length_1(sparse.hstack(halves, format="csr"))

    @cached_property
    def _hashers(self) -> list[Any]:
        words: Any = import_module("sklearn.feature_extraction.text")
        same = {"n_features": HALF, "preprocessor": _folded, "norm": None, "alternate_sign": False, "dtype": "float32"}
        return [
            words.HashingVectorizer(analyzer="word", token_pattern=_WORD, ngram_range=(1, 2), **same),
            words.HashingVectorizer(analyzer="char_wb", ngram_range=(2, 5), **same),
        ]


def _folded(text: str) -> str:
    """Without capitals, and full-width or composed characters as their plain ones."""
    return unicodedata.normalize("NFKC", text).casefold()


def _weighed(counts: Any) -> Any:
    import numpy as np

    counts.data = 1 + np.log(counts.data)
    return _of_length_1(counts)


def _of_length_1(vectors: Any) -> Any:
    preprocessing: Any = import_module("sklearn.preprocessing")
    return preprocessing.normalize(vectors, copy=False)
