"""A classifier on embeddings, trained on clusters that the model chose, with its accuracy on choices it never saw.

Multinomial logistic regression. `fitting.py` holds what scikit-learn does for it; here is what is kept and used.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core.carried import wilson_interval
from ..core.clustering import ClassifierQuality
from ..core.errors import SettingsError, WorkspaceError
from ..core.taxonomy import NONE_FITS
from ..eval.embedders.interface import Vectors
from .fitting import Fit, Out, fit, out_of_fold, probabilities

NEVER = 2.0
"""The threshold of a classifier that is never sure."""

_ENOUGH = 20
"""Texts above a threshold, at least: the accuracy of fewer says little."""

_FORMAT = "cluster-r1 classifier 1"
_DAMAGED = (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, MemoryError)
"""What numpy, zipfile and json raise for a file of anything, beside their own errors."""


class Choices(NamedTuple):
    """A cluster for each text, its probability, and the next best cluster where there is more than one."""

    names: list[str]
    probability: NDArray[np.float32]
    second: list[str | None]


@dataclass(frozen=True, slots=True, eq=False)
class Classifier:
    """Clusters by name, and the weights that choose among them; `embedder` names what gives the vectors it reads.

    weights: (clusters, features), float32; intercepts: (clusters,), float32. It is sure of a choice whose probability
    reaches `threshold`; at `NEVER` none does.
    """

    names: tuple[str, ...]
    threshold: float
    embedder: str
    weights: NDArray[np.float32]
    intercepts: NDArray[np.float32]

    def choose(self, vectors: Vectors) -> Choices:
        """`vectors`: (texts, features), an array or scipy's sparse matrix.

        Raises SettingsError for vectors of another length than it was trained on, or such that are not finite.
        """
        if vectors.shape[1] != self.weights.shape[1]:
            raise SettingsError(
                f"the classifier reads vectors of {self.weights.shape[1]} numbers, the embedder gives"
                f" {vectors.shape[1]!r}: use the embedder that it was trained with, or train another one"
            )
        found = probabilities(vectors, Fit(self.weights, self.intercepts))
        if not np.isfinite(found).all():
            raise SettingsError(f"{self.embedder} gave vectors that are not finite: use another embedder")
        best = found.argmax(1)
        rows = np.arange(len(found))
        probability = found[rows, best]
        second: list[str | None] = [None] * len(found)
        if len(self.names) > 1:
            found[rows, best] = -1
            second = [self.names[int(place)] for place in found.argmax(1)]
        return Choices([self.names[int(place)] for place in best], probability, second)

    def sure(self, probability: NDArray[Any]) -> NDArray[np.bool_]:
        return probability >= np.float32(self.threshold)

    def write(self, file: BinaryIO) -> None:
        """As npz; the same classifier is the same bytes."""
        about = {"format": _FORMAT, "names": self.names, "threshold": self.threshold, "embedder": self.embedder}
        said = np.frombuffer(json.dumps(about).encode(), np.uint8)
        np.savez(file, about=said, weights=self.weights, intercepts=self.intercepts)


def read_classifier(file: BinaryIO) -> Classifier:
    """Raises WorkspaceError for a file that is no classifier, is damaged, or is of another version."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            about = json.loads(arrays["about"].tobytes())
            weights, intercepts = arrays["weights"], arrays["intercepts"]
        names, threshold, embedder = tuple(about["names"]), float(about["threshold"]), str(about["embedder"])
        strings = names and all(isinstance(name, str) for name in names)
        known = strings and about["format"] == _FORMAT and weights.shape[:-1] == intercepts.shape == (len(names),)
    except (*_DAMAGED, zipfile.BadZipFile, zlib.error) as error:
        raise _unreadable(file, str(error) or type(error).__name__) from error
    if not known or not (weights.dtype == intercepts.dtype == np.float32):
        raise _unreadable(file, f"it is {about['format']!r} of {len(names)} clusters, weights {weights.shape}")
    return Classifier(names, threshold, embedder, weights, intercepts)


def fit_classifier(
    vectors: Vectors, labels: Sequence[str], *, embedder: str, target: float, held_back: float, seed: int
) -> tuple[Classifier, ClassifierQuality]:
    """Train on `labels`, the model's choices for the texts of `vectors`; `none_fits` is a label like any other.

    A share `held_back` of the texts, drawn at random, measures and does nothing else: neither are weights,
    regularisation or threshold made of it, nor is the classifier trained on it afterwards. It is not drawn label by
    label: then what is rare in training is as rare in measuring, and with 13 texts a label the accuracy came out 5
    points too high (banking77). So a label may be held back whole, and is not learnt.

    The threshold is the smallest probability above which predictions for the other texts, each made without it,
    agree with the model in `target` of the cases, and above which 20 such texts lie; `NEVER` where there is none.

    Raises ValueError without labels or with another number of them than of vectors, SettingsError for vectors that
    are not finite.
    """
    if not labels or len(labels) != vectors.shape[0]:
        raise ValueError(f"a label for each text is needed, got {len(labels)} for {vectors.shape[0]} texts")
    if not np.isfinite(vectors.sum()):
        raise SettingsError(f"{embedder} gave vectors that are not finite: use another embedder")
    draw = np.random.default_rng(seed)
    order = draw.permutation(len(labels))
    measuring = min(round(held_back * len(labels)), len(labels) - 1)
    held, training = np.sort(order[:measuring]), np.sort(order[measuring:])
    names, truth = np.unique(np.asarray(labels, object)[training], return_inverse=True)
    out, regularisation = out_of_fold(vectors[training], truth, draw)
    fitted = fit(vectors[training], truth, regularisation)
    weights, intercepts = fitted.weights.astype(np.float32), fitted.intercepts.astype(np.float32)
    classifier = Classifier(tuple(map(str, names)), _threshold(out, target), embedder, weights, intercepts)
    measured = [labels[int(row)] for row in held]
    return classifier, _quality(classifier, vectors[held], measured, len(labels), target)


def to_ask(probability: NDArray[Any], threshold: float, share: float = 1.0) -> NDArray[np.bool_]:
    """Which texts the model is to be asked about: those below the threshold, at most `share` of all, least sure first.

    Of equally unsure texts the earlier ones.
    """
    unsure = probability < np.float32(threshold)
    most = int(share * len(probability) + 1e-9)
    asked = np.zeros(len(probability), np.bool_)
    asked[np.argsort(probability, kind="stable")[: min(most, int(unsure.sum()))]] = True
    return asked


def _threshold(out: Out, target: float) -> float:
    """Texts of one probability lie all above a threshold or all below."""
    order = np.argsort(-out.probability, kind="stable")
    probability = out.probability[order]
    above = np.arange(1, len(order) + 1)
    reached = np.cumsum(out.right[order]) >= target * above - 1e-9
    last_of_equals = np.append(probability[1:] < probability[:-1], True)[: len(order)]
    good = np.flatnonzero(reached & last_of_equals & (above >= _ENOUGH))
    return float(probability[good[-1]]) if len(good) else NEVER


def _quality(
    classifier: Classifier, vectors: Vectors, labels: Sequence[str], labelled: int, target: float
) -> ClassifierQuality:
    choices = classifier.choose(vectors)
    right = np.array([name == label for name, label in zip(choices.names, labels, strict=True)], np.bool_)
    sure = classifier.sure(choices.probability)
    return ClassifierQuality(
        embedder=classifier.embedder,
        labelled=labelled,
        held_back=len(labels),
        accuracy=wilson_interval(int(right.sum()), len(right)),
        sure_accuracy=wilson_interval(int(right[sure].sum()), int(sure.sum())),
        sure_share=float(sure.mean()) if len(sure) else 0.0,
        threshold=classifier.threshold,
        target=target,
        clusters=sum(name != NONE_FITS for name in classifier.names),
    )


def _unreadable(file: BinaryIO, why: str) -> WorkspaceError:
    name = getattr(file, "name", "the classifier")
    return WorkspaceError(f"{name} is no readable classifier ({why}); delete it, and another one is trained")
