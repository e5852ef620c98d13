"""Examples from pools: a random subset of a task's clusters, then several texts from each, under a token budget.

(Paper §4.3.) The paper gives the mean length of a prompt for each split, not how it came about. Here each example draws
its own length around that mean, a number of clusters, and uneven shares of the texts for them, so that neither the
number of clusters nor their sizes can be guessed from the prompt's length.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core.build_settings import BenchmarkSettings, SplitSize
from ..core.prompt import SYSTEM_PROMPT, numbered_text, prompt_frame
from ..core.tokenizer import TokenCounter
from .files import ExampleRecord, Shortfall, Split

_SPREAD = 0.3
"""A prompt's length is drawn evenly from 0.7 to 1.3 times the mean."""

_LEAST_SHARE = 0.2
_WORD = "text"
_PATIENCE = 200


class TaskPool(NamedTuple):
    """A task's texts in one pool: `members[i]` are the numbers of the texts in cluster `clusters[i]`."""

    task: str
    domain: str
    clusters: tuple[str, ...]
    members: tuple[NDArray[np.int32], ...]


class TextCosts(NamedTuple):
    """What examples cost: tokens of each text in a prompt and its group of near-duplicates, both (texts,)."""

    tokens: NDArray[np.int32]
    groups: NDArray[np.int32]


class Sampled(NamedTuple):
    """The examples made, and what is missing of those that were asked for."""

    examples: list[ExampleRecord]
    shortfall: Shortfall | None


def frame_tokens(counter: TokenCounter, instruction: str) -> int:
    """Tokens of a prompt without its texts."""
    return sum(counter.count([SYSTEM_PROMPT, prompt_frame(instruction)]))


def item_tokens(counter: TokenCounter) -> int:
    """Tokens that a text's number and fence add to its own, measured around a word."""
    around, alone = counter.count([numbered_text(10, _WORD) + "\n\n", _WORD])
    return around - alone


def sample_examples(
    split: Split,
    pool: TaskPool,
    size: SplitSize,
    costs: TextCosts,
    frame: int,
    settings: BenchmarkSettings,
    seed: int,
    taken: set[frozenset[int]],
) -> Sampled:
    """`size.examples` different examples of one task for one split.

    `taken` holds what examples of this task have already, here and in other splits, as sets of groups of
    near-duplicates; it grows by those made. The same arguments make the same examples, whatever other tasks there are.
    """
    rng = random.Random(f"{seed}/{split}/{pool.task}")
    drawer = _Drawer(pool, costs, frame, settings, rng)
    if drawer.eligible < settings.min_clusters:
        reason = (
            f"{drawer.eligible} of {len(pool.clusters)} clusters have {settings.min_texts} texts in this pool,"
            f" {settings.min_clusters} are needed"
        )
        return Sampled([], Shortfall(split=split, task=pool.task, wanted=size.examples, made=0, reason=reason))
    examples: list[ExampleRecord] = []
    failures = 0
    while len(examples) < size.examples and failures < _PATIENCE:
        drawn = drawer.draw(size.prompt_tokens)
        key = frozenset(costs.groups[list(drawn.texts)].tolist())
        if not drawn.texts or key in taken:
            failures += 1
            continue
        failures = 0
        taken.add(key)
        name = f"{split}/{pool.task}/{len(examples):05d}"
        examples.append(ExampleRecord(name, pool.task, pool.domain, drawn.texts, drawn.labels, drawn.tokens))
    return Sampled(examples, _shortfall(split, pool, size, len(examples), drawer))


class _Drawn(NamedTuple):
    texts: tuple[int, ...]
    labels: tuple[str, ...]
    tokens: int


class _Drawer:
    """Draws single examples of one task from one pool."""

    def __init__(
        self, pool: TaskPool, costs: TextCosts, frame: int, settings: BenchmarkSettings, rng: random.Random
    ) -> None:
        self._pool, self._costs, self._frame, self._settings, self._rng = pool, costs, frame, settings, rng
        self._clusters = [
            place
            for place, members in enumerate(pool.members)
            if np.unique(costs.groups[members]).size >= settings.min_texts
        ]
        self.texts = sum(len(pool.members[place]) for place in self._clusters)
        every = [costs.tokens[pool.members[place]] for place in self._clusters]
        self._mean = float(np.concatenate(every).mean()) if every else 1.0

    @property
    def eligible(self) -> int:
        """Clusters with enough texts."""
        return len(self._clusters)

    def draw(self, prompt_tokens: int) -> _Drawn:
        """One example, or one without texts when the draw does not fit into the longest prompt."""
        rng, settings = self._rng, self._settings
        wanted = prompt_tokens * rng.uniform(1 - _SPREAD, 1 + _SPREAD)
        room = min(wanted, settings.max_prompt_tokens) - self._frame
        clusters = rng.sample(self._clusters, self._how_many(room))
        at_most = max(settings.min_texts, int(3 * room / self._mean) + 1)
        queues = self._queues(clusters, at_most)
        drawn = [(queue.pop(), place) for place, queue in enumerate(queues) for _ in range(settings.min_texts) if queue]
        used = sum(int(self._costs.tokens[text]) for text, _ in drawn)
        weights = [rng.expovariate(1) + _LEAST_SHARE for _ in clusters]
        while any(queues):
            place = rng.choices(range(len(clusters)), [w if q else 0.0 for w, q in zip(weights, queues, strict=True)])[
                0
            ]
            text = queues[place].pop()
            cost = int(self._costs.tokens[text])
            if used + cost / 2 > room:
                break
            used += cost
            drawn.append((text, place))
        return self._example(drawn, clusters, used)

    def _how_many(self, room: float) -> int:
        """Clusters: evenly drawn from what is allowed and what the room has space for."""
        settings = self._settings
        fitting = int(room / (self._mean * settings.min_texts))
        most = min(settings.max_clusters or len(self._clusters), len(self._clusters), fitting)
        return self._rng.randint(settings.min_clusters, max(settings.min_clusters, most))

    def _queues(self, clusters: Sequence[int], at_most: int) -> list[list[int]]:
        """Texts of each cluster in random order; of a group of near-duplicates one text, whatever the cluster."""
        seen: set[int] = set()
        queues: list[list[int]] = []
        for cluster in clusters:
            members = self._pool.members[cluster]
            queue = self._alone(members, at_most, seen)
            if len(queue) < self._settings.min_texts:
                queue = self._alone(members, len(members), seen)
            seen |= set(self._costs.groups[queue].tolist())
            queues.append(queue)
        return queues

    def _alone(self, members: NDArray[np.int32], at_most: int, seen: set[int]) -> list[int]:
        texts = members[self._rng.sample(range(len(members)), min(at_most, len(members)))].tolist()
        first: dict[int, int] = {}
        for text, group in zip(texts, self._costs.groups[texts].tolist(), strict=True):
            first.setdefault(group, text)
        return [text for group, text in first.items() if group not in seen]

    def _example(self, drawn: Sequence[tuple[int, int]], clusters: Sequence[int], used: int) -> _Drawn:
        settings = self._settings
        if used + self._frame > settings.max_prompt_tokens or len(drawn) < len(clusters) * settings.min_texts:
            return _Drawn((), (), 0)
        pairs = list(drawn)
        self._rng.shuffle(pairs)
        names = self._pool.clusters
        return _Drawn(
            tuple(text for text, _ in pairs), tuple(names[clusters[place]] for _, place in pairs), used + self._frame
        )


def _shortfall(split: Split, pool: TaskPool, size: SplitSize, made: int, drawer: _Drawer) -> Shortfall | None:
    if made == size.examples:
        return None
    reason = (
        f"{_PATIENCE} draws in a row gave no new example: {drawer.texts} texts in {drawer.eligible} clusters are too"
        f" few for more different examples of about {size.prompt_tokens:,} tokens, or too long for the longest prompt"
    )
    return Shortfall(split=split, task=pool.task, wanted=size.examples, made=made, reason=reason)
