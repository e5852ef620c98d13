"""Texts of any number through `cluster-r1 cluster` against the bundled endpoint; run: benchmarks/clustering_scale.py

Calls a second, CPU a call and peak memory at several sizes, the taxonomy given, every text asked about once. The
endpoint runs on one core, the client on another, each client in a process of its own, beside the floor of
pipeline_overhead.py: a bare aiohttp loop that sends such bodies and writes the answers to a file.

With --ray the same texts go through Ray with 2 workers, one of which is killed (SIGKILL) half-way; then it is checked
that every text has exactly one row, and the calls that were paid twice are counted.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from cluster_r1.core.clustering import ResultFolder
from pipeline_overhead import LATENCY_S, SLOTS, TOPICS, floor, write_texts

SIZES = (10_000, 100_000)
_CLUSTERS = "clusters:\n" + "".join(f"  {name}: Messages about {name}.\n" for name in TOPICS)


class Measured(NamedTuple):
    """One run: seconds from its first call to its last, CPU of its process until then, imports and reading in included,
    its memory's high-water mark over the whole run; `wall_s` has the page too."""

    calls: int
    window_s: float
    wall_s: float
    cpu_s: float
    peak_mb: float

    @property
    def line(self) -> str:
        return (
            f"{self.calls:>9,}{self.calls / self.window_s:>10.0f}{1000 * self.cpu_s / self.calls:>13.3f}"
            f"{self.peak_mb:>9.0f}{self.wall_s:>9.1f}"
        )


def main() -> None:
    arguments = _arguments()
    if arguments.worker:
        _work(arguments)
        return
    load = f"load average {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores"
    print(f"{load}; endpoint {LATENCY_S * 1000:.0f} ms, {SLOTS} slots")
    print(f"{'client':<10}{'texts':>9}{'calls':>9}{'calls/s':>10}{'CPU ms/call':>13}{'peak MB':>9}{'wall s':>9}")
    kinds = ("ray",) if arguments.ray else ("floor", "cluster")
    found = {(kind, size): _measure(kind, size) for size in arguments.sizes for kind in kinds}
    if not arguments.ray:
        small, large = found["cluster", arguments.sizes[0]], found["cluster", arguments.sizes[-1]]
        bare = found["floor", arguments.sizes[-1]]
        ratio = (large.cpu_s / large.calls) / (bare.cpu_s / bare.calls)
        memory = large.peak_mb / small.peak_mb
        print(f"memory {memory:.2f}x from {small.calls:,} to {large.calls:,} texts; CPU over floor {ratio:.2f}x")


def _measure(kind: str, size: int) -> Measured:
    from cluster_r1.llm.testing.process import endpoint_process

    cores = sorted(os.sched_getaffinity(0))
    pin = () if kind == "ray" else ("taskset", "-c", str(cores[-1]))
    with (
        tempfile.TemporaryDirectory() as folder,
        endpoint_process(("taskset", "-c", str(cores[0])), latency_s=LATENCY_S, slots=SLOTS) as endpoint,
    ):
        command = [*pin, sys.executable, __file__, "--worker", kind, "--sizes", str(size)]
        done = subprocess.run(
            [*command, "--url", endpoint.base_url, "--folder", folder], check=True, stdout=subprocess.PIPE
        )
        stats = endpoint.stats()
    *said, last = done.stdout.decode().splitlines()
    measured = Measured(**json.loads(last))
    print("\n".join([f"{kind:<10}{size:>9,}{measured.line}", *said]), flush=True)
    if stats.calls < size:
        raise SystemExit(f"{kind}: {size} calls were due, {stats.calls} came")
    return measured


def _work(arguments: argparse.Namespace) -> None:
    folder, size = Path(arguments.folder), arguments.sizes[0]
    write_texts(folder / "texts.jsonl", size)
    (folder / "clusters.yaml").write_text(_CLUSTERS)
    began = time.perf_counter()
    if arguments.worker == "floor":
        window_s = floor(folder, arguments.url, ("a",))
        cpu_s = time.process_time()
    else:
        clock = _cluster(folder, size, arguments.url, arguments.worker)
        window_s, cpu_s = clock.ended - clock.began, clock.cpu_s
    status = Path("/proc/self/status").read_text()
    peak_kb = int(status.split("VmHWM:")[1].split()[0])
    measured = Measured(size, window_s, time.perf_counter() - began, cpu_s, peak_kb / 1024)
    print(json.dumps(measured._asdict()))


class _Clock:
    """A Progress that notes when texts began to be assigned, when the last one was, and how many are."""

    def __init__(self, halfway: int = 0) -> None:
        self.began = self.ended = self.cpu_s = 0.0
        self.done = 0
        self._halfway = halfway
        self.reached = threading.Event()

    def stage(self, name: str, total: int | None) -> None:
        if "assigning" in name:
            self.began, self.done = time.perf_counter(), 0

    def advance(self, steps: int = 1) -> None:
        self.ended, self.cpu_s = time.perf_counter(), time.process_time()
        self.done += steps
        if self.began and self.done >= self._halfway > 0:
            self.reached.set()

    def spent(self, tokens: int, usd: float) -> None: ...

    def note(self, text: str) -> None: ...


def _cluster(folder: Path, size: int, url: str, kind: str) -> _Clock:
    from cluster_r1.clustering.corpus import cluster_corpus
    from cluster_r1.clustering.plan import Request, planned
    from cluster_r1.clustering.preparing import Engine
    from cluster_r1.core.settings import ModelSettings

    settings = planned(
        Request(
            source=str(folder / "texts.jsonl"),
            instruction="Cluster the messages by topic.",
            model=ModelSettings(model="bench", base_url=url, concurrency=SLOTS // (2 if kind == "ray" else 1)),
            taxonomy=str(folder / "clusters.yaml"),
            cluster={"residual_rounds": 0},
        )
    )
    result = ResultFolder(folder / "result")
    clock = _Clock(size // 2 if kind == "ray" else 0)
    with _killing(clock) if kind == "ray" else contextlib.nullcontext():
        found = asyncio.run(cluster_corpus(result, settings, clock, Engine("ray" if kind == "ray" else "local", 2)))
    if found is None or found.unanswered:
        raise SystemExit("not all texts were answered")
    if kind == "ray":
        _check_rows(result, size)
        print(f"calls in the ledgers {found.calls:,}")
    return clock


@contextlib.contextmanager
def _killing(clock: _Clock) -> Iterator[None]:
    """Kills one worker of the Ray cluster when half of the texts are assigned."""
    ended = threading.Event()

    def kill() -> None:
        while not clock.reached.wait(0.05):
            if ended.is_set():
                return
        victims = _workers()
        os.kill(victims[0], signal.SIGKILL)
        print(f"killed worker {victims[0]} of {len(victims)} after {clock.done:,} texts")

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        yield
    finally:
        ended.set()
        killer.join()


def _workers() -> list[int]:
    """Processes of Ray's actors that do shards."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and b"ray::" in (command := (entry / "cmdline").read_bytes()) and b"Map" in command:
                found.append(int(entry.name))
    return sorted(found)


def _check_rows(result: ResultFolder, size: int) -> None:
    from cluster_r1.clustering.outputs import read_assignments

    rows = Counter(row.document_id for row in read_assignments(result.assignments))
    wrong = [name for name, count in rows.items() if count != 1]
    if len(rows) != size or wrong:
        raise SystemExit(f"{size} texts, {len(rows)} with a row, {len(wrong)} with several")
    print(f"{len(rows):,} texts, each with exactly one row")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="numbers of texts")
    parser.add_argument("--ray", action="store_true", help="through Ray, with a worker killed half-way")
    parser.add_argument("--worker", choices=["floor", "cluster", "ray"], help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
