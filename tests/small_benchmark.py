"""A small benchmark written by hand: two domains, four held-in tasks and two held-out ones.

It has one leak, which tests of the proof mend first: held-out clusters are called as the held-in ones.
"""

from __future__ import annotations

import itertools
from pathlib import Path

from cluster_r1.benchmark.files import (
    MANIFEST,
    POOLS,
    TEXTS,
    Benchmark,
    BenchmarkManifest,
    BenchmarkTask,
    ExampleRecord,
    Held,
    Origin,
    PoolRow,
    Split,
    TextRow,
    text_writer,
    write_examples,
    write_pools,
)
from cluster_r1.core.build_settings import BenchmarkSettings
from cluster_r1.core.taxonomy import Cluster
from cluster_r1.core.workspace import write_text

TEXTS_A_CLUSTER = 10
"""Of a held-in task's cluster the first 6 are to train on."""
COLOURS = ("red", "green", "blue")
_WORDS = ("harbour", "lantern", "meadow", "orchard", "gravel", "thimble", "copper", "walnut", "saddle", "quarry")


def small_texts(domain: str, task: int, cluster: int) -> list[str]:
    """Texts that share no eight bytes in a row beyond a few words."""
    return [
        " ".join(f"{_WORDS[(place * 3 + word * 7) % 10]}{domain}{task}{cluster}{place}{word}" for word in range(6))
        for place in range(TEXTS_A_CLUSTER)
    ]


class SmallBenchmark:
    """Its parts, to be changed before `write`; `splits` holds the examples of each split."""

    def __init__(self) -> None:
        self.texts: list[TextRow] = []
        self.pools: list[PoolRow] = []
        self.tasks: list[BenchmarkTask] = []
        self.splits: dict[Split, list[ExampleRecord]] = {"train": [], "distill": [], "c0": [], "c1": [], "c2": []}
        for domain, task in itertools.product(("court", "chat"), range(3)):
            self._add_task(domain, task, "held-out" if task == 2 else "held-in")

    def _add_task(self, domain: str, task: int, held: Held) -> None:
        name = f"{domain}-{task}"
        members: dict[str, list[int]] = {}
        for cluster, colour in enumerate(COLOURS):
            members[colour] = []
            for place, text in enumerate(small_texts(domain, task, cluster)):
                number = len(self.texts)
                members[colour].append(number)
                pool = "train" if held == "held-in" and place < 6 else "eval"
                self.texts.append(TextRow(f"{name}-{colour}-{place}", domain, len(text) // 4, text))
                self.pools.append(PoolRow(name, colour, number, number, pool))
        self.tasks.append(_task(name, domain, held))
        if held == "held-out":
            self.add("c2", name, {colour: numbers[:3] for colour, numbers in members.items()})
            self.add("c2", name, {colour: members[colour][4:8] for colour in COLOURS[:2]})
            return
        self.add("train", name, {colour: numbers[:3] for colour, numbers in members.items()})
        self.add("train", name, {colour: members[colour][1:5] for colour in COLOURS[:2]})
        self.add("distill", name, {colour: members[colour][2:5] for colour in COLOURS[1:]})
        self.add("c0", name, {colour: numbers[3:6] for colour, numbers in members.items()})
        self.add("c1", name, {colour: numbers[6:9] for colour, numbers in members.items()})

    def add(self, split: Split, task: str, texts: dict[str, list[int]]) -> None:
        """One more example: numbers of texts by cluster."""
        pairs = sorted((number, colour) for colour, numbers in texts.items() for number in numbers)
        records = self.splits[split]
        records.append(
            ExampleRecord(
                id=f"{split}/{task}/{len(records):05d}",
                task=task,
                domain=task.partition("-")[0],
                texts=tuple(number for number, _ in pairs),
                labels=tuple(colour for _, colour in pairs),
                tokens=100 + sum(self.texts[number].tokens for number, _ in pairs),
            )
        )

    def write(self, folder: Path) -> Benchmark:
        folder.mkdir(parents=True, exist_ok=True)
        with text_writer(folder / TEXTS) as add:
            add(self.texts)
        write_pools(folder / POOLS, self.pools)
        for split, records in self.splits.items():
            write_examples(folder / f"{split}.parquet", records)
        manifest = BenchmarkManifest(
            name="small",
            version="0.0.0",
            seed=0,
            settings=BenchmarkSettings(tokenizer="estimate"),
            tokenizer="estimate",
            tasks=tuple(self.tasks),
            origins=(_ORIGIN,),
            examples={split: len(records) for split, records in self.splits.items()},
            texts=len(self.texts),
            groups=0,
        )
        write_text(folder / MANIFEST, manifest.model_dump_json(indent=1) + "\n")
        return Benchmark(folder)


_ORIGIN = Origin(
    project="desk",
    domain="court",
    source="cases.jsonl",
    fingerprint="0" * 32,
    read=100,
    kept=90,
    skipped={"empty": 10},
    models={"labeler_a": "a-model", "labeler_b": "a-model"},
    prompts={"labeling_a": "0123456789ab"},
)


def _task(name: str, domain: str, held: Held) -> BenchmarkTask:
    inside = {"train": 6, "eval": 4} if held == "held-in" else {"train": 0, "eval": 10}
    return BenchmarkTask(
        id=name,
        domain=domain,
        instruction=f"Cluster these texts of {domain} by colour number {name[-1]}.",
        held=held,
        clusters=tuple(Cluster(name=colour, description=f"Everything {colour}.") for colour in COLOURS),
        project="desk",
        fingerprint="0" * 16,
        documents=40,
        outcomes={"kept": 30, "conflict": 6, "none_fits": 4},
        sizes=dict.fromkeys(COLOURS, TEXTS_A_CLUSTER),
        agreement=(0.9, 0.8, 0.95),
        kappa=(0.8, 0.7, 0.9),
        alpha=(0.8, 0.7, 0.9),
        pools=dict.fromkeys(COLOURS, inside),  # type: ignore[dict-item]
        too_long=0,
    )
