"""A real Ray cluster of two workers on this machine: one is killed, shards fail, and every text ends in one row."""

from __future__ import annotations

import asyncio
import importlib.util
import ipaddress
import os
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

import psutil
import pytest
from cluster_r1.clustering.jobs import Job, JobFolder
from cluster_r1.clustering.ray_engine import LOCAL, run_on_ray
from cluster_r1.clustering.shards import ShardDone, ShardWorker
from cluster_r1.core.errors import IncompleteError, SettingsError
from cluster_r1.core.settings import CorpusSettings, LabelingSettings, ModelSettings
from cluster_r1.core.taxonomy import Cluster, Taxonomy
from cluster_r1.core.workspace import Workspace
from cluster_r1.corpora.store import DocumentStore, ingest
from cluster_r1.llm.testing.process import RunningEndpoint, endpoint_process

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="Ray is not installed: pip install 'cluster-r1[ray]'"
)
TOPICS = ("cards", "loans", "fees")
SHARDS = 6
SHARD = 20


def marks() -> Callable[[str, int], None]:
    """What notes a try in the job's folder; local, as the workers below are, so that Ray sends it to its processes."""

    def mark(url: str, shard: int) -> None:
        (Path(url) / f"begun-{shard}-{os.getpid()}-{time.time_ns()}").touch()

    return mark


def begun(folder: Path) -> list[tuple[int, int]]:
    """(shard, process) of every try, in the order of time."""
    names = sorted((path.name for path in folder.glob("begun-*")), key=lambda name: int(name.split("-")[3]))
    return [(int(name.split("-")[1]), int(name.split("-")[2])) for name in names]


def listening() -> Iterator[str]:
    """Addresses on which processes of this one's take connections."""
    for process in psutil.Process().children(recursive=True):
        try:
            taken = process.net_connections(kind="inet")
        except psutil.Error:
            continue
        yield from (one.laddr.ip.removeprefix("::ffff:") for one in taken if one.status == psutil.CONN_LISTEN)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[RunningEndpoint]:
    with endpoint_process(latency_s=0.05) as running:
        yield running


@pytest.fixture(scope="module")
def session() -> Iterator[None]:
    """A Ray session that the engine finds: cheaper than a cluster for each test."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in LOCAL.items():
            environment.setenv(name, value)
        ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'cluster-r1[ray]'")
        ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
        yield
        ray.shutdown()


@pytest.fixture
def job(tmp_path: Path, endpoint: RunningEndpoint) -> JobFolder:
    """A job of six shards over a small corpus."""
    count = SHARDS * SHARD - 3
    lines = (f'{{"id": "d{n}", "text": "Message {n} is about {TOPICS[n % 3]}."}}\n' for n in range(count))
    (tmp_path / "texts.jsonl").write_text("".join(lines))
    workspace = Workspace(tmp_path)
    report = ingest(CorpusSettings(source="texts.jsonl"), workspace)
    folder = JobFolder(str(tmp_path / "jobs" / "one"))
    clusters = tuple(Cluster(name=topic, description=f"Messages about {topic}.") for topic in TOPICS)
    folder.put(
        Job(
            documents=str(workspace.documents),
            corpus=report.fingerprint,
            count=count,
            shard=SHARD,
            taxonomy=Taxonomy(task="topic", instruction="Cluster by topic.", clusters=clusters),
            model=ModelSettings(model="stand-in", base_url=endpoint.base_url, concurrency=4),
            labeling=LabelingSettings(),
            ledgers=str(tmp_path / "ledgers"),
            logs=str(tmp_path),
        )
    )
    return folder


@pytest.mark.slow
@needs_ray
def test_a_killed_worker_s_shard_is_done_by_another_and_every_text_has_one_row(job: JobFolder) -> None:
    mark = marks()

    class Telling(ShardWorker):
        def __init__(self, job_url: str) -> None:
            super().__init__(job_url)
            self._url = job_url

        def assign(self, shard: int) -> ShardDone:
            mark(self._url, shard)
            return super().assign(shard)

    killed: list[tuple[int, int]] = []
    told: list[int] = []
    heard: set[str] = set()

    def finished(done: ShardDone) -> None:
        told.append(done.shard)
        heard.update(listening())
        if not killed:
            killed.append(begun(Path(job.url))[-1])
            os.kill(killed[0][1], signal.SIGKILL)

    description = job.job()
    done = run_on_ray(job.url, range(SHARDS), 2, finished, lambda _: None, Telling)

    assert [(one.shard, one.texts, one.error) for one in done] == [
        (shard, len(description.rows(shard)), None) for shard in range(SHARDS)
    ]
    assert sorted(told) == list(range(SHARDS))
    assert heard
    assert {address for address in heard if not ipaddress.ip_address(address).is_loopback} == set()
    tries = begun(Path(job.url))
    assert {process for shard, process in tries if shard == killed[0][0]} - {killed[0][1]}
    rows = list(job.rows(description))
    assert [row.row for row in rows] == list(range(description.count))
    ids = DocumentStore(Path(description.documents)).rows(range(description.count))
    assert [row.document_id for row in rows] == [document.id for document in ids]
    assert {row.decided for row in rows} == {"model"}
    assert not job.open_shards(description)


@pytest.mark.slow
@needs_ray
@pytest.mark.usefixtures("session")
def test_shards_that_raise_or_kill_their_workers_leave_the_others_alone(tmp_path: Path) -> None:
    mark = marks()

    class Failing:
        def __init__(self, url: str) -> None:
            self._url = url

        def assign(self, shard: int) -> ShardDone:
            mark(self._url, shard)
            asyncio.run(asyncio.sleep(0))
            if shard == 1:
                raise RuntimeError("a bad row")
            if shard == 2:
                os.kill(os.getpid(), signal.SIGKILL)
            return ShardDone(shard, 10, 0)

        def close(self) -> None: ...

    done = run_on_ray(str(tmp_path), [0, 1, 2, 5], 2, lambda _: None, lambda _: None, Failing)

    assert [one.shard for one in done] == [0, 1, 2, 5]
    assert [one.error for one in done if one.shard in (0, 5)] == [None, None]
    assert done[1].error == "RuntimeError: a bad row"
    assert "workers died over it" in (done[2].error or "")
    assert Counter(shard for shard, _ in begun(tmp_path))[2] == 3


@pytest.mark.slow
@needs_ray
@pytest.mark.usefixtures("session")
def test_nothing_is_begun_after_a_stop(tmp_path: Path) -> None:
    mark = marks()

    class Slow:
        def __init__(self, url: str) -> None:
            self._url = url

        def assign(self, shard: int) -> ShardDone:
            mark(self._url, shard)
            time.sleep(2)
            return ShardDone(shard, 10, 0)

        def close(self) -> None: ...

    stopped = Event()
    done = run_on_ray(str(tmp_path), range(12), 2, lambda _: stopped.set(), lambda _: None, Slow, stopped=stopped)

    assert len(done) == 12
    assert len(begun(tmp_path)) < 12
    assert {one.shard for one in done if one.error is None} == {shard for shard, _ in begun(tmp_path)}


@pytest.mark.slow
@needs_ray
@pytest.mark.usefixtures("session")
def test_a_worker_that_cannot_start_ends_the_run_with_its_words(tmp_path: Path) -> None:
    with pytest.raises(IncompleteError, match="holds no job that can be read"):
        run_on_ray(str(tmp_path / "nothing"), [0, 1], 2, lambda _: None, lambda _: None)


def test_without_ray_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setitem(sys.modules, "ray.data", None)
    before = dict(os.environ)
    with pytest.raises(SettingsError, match=r"pip install 'cluster-r1\[ray\]'"):
        run_on_ray(str(tmp_path), [0], 2, lambda _: None, lambda _: None)
    assert dict(os.environ) == before


def test_an_address_where_nobody_listens_is_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(SettingsError, match="nobody listens at RAY_ADDRESS"):
            run_on_ray(str(tmp_path), [0], 2, lambda _: None, lambda _: None)
