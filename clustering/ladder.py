"""The cost ladder's classifier: the model labels a sample, a classifier on embeddings learns its choices, and labels of
the model that it never saw tell what it is worth."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from ..core.cluster_settings import ClusterSettings
from ..core.clustering import ClassifierQuality
from ..core.documents import Document
from ..core.errors import ModelAnswerError
from ..core.taxonomy import NONE_FITS
from ..core.workspace import table_of
from ..corpora.subset import Documents
from .assigning import Assigner, Numbered, text_vectors
from .classifier import Classifier, fit_classifier

if TYPE_CHECKING:
    import pyarrow as pa

LEAST = 20
"""Answered texts without which nothing is learnt."""


class Learnt(NamedTuple):
    """A classifier, its training texts with the model's choices, and its quality."""

    classifier: Classifier
    labelled: pa.Table
    quality: ClassifierQuality


async def learn(
    assigner: Assigner, documents: Documents, rows: Sequence[int], settings: ClusterSettings, seed: int
) -> Learnt:
    """Have the model choose for these rows, and learn its choices.

    Raises ModelAnswerError where it answered too few of them to learn from.
    """
    read = await asyncio.to_thread(documents.rows, rows, meta=False)
    numbered = [Numbered(row, document) for row, document in zip(rows, read, strict=True)]
    found = await assigner.assign(numbered)
    answered = [
        (one.document, row.cluster or NONE_FITS)
        for one, row in zip(numbered, found, strict=True)
        if row.decided != "unanswered"
    ]
    if len(answered) < min(LEAST, len(rows)):
        raise ModelAnswerError(
            f"the model answered {len(answered)} of {len(rows)} texts, too few for a classifier; run again to ask for"
            " the others, or take --assign llm"
        )
    texts, labels = [document.text for document, _ in answered], [label for _, label in answered]
    vectors = await asyncio.to_thread(text_vectors(settings.embedder, settings.document_tokens), texts)
    classifier, quality = await asyncio.to_thread(
        fit_classifier,
        vectors,
        labels,
        embedder=settings.embedder,
        target=settings.target,
        held_back=settings.held_back,
        seed=seed,
    )
    return Learnt(classifier, _table(answered), quality)


def _table(answered: Sequence[tuple[Document, str]]) -> pa.Table:
    import pyarrow as pa

    schema = pa.schema({"key": pa.uint64(), "cluster": pa.string()})
    return table_of(({"key": document.key, "cluster": cluster} for document, cluster in answered), schema)
