"""Shards of a job on Ray Data: a block a shard, done by actors that each hold a ShardWorker.

A shard whose worker dies is done again by another; one that raises is told, and the others go on. An own local cluster
listens on the loopback interface alone, behind Ray's token. RAY_ADDRESS names a running one, whose nodes need this
package, the models' keys in their environment, and the job's folder under the same URL.
"""

from __future__ import annotations

import logging
import os
import pickle
import socket
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from importlib import import_module
from threading import Event, Thread
from typing import Any, Protocol
from weakref import finalize

from ..core.errors import IncompleteError, SettingsError
from .shards import ShardDone, ShardWorker

_TRIES = 3
"""Workers that may die over one shard before it is given up."""
_POLL_S = 0.5
_CONNECT_S = 10.0
_STORE_BYTES = 128 * 1024 * 1024
"""Of the local cluster's object store; blocks hold a number each."""
LOCAL = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # loopback addresses alone, on Linux too
    "RAY_AUTH_MODE": "token",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
}
"""Environment of a cluster of our own; Ray reads some of it when it is imported."""


class Worker(Protocol):
    """What does shards in an actor; made from the job's URL there."""

    def assign(self, shard: int) -> ShardDone: ...

    def close(self) -> None: ...


def run_on_ray(
    job_url: str,
    shards: Sequence[int],
    workers: int,
    finished: Callable[[ShardDone], None],
    note: Callable[[str], None],
    worker: Callable[[str], Worker] = ShardWorker,
    stopped: Event | None = None,
) -> list[ShardDone]:
    """Do shards on Ray, `workers` at a time; in their order, whatever came of each. `finished` is told as they come.

    Once `stopped` is set, from another thread, no further shard is begun, and each of those is told as an error.
    Uses the Ray session of this process, else the cluster of RAY_ADDRESS, else one of its own on this machine.
    Raises SettingsError without ray, or where RAY_ADDRESS leads nowhere; IncompleteError when no worker can start.
    """
    done: dict[int, ShardDone] = {}
    with _session(workers, note) as ray:
        try:
            with closing(_results(ray, job_url, shards, workers, worker, stopped or Event())) as results:
                for one in results:
                    done[one.shard] = one
                    finished(one)
        except ray.exceptions.RayError as error:
            raise IncompleteError(
                f"the workers on Ray cannot go on, the same command does what is left: {_said(error)}"
            ) from error
    for shard in set(shards) - done.keys():
        done[shard] = ShardDone(shard, 0, 0, "Ray lost it; the logs of its cluster tell why")
        finished(done[shard])
    return [done[shard] for shard in sorted(done)]


def _results(
    ray: Any, job_url: str, shards: Sequence[int], workers: int, worker: Callable[[str], Worker], stopped: Event
) -> Generator[ShardDone]:
    context = ray.data.DataContext.get_current().copy()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.max_errored_blocks = -1
    tries = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(_Tries).remote()
    with ray.data.DataContext.current(context), _watching(stopped, lambda: ray.get(tries.stop.remote())):
        blocks = ray.data.from_items([{"shard": shard} for shard in shards], override_num_blocks=len(shards))
        results = blocks.map_batches(
            _Actor,
            fn_constructor_args=(worker, job_url, tries),
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=min(workers, len(shards)), max_tasks_in_flight_per_actor=1),
            num_cpus=1,
        )
        for row in results.iter_rows():
            yield pickle.loads(row["done"])


class _Tries:
    """How often each shard was begun. Ray Data restarts actors without end, over a shard that kills them, too."""

    def __init__(self) -> None:
        self._begun: Counter[int] = Counter()
        self._stopped = False

    def begin(self, shard: int) -> str | None:
        """Why the shard is not to be begun, if it is not."""
        self._begun[shard] += 1
        if self._stopped:
            return "stopped before it was begun"
        if self._begun[shard] > _TRIES:
            return f"{_TRIES} workers died over it, one after another: out of memory?"
        return None

    def stop(self) -> None:
        self._stopped = True


class _Actor:
    """A worker in a process of Ray, closed with it. It has a thread of its own, whose errors are told, not raised."""

    def __init__(self, worker: Callable[[str], Worker], job_url: str, tries: Any) -> None:
        self._ray: Any = import_module("ray")
        self._worker = worker(job_url)
        self._tries = tries
        self._thread = ThreadPoolExecutor(1)
        finalize(self, self._worker.close)

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, list[bytes]]:
        return {"done": [pickle.dumps(self._done(int(shard))) for shard in batch["shard"]]}

    def _done(self, shard: int) -> ShardDone:
        refused = self._ray.get(self._tries.begin.remote(shard))
        if refused is not None:
            return ShardDone(shard, 0, 0, refused)
        future = self._thread.submit(self._worker.assign, shard)
        error = future.exception()
        return future.result() if error is None else ShardDone(shard, 0, 0, f"{type(error).__name__}: {error}")


@contextmanager
def _watching(stopped: Event, stop: Callable[[], object]) -> Iterator[None]:
    """Call `stop` when `stopped` is set while the block runs."""
    ended = False

    def watch() -> None:
        while not ended:
            if stopped.wait(_POLL_S):
                stop()
                return

    thread = Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended = True
        thread.join()


@contextmanager
def _session(workers: int, note: Callable[[str], None]) -> Iterator[Any]:
    """Ray, connected; disconnected at the end, unless it was connected before."""
    address = os.environ.get("RAY_ADDRESS")
    _refuse_unreachable(address or "")
    with _environment({} if address else LOCAL):
        ray = _imported()
        logging.getLogger("ray.data").setLevel(logging.CRITICAL)
        if ray.is_initialized():
            yield ray
            return
        own: dict[str, Any] = {"address": address} if address else _local(workers)
        note(f"Ray cluster {address}, {workers} workers" if address else f"a local Ray cluster of {workers} workers")
        try:
            ray.init(log_to_driver=False, logging_level=logging.ERROR, **own)
        except ConnectionError as error:
            raise SettingsError(f"there is no Ray cluster at RAY_ADDRESS {address!r}: {_said(error)}") from error
        try:
            yield ray
        finally:
            ray.shutdown()


def _refuse_unreachable(address: str) -> None:
    """Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if "://" in address or not port.isdigit():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_S).close()
    except OSError as error:
        raise SettingsError(f"nobody listens at RAY_ADDRESS {address!r} ({error}): unset it, or start Ray") from error


def _local(workers: int) -> dict[str, Any]:
    return {
        "address": "local",
        "num_cpus": workers,
        "num_gpus": 0,
        "include_dashboard": False,
        "object_store_memory": _STORE_BYTES,
    }


def _imported() -> Any:
    try:
        import_module("ray.data")
    except ImportError as error:
        raise SettingsError(f"--engine ray needs Ray ({error}): pip install 'cluster-r1[ray]'") from error
    return import_module("ray")


@contextmanager
def _environment(wanted: Mapping[str, str]) -> Iterator[None]:
    """Variables that are not set otherwise, set for a while."""
    added = {name: value for name, value in wanted.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def _said(error: Exception) -> str:
    """The last line of an error, which in Ray's is the original's."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
