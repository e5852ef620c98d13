"""A diverse, token-budgeted sample of a corpus, for agents that must see what is in it without reading it all."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..core.documents import Document
from ..core.tokens import cut_to_tokens, estimate_tokens
from .subset import Documents

_POOL = 2000
_DIMENSIONS = 512
_WORDS = re.compile(r"\w{3,}")


def random_rows(documents: Documents, count: int, seed: int) -> list[int]:
    """Row numbers drawn without replacement, in corpus order."""
    rng = np.random.default_rng(seed)
    return sorted(rng.choice(len(documents), size=min(count, len(documents)), replace=False).tolist())


def diverse_sample(documents: Documents, tokens: int, excerpt_tokens: int, seed: int) -> list[Document]:
    """Documents cut to `excerpt_tokens` that together fill `tokens`, spread over the corpus.

    From a random pool of at most 2,000, each next document is drawn with a probability proportional to its squared
    distance from those already drawn (k-means++ seeding over hashed words): rare kinds of text are likely to be
    seen, and outliers do not take every place.
    """
    pool = documents.rows(random_rows(documents, _POOL, seed))
    vectors = word_vectors([document.text for document in pool])
    rng = np.random.default_rng(seed)
    distance = np.full(len(pool), 2.0)
    left, sample = tokens, []
    while distance.sum() > 0:
        drawn = int(rng.choice(len(pool), p=distance / distance.sum()))
        excerpt = cut_to_tokens(pool[drawn].text, excerpt_tokens)
        left -= estimate_tokens(excerpt)
        if left < 0 and sample:
            break
        sample.append(pool[drawn].model_copy(update={"text": excerpt}))
        distance = np.minimum(distance, np.maximum(0.0, 2 - 2 * vectors @ vectors[drawn]))
        distance[drawn] = 0.0
        distance[distance < 1e-6] = 0.0
    return sample


def word_vectors(texts: Sequence[str]) -> NDArray[np.float32]:
    """Unit vectors of hashed words, (texts, 512); a text without words gets the zero vector."""
    vectors = np.zeros((len(texts), _DIMENSIONS), dtype=np.float32)
    for row, text in enumerate(texts):
        for word in _WORDS.findall(text.casefold()):
            vectors[row, zlib.crc32(word.encode()) % _DIMENSIONS] += 1
    vectors = np.sqrt(vectors)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
