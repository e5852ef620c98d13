"""What is shown of a result: bounded, drawn in one pass, the same every time; a place on the map whatever the texts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from cluster_r1.clustering.gallery import view
from cluster_r1.clustering.layout import on_a_plane, reduced
from cluster_r1.core.clustering import AssignedText
from cluster_r1.core.documents import Document
from cluster_r1.reports.clustering_view import ClusteringView
from hypothesis import given, settings
from hypothesis import strategies as st
from made_clustering import MadeDocuments, assigned, result_of, words

SHORT = 300
"""Texts of a quick map."""


def bag(texts: Sequence[str]) -> np.ndarray:
    """Two directions by the first letter: quick vectors whose neighbours are known."""
    return np.array([[text.startswith("a"), text.startswith("b"), len(text) / 100] for text in texts], dtype=float)


def shown(texts: Sequence[str], places: Sequence[str | None], **changes: object) -> ClusteringView:
    documents = MadeDocuments(texts)
    rows = assigned(documents, places, **changes)
    names = sorted({place for place in places if place is not None})
    return view(result_of(rows, names), rows, documents, 0, vectors=words, map_says="words")


class LongDocuments(MadeDocuments):
    """Any number of documents that are made when they are asked for, and remembers which were."""

    def __init__(self, number: int) -> None:
        super().__init__([])
        self.number = number
        self.asked: list[int] = []

    def __len__(self) -> int:
        return self.number

    def rows(self, indices: Sequence[int], *, meta: bool = True) -> list[Document]:
        assert not meta
        self.asked += indices
        return [Document(id=f"d{n}", text=f"{'ab'[n % 2]} {n}") for n in indices]


def streamed(number: int) -> Iterator[AssignedText]:
    """A large cluster, one of a twentieth, one of 40 texts, and some that fit none."""
    for n in range(number):
        name = "small" if n < 40 else None if n % 50 == 0 else "middle" if n % 20 == 0 else "large"
        yield AssignedText(n, n, f"d{n}", name, "model")


def test_a_large_corpus_is_shown_by_a_bounded_choice_with_every_cluster_in_it() -> None:
    number = 50_000
    documents = LongDocuments(number)
    found = view(
        result_of(list(streamed(number)), ["large", "middle", "small"]),
        streamed(number),
        documents,
        vectors=lambda texts: bag(texts)[:, :2],
        map_says="letters",
    )
    drawn = Counter(text.cluster for text in found.texts)
    assert 1900 <= len(found.texts) <= 2000
    assert 12 <= drawn["small"] < 20
    assert 0.9 < drawn["large"] / (2000 * 0.94) < 1.05
    assert drawn[None] >= 12
    assert 300 <= sum(text.listed for text in found.texts) <= 500
    assert {text.cluster for text in found.texts if text.listed} == {"large", "middle", "small", None}
    assert len(documents.asked) == len(set(documents.asked)) == len(found.texts)


def test_the_same_seed_shows_the_same_and_another_seed_another_choice() -> None:
    texts = [f"{'ab'[n % 2]} word{n % 17} word{n % 5}" for n in range(3000)]
    documents, places = MadeDocuments(texts), ["ab"[n % 2] for n in range(3000)]
    rows = assigned(documents, places)
    result = result_of(rows, ["a", "b"])
    first, again, other = (view(result, rows, documents, seed, vectors=bag, map_says="letters") for seed in (1, 1, 2))
    assert first == again
    assert {text.document_id for text in first.texts} != {text.document_id for text in other.texts}


def test_the_least_sure_texts_are_borderline_wherever_confidence_is_known() -> None:
    documents = MadeDocuments([f"text {n}" for n in range(SHORT)])
    rows = [
        row._replace(confidence=0.2 + n / SHORT if n % 3 else None, second="b" if n % 2 else None)
        for n, row in enumerate(assigned(documents, ["a"] * SHORT))
    ]
    found = view(result_of(rows, ["a", "b"]), rows, documents, vectors=bag, map_says="letters")
    known = sorted((row.confidence, row.document_id) for row in rows if row.confidence is not None)
    assert {t.document_id for t in found.texts if t.borderline} == {name for _, name in known[: SHORT // 10]}
    unsure = sum(row.confidence is not None and row.confidence < 0.7 and row.second == "b" for row in rows)
    assert [pair.texts for pair in found.neighbours] == [unsure]
    assert found.confidence is not None
    assert sum(found.confidence.counts) == len(known)


def test_sure_texts_are_never_borderline() -> None:
    found = shown([f"text {n}" for n in range(50)], ["a"] * 25 + ["b"] * 25, confidence=0.97)
    assert not any(text.borderline for text in found.texts)
    assert found.confidence is not None


def test_without_confidence_a_text_among_another_clusters_is_borderline() -> None:
    texts = [f"alpha apple {n % 3}" for n in range(20)] + [f"beta bread {n % 3}" for n in range(20)]
    places = ["A"] * 20 + ["B"] * 19 + ["A"]
    found = shown(texts, places)
    stray = [text for text in found.texts if text.borderline]
    assert [(text.document_id, text.second) for text in stray] == [("msg-00039", "B")]
    assert [(pair.first, pair.second, pair.texts) for pair in found.neighbours] == [("A", "B", 1)]
    assert found.confidence is None


def test_typical_texts_are_like_their_cluster_and_not_copies_of_each_other() -> None:
    texts = ["alpha apple pear"] * 30 + ["alpha apple plum"] * 10 + ["quite something else"]
    found = shown(texts, ["A"] * 41)
    typical = [text.text for text in found.texts if text.role == "typical"]
    assert typical[0] == "alpha apple pear"
    assert len(typical) == len(set(typical)) > 1


def test_unanswered_texts_are_shown_apart_from_those_that_fit_none() -> None:
    documents = MadeDocuments(["one two", "three four", "five six"])
    rows = assigned(documents, ["a", None, None])
    rows[2] = rows[2]._replace(decided="unanswered", error="503")
    found = view(result_of(rows, ["a"]), rows, documents, vectors=words, map_says="words")
    assert [(text.cluster, text.decided) for text in found.texts] == [
        ("a", "model"),
        (None, "model"),
        (None, "unanswered"),
    ]


def test_excerpts_are_bounded() -> None:
    found = shown(["word " * 100_000, "other " * 100_000], ["a", "b"])
    assert all(len(text.text) <= 1200 for text in found.texts)


@pytest.mark.parametrize("texts", [[], ["one"], ["one", "two"], ["same"] * 50, ["..."] * 3, ["a b", "...", "a b"]])
def test_few_and_equal_and_wordless_texts_have_a_place(texts: list[str]) -> None:
    found = shown(texts, ["a"] * len(texts))
    assert len(found.texts) == len(texts)
    assert all(0 <= value <= 1 for text in found.texts for value in (text.x, text.y))


@given(st.lists(st.text(min_size=1, max_size=12), max_size=20), st.integers(0, 5))
@settings(max_examples=40, deadline=None)
def test_any_text_has_a_finite_place(texts: list[str], seed: int) -> None:
    points = reduced(words(texts), seed) if texts else np.zeros((0, 1))
    flat = on_a_plane(points, seed)
    assert flat.shape == (len(texts), 2)
    assert all(math.isfinite(value) and 0 <= value <= 1 for value in flat.ravel())


def test_neighbours_in_many_dimensions_are_neighbours_on_the_map() -> None:
    draws = np.random.default_rng(0)
    centres = draws.normal(size=(4, 20)) * 5
    labels = np.arange(200) % 4
    flat = on_a_plane(centres[labels] + draws.normal(size=(200, 20)), 0)
    distances = np.linalg.norm(flat[:, None] - flat[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    assert (labels[distances.argmin(axis=1)] == labels).mean() > 0.98
    assert (on_a_plane(centres[labels], 0)[labels == 1] == on_a_plane(centres[labels], 0)[1]).all()


def test_vectors_and_what_they_are_made_of_can_be_given() -> None:
    documents = MadeDocuments(["a", "b", "a b"])
    rows = assigned(documents, ["x", "x", "y"])
    asked: list[str] = []

    def vectors(texts: Sequence[str]) -> np.ndarray:
        asked.extend(texts)
        return bag(texts)

    found = view(result_of(rows, ["x", "y"]), rows, documents, vectors=vectors, map_says="vectors of MiniLM")
    assert asked == ["a", "b", "a b"]
    assert found.map_says == "vectors of MiniLM"
