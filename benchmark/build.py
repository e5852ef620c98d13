"""`cluster-r1 build`: labelled tasks -> texts, pools, examples, proof -> a benchmark on disk, whole or not at all."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import __version__
from ..core.build_settings import BenchmarkSettings, SplitSize
from ..core.errors import BenchmarkError
from ..core.tokenizer import TokenCounter
from ..core.workspace import atomic_folder
from ..graphs.progress import Progress
from .collecting import SourceProject, SourceTask
from .duplicates import DuplicateFinder
from .files import (
    MANIFEST,
    POOLS,
    SPLITS,
    TEXTS,
    BenchmarkManifest,
    BenchmarkTask,
    ExampleRecord,
    Pool,
    PoolRow,
    Shortfall,
    Split,
    TextRow,
    data_hashes,
    text_writer,
    write_examples,
    write_manifest,
    write_pools,
)
from .pools import Membership, training_texts
from .proof import assert_sealed, prove
from .sampling import TaskPool, TextCosts, frame_tokens, item_tokens, sample_examples

_BATCH = 512
_NONE = -1


def build_benchmark(
    projects: Sequence[SourceProject],
    settings: BenchmarkSettings,
    counter: TokenCounter,
    seed: int,
    folder: Path,
    progress: Progress,
) -> BenchmarkManifest:
    """Build, prove and write a benchmark; the same inputs make the same bytes.

    What was in `folder` is replaced if it was a benchmark. Raises BenchmarkError when something else is there or when
    no task has two clusters with enough texts, LeakError when the proof fails; then `folder` is as it was.
    """
    _refuse_other_content(folder)
    with atomic_folder(folder) as building:
        manifest = _write(projects, settings, counter, seed, building, progress)
        progress.stage("proof", None)
        proof = prove(building, counter)
        assert_sealed(proof)
        manifest = manifest.model_copy(update={"proof": proof})
        write_manifest(building, manifest)
    return manifest


class _Texts(NamedTuple):
    """What is known of the texts after writing them: own tokens and group of each, and each project's numbering.

    `numbers[p][row]` is the text of a row of project p's corpus, -1 where it is none.
    """

    tokens: NDArray[np.int32]
    groups: NDArray[np.int32]
    numbers: tuple[NDArray[np.int32], ...]


def _write(
    projects: Sequence[SourceProject],
    settings: BenchmarkSettings,
    counter: TokenCounter,
    seed: int,
    folder: Path,
    progress: Progress,
) -> BenchmarkManifest:
    texts = _write_texts(projects, settings, counter, folder, progress)
    tasks = [(project, task) for project in projects for task in project.tasks]
    members = [
        _membership(task, numbers) for p, numbers in zip(projects, texts.numbers, strict=True) for task in p.tasks
    ]
    progress.stage("pools", None)
    train = training_texts(members, texts.groups, settings.train_share, seed)
    write_pools(folder / POOLS, _pool_rows(tasks, members, texts.groups, train))
    pools = [_task_pools(task, project.domain, m, train) for (project, task), m in zip(tasks, members, strict=True)]
    examples, shortfalls = _sample(tasks, pools, texts, settings, counter, seed, progress)
    for split in SPLITS:
        write_examples(folder / f"{split}.parquet", examples[split])
    if not any(examples.values()):
        raise BenchmarkError(
            "no example can be made: " + "; ".join(f"{s.task}: {s.reason}" for s in shortfalls[: len(tasks)])
        )
    manifest = BenchmarkManifest(
        name=settings.name,
        version=__version__,
        seed=seed,
        settings=settings,
        tokenizer=counter.name,
        tasks=tuple(_described(p, t, m, train) for (p, t), m in zip(tasks, members, strict=True)),
        origins=tuple(project.origin for project in projects),
        examples={split: len(examples[split]) for split in SPLITS},
        texts=int(texts.tokens.size),
        groups=int((np.bincount(texts.groups) > 1).sum()) if texts.groups.size else 0,
        shortfalls=tuple(shortfalls),
        sha256=data_hashes(folder),
    )
    write_manifest(folder, manifest)
    return manifest


def _write_texts(
    projects: Sequence[SourceProject],
    settings: BenchmarkSettings,
    counter: TokenCounter,
    folder: Path,
    progress: Progress,
) -> _Texts:
    """Stream the documents that some task keeps: count tokens, drop what is too long, write, sign for duplicates."""
    tokens: list[NDArray[np.int32]] = [np.empty(0, np.int32)]
    numbers = tuple(np.full(len(project.documents), _NONE, dtype=np.int32) for project in projects)
    wanted = [np.unique(np.concatenate([task.kept.rows for task in project.tasks])) for project in projects]
    progress.stage("texts", sum(rows.size for rows in wanted))
    count = 0
    with DuplicateFinder(settings.near_duplicate, folder) as finder, text_writer(folder / TEXTS) as write:
        for project, rows, number in zip(projects, wanted, numbers, strict=True):
            longest = settings.longest_text(project.domain)
            for start in range(0, rows.size, _BATCH):
                batch = rows[start : start + _BATCH]
                documents = project.documents.rows(batch.tolist(), meta=False)
                lengths = np.array(counter.count([document.text for document in documents]), dtype=np.int32)
                fits = np.flatnonzero(lengths <= longest)
                if fits.size:
                    kept = [documents[place] for place in fits]
                    finder.add([document.text for document in kept])
                    found = zip(kept, lengths[fits].tolist(), strict=True)
                    write([TextRow(d.id, project.domain, length, d.text) for d, length in found])
                number[batch[fits]] = np.arange(count, count + fits.size, dtype=np.int32)
                count += fits.size
                tokens.append(lengths[fits])
                progress.advance(len(documents))
        progress.stage("near-duplicates", None)
        return _Texts(np.concatenate(tokens), finder.groups(), numbers)


def _membership(task: SourceTask, numbers: NDArray[np.int32]) -> Membership:
    texts = numbers[task.kept.rows]
    there = texts != _NONE
    return Membership(task.held == "held-in", texts[there], task.kept.clusters[there])


def _pool_rows(
    tasks: Sequence[tuple[SourceProject, SourceTask]],
    members: Sequence[Membership],
    groups: NDArray[np.int32],
    train: NDArray[np.bool_],
) -> Iterator[PoolRow]:
    for (_, task), membership in zip(tasks, members, strict=True):
        names = task.result.task.taxonomy.names
        for text, cluster in zip(membership.texts.tolist(), membership.clusters.tolist(), strict=True):
            pool: Pool = "train" if train[text] else "eval"
            yield PoolRow(task.id, names[cluster], text, int(groups[text]), pool)


def _task_pools(
    task: SourceTask, domain: str, membership: Membership, train: NDArray[np.bool_]
) -> dict[Pool, TaskPool]:
    names = task.result.task.taxonomy.names
    in_train = train[membership.texts]

    def pool(inside: NDArray[np.bool_]) -> TaskPool:
        members = (membership.texts[inside & (membership.clusters == number)] for number in range(len(names)))
        return TaskPool(task.id, domain, names, tuple(members))

    return {"train": pool(in_train), "eval": pool(~in_train)}


class _Order(NamedTuple):
    """Examples to make of one task for one split."""

    split: Split
    pool: Pool
    size: SplitSize


def _orders(tasks: Sequence[tuple[SourceProject, SourceTask]], settings: BenchmarkSettings) -> list[list[_Order]]:
    """What to make of each task. A domain's evaluation examples are spread evenly over its tasks, training over all."""
    held_in = [place for place, (_, task) in enumerate(tasks) if task.held == "held-in"]
    training = dict(zip(held_in, _spread(settings.train, len(held_in)), strict=True))
    orders: list[list[_Order]] = []
    for place, (project, task) in enumerate(tasks):
        sizes = settings.sizes(project.domain)
        peers = [at for at, (p, t) in enumerate(tasks) if p.domain == project.domain and t.held == task.held]

        def share(size: SplitSize, peers: list[int] = peers, place: int = place) -> SplitSize:
            return size._replace(examples=_spread(size.examples, len(peers))[peers.index(place)])

        if task.held == "held-out":
            orders.append([_Order("c2", "eval", share(sizes.c2))])
            continue
        orders.append(
            [
                _Order("train", "train", sizes.c0._replace(examples=training[place])),
                _Order("distill", "train", sizes.c0._replace(examples=settings.distill)),
                _Order("c0", "train", share(sizes.c0)),
                _Order("c1", "eval", share(sizes.c1)),
            ]
        )
    return orders


def _sample(
    tasks: Sequence[tuple[SourceProject, SourceTask]],
    pools: Sequence[dict[Pool, TaskPool]],
    texts: _Texts,
    settings: BenchmarkSettings,
    counter: TokenCounter,
    seed: int,
    progress: Progress,
) -> tuple[dict[Split, list[ExampleRecord]], list[Shortfall]]:
    examples: dict[Split, list[ExampleRecord]] = {split: [] for split in SPLITS}
    shortfalls: list[Shortfall] = []
    costs = TextCosts(texts.tokens + item_tokens(counter), texts.groups)
    orders = _orders(tasks, settings)
    progress.stage("examples", sum(order.size.examples for own in orders for order in own))
    for (_, task), own, pool in zip(tasks, orders, pools, strict=True):
        frame = frame_tokens(counter, task.result.task.instruction)
        taken: set[frozenset[int]] = set()
        for split, where, size in own:
            made = sample_examples(split, pool[where], size, costs, frame, settings, seed, taken)
            examples[split] += made.examples
            shortfalls += [made.shortfall] if made.shortfall is not None else []
            progress.advance(size.examples)
    for split in SPLITS:
        random.Random(f"{seed}/order/{split}").shuffle(examples[split])
    return examples, shortfalls


def _spread(total: int, parts: int) -> list[int]:
    """As evenly as whole numbers allow, the first ones getting one more."""
    return [total // parts + (place < total % parts) for place in range(parts)]


def _described(
    project: SourceProject, task: SourceTask, membership: Membership, train: NDArray[np.bool_]
) -> BenchmarkTask:
    result = task.result
    in_train = train[membership.texts]
    return BenchmarkTask(
        id=task.id,
        domain=project.domain,
        instruction=result.task.instruction,
        held=task.held,
        clusters=result.task.taxonomy.clusters,
        project=project.name,
        parent=result.task.parent,
        fingerprint=result.task.taxonomy.fingerprint,
        documents=result.task.documents,
        outcomes=dict(sorted(result.task.outcomes.items())),
        sizes=result.task.sizes,
        human=result.human,
        agreement=result.agreement.raw,
        kappa=result.agreement.kappa,
        alpha=result.agreement.alpha,
        pools={
            name: {
                "train": int((in_train & (membership.clusters == number)).sum()),
                "eval": int((~in_train & (membership.clusters == number)).sum()),
            }
            for number, name in enumerate(result.task.taxonomy.names)
        },
        too_long=int(task.kept.rows.size - membership.texts.size),
    )


def _refuse_other_content(folder: Path) -> None:
    if folder.exists() and not (folder.is_dir() and ((folder / MANIFEST).exists() or not any(folder.iterdir()))):
        raise BenchmarkError(f"{folder} is there and is no benchmark; name another place with --out")
