"""Pools: which texts are trained on and which are kept for evaluation (paper §4.3).

The paper splits every cluster of a held-in task 60/40. Tasks share texts, so one task's training text may be another
task's evaluation text; here a text, with its near-duplicates, is in one pool for all tasks. Held-out tasks take the
evaluation pool only.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Membership(NamedTuple):
    """The clusters of one task: cluster number `clusters[i]` holds text number `texts[i]`; both (members,)."""

    held_in: bool
    texts: NDArray[np.int32]
    clusters: NDArray[np.int16]


def training_texts(
    memberships: Sequence[Membership], groups: NDArray[np.int32], share: float, seed: int
) -> NDArray[np.bool_]:
    """Whether each text belongs to the training pool: (texts,).

    Groups of near-duplicates are taken in an order drawn by the seed; each goes where it brings the clusters it lies in
    closer to `share`, those of held-out tasks too, which need texts for C2. A cluster of single texts comes as close as
    its size allows when its texts are in one task; with several tasks, clusters give way to each other by a text or
    two. Texts of held-out tasks alone are never trained on.
    """
    rng = random.Random(f"{seed}/pools")
    divided, cells, bounds = _cells_by_group(memberships, groups)
    order = list(range(divided.size))
    rng.shuffle(order)
    surplus = [0.0] * (int(cells.max(initial=-1)) + 1)
    train = np.zeros(int(groups.max(initial=-1)) + 1, dtype=bool)
    for place in order:
        counts = [(cell, len(list(run))) for cell, run in groupby(cells[bounds[place] : bounds[place + 1]].tolist())]
        gain = sum(count * (2 * surplus[cell] + count * (1 - 2 * share)) for cell, count in counts)
        goes = gain < 0 or (gain == 0 and rng.random() < share)
        train[divided[place]] = goes
        for cell, count in counts:
            surplus[cell] += count * ((1 - share) if goes else -share)
    return train[groups] if groups.size else np.zeros(0, dtype=bool)


def _cells_by_group(
    memberships: Sequence[Membership], groups: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]:
    """The groups with a held-in member, the cells they lie in, group by group, and where each group's cells begin.

    A cell is a cluster of a task, numbered over all tasks: held-out clusters count too, so that each keeps its share of
    what it has in common with held-in ones.
    """
    offsets = np.cumsum([0, *(int(m.clusters.max(initial=-1)) + 1 for m in memberships)])
    cells = np.concatenate(
        [np.empty(0, np.int64), *(m.clusters + offset for m, offset in zip(memberships, offsets, strict=False))]
    ).astype(np.int64)
    group_of = np.concatenate([np.empty(0, np.int32), *(groups[m.texts] for m in memberships)])
    divided = np.unique(np.concatenate([np.empty(0, np.int32), *(groups[m.texts] for m in memberships if m.held_in)]))
    inside = np.isin(group_of, divided)
    cells, group_of = cells[inside], group_of[inside]
    order = np.lexsort((cells, group_of))
    bounds = np.flatnonzero(np.diff(group_of[order], prepend=-1))
    return divided, cells[order], np.append(bounds, order.size)
