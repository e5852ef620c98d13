"""Texts as points on a plane, for looking at: vectors -> 50 dimensions -> t-SNE. Near means alike, far means little.

t-SNE after van der Maaten & Hinton 2008, JMLR 9, as scikit-learn does it. 2,000 texts take some 7 s of one core.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
TextVectors = Callable[[Sequence[str]], Any]
"""Texts to rows of numbers, dense or sparse."""

_DIMENSIONS = 50
_FEW = 30
"""Different texts below which the two widest directions are the map."""
_PERPLEXITY = 30.0
_STEPS = 500


def reduced(vectors: Any, seed: int) -> Points:
    """(n, at most 50): the directions in which the vectors differ most; rows of length 1, or 0."""
    rows, features = vectors.shape
    wanted = min(_DIMENSIONS, rows - 1, features - 1)
    if wanted < 1:
        return np.zeros((rows, 1))
    decomposition: Any = import_module("sklearn.decomposition")
    with np.errstate(all="ignore"):
        found = decomposition.TruncatedSVD(wanted, random_state=seed).fit_transform(vectors)
    found = np.nan_to_num(np.asarray(found, dtype=np.float64))
    length = np.linalg.norm(found, axis=1, keepdims=True)
    return np.divide(found, length, out=np.zeros_like(found), where=length > 1e-9)


def on_a_plane(points: Points, seed: int) -> Points:
    """(n, 2) in [0, 1]; equal points share a place. No points and a single one are no special case."""
    if not len(points):
        return np.zeros((0, 2))
    different, back = np.unique(np.round(points, 6), axis=0, return_inverse=True)
    flat = _widest(different) if len(different) < _FEW else _neighbourly(different, seed)
    low, high = flat.min(axis=0), flat.max(axis=0)
    placed = np.divide(flat - low, high - low, out=np.full_like(flat, 0.5), where=high - low > 1e-12)
    return np.asarray(np.round(placed[back.reshape(-1)], 4), dtype=np.float64)


def _widest(points: Points) -> Points:
    """The first two principal components; their signs are fixed by the largest entry."""
    centred = points - points.mean(axis=0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    directions = directions[:2]
    largest = np.abs(directions).argmax(axis=1)
    directions = directions * np.sign(directions[np.arange(len(directions)), largest])[:, None]
    flat = centred @ directions.T
    return np.pad(flat, ((0, 0), (0, 2 - flat.shape[1])))


def _neighbourly(points: Points, seed: int) -> Points:
    manifold: Any = import_module("sklearn.manifold")
    start: Points = _widest(points)
    spread = float(start[:, 0].std()) or 1.0
    found = manifold.TSNE(
        2,
        init=(start / spread * 1e-4).astype(np.float32),
        perplexity=min(_PERPLEXITY, (len(points) - 1) / 3),
        max_iter=_STEPS,
        random_state=seed,
        n_jobs=1,
    ).fit_transform(points)
    return np.asarray(found, dtype=np.float64)
