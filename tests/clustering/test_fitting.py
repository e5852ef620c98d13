"""One fit is scikit-learn's in whichever form it is computed, and predictions out of a fold have not seen the text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cluster_r1.clustering.fitting import REGULARISATIONS, fit, out_of_fold, probabilities
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression


def points(texts: int, features: int, labels: int) -> tuple[Any, Any]:
    draw = np.random.default_rng(0)
    truth = np.arange(texts) % labels
    return np.eye(labels, features)[truth] + draw.normal(0, 0.4, (texts, features)), truth


@pytest.mark.parametrize("labels", [2, 3])
@pytest.mark.parametrize("features", [8, 300])
@pytest.mark.parametrize("form", [np.asarray, csr_matrix])
def test_a_fit_is_the_one_of_scikit_learn(labels: int, features: int, form: Any) -> None:
    """Also with fewer texts than features, where it is computed in another rotation."""
    vectors, truth = points(60, features, labels)
    size = np.sqrt(np.square(vectors).sum(1).mean())
    known = LogisticRegression(C=3, max_iter=10_000, tol=1e-8).fit(vectors / size, truth)
    new, _ = points(200, features, labels)
    found = probabilities(form(new), fit(form(vectors), truth, 3))
    assert found == pytest.approx(known.predict_proba(new / size), abs=5e-3)


def test_the_length_of_vectors_does_not_matter() -> None:
    vectors, truth = points(60, 8, 3)
    found = [probabilities(vectors * size, fit(vectors * size, truth, 3)) for size in (1, 1000)]
    assert found[0] == pytest.approx(found[1], abs=1e-6)


def test_predictions_out_of_a_fold_know_nothing_of_the_text() -> None:
    """Of vectors that tell nothing every label can be learnt by heart, and none be predicted."""
    draw = np.random.default_rng(0)
    vectors, truth = draw.normal(size=(200, 400)), draw.integers(0, 4, 200)
    assert (probabilities(vectors, fit(vectors, truth, 300)).argmax(1) == truth).all()
    out, _ = out_of_fold(vectors, truth, np.random.default_rng(1))
    assert 0.1 < out.right.mean() < 0.4


def test_the_noisier_the_labels_the_stronger_the_regularisation() -> None:
    vectors, truth = points(300, 20, 3)
    noise = np.random.default_rng(0).integers(0, 3, 300)
    mixed = np.where(np.arange(300) % 2, noise, truth)
    chosen = [out_of_fold(vectors, labels, np.random.default_rng(1))[1] for labels in (truth, mixed)]
    assert chosen[0] >= chosen[1] == min(REGULARISATIONS)


def test_vectors_of_nothing_are_fitted() -> None:
    vectors, truth = np.zeros((10, 40)), np.arange(10) % 2
    assert probabilities(vectors, fit(vectors, truth, 3)) == pytest.approx(np.full((10, 2), 0.5), abs=1e-3)
    out, _ = out_of_fold(csr_matrix(vectors), truth, np.random.default_rng(0))
    assert np.isfinite(out.probability).all()
    assert len(out_of_fold(vectors[:1], truth[:1], np.random.default_rng(0))[0].right) == 0
