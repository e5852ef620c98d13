"""Baselines over a benchmark: what is answered and written down, what is left out, and going on after a kill."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from cluster_r1.core.answer import Answer, parse_answer
from cluster_r1.core.errors import EndpointError, SettingsError
from cluster_r1.core.evaluation import Completion, EvaluationFolder
from cluster_r1.core.json_lines import read_lines
from cluster_r1.core.scoring import v_measure
from cluster_r1.core.tokenizer import TokenCounter
from cluster_r1.eval.baselines import LengthLimit, baseline_info, run_baseline
from cluster_r1.eval.clusterers import Clusterer, clusterer
from cluster_r1.eval.embedders.interface import Prompt, Vectors
from cluster_r1.eval.embedders.registry import embedder
from cluster_r1.eval.entries import Order
from cluster_r1.graphs.progress import Silent
from small_benchmark import COLOURS, SmallBenchmark

BY_TOKEN = LengthLimit(100, TokenCounter("estimate", None))


class ByColour:
    """Reads a text's cluster off its words, which only these made-up texts allow; stops when told so."""

    name = "colours"
    model = "by-hand"
    identity = '{"weights": "none"}'
    by_text = True

    def __init__(self, most: int = 10_000) -> None:
        self.left = most
        self.asked: list[str] = []

    def prompts(self, instruction: str, texts: Sequence[str]) -> list[Prompt]:
        return [f"{instruction} {text}" for text in texts]

    def embed(self, instruction: str, texts: Sequence[str]) -> Vectors:
        self.left -= 1
        if self.left < 0:
            raise EndpointError("the line is dead")
        self.asked += texts
        clusters = [int(text.split()[0][-3]) for text in texts]  # words end with task, cluster, place, word
        return np.eye(len(COLOURS), dtype=np.float32)[clusters]


def completions(evaluation: EvaluationFolder, name: str) -> list[Completion]:
    return list(read_lines(evaluation.entry(name).completions, Completion))


def test_every_example_is_answered_and_the_entry_says_how(tmp_path: Path) -> None:
    benchmark, evaluation = SmallBenchmark().write(tmp_path / "b"), EvaluationFolder(tmp_path / "evals")
    info = run_baseline(benchmark, ByColour(), Clusterer(), evaluation, Order(), Silent())
    assert (info.name, info.kind, info.model, info.examples, info.samples) == (
        "colours-kmeans",
        "baseline",
        "by-hand",
        12,
        1,
    )
    assert info.settings == {"weights": "none", "clusterer": "kmeans", "k": "gold", "random_state": 43}
    assert info.says == "by-hand, K-means with gold's K"
    assert info.versions["scikit-learn"]
    said = {one.example: one for one in completions(evaluation, info.name)}
    for split in ("c0", "c1", "c2"):
        for example in benchmark.examples(split):
            found = parse_answer(said[example.id].text, len(example.texts))
            assert v_measure(example.clusters, found.labels()).value == 1


def test_a_second_clusterer_embeds_nothing(tmp_path: Path) -> None:
    benchmark, evaluation = SmallBenchmark().write(tmp_path / "b"), EvaluationFolder(tmp_path / "evals")
    run_baseline(benchmark, ByColour(), Clusterer(), evaluation, Order(), Silent())
    for how in ("gmm", "kmeans-silhouette"):
        again = ByColour(most=0)
        info = run_baseline(benchmark, again, clusterer(how), evaluation, Order(), Silent())
        assert (info.name, again.asked) == (f"colours-{how}", [])
        assert len(completions(evaluation, info.name)) == 12


def test_it_goes_on_where_it_stopped_and_ends_the_same(tmp_path: Path) -> None:
    benchmark = SmallBenchmark().write(tmp_path / "b")
    whole, broken = EvaluationFolder(tmp_path / "whole"), EvaluationFolder(tmp_path / "broken")
    run_baseline(benchmark, ByColour(), Clusterer(), whole, Order(), Silent())
    with pytest.raises(EndpointError, match="the line is dead"):
        run_baseline(benchmark, ByColour(most=5), Clusterer(), broken, Order(), Silent())
    kept = completions(broken, "colours-kmeans")
    assert len(kept) == 5
    rest = ByColour(most=7)
    run_baseline(benchmark, rest, Clusterer(), broken, Order(), Silent())
    ended = completions(broken, "colours-kmeans")
    assert (rest.left, ended[:5]) == (0, kept)
    assert [(one.example, one.text) for one in ended] == [
        (one.example, one.text) for one in completions(whole, "colours-kmeans")
    ]


def test_texts_that_are_too_long_are_left_out_and_the_others_numbered_anew(tmp_path: Path) -> None:
    small = SmallBenchmark()
    records = small.splits["c0"]
    first, second, *_ = records
    for number in (first.texts[1], *second.texts[1:]):
        small.texts[number] = small.texts[number]._replace(text=small.texts[number].text + " and on" * 100)
    benchmark, evaluation = small.write(tmp_path / "b"), EvaluationFolder(tmp_path / "evals")
    info = run_baseline(benchmark, ByColour(), Clusterer(), evaluation, Order(("c0",)), Silent(), BY_TOKEN)
    said = {one.example: one for one in completions(evaluation, info.name)}
    assert said[first.id].left_out == (2,)
    rest = [label for place, label in enumerate(first.labels) if place != 1]
    assert parse_answer(said[first.id].text, len(rest)) == Answer.from_labels(rest)
    assert second.id not in said
    assert info.unanswered == {
        second.id: f"clustering needs two texts and has 1 of {len(second.texts)}, the others are longer than 100 tokens"
    }
    assert info.texts_left_out == 1
    assert (info.settings["max_tokens"], info.settings["tokenizer"]) == (100, "estimate")


def test_k_counts_the_clusters_of_the_texts_that_are_left(tmp_path: Path) -> None:
    small = SmallBenchmark()
    record = small.splits["c0"][0]
    for number, label in zip(record.texts, record.labels, strict=True):
        if label == "red":
            small.texts[number] = small.texts[number]._replace(text="long " * 400)
    benchmark, evaluation = small.write(tmp_path / "b"), EvaluationFolder(tmp_path / "evals")
    run_baseline(benchmark, embedder("tfidf"), Clusterer(), evaluation, Order(("c0",)), Silent(), BY_TOKEN)
    said = next(one for one in completions(evaluation, "tfidf-kmeans") if one.example == record.id)
    assert len(parse_answer(said.text, 6).clusters) == 2


def test_another_way_needs_another_name_or_replace(tmp_path: Path) -> None:
    benchmark, evaluation = SmallBenchmark().write(tmp_path / "b"), EvaluationFolder(tmp_path / "evals")
    run_baseline(benchmark, ByColour(), Clusterer(), evaluation, Order(), Silent())
    with pytest.raises(SettingsError, match="replace"):
        run_baseline(benchmark, ByColour(), Clusterer(), evaluation, Order(), Silent(), BY_TOKEN)
    named = run_baseline(benchmark, ByColour(), Clusterer(), evaluation, Order(), Silent(), BY_TOKEN, name="short")
    assert named.name == "short"
    run_baseline(benchmark, ByColour(), Clusterer(), evaluation, Order(), Silent(), BY_TOKEN, replace=True)
    assert (evaluation.replaced / "colours-kmeans-1").is_dir()


def test_samples_of_what_is_always_the_same_are_not_taken(tmp_path: Path) -> None:
    benchmark, evaluation = SmallBenchmark().write(tmp_path / "b"), EvaluationFolder(tmp_path / "evals")
    info = run_baseline(benchmark, ByColour(), Clusterer(), evaluation, Order(limit=1, samples=3), Silent())
    assert (info.samples, info.examples, len(completions(evaluation, info.name))) == (1, 6, 6)


def test_what_a_baseline_is_tells_two_ways_apart(tmp_path: Path) -> None:
    benchmark = SmallBenchmark().write(tmp_path / "b")
    infos = [
        baseline_info(benchmark, embedder("tfidf"), Clusterer()),
        baseline_info(benchmark, embedder("tfidf"), Clusterer("gmm")),
        baseline_info(benchmark, embedder("tfidf"), Clusterer(k="silhouette")),
        baseline_info(benchmark, embedder("tfidf"), Clusterer(k="silhouette", most=9)),
        baseline_info(benchmark, embedder("tfidf"), Clusterer(), BY_TOKEN),
        baseline_info(benchmark, embedder("openai"), Clusterer()),
    ]
    assert len({info.made_from for info in infos}) == len(infos)
    assert infos[0].says == "tfidf, K-means with gold's K"
    with pytest.raises(SettingsError, match="max_tokens leaves no text"):
        run_baseline(
            benchmark,
            ByColour(),
            Clusterer(),
            EvaluationFolder(tmp_path),
            Order(),
            Silent(),
            BY_TOKEN._replace(max_tokens=0),
        )
