"""Checks that look at one example after the other: its form, its length, whether it is there twice, C0 and training."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from ..core.prompt import example_prompt
from ..core.tokenizer import TokenCounter
from .evidence import Evidence
from .files import SPLITS, TRAINING, Check, ExampleRecord, Split
from .tally import Tally, quoted
from .usage import Place

_COUNTED = 4
"""Prompts of each split that are counted anew: so many of the longest, and so many from its beginning."""

_LEEWAY = 1.01
"""Stored counts add up those of single texts; counted as a whole, a prompt differs from that by a few tokens."""


class Form:
    """Every example is well formed: what the stored row says, before anything is left out of it."""

    def __init__(self, evidence: Evidence, contents: NDArray[np.int32]) -> None:
        self._texts = evidence.texts
        self._contents = contents
        self._clusters: dict[str, frozenset[str]] = {}
        for task in evidence.tasks:
            self._clusters[task.id] = self._clusters.get(task.id, frozenset()) | task.clusters
        self.tally = Tally(
            "well-formed",
            "Every text of an example exists and is in it once, with one label that is a cluster of the task, and every"
            " example has two clusters or more.",
        )

    def see(self, place: Place, record: ExampleRecord) -> None:
        self.tally.looked_at += 1
        for trouble in self._troubles(record):
            self.tally.leak(lambda trouble=trouble: f"{place} {trouble}")

    def _troubles(self, record: ExampleRecord) -> Iterable[str]:
        if len(record.labels) != len(record.texts):
            yield f"has {len(record.texts)} texts and {len(record.labels)} labels"
        if len(set(record.labels)) < 2:
            yield f"has {len(set(record.labels))} clusters, two are needed"
        if record.task not in self._clusters:
            yield "is of a task that the benchmark does not have"
        elif unknown := sorted(set(record.labels) - self._clusters[record.task]):
            yield f"has the label {unknown[0]!r}, which is no cluster of its task"
        there = range(len(self._texts))
        if missing := [text for text in record.texts if text not in there]:
            yield f"has text {missing[0]}, and there are {len(self._texts):,} texts, counted from 0"
        seen: set[int] = set()
        for text in record.texts:
            if text not in there:
                continue
            content = int(self._contents[text])
            if content in seen:
                yield f"has {quoted(self._texts, text)} twice"
                return
            seen.add(content)


class Names:
    """No id twice."""

    def __init__(self) -> None:
        self._seen: dict[str, Split] = {}
        self.tally = Tally("ids", "No two examples have one id.")

    def see(self, place: Place) -> None:
        self.tally.looked_at += 1
        if place.id in self._seen:
            self.tally.leak(lambda: f"{place}: an example of {self._seen[place.id]} has that id too")
        self._seen.setdefault(place.id, place.split)


class Repeats:
    """No example twice, in one split or in two; C0 against training is a check of its own."""

    def __init__(self, contents: NDArray[np.int32]) -> None:
        self._contents = contents
        self._seen: dict[Split, dict[bytes, Place]] = {split: {} for split in SPLITS}
        self.tally = Tally("repeated", "No task asks twice about the same texts, in one split or in two.")

    def see(self, place: Place, record: ExampleRecord) -> None:
        self.tally.looked_at += 1
        key = key_of([record.task], self._contents[list(record.texts)])
        others: list[Split] = [s for s in SPLITS if not (place.split == "c0" and s in TRAINING)]
        before = next((self._seen[split][key] for split in others if key in self._seen[split]), None)
        if before is not None:
            self.tally.leak(lambda: f"{place} has the same texts as {before}")
        self._seen[place.split].setdefault(key, place)


class Combinations:
    """C0 asks about known texts in new combinations (paper §4.3): three checks of one pass, each example under one."""

    def __init__(self, contents: NDArray[np.int32]) -> None:
        self._contents = contents
        self._seen: tuple[dict[bytes, Place], ...] = ({}, {}, {})
        self.tallies = (
            Tally("c0-combinations", "No C0 example has the clusters and the texts of a training example."),
            Tally("c0-contents", "No C0 example has the clusters and the words of a training example."),
            Tally("c0-text-sets", "No C0 example has the texts of a training example of its task under other labels."),
        )

    def see(self, place: Place, record: ExampleRecord) -> None:
        texts = list(record.texts)
        keys = (
            key_of(record.labels, np.array(texts, dtype=np.int32)),
            key_of(record.labels, self._contents[texts]),
            key_of([record.task], self._contents[texts]),
        )
        if place.split in TRAINING:
            for seen, key in zip(self._seen, keys, strict=True):
                seen.setdefault(key, place)
        elif place.split == "c0":
            self._judge(place, keys)

    def _judge(self, place: Place, keys: Sequence[bytes]) -> None:
        for tally in self.tallies:
            tally.looked_at += 1
        for tally, seen, key in zip(self.tallies, self._seen, keys, strict=True):
            before = seen.get(key)
            if before is not None:
                tally.leak(lambda before=before: f"{place} has the texts of {before}")
                return


class Lengths:
    """No prompt is too long, by the stored counts and by counting some anew."""

    def __init__(self, evidence: Evidence, most: int, tokenizer: str) -> None:
        self._evidence = evidence
        self._instructions = {task.id: task.instruction for task in evidence.tasks}
        self._most = most
        self._tokenizer = tokenizer
        self._first: dict[Split, list[ExampleRecord]] = {split: [] for split in SPLITS}
        self._longest: dict[Split, list[tuple[int, int, ExampleRecord]]] = {split: [] for split in SPLITS}
        self.tally = Tally("prompt-tokens", f"No prompt is longer than {most:,} tokens")

    def see(self, place: Place, record: ExampleRecord) -> None:
        self.tally.looked_at += 1
        if record.tokens > self._most:
            self.tally.leak(lambda: f"{place} has {record.tokens:,} tokens")
        if record.task not in self._instructions:
            return
        if len(self._first[place.split]) < _COUNTED:
            self._first[place.split].append(record)
            return
        longest = self._longest[place.split]
        heapq.heappush(longest, (record.tokens, -self.tally.looked_at, record))
        if len(longest) > _COUNTED:
            heapq.heappop(longest)

    def check(self, counter: TokenCounter | None) -> Check:
        chosen: list[tuple[Split, ExampleRecord]] = [
            (split, record)
            for split in SPLITS
            for record in (*self._first[split], *(record for *_, record in self._longest[split]))
        ]
        if counter is None:
            self.tally.says += f", as stored; the tokenizer {self._tokenizer!r} is not here to count any anew."
            return self.tally.check()
        self.tally.says += (
            f", as stored, and as counted anew with {self._tokenizer!r} for {len(chosen)} of them, the longest"
            " included."
        )
        for split, record in chosen:
            prompt = example_prompt(
                self._instructions[record.task], [self._evidence.texts[text] for text in record.texts]
            )
            tokens = sum(counter.count([prompt.system, prompt.user]))
            if record.tokens <= self._most and tokens > _LEEWAY * self._most:
                place = Place(split, record.id, record.task)
                self.tally.leak(
                    lambda place=place, tokens=tokens, record=record: (
                        f"{place} has {tokens:,} tokens, counted anew, and {record.tokens:,} as stored"
                    )
                )
        return self.tally.check()


def key_of(names: Iterable[str], numbers: NDArray[np.int32]) -> bytes:
    """A set of names and a set of numbers as 16 bytes."""
    said = "\0".join(sorted(set(names))).encode(errors="surrogatepass")
    return hashlib.blake2b(said + b"\0\0" + np.unique(numbers).tobytes(), digest_size=16).digest()
