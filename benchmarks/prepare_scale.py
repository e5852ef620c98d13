"""`corpus prepare lmsys` on synthetic rows: rows a second, peak memory, and how memory grows with the rows.

    python benchmarks/prepare_scale.py --rows 1000000

The rows have LMSYS-Chat-1M's columns; one in six is dropped by a rule. They are written to a temporary folder first,
about 1.4 KB a row, and read by a process of its own, so that the peak is that of the command alone.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

_TEXT = (
    "how do I write bake explain the of a an in to for with from code story letter poem table recipe function list plan"
    " email reply town river garden history music travel budget python query sentence summary question answer simple"
    " better short long green early because although between without again together morning winter paper window"
)
_WORDS = _TEXT.split()


def rows(count: int) -> Iterator[bytes]:
    draw = random.Random(7)
    moderation = [
        {"categories": {"hate": False, "violence": False}, "category_scores": {"hate": 0.0}, "flagged": False}
    ]
    for number in range(count):
        turns = draw.choice([1, 1, 1, 2, 2, 3]) if number % 10 == 0 else draw.choice([1, 2])
        conversation = []
        for turn in range(turns):
            question = " ".join(draw.choices(_WORDS, k=18))
            answer = " ".join(draw.choices(_WORDS, k=90))
            conversation += [
                {"role": "user", "content": f"{question} {number} {turn}?"},
                {"role": "assistant", "content": f"{answer}."},
            ]
        row = {
            "conversation_id": f"c{number}",
            "model": "vicuna-13b",
            "conversation": conversation,
            "turn": turns,
            "language": "Portuguese" if number % 9 == 0 else "English",
            "openai_moderation": moderation * len(conversation),
            "redacted": number % 25 == 0,
        }
        yield json.dumps(row).encode() + b"\n"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--limit", type=int, default=None, help="of --limit; default all rows")
    options.add_argument("--out", default="out.parquet")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "rows.jsonl"
        with source.open("wb") as file:
            file.writelines(rows(asked.rows))
        print(f"{asked.rows:,} rows, {source.stat().st_size / 1e6:,.0f} MB")
        started = time.monotonic()
        limit = str(asked.limit or asked.rows)
        command = ["corpus", "prepare", "lmsys", str(source), "--limit", limit, "--out", str(Path(folder) / asked.out)]
        subprocess.run([sys.executable, "-m", "cluster_r1", *command], check=True, cwd=folder)
        seconds = time.monotonic() - started
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(f"{asked.rows / seconds:,.0f} rows/s, {seconds:.1f} s, peak {peak:,.0f} MB")
        print(f"written: {(Path(folder) / asked.out).stat().st_size / 1e6:,.0f} MB")


if __name__ == "__main__":
    main()
