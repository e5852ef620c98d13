"""Which documents still need votes: computed from keys on disk, so that no record of it can go stale."""

from __future__ import annotations

import numpy as np

from ..core.labels import Keys


def pending_rows(keys: Keys, decided: Keys) -> list[int]:
    """Rows of the corpus whose key is not among the decided ones."""
    return np.flatnonzero(~np.isin(keys, decided)).tolist()
