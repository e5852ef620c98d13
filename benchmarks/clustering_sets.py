"""Real labelled sets clustered by instruction alone, beside K-means on MiniLM's vectors of the same texts.

Run: benchmarks/clustering_sets.py DATA --work DIR --model qwen2.5-coder-0.5b --embedder sentence-transformers=FOLDER

DATA is a folder as benchmarks/labelled_sets.py reads. A model gets the texts and the instruction and nothing else: no
range of K, no label. K-means is told gold's K, and once more has to find K by silhouette. V and ARI are taken over all
texts; those that fit no cluster are one more cluster. Run again to go on: every call lies in its ledger.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from cluster_r1.clustering.corpus import cluster_corpus
from cluster_r1.clustering.outputs import read_assignments
from cluster_r1.clustering.plan import Request, planned
from cluster_r1.core.clustering import ClusteringResult, ResultFolder
from cluster_r1.core.json_lines import append_line, read_lines
from cluster_r1.core.scoring import v_measure
from cluster_r1.core.settings import EvalSettings, Settings
from cluster_r1.core.workspace import Workspace
from cluster_r1.eval.clusterers import Clusterer, cluster
from cluster_r1.eval.embedders.interface import Options
from cluster_r1.eval.embedders.registry import embedder
from cluster_r1.eval.model_choice import Choice, model_by_name
from cluster_r1.eval.vectors import Cached
from cluster_r1.graphs.progress import Silent
from labelled_sets import instruction_of, labelled_texts
from pydantic import BaseModel

TASKS = (("banking77", "intent"), ("clinc150", "domain"), ("clinc150", "intent"))
_MOST_K = 160
_STEPS = 40


class Row(BaseModel):
    """A line of the table; V and ARI lie in [0, 1]."""

    task: str
    texts: int
    who: str
    gold_k: int
    k: int
    v: float
    ari: float
    calls: int
    tokens: int
    seconds: float
    note: str = ""


class Task(NamedTuple):
    """A labeling of a set."""

    name: str
    texts: list[str]
    gold: list[str]
    instruction: str


class Found(NamedTuple):
    """Each text's cluster, empty where it fits none; the result where a model made it."""

    labels: list[Any]
    result: ClusteringResult | None = None


def main() -> None:
    arguments = _arguments()
    work = Path(arguments.work)
    work.mkdir(parents=True, exist_ok=True)
    kept = work / "rows.jsonl"
    done = list(read_lines(kept, Row)) if kept.exists() else []
    for name, labeling in TASKS:
        if arguments.task and f"{name}/{labeling}" not in arguments.task:
            continue
        task = _task(Path(arguments.data), name, labeling, arguments.texts)
        makers: dict[str, Callable[[], Found]] = {
            f"{arguments.baseline} + K-means, {k}": partial(_by_vectors, arguments, task, k)
            for k in ("gold K", "K by silhouette")
        }
        makers |= {
            f"{Path(model).name}, {arguments.assign}": partial(_by_model, arguments, task, model)
            for model in arguments.model
        }
        for who, make in makers.items():
            if any((row.task, row.who, row.texts) == (task.name, who, len(task.texts)) for row in done):
                continue
            began = time.monotonic()
            row = _row(task, who, make(), time.monotonic() - began)
            append_line(kept, row)
            done.append(row)
            print(_line(row), flush=True)
    print("\n".join(_table(done)))


def _task(data: Path, name: str, labeling: str, most: int | None) -> Task:
    """`most` texts, spread evenly over the file."""
    texts, gold = labelled_texts(data, name, labeling)
    if most is not None and most < len(texts):
        places = [n * len(texts) // most for n in range(most)]
        texts, gold = [texts[place] for place in places], [gold[place] for place in places]
    return Task(f"{name}/{labeling}", texts, gold, instruction_of(data, name, labeling))


def _by_model(arguments: argparse.Namespace, task: Task, model: str) -> Found:
    where = Path(arguments.work) / f"{task.name.replace('/', '-')}-{len(task.texts)}" / Path(model).name
    where.mkdir(parents=True, exist_ok=True)
    source = where.parent / "texts.jsonl"
    lines = (json.dumps({"id": str(n), "text": text}) + "\n" for n, text in enumerate(task.texts))
    if not source.exists():
        source.write_text("".join(lines))
    folder = ResultFolder(where)
    with Workspace(where).lock():
        result = asyncio.run(cluster_corpus(folder, _settings(arguments, model, source, task.instruction), Silent()))
    return Found([row.cluster or "" for row in read_assignments(folder.assignments)], result)


def _settings(arguments: argparse.Namespace, model: str, source: Path, instruction: str) -> Settings:
    choice = Choice(base_url=arguments.base_url, serve=arguments.serve, concurrency=arguments.concurrency)
    how = {"assign": arguments.assign, "labelled": arguments.labelled, "calls": arguments.calls}
    how |= {"embedder": arguments.embedder, "residual_rounds": arguments.rounds}
    request = Request(
        source=str(source), instruction=instruction, model=model_by_name(model, choice, EvalSettings()), cluster=how
    )
    settings = planned(request)
    taxonomy = settings.taxonomy.model_copy(update={"probe": arguments.probe, "rounds": 0})
    return settings.model_copy(update={"taxonomy": taxonomy})


def _by_vectors(arguments: argparse.Namespace, task: Task, k: str) -> Found:
    plain = embedder(arguments.embedder, Options(template="none"))
    with Cached(plain, Path(arguments.work) / "vectors.sqlite") as vectors:
        found = np.asarray(vectors.embed("", task.texts))
    labels = cluster(found, Clusterer(), len(set(task.gold))) if k == "gold K" else _by_silhouette(found)
    return Found(labels)


def _by_silhouette(vectors: Any) -> list[int]:
    """K-means with the best silhouette of some 40 K from 2 to 160, evenly apart on a logarithmic scale."""
    from sklearn.metrics import silhouette_score

    most = min(_MOST_K, len(vectors) - 1)
    tried = sorted({round(k) for k in np.geomspace(2, most, _STEPS)})
    found = [cluster(vectors, Clusterer(), k) for k in tried]
    scores = [float(silhouette_score(vectors, labels)) for labels in found]
    return found[int(np.argmax(scores))]


def _row(task: Task, who: str, found: Found, seconds: float) -> Row:
    from sklearn.metrics import adjusted_rand_score

    labels, result = [str(label) for label in found.labels], found.result
    return Row(
        task=task.name,
        texts=len(task.texts),
        who=who,
        gold_k=len(set(task.gold)),
        k=len(set(labels) - {""}),
        v=v_measure(task.gold, labels).value,
        ari=float(adjusted_rand_score(task.gold, labels)),
        calls=result.calls if result else 0,
        tokens=result.prompt_tokens + result.completion_tokens if result else 0,
        seconds=seconds,
        note=_note(result) if result else "",
    )


def _note(result: ClusteringResult) -> str:
    decided = ", ".join(f"{count:,} {how}" for how, count in result.decided.items())
    quality = result.classifier
    held = ""
    if quality is not None and quality.accuracy.value is not None:
        held = f"; classifier {quality.accuracy.value:.0%} of {quality.held_back} held back"
    return f"{decided}; {result.none_fits:,} fit nowhere{held}"


def _table(rows: Sequence[Row]) -> list[str]:
    head = "| task | texts | who | K (gold) | V | ARI | calls | tokens | min | |"
    return [head, "|---" * 10 + "|", *(_line(row) for row in sorted(rows, key=lambda row: row.task))]


def _line(row: Row) -> str:
    return (
        f"| {row.task} | {row.texts:,} | {row.who} | {row.k} ({row.gold_k}) | {100 * row.v:.1f} | {100 * row.ari:.1f}"
        f" | {row.calls:,} | {row.tokens:,} | {row.seconds / 60:.1f} | {row.note} |"
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="folder of labelled sets")
    parser.add_argument("--work", required=True, help="folder for results; what is in it is not done again")
    names = [f"{name}/{labeling}" for name, labeling in TASKS]
    parser.add_argument("--task", action="append", choices=names, help="one of the tasks; may be given again")
    parser.add_argument("--model", action="append", default=[], help="a local model's name; may be given again")
    parser.add_argument("--base-url", help="of an endpoint that serves the models")
    parser.add_argument("--serve", choices=["embedded", "vllm"], help="start a server for each model")
    parser.add_argument("--concurrency", type=int)
    parser.add_argument("--texts", type=int, help="of each set; default: all")
    parser.add_argument("--assign", default="hybrid", choices=["llm", "hybrid", "embed"])
    parser.add_argument("--labelled", type=int, default=300)
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--probe", type=int, default=10, help="texts of the taxonomy's check")
    parser.add_argument("--rounds", type=int, default=1, help="of texts that fit nowhere")
    parser.add_argument("--embedder", default="minilm", help="of the classifier and the baseline")
    parser.add_argument("--baseline", default="MiniLM", help="the embedder's name in the table")
    return parser.parse_args()


if __name__ == "__main__":
    main()
