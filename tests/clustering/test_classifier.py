"""The classifier: honest figures, thresholds that keep their promise, files that are whole or refused."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cluster_r1.clustering.classifier import NEVER, Classifier, fit_classifier, read_classifier, to_ask
from cluster_r1.core.clustering import ClassifierQuality
from cluster_r1.core.errors import SettingsError, WorkspaceError
from cluster_r1.core.taxonomy import NONE_FITS
from cluster_r1.eval.embedders.registry import embedder
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

BANKING = Path(__file__).parents[3] / "shared" / "data" / "banking77.jsonl"


def fitted(
    vectors: Any, labels: list[str], held_back: float = 0.25, target: float = 0.9, seed: int = 1
) -> tuple[Classifier, ClassifierQuality]:
    return fit_classifier(vectors, labels, embedder="test", target=target, held_back=held_back, seed=seed)


def blobs(texts: int, clusters: int = 3, spread: float = 0.3, features: int = 8) -> tuple[Any, list[str]]:
    draw = np.random.default_rng(0)
    labels = draw.integers(0, clusters, texts)
    vectors = np.eye(clusters, features)[labels] + draw.normal(0, spread, (texts, features))
    return vectors.astype(np.float32), [f"c{label}" for label in labels]


def written(classifier: Classifier) -> bytes:
    file = io.BytesIO()
    classifier.write(file)
    return file.getvalue()


def test_clusters_that_lie_apart_are_learnt() -> None:
    vectors, labels = blobs(400)
    classifier, quality = fitted(vectors[:200], labels[:200])
    choices = classifier.choose(vectors[200:])
    right = [name == label for name, label in zip(choices.names, labels[200:], strict=True)]
    assert np.mean(right) > 0.9
    assert classifier.names == ("c0", "c1", "c2")
    assert (quality.labelled, quality.held_back, quality.clusters) == (200, 50, 3)
    assert ((choices.probability > 1 / 3) & (choices.probability <= 1)).all()
    assert all(second != name for second, name in zip(choices.second, choices.names, strict=True))


def test_held_back_labels_measure_and_do_nothing_else() -> None:
    """Labels of the held-back texts are turned into others: the classifier stays, only its figures fall."""
    vectors, labels = blobs(40)
    classifier, quality = fitted(vectors, labels)
    changed = [
        other
        for row in range(40)
        for other in [[*labels[:row], f"c{(int(labels[row][1]) + 1) % 3}", *labels[row + 1 :]]]
        if written(fitted(vectors, other)[0]) == written(classifier)
    ]
    assert len(changed) == quality.held_back == 10
    assert fitted(vectors, changed[0])[1].accuracy != quality.accuracy


def test_the_accuracy_that_is_told_is_the_one_new_texts_see() -> None:
    """Over many draws, with a dozen texts a cluster: holding back label by label would tell several points too much."""
    vectors, labels = blobs(2000, 30, spread=0.22, features=40)
    told, seen = [], []
    for seed in range(12):
        rows = np.random.default_rng(seed).permutation(2000)
        classifier, quality = fitted(vectors[rows[:300]], [labels[row] for row in rows[:300]], seed=seed)
        names = classifier.choose(vectors[rows[300:]]).names
        told.append(quality.accuracy.value)
        seen.append(np.mean([name == labels[row] for name, row in zip(names, rows[300:], strict=True)]))
    assert np.mean(told) == pytest.approx(np.mean(seen), abs=0.04)


@pytest.mark.parametrize("target", [0.9, 0.95, 0.98])
def test_above_the_threshold_the_target_is_reached(target: float) -> None:
    vectors, labels = blobs(4000, 5, spread=0.5)
    classifier, quality = fitted(vectors[:1000], labels[:1000], target=target)
    choices = classifier.choose(vectors[1000:])
    sure = classifier.sure(choices.probability)
    right = np.array([name == label for name, label in zip(choices.names, labels[1000:], strict=True)])
    assert 0 < sure.mean() < 1
    assert right[sure].mean() == pytest.approx(target, abs=0.03)
    assert right[sure].mean() > right.mean()
    assert quality.threshold == classifier.threshold


def test_labels_without_a_pattern_are_never_sure() -> None:
    vectors, _ = blobs(300)
    labels = [f"c{label}" for label in np.random.default_rng(5).integers(0, 3, 300)]
    classifier, quality = fitted(vectors, labels)
    assert classifier.threshold == NEVER > 1
    assert quality.sure_share == 0
    assert quality.sure_accuracy == (None, None, None)
    assert not classifier.sure(np.array([1.0])).any()


def test_one_cluster_is_always_chosen() -> None:
    vectors, _ = blobs(100)
    classifier, quality = fitted(vectors, ["only"] * 100)
    choices = classifier.choose(vectors[:2])
    assert choices.names == ["only", "only"]
    assert choices.probability.tolist() == [1, 1]
    assert choices.second == [None, None]
    assert (quality.accuracy.value, quality.sure_share, quality.threshold) == (1, 1, 1)
    assert quality.accuracy.low is not None
    assert quality.accuracy.low < 0.9


def test_none_fits_is_learnt_but_no_cluster() -> None:
    vectors, labels = blobs(100)
    classifier, quality = fitted(vectors, [NONE_FITS if label == "c0" else label for label in labels])
    assert NONE_FITS in classifier.names
    assert quality.clusters == 2


@given(
    st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=40),
    st.floats(0.01, 0.99),
    st.integers(0, 3),
    st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_any_labels_give_a_classifier(labels: list[str], held_back: float, seed: int, sparse: bool) -> None:
    vectors = np.random.default_rng(seed).normal(size=(len(labels), 12)).astype(np.float32)
    vectors[: len(labels) // 3] = 0
    shown = csr_matrix(vectors) if sparse else vectors
    classifier, quality = fitted(shown, labels, held_back, seed=seed)
    choices = classifier.choose(shown)
    assert set(choices.names) <= set(labels)
    assert np.isfinite(choices.probability).all()
    assert quality.labelled == len(labels) > quality.held_back
    assert (quality.accuracy.value is None) == (quality.held_back == 0)


def test_a_seed_decides_to_the_byte() -> None:
    vectors, labels = blobs(80)
    first, again = (written(fitted(vectors, labels, seed=7)[0]) for _ in range(2))
    assert first == again
    assert written(read_classifier(io.BytesIO(first))) == first
    assert written(fitted(vectors, labels, seed=8)[0]) != first


def test_what_was_read_chooses_as_what_was_written() -> None:
    vectors, labels = blobs(80)
    names = {"c0": "Kärten, 卡", "c1": NONE_FITS, "c2": "c2"}
    classifier, _ = fitted(vectors, [names[label] for label in labels])
    read = read_classifier(io.BytesIO(written(classifier)))
    assert (read.names, read.threshold, read.embedder) == (classifier.names, classifier.threshold, "test")
    assert read.choose(vectors).probability.tolist() == classifier.choose(vectors).probability.tolist()


WHOLE = written(fitted(*blobs(40))[0])


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
@settings(max_examples=300)
def test_a_damaged_file_is_refused_or_harmless(place: int, change: int) -> None:
    damaged = bytearray(WHOLE)
    damaged[place] ^= change
    try:
        read = read_classifier(io.BytesIO(bytes(damaged)))
    except WorkspaceError:
        return
    assert written(read) == WHOLE


@pytest.mark.parametrize("content", [b"", b"PK", b"text", WHOLE[: len(WHOLE) // 2]])
def test_another_file_is_refused(content: bytes) -> None:
    with pytest.raises(WorkspaceError, match="no readable classifier"):
        read_classifier(io.BytesIO(content))


def test_arrays_that_are_no_classifier_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "classifier.npz"
    about = {"format": "cluster-r1 classifier 99", "names": ["a"], "threshold": 0.5, "embedder": "x"}
    np.savez(
        path,
        about=np.frombuffer(json.dumps(about).encode(), np.uint8),
        weights=np.zeros((1, 2), np.float32),
        intercepts=np.zeros(1, np.float32),
    )
    with path.open("rb") as file, pytest.raises(WorkspaceError, match=r"classifier\.npz is no .* classifier 99"):
        read_classifier(file)
    np.save(tmp_path / "x.npy", np.zeros(3))
    with (tmp_path / "x.npy").open("rb") as file, pytest.raises(WorkspaceError):
        read_classifier(file)


def test_vectors_of_another_embedder_are_refused() -> None:
    vectors, labels = blobs(40)
    classifier, _ = fitted(vectors, labels)
    with pytest.raises(SettingsError, match="reads vectors of 8 numbers, the embedder gives 5"):
        classifier.choose(vectors[:, :5])
    broken = vectors.copy()
    broken[3, 2] = np.nan
    with pytest.raises(SettingsError, match="not finite"):
        classifier.choose(broken)
    with pytest.raises(SettingsError, match="test gave vectors that are not finite"):
        fitted(broken, labels)
    with pytest.raises(ValueError, match="got 3 for 40 texts"):
        fitted(vectors, labels[:3])


def test_no_texts_have_no_choices() -> None:
    vectors, labels = blobs(40)
    choices = fitted(vectors, labels)[0].choose(vectors[:0])
    assert (choices.names, choices.probability.tolist(), choices.second) == ([], [], [])


@given(st.lists(st.sampled_from([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])), st.floats(0, 2), st.floats(0, 1))
def test_the_model_is_asked_about_the_least_sure(probability: list[float], threshold: float, share: float) -> None:
    asked = to_ask(np.array(probability, np.float32), threshold, share)
    inside = [one for one, mark in zip(probability, asked, strict=True) if mark]
    left = [one for one, mark in zip(probability, asked, strict=True) if not mark and one < np.float32(threshold)]
    assert len(inside) <= share * len(probability) + 1e-6
    assert all(one < threshold for one in inside)
    assert not left or not inside or max(inside) <= min(left)
    assert not left or len(inside) == int(share * len(probability) + 1e-9)


def test_of_equally_unsure_texts_the_first_are_asked_about() -> None:
    assert to_ask(np.array([0.9, 0.3, 0.3, 0.3]), 0.5, 0.5).tolist() == [False, True, True, False]
    assert to_ask(np.array([0.9, 0.3]), NEVER).tolist() == [True, True]


@pytest.mark.slow
@pytest.mark.skipif(not BANKING.exists(), reason="the shared data is not there")
def test_real_texts_are_learnt_and_sure_ones_are_better() -> None:
    rows = [json.loads(line) for line in BANKING.read_text().splitlines()]
    rows = [rows[place] for place in np.random.default_rng(0).permutation(len(rows))[:1000]]
    vectors = embedder("hashed").embed("", [row["text"] for row in rows])
    _, quality = fitted(vectors, [row["labels"]["intent"] for row in rows])
    assert quality.accuracy.value is not None
    assert quality.sure_accuracy.value is not None
    assert 0.6 < quality.accuracy.value < quality.sure_accuracy.value
    assert 0.3 < quality.sure_share < 1
