"""The whole chain on real dialogues, cases and filings with local models: raw rows to a proven benchmark of all three.

    benchmarks/real_benchmark.py DATA --folder DIR --labeler qwen2.5-coder-0.5b --thinker qwen2.5-coder-1.5b

DATA holds raw/ (records in the shapes of LMSYS-Chat-1M, ECHR and EDGAR-10K) and further cases and filings as id, text,
labels and meta, which this script writes back into their data sets' shapes. Every step is a command that a user types:
`corpus prepare`, `synth`, `build`, `verify`, `stats`. Instructions are the paper's (Table 5). Nothing is asserted; run
again to resume.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from cluster_r1.core.registry import load_registry

DIALOGUES = {
    "Programming and computers": "Code, shell, databases, software, hardware, web pages, debugging.",
    "Creative writing": "Stories, poems, scripts, games, characters, slogans, role play and other invented text.",
    "Mathematics and logic": "Calculations, proofs, equations, probability, puzzles, physics problems.",
    "Facts, advice and documents": "Explanations of facts, plans, recommendations, business texts, reports, summaries.",
}
"""Coarse clusters for the dialogues; the paper does not print its twelve."""

INSIDE = {
    "Programming and computers": ["lmsy-computational-archetype"],
    "Creative writing": ["lmsy-creative-content"],
    "Mathematics and logic": ["lmsy-audience-level"],
    "Facts, advice and documents": ["lmsy-decision-format"],
}
TASKS = {
    "echr": ["echr-vulnerable-population", "echr-violated-articles", "echr-legal-dispute"],
    "sp500-properties": ["sp500-asset-ownership", "sp500-geographic-distribution"],
    "sp500-equity": ["sp500-dividends"],
    "lmsy-requests": ["lmsy-audience-level", "lmsy-lookup-format"],
}
SOURCES = {"lmsy-requests": "lmsys"}
LENGTHS = {"lmsy": 700, "echr": 2000, "sp500": 1200}
SIZES = {
    "lmsy": {"prompt_tokens": 4000, "max_text_tokens": 700, "c0": 30, "c1": 30, "c2": 15},
    "echr": {"prompt_tokens": 9000, "max_text_tokens": 2000, "c0": 20, "c1": 20, "c2": 10},
    "sp500": {"prompt_tokens": 5000, "max_text_tokens": 1200, "c0": 20, "c1": 20, "c2": 10},
}
REGISTRY = load_registry("reasoncluster", Path())


def main() -> None:
    arguments = _arguments()
    root: Path = arguments.folder.absolute()
    root.mkdir(parents=True, exist_ok=True)
    _write_raw(arguments.data, root, arguments)
    tokenizer = ["--tokenizer", arguments.labeler]
    out = {name: ["--out", str(root / f"{name}.parquet")] for name in ("lmsys", "echr")}
    _run(
        root,
        "corpus",
        "prepare",
        "lmsys",
        str(root / "lmsys.jsonl"),
        "--max-tokens",
        str(LENGTHS["lmsy"]),
        *out["lmsys"],
        *tokenizer,
    )
    _run(
        root,
        "corpus",
        "prepare",
        "echr",
        str(root / "echr.jsonl"),
        "--max-tokens",
        str(LENGTHS["echr"]),
        *out["echr"],
        *tokenizer,
    )
    for item, name in (("2", "sp500-properties"), ("5", "sp500-equity")):
        sp500 = [
            "corpus",
            "prepare",
            "sp500",
            str(root / "sp500.jsonl"),
            "--item",
            item,
            "--out",
            str(root / f"{name}.parquet"),
        ]
        _run(root, *sp500, "--max-tokens", str(LENGTHS["sp500"]), *tokenizer)
    _write_projects(root, arguments)
    for project in ("echr", "sp500-properties", "sp500-equity"):
        _run(root / project, "synth", "--yes")
    _run(root / "lmsy", "synth", "--yes", "--hierarchical")
    _run(root / "lmsy-requests", "synth", "--yes", "--limit", str(arguments.requests))
    for command in ("build", "verify", "stats"):
        _run(root / "lmsy", command)
    _run(root / "lmsy", "stats", "--html")
    _run(root / "lmsy", "stats", "--markdown")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument(
        "--labeler", default="qwen2.5-coder-0.5b", help="local model that labels, and whose tokens count"
    )
    parser.add_argument("--thinker", default="qwen2.5-coder-1.5b", help="local model that drafts and refines clusters")
    parser.add_argument("--dialogues", type=int, default=200, help="raw dialogues to begin with")
    parser.add_argument("--requests", type=int, default=48, help="dialogues that are labelled over the whole corpus")
    parser.add_argument("--cases", type=int, default=95)
    parser.add_argument("--filings", type=int, default=140)
    parser.add_argument("--document-tokens", type=int, default=80, help="of a text that the labelers see")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def _run(folder: Path, *words: str) -> None:
    began = time.monotonic()
    print(f"$ cluster-r1 -C {folder.name} {' '.join(words)}", flush=True)
    done = subprocess.run([sys.executable, "-m", "cluster_r1", "-C", str(folder), *words], check=False)
    print(f"  ({time.monotonic() - began:.0f} s)", flush=True)
    if done.returncode:
        raise SystemExit(done.returncode)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def _write_raw(data: Path, root: Path, arguments: argparse.Namespace) -> None:
    """One raw file a data set, drawn by the seed."""
    rng = random.Random(arguments.seed)
    raw = data / "raw"
    dialogues = list(_lines(raw / "lmsys_like_sample.jsonl"))
    cases = [*_lines(raw / "ecthr2021_sample.jsonl"), *map(_as_case, _lines(data / "echr_hudoc_shared.jsonl"))]
    filings = [
        *json.loads((raw / "10k_sample.json").read_text(encoding="utf-8")),
        *json.loads((raw / "10k_edgar_crawler_sample.json").read_text(encoding="utf-8")),
        *map(_as_filing, _lines(data / "sec10k_shared.jsonl")),
    ]
    _write_lines(root / "lmsys.jsonl", rng.sample(dialogues, min(arguments.dialogues, len(dialogues))))
    _write_lines(root / "echr.jsonl", rng.sample(cases, min(arguments.cases, len(cases))))
    _write_lines(root / "sp500.jsonl", rng.sample(filings, min(arguments.filings, len(filings))))


def _write_lines(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def _as_case(row: dict[str, Any]) -> dict[str, Any]:
    """A converted case in the shape of ecthr_cases."""
    meta, labels = row["meta"], row["labels"]
    date = re.search(r"\d{4}", labels.get("decade") or "")
    violated = meta["violated_articles_hudoc"]
    return {
        "case_id": meta["itemid"],
        "title": meta["docname"],
        "judgment_date": f"01/01/{date.group()}" if date else "",
        "facts": row["text"].split("\n"),
        "defendants": [labels.get("respondent_state") or ""],
        "allegedly_violated_articles": violated or re.findall(r"Art\. ([0-9]+)", meta.get("conclusion") or ""),
        "violated_articles": violated,
    }


def _as_filing(row: dict[str, Any]) -> dict[str, Any]:
    """A converted item as a filing that has this item alone."""
    meta = row["meta"]
    filing = {name: meta.get(name) or "" for name in ("cik", "sic", "company")}
    date = meta.get("filing_date") or meta.get("date") or row["labels"]["filing_decade"][:4] + "-01-01"
    items = dict.fromkeys(("item_2", "item_3", "item_5"), "")
    return {**filing, "date": date, **items, row["id"].rpartition("-")[2]: row["text"]}


def _write_projects(root: Path, arguments: argparse.Namespace) -> None:
    for name, tasks in TASKS.items():
        source = f"../{SOURCES.get(name, name)}.parquet"
        corpus = {"source": source, "gold": "labels", "domain": name.partition("-")[0]}
        _write_settings(root / name, {"corpus": corpus, "tasks": [_task(task) for task in tasks]}, arguments)
    inside = {cluster: [_task(task) for task in tasks] for cluster, tasks in INSIDE.items()}
    lmsy = {
        "corpus": {"source": "../lmsys.parquet", "gold": "labels", "domain": "lmsy"},
        "hierarchy": {"taxonomy": "coarse.yaml", "inside": inside, "min_documents": 12, "parallel": 1},
        "benchmark": {
            "name": "reasoncluster-small",
            "projects": [f"../{name}" for name in TASKS],
            "tokenizer": arguments.labeler,
            "coarse": True,
            "min_texts": 1,
            "train": 120,
            "distill": 3,
            "domains": SIZES,
        },
    }
    _write_settings(root / "lmsy", lmsy, arguments)
    (root / "lmsy/coarse.yaml").write_text(yaml.safe_dump({"clusters": DIALOGUES}, sort_keys=False))


def _task(task: str) -> dict[str, str]:
    known = REGISTRY.get(task)
    if known is None:
        raise SystemExit(f"the registry has no task {task!r}")
    gold = {"gold": "violated_article"} if task == "echr-violated-articles" else {}
    return {"id": task, "instruction": known.instruction, "split": known.split, **gold}


def _write_settings(folder: Path, settings: dict[str, Any], arguments: argparse.Namespace) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    serve = {"serve": "embedded", "concurrency": 4, "timeout_s": 900}
    thinker = {"model": arguments.thinker, "context_tokens": 8192}
    models = {
        "default": {"model": arguments.labeler, "context_tokens": 4096, **serve},
        "generator": thinker,
        "refiner": thinker,
    }
    settings = {
        **settings,
        "models": models,
        "registry": "reasoncluster",
        "taxonomy": {
            "min_clusters": 2,
            "max_clusters": 5,
            "sample_tokens": 500,
            "excerpt_tokens": 100,
            "probe": 12,
            "rounds": 0,
        },
        "labeling": {"document_tokens": arguments.document_tokens, "orders": 2},
        "seed": arguments.seed,
    }
    (folder / "cluster-r1.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))


if __name__ == "__main__":
    main()
