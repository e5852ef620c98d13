"""Runs to draw: two tasks over the bundled corpus with simulated labelers, tasks of any size, a strict reader."""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

import pytest
from cluster_r1.core.agreement import confusion_matrix, measure_agreement
from cluster_r1.core.check import TaxonomyCheck, check_taxonomy
from cluster_r1.core.consensus import OUTCOMES, Assignment, Consensus, decide
from cluster_r1.core.costs import RoleCost
from cluster_r1.core.gold import GoldScore, score_against_gold
from cluster_r1.core.positions import PositionBias, position_bias
from cluster_r1.core.settings import TaxonomySettings
from cluster_r1.core.taxonomy import NONE_FITS, Cluster, Provenance, Taxonomy
from cluster_r1.reports.summary import RunSummary, Shown, TaskSummary

DESK = Path(__file__).resolve().parents[2] / "corpora" / "samples" / "town_desk.jsonl"
MODEL = "Qwen/Qwen2.5-7B-Instruct"
DESCRIPTIONS = {
    "Waste and recycling": "Bins, collections, the recycling centre, fly-tipping and litter.",
    "Roads and parking": "Carriageways, potholes, street lights, permits and parking tickets.",
    "Parks and playgrounds": "Green spaces, play equipment, trees, sports pitches and benches.",
    "Library services": "Loans, opening hours, events, staff and rooms of the libraries.",
    "Water and drains": "Tap water, leaks, gullies, blocked drains and flooding.",
    "Reporting a problem": "Something is broken, missing or wrong and should be put right.",
    "Asking for information": "The writer wants to know a fact, a time, a price or a rule.",
    "Thanking or praising": "The writer is pleased and says so; nothing is asked for.",
    "Proposing an improvement": "A new idea or a change for the better; nothing is broken.",
}
ERROR = "http://localhost:8080/v1/chat/completions answered 503: server is loading the model"


class Text(NamedTuple):
    id: str
    text: str
    gold: str


def _cost(*values: object) -> RoleCost:
    return RoleCost.model_validate(dict(zip(RoleCost.model_fields, values, strict=True)))


def task_summary(
    task: str, instruction: str, names: Sequence[str], texts: Sequence[Text], seed: int = 0
) -> TaskSummary:
    """A task whose labelers are right nine times in ten, mix up neighbours, and sometimes find no cluster or fail."""
    rng = random.Random(seed)
    history = _history(task, instruction, names)
    taxonomy = history[-1]
    orders = [tuple(names[shift:] + names[:shift]) for shift in (0, len(names) // 3, 2 * len(names) // 3)]
    votes = [_votes(text, list(names), orders, rng) for text in texts]
    pairs = [(str(a.cluster), str(b.cluster)) for a, b in (v.votes for v in votes) if a.cluster and b.cluster]
    labels = (*names, NONE_FITS)
    shown: dict[str, list[Shown]] = defaultdict(list)
    for text, vote in zip(texts, votes, strict=True):
        shown[vote.cluster or vote.outcome].append(Shown(text.text, text.gold, vote))
    outcomes = Counter(vote.outcome for vote in votes)
    return TaskSummary(
        id=task,
        taxonomy=taxonomy,
        history=history,
        checks=_checks(history, votes),
        documents=len(votes),
        outcomes={outcome: outcomes[outcome] for outcome in OUTCOMES},
        sizes={name: len(shown[name]) for name in names},
        agreement=measure_agreement(confusion_matrix(pairs, labels), labels, resamples=200),
        bias=_bias(votes, orders),
        gold=_gold(texts, votes),
        kept={name: tuple(shown[name][:60]) for name in names},
        conflicts=tuple(shown["conflict"][:60]),
        none_fits=tuple(shown["none_fits"][:60]),
        unanswered=tuple(shown["unanswered"][:60]),
        cut=3,
    )


def _votes(text: Text, names: list[str], orders: Sequence[tuple[str, ...]], rng: random.Random) -> Consensus:
    hard = rng.random() < 0.05

    def vote(labeler: str, right: float) -> Assignment:
        drawn, order = rng.random(), rng.randrange(len(orders))
        if drawn > 0.985:
            return Assignment(labeler=labeler, cluster=None, error=ERROR)
        here = names.index(text.gold)
        neighbour = names[(here + rng.choice((1, 1, 1, 2))) % len(names)]
        cluster = text.gold if drawn < right else NONE_FITS if drawn > 0.955 else neighbour
        cluster = names[here - 1] if hard else cluster
        words = " ".join(text.text.split()[:7])
        place = None if cluster == NONE_FITS else orders[order].index(cluster)
        reason = f"“{words}…” speaks for {cluster}."
        return Assignment(labeler=labeler, cluster=cluster, position=place, order=order, reason=reason)

    return decide(text.id, vote("labeler_a", 0.93), vote("labeler_b", 0.9))


def _history(task: str, instruction: str, names: Sequence[str]) -> tuple[Taxonomy, ...]:
    final = [Cluster(name=name, description=DESCRIPTIONS.get(name, f"What {name} is about.")) for name in names]
    vague = final[1].model_copy(update={"description": "Other matters."})
    drafts = [[*final[:-1], Cluster(name="Everything else")], [final[0], vague, *final[2:]], final]
    made = [
        ("generator", "model", MODEL, ("proposed from a sample of 40 documents",)),
        ("refiner", "model", MODEL, ("replaced a catch-all cluster by a named one",)),
        ("ada", "human", None, (f"{names[1]}: said what belongs in it",)),
    ]
    history: list[Taxonomy] = []
    for number, (clusters, (author, kind, model, changes)) in enumerate(zip(drafts, made, strict=True), start=1):
        parent = history[-1].fingerprint if history else None
        at = f"2026-11-20T1{number}:30:00+00:00"
        provenance = Provenance(author=author, kind=kind, model=model, parent=parent, changes=changes, at=at)
        history.append(
            Taxonomy(
                task=task, instruction=instruction, clusters=tuple(clusters), version=number, provenance=provenance
            )
        )
    return tuple(history)


def _checks(history: Sequence[Taxonomy], votes: Sequence[Consensus]) -> tuple[TaxonomyCheck, ...]:
    probe = votes[:40]
    strict = check_taxonomy(history[-1], probe, TaxonomySettings(max_confusion=0.05, max_none_fits=0.01))
    loose = check_taxonomy(history[-1], probe, TaxonomySettings(max_confusion=0.9, max_none_fits=0.5))
    return (strict.model_copy(update={"version": 2}), loose)


def _bias(votes: Sequence[Consensus], orders: list[tuple[str, ...]]) -> tuple[PositionBias, ...]:
    cast = [[vote for v in votes if (vote := v.votes[side]).cluster not in (None, NONE_FITS)] for side in (0, 1)]
    return tuple(
        position_bias(labeler, orders, [(vote.order, str(vote.cluster)) for vote in side])
        for labeler, side in zip(("labeler_a", "labeler_b"), cast, strict=True)
    )


def _gold(texts: Sequence[Text], votes: Sequence[Consensus]) -> tuple[GoldScore, ...]:
    answered = [(t.gold, v) for t, v in zip(texts, votes, strict=True) if v.outcome != "unanswered"]
    gold = [label for label, _ in answered]
    kept = [(label, str(v.cluster)) for label, v in answered if v.cluster]
    return (
        score_against_gold("labeler A", gold, [str(v.votes[0].cluster) for _, v in answered]),
        score_against_gold("labeler B", gold, [str(v.votes[1].cluster) for _, v in answered]),
        score_against_gold("consensus (kept)", [label for label, _ in kept], [cluster for _, cluster in kept]),
    )


def desk_task(task: str, instruction: str, seed: int) -> TaskSummary:
    rows = [json.loads(line) for line in DESK.read_text().splitlines()]
    texts = [Text(row["id"], row["text"], row["labels"][task]) for row in rows]
    return task_summary(task, instruction, sorted({text.gold for text in texts}), texts, seed)


def large_task(clusters: int, documents: int = 2000, task: str = "topics") -> TaskSummary:
    """A task of any size with names of uneven length."""
    names = [f"Topic {n:03d}" + " of some length" * (n % 4) for n in range(1, clusters + 1)]
    texts = [
        Text(f"doc-{n:05d}", f"Text number {n}. " * (1 + n % 40), names[n * n % clusters]) for n in range(documents)
    ]
    return task_summary(task, "Cluster these texts by their topic.", names, texts, seed=5)


def run_of(*tasks: TaskSummary) -> RunSummary:
    return RunSummary(
        title="town-desk",
        generated_at="2026-11-21T05:42:10+00:00",
        corpus_source="town_desk.jsonl",
        corpus_read=126,
        corpus_kept=120,
        corpus_skipped={"duplicate_id": 3, "empty": 2, "too_long": 1},
        models={"generator": f"{MODEL} (vllm)", "labeler_a": f"{MODEL} (vllm)", "labeler_b": "gpt-oss-20b (vllm)"},
        tasks=tasks,
        waiting=("taxonomy.sentiment.yaml",),
        cost=(
            _cost("generator", MODEL, 3, 14_210, 2_975, 41.2, 0.0021, 0),
            _cost("labeler_a", MODEL, 240, 151_322, 9_840, 312.5, 0.0193, 4),
            _cost("labeler_b", "gpt-oss-20b", 240, 149_871, 31_077, 4012.8, 1.234, 7),
        ),
        cost_failures={"server": 6, "refused": 3, "timeout": 2},
    )


@pytest.fixture(scope="session")
def desk_run() -> RunSummary:
    """Two tasks over the 120 messages of the bundled corpus."""
    return run_of(
        desk_task("subject", "Cluster these messages by the town service they are about.", 3),
        desk_task("purpose", "Cluster these messages by what the writer wants from the desk.", 8),
    )


@pytest.fixture(scope="session")
def make_task() -> Callable[..., TaskSummary]:
    return large_task


@pytest.fixture(scope="session")
def make_run() -> Callable[..., RunSummary]:
    return run_of


class Element(NamedTuple):
    tag: str
    attributes: dict[str, str | None]


class Html(HTMLParser):
    """A strict reading: every element is closed in order; collects elements and visible text."""

    VOID = frozenset({"meta", "link", "input", "br"})

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(source)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs), f"an attribute twice: {self.get_starttag_text()}"
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> at {self.getpos()}"

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self.open):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [element.attributes for element in self.elements if element.tag == tag]

    @property
    def ids(self) -> list[str]:
        return [str(e.attributes["id"]) for e in self.elements if "id" in e.attributes]


@pytest.fixture(scope="session")
def read_html() -> Callable[[str], Html]:
    return Html
