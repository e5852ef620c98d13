"""Checks that look at files: they are those of the manifest, byte for byte and number for number."""

from __future__ import annotations

import hashlib
from collections import Counter

import numpy as np
from numpy.typing import NDArray

from .files import MANIFEST, SPLITS, Benchmark
from .tally import Tally
from .usage import Usage


def hashes(benchmark: Benchmark) -> Tally:
    """The sha256 of each data file that the manifest names."""
    tally = Tally("files", "The data files are those whose sha256 the manifest holds.")
    for name, wanted in benchmark.manifest.sha256.items():
        path = benchmark.folder / name
        tally.looked_at += 1
        if not path.is_file():
            tally.leak(lambda name=name: f"{name} is missing")
            continue
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != wanted:
            tally.leak(lambda name=name, found=found: f"{name} was changed: its sha256 is {found}")
    return tally


def counts(benchmark: Benchmark, usage: Usage, groups: NDArray[np.int32]) -> Tally:
    """Numbers of texts, of groups of near-duplicates, and of the examples of each split."""
    manifest = benchmark.manifest
    examples = Counter(place.split for place in usage.places)
    grouped = int((np.bincount(groups) > 1).sum()) if groups.size else 0
    pairs = [
        ("texts", len(benchmark.texts), manifest.texts),
        ("groups of near-duplicates", grouped, manifest.groups),
        *((f"{split} examples", examples[split], manifest.examples.get(split, 0)) for split in SPLITS),
    ]
    tally = Tally("counts", "There are as many texts, near-duplicates and examples as the manifest says.", len(pairs))
    for name, found, said in pairs:
        if found != said:
            tally.leak(lambda name=name, found=found, said=said: f"{found:,} {name}, and {said:,} in {MANIFEST}")
    return tally
