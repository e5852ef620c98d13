"""Examples: the paper's lengths, valid partitions, no near-duplicates in one prompt, honest shortfalls."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cluster_r1.benchmark.files import ExampleRecord, Split
from cluster_r1.benchmark.sampling import Sampled, TaskPool, TextCosts, sample_examples
from cluster_r1.core.build_settings import PAPER_SIZES, BenchmarkSettings, SplitSize
from hypothesis import given, settings
from hypothesis import strategies as st

_FRAME = 250
_MEAN_TEXT = {"echr": (696, 688, 960), "lmsy": (410, 411, 478), "sp500": (772, 809, 837)}
"""Mean tokens of a text in C0, C1, C2: Figure 4 of the paper, rounded."""


def _pool(clusters: int, texts: int) -> TaskPool:
    members = np.arange(clusters * texts, dtype=np.int32).reshape(clusters, texts)
    return TaskPool("task", "court", tuple(f"cluster {n}" for n in range(clusters)), tuple(members))


def _costs(texts: int, mean: float = 100.0, seed: int = 0) -> TextCosts:
    drawn = np.random.default_rng(seed).lognormal(0, 0.5, texts)
    tokens = np.maximum(1, drawn / drawn.mean() * mean).astype(np.int32)
    return TextCosts(tokens, np.arange(texts, dtype=np.int32))


def _sample(pool: TaskPool, costs: TextCosts, size: SplitSize, seed: int = 0, **changes: Any) -> Sampled:
    taken = changes.pop("taken", set())
    split: Split = changes.pop("split", "train")
    return sample_examples(split, pool, size, costs, _FRAME, BenchmarkSettings(**changes), seed, taken)


@pytest.mark.parametrize("domain", PAPER_SIZES)
@pytest.mark.parametrize("split", [0, 1, 2])
def test_the_papers_lengths_come_out(domain: str, split: int) -> None:
    size = PAPER_SIZES[domain][split]._replace(examples=400)
    made = _sample(_pool(9, 300), _costs(2700, _MEAN_TEXT[domain][split]), size)
    assert made.shortfall is None
    mean = np.mean([example.tokens for example in made.examples])
    assert mean == pytest.approx(size.prompt_tokens, rel=0.03)


@settings(max_examples=60)
@given(
    clusters=st.integers(2, 8),
    texts=st.integers(2, 30),
    prompt=st.integers(700, 6000),
    least=st.integers(1, 3),
    seed=st.integers(0, 1000),
)
def test_every_example_is_whole(clusters: int, texts: int, prompt: int, least: int, seed: int) -> None:
    pool, costs = _pool(clusters, texts), _costs(clusters * texts)
    made = _sample(pool, costs, SplitSize(20, prompt), seed, min_texts=least, max_prompt_tokens=7000)
    home = {int(text): name for name, members in zip(pool.clusters, pool.members, strict=True) for text in members}
    for example in made.examples:
        assert len(set(example.texts)) == len(example.texts)
        assert example.labels == tuple(home[text] for text in example.texts)
        counts = [example.labels.count(label) for label in set(example.labels)]
        assert len(counts) >= 2
        assert min(counts) >= least
        assert example.tokens == _FRAME + costs.tokens[list(example.texts)].sum() <= 7000
    assert len({frozenset(example.texts) for example in made.examples}) == len(made.examples)
    assert (made.shortfall is None) == (len(made.examples) == 20)


def test_cluster_counts_and_sizes_vary() -> None:
    made = _sample(_pool(8, 100), _costs(800), SplitSize(300, 3000))
    counts = [len(set(example.labels)) for example in made.examples]
    assert set(counts) == set(range(2, 9))
    shares = [max(map(example.labels.count, set(example.labels))) / len(example.labels) for example in made.examples]
    assert min(shares) < 0.2
    assert max(shares) > 0.7


def test_a_prompt_has_one_text_of_a_group() -> None:
    groups = np.repeat(np.arange(30, dtype=np.int32), 10)
    costs = _costs(300)._replace(groups=groups)
    pool = _pool(3, 100)
    for example in _sample(pool, costs, SplitSize(50, 2000)).examples:
        assert len(set(groups[list(example.texts)])) == len(example.texts)


def test_copies_in_two_clusters_do_not_meet_in_a_prompt() -> None:
    groups = np.tile(np.arange(12, dtype=np.int32), 2)
    costs = _costs(24)._replace(groups=groups)
    made = _sample(_pool(2, 12), costs, SplitSize(30, 1200))
    assert made.examples
    for example in made.examples:
        assert len(set(groups[list(example.texts)])) == len(example.texts)
        assert min(map(example.labels.count, set(example.labels))) >= 2


def test_a_cluster_of_copies_is_no_cluster() -> None:
    costs = _costs(30)._replace(groups=np.array([0] * 10 + list(range(1, 21)), dtype=np.int32))
    made = _sample(_pool(3, 10), costs, SplitSize(10, 1500))
    assert all("cluster 0" not in example.labels for example in made.examples)


def test_what_is_taken_is_not_made_again() -> None:
    taken: set[frozenset[int]] = set()
    pool, costs = _pool(2, 3), _costs(6)
    first = _sample(pool, costs, SplitSize(10, 800), taken=taken, min_texts=1)
    before = {frozenset(example.texts) for example in first.examples}
    again = _sample(pool, costs, SplitSize(10, 800), taken=taken, split="c0", min_texts=1)
    assert before
    assert not before & {frozenset(example.texts) for example in again.examples}


def test_too_few_texts_fall_short_and_say_why() -> None:
    made = _sample(_pool(2, 2), _costs(4), SplitSize(50, 800))
    assert made.shortfall is not None
    assert (made.shortfall.wanted, made.shortfall.made) == (50, len(made.examples))
    assert "4 texts in 2 clusters are too few" in made.shortfall.reason
    lonely = _sample(_pool(3, 1), _costs(3), SplitSize(5, 800))
    assert not lonely.examples
    assert lonely.shortfall is not None
    assert "0 of 3 clusters have 2 texts" in lonely.shortfall.reason


def test_the_same_seed_makes_the_same_examples_and_splits_differ() -> None:
    def made(seed: int, split: Split) -> list[ExampleRecord]:
        return _sample(_pool(5, 50), _costs(250), SplitSize(20, 1500), seed, split=split).examples

    assert made(1, "train") == made(1, "train")
    assert [e.texts for e in made(1, "train")] != [e.texts for e in made(2, "train")]
    assert [e.texts for e in made(1, "train")] != [e.texts for e in made(1, "c1")]
