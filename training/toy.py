"""A toy benchmark: short texts about coloured things, whose clusters a rule knows; the files of a real one.

Instructions ask to group by color or by thing (held in) and by size (held out). Pools, sampling and proof are those of
`cluster-r1 build`, so every command that reads a benchmark reads this one. Texts differ by a word, so only equal ones
count as duplicates (`near_duplicate` is null), and lengths are drawn in texts, not in tokens.
"""

from __future__ import annotations

import hashlib
import itertools
import random
import string
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import __version__
from ..benchmark.files import (
    POOLS,
    SPLITS,
    TEXTS,
    Benchmark,
    BenchmarkManifest,
    BenchmarkTask,
    ExampleRecord,
    Held,
    Origin,
    Pool,
    PoolRow,
    Split,
    TextRow,
    data_hashes,
    text_writer,
    write_examples,
    write_manifest,
    write_pools,
)
from ..benchmark.pools import Membership, training_texts
from ..benchmark.proof import assert_sealed, prove
from ..benchmark.sampling import TaskPool, TextCosts, frame_tokens, item_tokens, sample_examples
from ..core.agreement import Interval
from ..core.answer import answer_block
from ..core.build_settings import BenchmarkSettings, DomainSettings, SplitSize
from ..core.errors import BenchmarkError
from ..core.tasks import Example
from ..core.taxonomy import Cluster, Taxonomy
from ..core.tokenizer import ESTIMATE, load_tokenizer
from ..core.traces import Trace, prompt_of, write_traces
from ..core.workspace import atomic_folder

VALUES = {
    "size": ("small", "big", "huge"),
    "color": ("red", "blue", "gold"),
    "thing": ("car", "dog", "hat"),
}
"""What a text says, in this order: a small blue hat."""

HELD: dict[str, Held] = {"color": "held-in", "thing": "held-in", "size": "held-out"}

_TEXTS = 4
"""Of an example on average; there are 3 to 5."""

TOY = "toy"
"""The benchmark's name, and that of its one domain."""

_RULE = "rule"
_SURE = Interval(1.0, 1.0, 1.0)


class ToySizes(NamedTuple):
    """Examples over all tasks: to train on, to reason about, and of each of c0, c1 and c2."""

    train: int = 240
    distill: int = 960
    held_out: int = 128

    def share(self, split: Split, held: Held) -> int:
        """Of one of the two held-in tasks, or of the held-out one."""
        if (split == "c2") != (held == "held-out"):
            return 0
        total = {"train": self.train, "distill": self.distill}.get(split, self.held_out)
        return total if held == "held-out" else total // 2


TOY_SIZES = ToySizes()


def write_toy_benchmark(folder: Path, seed: int, sizes: ToySizes = TOY_SIZES) -> Benchmark:
    """Write and prove it; the same arguments make the same bytes. What was in `folder` is replaced.

    Raises BenchmarkError when the texts are too few for so many different examples.
    """
    with atomic_folder(folder) as building:
        manifest = _write(building, seed, sizes)
        write_manifest(building, manifest)
        proof = prove(building)
        assert_sealed(proof)
        write_manifest(building, manifest.model_copy(update={"proof": proof}))
    return Benchmark(folder)


def write_toy_traces(benchmark: Benchmark, folder: Path) -> None:
    """Reasoning by the rule for every example of `distill`: what the texts have, and the letter of each one's group."""
    examples = sorted(benchmark.examples("distill"), key=lambda example: example.task)
    for task, own in itertools.groupby(examples, key=lambda example: example.task):
        write_traces(folder, task, map(_trace, own))


def _trace(example: Example) -> Trace:
    lines = (
        f"{number} {value} {string.ascii_uppercase[label]}"
        for number, (value, label) in enumerate(zip(example.clusters, example.gold.labels(), strict=True), start=1)
    )
    return Trace(
        id=example.id,
        task=example.task,
        instruction=example.instruction,
        prompt=prompt_of(example),
        reasoning="\n".join(lines),
        answer=answer_block(example.gold),
        model=_RULE,
        kept=True,
        example=example.id,
    )


class _Texts(NamedTuple):
    """All texts, and which of them are trained on; each is a group of its own."""

    values: tuple[tuple[str, ...], ...]
    tokens: NDArray[np.int32]
    groups: NDArray[np.int32]
    train: NDArray[np.bool_]

    def membership(self, attribute: str) -> Membership:
        """Every text, by its value of an attribute."""
        place = list(VALUES).index(attribute)
        clusters = [VALUES[attribute].index(values[place]) for values in self.values]
        return Membership(HELD[attribute] == "held-in", self.groups, np.array(clusters, dtype=np.int16))


def _write(folder: Path, seed: int, sizes: ToySizes) -> BenchmarkManifest:
    settings = _settings(sizes)
    texts = _write_texts(folder, seed, settings)
    write_pools(folder / POOLS, _pool_rows(texts))
    examples: dict[Split, list[ExampleRecord]] = {split: [] for split in SPLITS}
    for attribute in VALUES:
        for split, records in _sample(texts, attribute, sizes, settings, seed).items():
            examples[split] += records
    for split in SPLITS:
        random.Random(f"{seed}/order/{split}").shuffle(examples[split])
        write_examples(folder / f"{split}.parquet", examples[split])
    return BenchmarkManifest(
        name=settings.name,
        version=__version__,
        seed=seed,
        settings=settings,
        tokenizer=ESTIMATE,
        tasks=tuple(_task(texts, attribute) for attribute in VALUES),
        origins=(_origin(texts),),
        examples={split: len(examples[split]) for split in SPLITS},
        texts=len(texts.values),
        groups=0,
        sha256=data_hashes(folder),
    )


def _settings(sizes: ToySizes) -> BenchmarkSettings:
    return BenchmarkSettings(
        name=TOY,
        tokenizer=ESTIMATE,
        near_duplicate=None,
        train=sizes.train,
        distill=sizes.distill // 2,
        max_clusters=3,
        min_texts=1,
        max_prompt_tokens=1000,
        domains={TOY: DomainSettings(c0=sizes.held_out, c1=sizes.held_out, c2=sizes.held_out)},
    )


def _write_texts(folder: Path, seed: int, settings: BenchmarkSettings) -> _Texts:
    values = tuple(itertools.product(*VALUES.values()))
    said = [f"a {' '.join(words)}" for words in values]
    tokens = np.array(load_tokenizer(ESTIMATE).count(said), dtype=np.int32)
    rows = zip(values, tokens.tolist(), said, strict=True)
    with text_writer(folder / TEXTS) as write:
        write([TextRow("-".join(words), TOY, length, text) for words, length, text in rows])
    groups = np.arange(len(values), dtype=np.int32)
    texts = _Texts(values, tokens, groups, np.zeros(len(values), dtype=bool))
    members = [texts.membership(attribute) for attribute in VALUES]
    return texts._replace(train=training_texts(members, groups, settings.train_share, seed))


def _pool_rows(texts: _Texts) -> Iterator[PoolRow]:
    for place, attribute in enumerate(VALUES):
        for text, values in enumerate(texts.values):
            pool: Pool = "train" if texts.train[text] else "eval"
            yield PoolRow(attribute, values[place], text, text, pool)


def _sample(
    texts: _Texts, attribute: str, sizes: ToySizes, settings: BenchmarkSettings, seed: int
) -> dict[Split, list[ExampleRecord]]:
    """A task's examples by split. The sampler's budget is in texts here, each costing one."""
    counter, held = load_tokenizer(ESTIMATE), HELD[attribute]
    costs = TextCosts(np.ones_like(texts.tokens), texts.groups)
    frame, each = frame_tokens(counter, _instruction(attribute)), item_tokens(counter)
    found: dict[Split, list[ExampleRecord]] = {}
    taken: set[frozenset[int]] = set()
    for split in SPLITS:
        wanted = sizes.share(split, held)
        pool = _pool(texts, attribute, "train" if split in ("train", "distill", "c0") else "eval")
        made = sample_examples(split, pool, SplitSize(wanted, _TEXTS), costs, 0, settings, seed, taken)
        if made.shortfall is not None:
            raise BenchmarkError(
                f"{len(made.examples)} of {wanted} different examples of split {split} can be made for"
                f" {attribute!r}: the toy benchmark has {len(texts.values)} texts, ask for fewer"
            )
        found[split] = [
            record._replace(tokens=frame + sum(int(texts.tokens[text]) + each for text in record.texts))
            for record in made.examples
        ]
    return found


def _pool(texts: _Texts, attribute: str, pool: Pool) -> TaskPool:
    _, numbers, clusters = texts.membership(attribute)
    inside = texts.train == (pool == "train")
    members = (numbers[inside & (clusters == cluster)] for cluster in range(len(VALUES[attribute])))
    return TaskPool(attribute, TOY, VALUES[attribute], tuple(members))


def _instruction(attribute: str) -> str:
    return f"Group by {attribute}."


def _task(texts: _Texts, attribute: str) -> BenchmarkTask:
    names, place = VALUES[attribute], list(VALUES).index(attribute)
    clusters = tuple(Cluster(name=name, description=f"Its {attribute} is {name}.") for name in names)
    inside = [(values[place], bool(trained)) for values, trained in zip(texts.values, texts.train, strict=True)]
    return BenchmarkTask(
        id=attribute,
        domain=TOY,
        instruction=_instruction(attribute),
        held=HELD[attribute],
        clusters=clusters,
        project=TOY,
        fingerprint=Taxonomy(task=attribute, instruction=_instruction(attribute), clusters=clusters).fingerprint,
        documents=len(inside),
        outcomes={"kept": len(inside)},
        sizes=dict(Counter(name for name, _ in inside)),
        agreement=_SURE,
        kappa=_SURE,
        alpha=_SURE,
        pools={name: {"train": inside.count((name, True)), "eval": inside.count((name, False))} for name in names},
        too_long=0,
    )


def _origin(texts: _Texts) -> Origin:
    content = "\n".join("-".join(words) for words in texts.values)
    return Origin(
        project=TOY,
        domain=TOY,
        source="made by a rule",
        fingerprint=hashlib.blake2b(content.encode(), digest_size=8).hexdigest(),
        read=len(texts.values),
        kept=len(texts.values),
        skipped={},
        models={"labeler_a": _RULE, "labeler_b": _RULE},
        prompts={},
        licence="CC0-1.0",
    )
