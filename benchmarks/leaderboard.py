"""A leaderboard over real labelled sets with what runs on a small machine: two local models, MiniLM, tf-idf, oracles.

    benchmarks/leaderboard.py DATA --folder DIR [--embedder minilm=FOLDER] [--limit 4] [--model NAME] [--form FORM]

DATA holds banking77, clinc150, hwu64 and fewrel_val as `labelled_sets.py` reads them. The benchmark is built once; then
come the commands that a user types: `eval baselines`, `eval run`, `eval report`. Run again to resume.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

from cluster_r1.cli.console import watched
from cluster_r1.llm.tokenizers import open_tokenizer
from labelled_sets import Sizes, labelled_benchmark

SIZES = Sizes(train=100, distill=2, held_out=8, prompt_tokens=520, max_clusters=5)
TOKENIZER = "qwen2.5-coder-0.5b"
MODELS = ("qwen2.5-coder-1.5b", "qwen2.5-coder-0.5b")
FORMS = ("free", "labels")
SHAPE = ("--max-tokens", "700", "--context-tokens", "2048", "--concurrency", "4")


def main() -> None:
    arguments = _arguments()
    folder: Path = arguments.folder.absolute()
    with watched() as progress:
        labelled_benchmark(arguments.data, folder, SIZES, open_tokenizer(TOKENIZER, progress.note), progress)
    limit = ["--limit", str(arguments.limit)] if arguments.limit else []
    embedders = [word for spec in ("tfidf", *arguments.embedder) for word in ("--embedder", spec)]
    forms = [word for form in arguments.form or FORMS for word in ("--form", form)]
    _run(folder, "baselines", "--oracles", *embedders, *limit)
    if arguments.embedder:
        plain = [word for spec in arguments.embedder for word in ("--embedder", spec)]
        _run(folder, "baselines", "--template", "none", *plain, *limit)
    for model in arguments.model or MODELS:
        _run(folder, "run", "--model", model, *forms, *SHAPE, *limit)
    _run(folder, "report")


def _run(folder: Path, *words: str) -> None:
    began = time.monotonic()
    where = ["--benchmark", str(folder / "benchmark"), "--results", str(folder / "evals")]
    print(f"$ cluster-r1 eval {' '.join(words)}", flush=True)
    done = subprocess.run([sys.executable, "-m", "cluster_r1", "eval", *words, *where], check=False)
    print(f"  ({time.monotonic() - began:.0f} s)", flush=True)
    if done.returncode:
        raise SystemExit(done.returncode)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--embedder", action="append", default=[], help="for `eval baselines`, such as minilm=DIR")
    parser.add_argument("--model", action="append", help=f"default: {' and '.join(MODELS)}")
    parser.add_argument("--form", action="append", help=f"default: {' and '.join(FORMS)}")
    parser.add_argument("--limit", type=int, help="examples of each domain and split; default: all 8")
    return parser.parse_args()


if __name__ == "__main__":
    main()
