"""A leaderboard as large as they come: a dozen entries of all kinds, tasks of many clusters, examples of many texts."""

from __future__ import annotations

import random

from cluster_r1.core.evaluation import (
    Axis,
    Bin,
    Breakdown,
    EntryInfo,
    Leaderboard,
    Mixing,
    ShownAnswer,
    ShownExample,
    Standing,
)
from leaderboards import around, board, comparison, info, standing

TASKS = {f"court-{n}": "court" for n in range(5)} | {f"chat-{n}": "chat" for n in range(7)}
CLUSTERS = tuple(
    f"{what} {about}"
    for what in ("Complaints", "Questions", "Praise", "Proposals")
    for about in ("about housing", "about transport", "about schools", "about opening hours of public buildings")
)
WORDS = ("the", "applicant", "lodged", "complaint", "about", "delays", "in", "proceedings", "before", "court", "fees")
_AXES: tuple[tuple[Axis, tuple[str, ...]], ...] = (
    ("texts", ("2–5", "6–9", "10–12", "13–15", "16–20")),
    ("clusters", ("2", "3", "4", "5", "6", "7–9")),
    ("tokens", ("210–1,100", "1,101–2,400", "2,401–6,000", "6,001–14,000")),
    ("task", tuple(TASKS)),
)
_K = {"k": "gold", "random_state": 43, "template": "{text}", "clusterer": "kmeans"}
_CHAT = {"temperature": 0.6, "seed": 0, "form": "whole", "max_tokens": 4096}


def entries() -> tuple[Standing, ...]:
    """Twelve of them, best first."""
    sizes = {"Qwen3-32B": 32.8, "Qwen3-14B": 14.8, "Qwen3-8B": 8.2, "Qwen3-0.6B": 0.6, "SmolLM2-360M-Instruct": 0.36}
    rows = [standing(_info("gold", "oracle"), 1.0)]
    quality = {"Qwen3-32B": 0.61, "Qwen3-14B": 0.57, "Qwen3-8B": 0.5, "Qwen3-0.6B": 0.12, "SmolLM2-360M-Instruct": 0.0}
    for name, v in quality.items():
        made = _info(name, "model", parameters=sizes[name], settings=_CHAT, model=f"Qwen/{name}")
        rows.append(standing(made, v, valid=min(1.0, 0.05 + 1.5 * v), k_bias=0.4 - v))
        if sizes[name] < 10:
            held = _info(f"{name}-held", "constrained", parameters=sizes[name], settings=_CHAT | {"form": "block"})
            rows.append(standing(held, 0.2 + 0.6 * v))
    for name, v in {"all-MiniLM-L6-v2 KMeans": 0.53, "all-MiniLM-L6-v2 GMM": 0.525, "TF-IDF KMeans": 0.41}.items():
        rows.append(standing(_info(name, "baseline", settings=_K, texts_left_out=3), v))
    return tuple(sorted(rows, key=lambda row: -(row.weighted.value or 0.0)))


def crowded_board(examples: int = 48, texts: int = 20, words: int = 60) -> Leaderboard:
    """`words` is how long a text is; each model's answer has some 3,000 characters of reasoning."""
    rng = random.Random(0)
    rows = entries()
    return board(
        rows,
        breakdowns=tuple(_breakdown(rng, row, axis, labels) for row in rows for axis, labels in _AXES),
        mixings=tuple(_mixing(rng, row, task) for row in rows for task in TASKS),
        examples=tuple(_example(rng, number, rows, texts, words) for number in range(examples)),
        comparisons=tuple(comparison(rows[1], row) for row in (rows[0], *rows[2:])),
    )


def _info(name: str, kind: str, **changes: object) -> EntryInfo:
    paid = {} if kind in ("oracle", "baseline") else {"calls": 153, "prompt_tokens": 1_400_000, "usd": 0.31}
    says = {"oracle": "Gold itself.", "baseline": "Vectors of the texts, clustered.", "model": "Asked as it is."}
    told = says.get(kind, "Decoding held to the answer's format by a grammar.")
    when = {"started": "2026-11-21T09:00:00+00:00", "ended": "2026-11-21T10:10:00+00:00", "seconds": 4212.5}
    made = info(name, "model", says=told, versions={"cluster-r1": "0.6.0", "vllm": "0.11.0"}, **paid, **when)
    return EntryInfo.model_validate(made.model_dump() | {"kind": kind} | changes)


def _breakdown(rng: random.Random, row: Standing, axis: Axis, labels: tuple[str, ...]) -> Breakdown:
    v = row.weighted.value or 0.0
    bins = [
        Bin(label=label, examples=rng.randint(4, 40), v=around(v * (1.0 - 0.1 * (place % 5)), 0.05), valid=1.0)
        for place, label in enumerate(labels)
    ]
    return Breakdown(entry=row.info.name, axis=axis, bins=tuple(bins))


def _mixing(rng: random.Random, row: Standing, task: str) -> Mixing:
    v = row.weighted.value or 0.0
    names = CLUSTERS[: 6 + len(task) + TASKS[task].count("c") * 3]
    shares = [[round(rng.random() * (1 - v), 3) for _ in names] for _ in names]
    for place in range(len(names)):
        shares[place][place] = round(min(1.0, v + rng.random() * 0.2), 3)
    return Mixing(
        entry=row.info.name, task=task, clusters=names, together=tuple(map(tuple, shares)), pairs=4_321, left_out=2
    )


def _example(rng: random.Random, number: int, rows: tuple[Standing, ...], texts: int, words: int) -> ShownExample:
    task = list(TASKS)[number % len(TASKS)]
    names = rng.sample(CLUSTERS, 4)
    gold = tuple(rng.choice(names) for _ in range(texts))
    return ShownExample(
        id=f"{task}/c{number % 3}/{number:03d}",
        task=task,
        domain=TASKS[task],
        split=f"c{number % 3}",
        instruction=f"Cluster these letters by what their writers want, variant {number}.",
        texts=tuple(f"Letter {n}: " + " ".join(rng.choice(WORDS) for _ in range(words)) for n in range(texts)),
        gold=gold,
        answers=tuple(_answer(rng, row, gold) for row in rows),
        why=(f"success:{rows[number % len(rows)].info.name}", f"failure:{rows[(number + 1) % len(rows)].info.name}")
        if number % 4
        else ("disagreement", "cell"),
    )


def _answer(rng: random.Random, row: Standing, gold: tuple[str, ...]) -> ShownAnswer:
    name, v = row.info.name, row.weighted.value or 0.0
    talks = row.info.kind in ("model", "constrained")
    said = " ".join(rng.choice(WORDS) for _ in range(400)) if talks else ""
    if talks and rng.random() > (row.valid.value or 0.0):
        return ShownAnswer(entry=name, v=0.0, ari=0.0, error="missing", reasoning=said, text=f"<answer>\n{said}")
    order = sorted(set(gold))
    clusters = tuple(order.index(one if rng.random() < v else rng.choice(order)) for one in gold)
    return ShownAnswer(entry=name, v=v, ari=v / 2, clusters=clusters, names=tuple(order), reasoning=said)
