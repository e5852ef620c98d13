"""Baselines: an embedder and a clustering algorithm answer a benchmark's examples (paper §6, App. E.1).

They are told K, as the paper's are, unless it is found by silhouette; the instruction reaches them through the
embedder's template alone. Texts beyond `max_tokens` are left out of their examples, and the answer numbers the others.
"""

from __future__ import annotations

import json
import time
from typing import NamedTuple

from ..benchmark.files import Benchmark
from ..core.answer import Answer, render_answer
from ..core.errors import SettingsError
from ..core.evaluation import Completion, EntryInfo, EvaluationFolder
from ..core.tasks import Example
from ..core.tokenizer import TokenCounter
from ..graphs.progress import Progress
from ..training.baseline import SEED
from ..training.surroundings import versions
from .clusterers import Clusterer, cluster
from .embedders.interface import Embedder
from .entries import Asked, Order, entry_name, entry_plan, open_entry, shown_model
from .vectors import Cached

_PACKAGES = ("scikit-learn", "sentence-transformers", "transformers", "torch", "langchain-openai")
"""Those that embed and cluster."""


class LengthLimit(NamedTuple):
    """Tokens that the embedder may read for a text, template included, and who counts them."""

    max_tokens: int
    counter: TokenCounter


def run_baseline(
    benchmark: Benchmark,
    embedder: Embedder,
    how: Clusterer,
    evaluation: EvaluationFolder,
    order: Order,
    progress: Progress,
    limit: LengthLimit | None = None,
    replace: bool = False,
    name: str | None = None,
) -> EntryInfo:
    """Answer every example once, whatever samples are asked for, and go on where an earlier run stopped.

    Vectors are kept in the evaluation's folder. An example with fewer than two texts left is unanswered. Raises
    SettingsError for an embedder that cannot be loaded and for an entry of that name made in another way,
    EndpointError for an API's; what was answered is kept.
    """
    if limit is not None and limit.max_tokens < 1:
        raise SettingsError(f"max_tokens leaves no text: it must be at least 1, got {limit.max_tokens!r}")
    plan = baseline_info(benchmark, embedder, how, limit, name)
    with (
        Cached(embedder, evaluation.vectors) as cached,
        open_entry(evaluation, plan, benchmark, order._replace(samples=1), replace) as opened,
    ):
        owed = opened.owed()
        progress.stage(plan.name, len(owed))
        for asked in owed:
            said = _answer(asked, benchmark.example(asked.record), cached, how, limit)
            if isinstance(said, str):
                opened.unanswered[asked.record.id] = said
            else:
                opened.add(said)
            progress.advance()
        if cached.by_text:
            progress.note(f"{plan.name}: {cached.computed} texts embedded, {cached.found} vectors were there")
    return opened.info


def baseline_info(
    benchmark: Benchmark, embedder: Embedder, how: Clusterer, limit: LengthLimit | None = None, name: str | None = None
) -> EntryInfo:
    """What the entry is; named EMBEDDER-CLUSTERER unless `name` says otherwise."""
    settings = {
        **json.loads(embedder.identity),
        "clusterer": how.algorithm,
        "k": how.k,
        "random_state": SEED,
        **({"most_clusters": how.most} if how.k == "silhouette" else {}),
        **({"max_tokens": limit.max_tokens, "tokenizer": limit.counter.name} if limit else {}),
    }
    return entry_plan(
        benchmark,
        name or entry_name(f"{embedder.name}-{how.name}"),
        "baseline",
        f"{shown_model(embedder.model) or embedder.name}, {how.says}",
        settings,
        model=shown_model(embedder.model),
        settings=settings,
        versions=versions(_PACKAGES),
    )


def _answer(
    asked: Asked, example: Example, embedder: Embedder, how: Clusterer, limit: LengthLimit | None
) -> Completion | str:
    """The example's clustering, or why there is none."""
    began = time.perf_counter()
    left_out = _too_long(example, embedder, limit)
    places = [place for place in range(len(example.texts)) if place + 1 not in left_out]
    if len(places) < 2:
        why = f", the others are longer than {limit.max_tokens} tokens" if limit and left_out else ""
        return f"clustering needs two texts and has {len(places)} of {len(example.texts)}{why}"
    vectors = embedder.embed(example.instruction, [example.texts[place] for place in places])
    gold_k = len({example.clusters[place] for place in places})
    labels = cluster(vectors, how, gold_k)
    return Completion(
        example=asked.record.id,
        sample=asked.sample,
        text=render_answer(Answer.from_labels(labels)),
        seconds=time.perf_counter() - began,
        left_out=tuple(sorted(left_out)),
    )


def _too_long(example: Example, embedder: Embedder, limit: LengthLimit | None) -> set[int]:
    """1-based numbers of the texts whose prompts are longer than the limit."""
    if limit is None:
        return set()
    prompts = embedder.prompts(example.instruction, example.texts)
    read = [prompt if isinstance(prompt, str) else "".join(prompt) for prompt in prompts]
    counts = limit.counter.count(read)
    return {number for number, count in enumerate(counts, start=1) if count > limit.max_tokens}
