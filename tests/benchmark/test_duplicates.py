"""Near-duplicates: found whatever the case and spacing, not invented, and the same from run to run."""

from __future__ import annotations

import random
from itertools import combinations

import numpy as np
import pytest
from cluster_r1.benchmark.duplicates import SHINGLE, DuplicateFinder, near_duplicate_groups, normalised
from hypothesis import given
from hypothesis import strategies as st

_WORDS = [f"{a}{b}{c}" for a in "bcdfgklmnprst" for b in "aeiou" for c in ("nder", "st", "ll", "rg", "mp")]


def _text(rng: random.Random, words: int) -> str:
    return " ".join(rng.choice(_WORDS) for _ in range(words))


def _jaccard(one: str, other: str) -> float:
    first, second = (
        {content[at : at + SHINGLE] for at in range(len(content) - SHINGLE + 1)}
        for content in (normalised(one).encode(), normalised(other).encode())
    )
    return len(first & second) / len(first | second)


def test_changed_copies_share_a_group_and_strangers_do_not() -> None:
    rng = random.Random(1)
    texts = [_text(rng, 120) for _ in range(300)]
    copies = []
    for text in texts[:60]:
        words = text.split()
        words[rng.randrange(120)] = "changed"
        copies.append(" ".join(words).upper().replace(" ", "  "))
    groups = near_duplicate_groups([*texts, *copies], 0.7)
    assert (groups[300:] == groups[:60]).all()
    assert np.unique(groups).size == 300


def test_groups_agree_with_exact_similarity_away_from_the_threshold() -> None:
    rng = random.Random(2)
    texts = []
    for _ in range(40):
        words = _text(rng, 80).split()
        for changed in (0, 3, 10, 40):
            other = list(words)
            for place in rng.sample(range(80), changed):
                other[place] = rng.choice(_WORDS)
            texts.append(" ".join(other))
    groups = near_duplicate_groups(texts, 0.7)
    for one, other in combinations(range(len(texts)), 2):
        similarity = _jaccard(texts[one], texts[other])
        if similarity >= 0.85:
            assert groups[one] == groups[other]
        if similarity < 0.3:
            assert groups[one] != groups[other]


def test_without_a_threshold_only_equal_texts_share_a_group() -> None:
    groups = near_duplicate_groups(["One  text", "one text", "one text!", "ｏne text"], None)
    assert groups.tolist() == [0, 0, 1, 0]


def test_groups_are_numbered_by_first_member_whatever_the_batches() -> None:
    rng = random.Random(3)
    texts = [_text(rng, 60) for _ in range(50)]
    texts += texts[::-1]
    whole = near_duplicate_groups(texts, 0.7)
    assert whole.tolist() == [*range(50), *range(49, -1, -1)]
    with DuplicateFinder(0.7) as finder:
        for start in range(0, 100, 7):
            finder.add(texts[start : start + 7])
        assert finder.groups().tolist() == whole.tolist()


def test_no_text_and_texts_of_no_letters() -> None:
    assert near_duplicate_groups([], 0.7).size == 0
    assert near_duplicate_groups(["a", "b", "a", "", " "], 0.7).tolist() == [0, 1, 0, 2, 2]


@given(st.lists(st.text(max_size=30), max_size=12), st.sampled_from([None, 0.5, 0.9]))
def test_equal_texts_always_share_a_group(texts: list[str], threshold: float | None) -> None:
    groups = near_duplicate_groups([*texts, *texts], threshold)
    assert (groups[: len(texts)] == groups[len(texts) :]).all()


@pytest.mark.parametrize("count", [1, 2, 500])
def test_many_copies_of_one_text(count: int) -> None:
    assert (near_duplicate_groups(["the same words again and again"] * count, 0.7) == 0).all()
