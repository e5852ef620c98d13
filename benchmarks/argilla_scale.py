"""Reviews at scale in the embedded Argilla; run: benchmarks/argilla_scale.py --records 2000 10000

Pushes label records (80 words, a suggestion, a metadata value) through the Argilla channel, then asks what the
annotation page asks: the queue of what is pending for me, a page deep in it, a text search, my progress; then answers a
hundred and reads everything back as `review pull` does.

The floor of a push is the same records sent straight to the server's bulk call; the floor of a question is the time the
server takes to say who I am. Both are measured in the same run, alone on the server.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
from cluster_r1.annotation.connection import ArgillaChannel
from cluster_r1.annotation.labels import label_form
from cluster_r1.annotation.server import ARGILLA_WORKSPACE, RunningArgilla, embedded_argilla
from cluster_r1.cli.console import watched
from cluster_r1.core.forms import Form, Record, Suggestion
from cluster_r1.core.taxonomy import Cluster, Taxonomy
from cluster_r1.core.workspace import Workspace

WORDS = ("please", "could", "you", "tell", "me", "why", "my", "account", "was", "charged", "after", "a", "payment")
TOPICS = ("cards", "loans", "fees", "fraud", "transfers")
ROUNDS = 7
FLOOR_RECORDS = 300
ANSWERED = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, nargs="+", default=[2000])
    parser.add_argument("--json", action="store_true", help="print one JSON object as the last line")
    arguments = parser.parse_args()
    print(f"load average {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores")
    found: dict[int, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder, watched() as progress:
        started = time.perf_counter()
        with embedded_argilla(Workspace(Path(folder)), progress) as (running, _):
            print(f"the server was up after {time.perf_counter() - started:.1f} s")
            for count in arguments.records:
                found[count] = measure(running, count, progress.stage, progress.advance)
    _say(found)
    if arguments.json:
        print(json.dumps(found))


def measure(
    running: RunningArgilla, count: int, stage: Callable[[str, int], None], advance: Callable[[int], None]
) -> dict[str, float]:
    """Figures in seconds by what was asked."""
    channel = ArgillaChannel(running.url, running.api_key, ARGILLA_WORKSPACE, f"n{count}", "the benchmark")
    form = label_form(_taxonomy(), 1)
    floor = _floor(channel, form, running)
    stage(f"push {count} records", count)
    pushed = _timed(lambda: channel.push(form, records(form, count), advance))
    again = _timed(lambda: channel.push(form, records(form, count), lambda _: None))
    figures = {"push_s_per_record": pushed / count, "floor_s_per_record": floor, "push_again_s": again}
    client = httpx.Client(base_url=running.url, headers={"X-Argilla-Api-Key": running.api_key}, timeout=120)
    data_set = channel.place(form).split("/")[-2]
    figures |= _questions(client, data_set, count)
    figures["read_back_s"] = _timed(lambda: channel.responses(form))
    client.close()
    return figures


def records(form: Form, count: int) -> Iterator[Record]:
    rng = random.Random(count)
    for number in range(count):
        text = f"{' '.join(rng.choices(WORDS, k=80))} about {TOPICS[number % 5]}, case {number}."
        vote = Suggestion("cluster", TOPICS[number % 5], "labeler_a and labeler_b", 1.0)
        fields = {"text": text, "votes": f"labeler_a: {TOPICS[number % 5]}", "clusters": ", ".join(TOPICS)}
        yield Record(
            id=f"{form.name}/{number:016x}", fields=fields, suggestions=(vote,), metadata={"document": f"d{number}"}
        )


def _floor(channel: ArgillaChannel, form: Form, running: RunningArgilla) -> float:
    """Seconds a record of the server's own bulk call, with nothing of ours or of the SDK around it."""
    other = form.model_copy(update={"name": f"{form.name}-floor"})
    channel.push(other, [], lambda _: None)
    data_set = channel.place(other).split("/")[-2]
    with httpx.Client(base_url=running.url, headers={"X-Argilla-Api-Key": running.api_key}, timeout=120) as client:
        questions = client.get(f"/api/v1/datasets/{data_set}/questions").json()["items"]
        cluster = next(question["id"] for question in questions if question["name"] == "cluster")
        items = [_bulk_item(record, cluster) for record in records(other, FLOOR_RECORDS)]
        started = time.perf_counter()
        for start in range(0, FLOOR_RECORDS, 100):
            batch = {"items": items[start : start + 100]}
            client.put(f"/api/v1/datasets/{data_set}/records/bulk", json=batch).raise_for_status()
        return (time.perf_counter() - started) / FLOOR_RECORDS


def _bulk_item(record: Record, question: str) -> dict[str, Any]:
    suggestions = [
        {"question_id": question, "value": s.value, "agent": s.agent, "score": s.score} for s in record.suggestions
    ]
    return {
        "external_id": record.id,
        "fields": record.fields,
        "metadata": record.metadata,
        "suggestions": suggestions,
    }


def _questions(client: httpx.Client, data_set: str, count: int) -> dict[str, float]:
    search = f"/api/v1/me/datasets/{data_set}/records/search"
    pending = {"type": "terms", "scope": {"entity": "response", "property": "status"}, "values": ["pending"]}
    queue = {"filters": {"type": "and", "and": [pending]}}
    text = {"query": {"text": {"q": "charged transfers"}}}
    rare = {"query": {"text": {"q": f"case {count // 2}"}}}
    page = {"include": "responses,suggestions", "limit": 10}

    def ask(body: dict[str, Any], offset: int = 0) -> Callable[[], object]:
        return lambda: client.post(search, json=body, params={**page, "offset": offset}).raise_for_status()

    figures = {
        "floor_me_s": _median(lambda: client.get("/api/v1/me").raise_for_status()),
        "queue_s": _median(ask(queue)),
        "deep_page_s": _median(ask(queue, offset=max(0, count - 20))),
        "text_search_s": _median(ask(text)),
        "rare_word_s": _median(ask(rare)),
        "progress_s": _median(lambda: client.get(f"/api/v1/me/datasets/{data_set}/metrics").raise_for_status()),
    }
    items = client.post(search, json=queue, params={**page, "limit": ANSWERED}).json()["items"]
    answer = {"status": "submitted", "values": {"cluster": {"value": "fees"}}}
    started = time.perf_counter()
    for item in items:
        client.post(f"/api/v1/records/{item['record']['id']}/responses", json=answer).raise_for_status()
    return figures | {"answer_s": (time.perf_counter() - started) / len(items)}


def _taxonomy() -> Taxonomy:
    return Taxonomy(
        task="topic", instruction="Cluster by topic.", clusters=tuple(Cluster(name=name) for name in TOPICS)
    )


def _timed(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def _median(action: Callable[[], object]) -> float:
    return statistics.median(_timed(action) for _ in range(ROUNDS))


def _say(found: dict[int, dict[str, float]]) -> None:
    for count, figures in found.items():
        push, floor = figures["push_s_per_record"], figures["floor_s_per_record"]
        print(f"{count} records: pushed in {push * count:.1f} s, {_ms(push)} each ({push / floor:.2f} x the floor)")
        print(
            f"  pushed again, nothing new: {figures['push_again_s']:.1f} s; read back: {figures['read_back_s']:.1f} s"
        )
        me = figures["floor_me_s"]
        print(f"  the floor of a question: {_ms(me)}")
        for name in ("queue_s", "deep_page_s", "text_search_s", "rare_word_s", "progress_s", "answer_s"):
            words = name.removesuffix("_s").replace("_", " ")
            print(f"  {words:<12}{_ms(figures[name]):>10} {figures[name] / me:8.1f} x the floor")


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.1f} ms"


if __name__ == "__main__":
    main()
