"""Overhead of the pipeline against an endpoint of 50 ms and 64 slots; run: benchmarks/pipeline_overhead.py

Corpus to labelled task with a given taxonomy: ingest, two labelers a document, ledger, checkpoints, consensus, labels
and statistics on disk. The endpoint runs on one core, the client on another, each client in a process of its own. The
floor is a bare aiohttp loop that sends the same bodies and writes the answers to a file, measured in the same run.

CPU is counted from the start of the client's process, imports included; the marginal figure is the slope between the
two sizes. With --json the last line is {"calls_per_s", "cpu_ms_per_call", "peak_mb"} of the larger size.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

SIZES = (2_000, 10_000)
LATENCY_S = 0.05
SLOTS = 64
TOPICS = ("cards", "loans", "fees", "fraud", "transfers")
WORDS = ("please", "could", "you", "tell", "me", "why", "my", "account", "was", "charged", "after", "a", "payment")


class Measured(NamedTuple):
    """One client run: seconds in the labeling window, CPU of the whole process, its memory's high-water mark."""

    calls: int
    window_s: float
    cpu_s: float
    peak_mb: float

    @property
    def calls_per_s(self) -> float:
        return self.calls / self.window_s

    @property
    def cpu_ms_per_call(self) -> float:
        return 1000 * self.cpu_s / self.calls


def main() -> None:
    arguments = _arguments()
    if arguments.worker:
        _work(arguments)
        return
    print(
        f"load average {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores;"
        f" endpoint {LATENCY_S * 1000:.0f} ms, {SLOTS} slots"
    )
    print(f"{'client':<10}{'texts':>8}{'calls':>8}{'calls/s':>10}{'CPU ms/call':>13}{'peak MB':>9}")
    found = {(kind, size): _measure(kind, size) for size in arguments.sizes for kind in ("floor", "pipeline")}
    small, large = arguments.sizes[0], arguments.sizes[-1]
    best = found["pipeline", large]
    if small != large:
        for kind in ("floor", "pipeline"):
            a, b = found[kind, small], found[kind, large]
            print(f"{kind}: marginal CPU {1000 * (b.cpu_s - a.cpu_s) / (b.calls - a.calls):.3f} ms/call")
    floor = found["floor", large]
    print(
        f"pipeline over floor at {large:,} texts: CPU {best.cpu_ms_per_call / floor.cpu_ms_per_call:.2f}x,"
        f" rate {best.calls_per_s / floor.calls_per_s:.2f}x"
    )
    if arguments.json:
        figures = {"calls_per_s": best.calls_per_s, "cpu_ms_per_call": best.cpu_ms_per_call, "peak_mb": best.peak_mb}
        print(json.dumps({name: round(value, 3) for name, value in figures.items()}))


def _measure(kind: str, size: int) -> Measured:
    from cluster_r1.llm.testing.process import endpoint_process

    cores = sorted(os.sched_getaffinity(0))
    with (
        tempfile.TemporaryDirectory() as folder,
        endpoint_process(("taskset", "-c", str(cores[0])), latency_s=LATENCY_S, slots=SLOTS) as endpoint,
    ):
        command = ["taskset", "-c", str(cores[-1]), sys.executable, __file__, "--worker", kind]
        options = ["--sizes", str(size), "--url", endpoint.base_url, "--folder", folder]
        done = subprocess.run([*command, *options], check=True, stdout=subprocess.PIPE)
        stats = endpoint.stats()
    measured = Measured(**json.loads(done.stdout.splitlines()[-1]))
    if stats.calls < 2 * size or measured.calls != 2 * size:
        raise SystemExit(f"{kind}: {2 * size} calls were due, {stats.calls} came")
    print(
        f"{kind:<10}{size:>8,}{measured.calls:>8,}{measured.calls_per_s:>10.0f}"
        f"{measured.cpu_ms_per_call:>13.3f}{measured.peak_mb:>9.0f}",
        flush=True,
    )
    return measured


def _work(arguments: argparse.Namespace) -> None:
    folder, size = Path(arguments.folder), arguments.sizes[0]
    _write_project(folder, size, arguments.url)
    window_s = _pipeline(folder) if arguments.worker == "pipeline" else floor(folder, arguments.url)
    status = Path("/proc/self/status").read_text()
    peak_kb = int(status.split("VmHWM:")[1].split()[0])
    print(json.dumps(Measured(2 * size, window_s, time.process_time(), peak_kb / 1024)._asdict()))


def write_texts(path: Path, size: int) -> None:
    """So many made-up messages, each about one of the topics."""
    rng = random.Random(0)
    with path.open("w") as file:
        for number in range(size):
            text = f"{number} {rng.choice(TOPICS)}: {' '.join(rng.choices(WORDS, k=rng.randint(8, 16)))}"
            file.write(json.dumps({"id": f"t{number}", "text": text}) + "\n")


def _write_project(folder: Path, size: int, url: str) -> None:
    write_texts(folder / "texts.jsonl", size)
    clusters = "".join(f"  {name}: Messages about {name}.\n" for name in TOPICS)
    (folder / "clusters.yaml").write_text(f"clusters:\n{clusters}")
    (folder / "cluster-r1.yaml").write_text(
        "corpus: {source: texts.jsonl}\n"
        "tasks:\n  - {id: topic, instruction: Cluster the messages by topic., taxonomy: clusters.yaml}\n"
        f"models:\n  default: {{base_url: '{url}', model: bench, concurrency: {SLOTS}}}\n"
    )


class _Clock:
    """A Progress that notes when labeling began and ended."""

    def __init__(self) -> None:
        self.began = self.ended = 0.0

    def stage(self, name: str, total: int | None) -> None:
        if "labeling" in name:
            self.began = time.perf_counter()

    def advance(self, steps: int = 1) -> None:
        self.ended = time.perf_counter()

    def spent(self, tokens: int, usd: float) -> None: ...

    def note(self, text: str) -> None: ...


def _pipeline(folder: Path) -> float:
    import asyncio

    from cluster_r1.core.workspace import Workspace
    from cluster_r1.graphs.synth import synthesize

    workspace, clock = Workspace(folder), _Clock()
    with workspace.lock():
        result = asyncio.run(synthesize(workspace, workspace.settings(), clock))
    if result.unanswered:
        raise SystemExit(f"{result.unanswered} documents were not answered")
    return clock.ended - clock.began


def floor(folder: Path, url: str, labelers: tuple[str, ...] = ("a", "b")) -> float:
    """The same bodies through one aiohttp session, the answers appended to a file: what no client can go below.

    Every text of `folder`/texts.jsonl is sent once for each labeler; returns the seconds it took.
    """
    import asyncio

    import aiohttp
    import orjson

    texts = [json.loads(line)["text"] for line in (folder / "texts.jsonl").open()]
    schema = {"type": "object", "properties": {"cluster": {"enum": list(TOPICS)}}, "required": ["cluster"]}
    form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}

    def body(labeler: str, text: str) -> dict[str, Any]:
        messages = [
            {"role": "system", "content": f"{labeler}: sort into {TOPICS}. " * 8},
            {"role": "user", "content": f"<document>\n{text}\n</document>"},
        ]
        return {"model": "bench", "messages": messages, "max_tokens": 64, "temperature": 0, "response_format": form}

    async def run() -> float:
        slots = asyncio.Semaphore(SLOTS)
        began = time.perf_counter()
        async with aiohttp.ClientSession() as session:
            with (folder / "answers.jsonl").open("wb") as file:

                async def call(labeler: str, text: str) -> None:
                    async with (
                        slots,
                        session.post(f"{url}/chat/completions", data=orjson.dumps(body(labeler, text))) as r,
                    ):
                        answer = orjson.loads(await r.read())["choices"][0]["message"]["content"]
                    file.write(orjson.dumps([text, orjson.loads(answer)["cluster"]]) + b"\n")

                for start in range(0, len(texts), 500):
                    await asyncio.gather(*(call(la, t) for t in texts[start : start + 500] for la in labelers))
        return time.perf_counter() - began

    return asyncio.run(run())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="numbers of texts")
    parser.add_argument("--json", action="store_true", help="end with one JSON line")
    parser.add_argument("--worker", choices=["floor", "pipeline"], help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
