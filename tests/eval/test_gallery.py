"""Examples to read: texts, gold and the answers of entries."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cluster_r1.benchmark.files import Benchmark, ExampleRecord
from cluster_r1.core.errors import SettingsError, WorkspaceError
from cluster_r1.core.evaluation import Completion, EvaluationFolder, ShownAnswer
from cluster_r1.eval.entries import Order
from cluster_r1.eval.gallery import show
from made_entries import GOLD, ONE_CLUSTER, SINGLETONS, Said, mostly_invalid, partition, saying, write_entry
from small_benchmark import SmallBenchmark

C0, C2 = "c0/court-0/00000", "c2/court-2/00001"
"""Three of red, green and blue each, and four of red and green each."""


@pytest.fixture
def benchmark(tmp_path: Path) -> Benchmark:
    return SmallBenchmark().write(tmp_path / "benchmark")


@pytest.fixture
def evaluation(tmp_path: Path) -> EvaluationFolder:
    return EvaluationFolder(tmp_path / "evals")


def answer_to(example: str, evaluation: EvaluationFolder, benchmark: Benchmark, said: Said) -> ShownAnswer:
    entry = write_entry(evaluation, benchmark, "entry", said)
    ((answer,),) = (shown.answers for shown in show(benchmark, {example: []}, [entry]))
    return answer


def test_examples_come_in_the_benchmarks_order_with_gold_and_reasons(
    benchmark: Benchmark, evaluation: EvaluationFolder
) -> None:
    entry = write_entry(evaluation, benchmark, "entry", GOLD)
    second, first = show(benchmark, {C2: ["cell"], C0: ["success:entry", "cell"]}, [entry])[::-1]
    assert (first.id, first.why, first.split, first.domain, first.task) == (
        C0,
        ("success:entry", "cell"),
        "c0",
        "court",
        "court-0",
    )
    assert first.instruction == "Cluster these texts of court by colour number 0."
    assert first.gold == ("red",) * 3 + ("green",) * 3 + ("blue",) * 3
    assert first.texts[0] == benchmark.texts[3]
    assert (second.id, second.gold) == (C2, ("red",) * 4 + ("green",) * 4)


def test_a_right_answer_has_golds_names_and_its_reasoning(benchmark: Benchmark, evaluation: EvaluationFolder) -> None:
    answer = answer_to(C0, evaluation, benchmark, GOLD)
    assert (answer.v, answer.ari, answer.error) == (1, 1, "")
    assert answer.clusters == (0, 0, 0, 1, 1, 1, 2, 2, 2)
    assert answer.names == ("red", "green", "blue")
    assert (answer.reasoning, answer.text) == ("I sort them by colour.", "")


def test_a_cluster_is_named_after_most_of_its_texts_and_the_tasks_earlier_one_of_equals(
    benchmark: Benchmark, evaluation: EvaluationFolder
) -> None:
    labels = {9: [0, 0, 1, 1, 2, 1, 2, 2, 2], 8: [0, 0, 0, 1, 1, 0, 0, 0]}
    said = saying(lambda record: partition(labels[len(record.labels)]))
    entry = write_entry(evaluation, benchmark, "entry", said)
    first, second = show(benchmark, {C0: [], C2: []}, [entry])
    assert first.answers[0].names == ("red", "green", "blue")
    assert second.answers[0].names == ("red", "red")


def test_a_name_may_stand_for_several_clusters(benchmark: Benchmark, evaluation: EvaluationFolder) -> None:
    assert answer_to(C2, evaluation, benchmark, SINGLETONS).names == ("red",) * 4 + ("green",) * 4


def test_texts_that_an_answer_is_not_about_are_in_no_cluster(
    benchmark: Benchmark, evaluation: EvaluationFolder
) -> None:
    def said(record: ExampleRecord, sample: int) -> Completion:
        return Completion(example=record.id, text=partition(record.labels[2:-1]), left_out=(1, 2, len(record.labels)))

    answer = answer_to(C0, evaluation, benchmark, said)
    assert answer.clusters == (-1, -1, 0, 1, 1, 1, 2, 2, -1)
    assert answer.names == ("red", "green", "blue")
    assert answer.v == 1


def test_an_invalid_answer_shows_what_was_said(benchmark: Benchmark, evaluation: EvaluationFolder) -> None:
    entry = write_entry(evaluation, benchmark, "babbler", mostly_invalid)
    chosen = {record.id: [] for split in ("c0", "c1", "c2") for record in benchmark.records(split)}
    answers = [shown.answers[0] for shown in show(benchmark, chosen, [entry])]
    assert {answer.error for answer in answers} == {"", "tags", "missing"}
    babbled = next(answer for answer in answers if answer.error == "tags")
    assert (babbled.v, babbled.clusters, babbled.names) == (0, (), ())
    assert babbled.text.startswith("I cannot do this.")
    assert "[… 4,500 characters are left out here …]" in babbled.text
    short = next(answer for answer in answers if answer.error == "missing")
    assert "<answer>" in short.text


def test_reasoning_that_came_apart_is_shown_with_its_middle_left_out(
    benchmark: Benchmark, evaluation: EvaluationFolder
) -> None:
    def said(record: ExampleRecord, sample: int) -> Completion:
        block = partition(record.labels).partition("</think>\n")[2]
        return Completion(example=record.id, text=block, reasoning="a" * 3000 + "b" * 1234 + "c" * 1500)

    answer = answer_to(C0, evaluation, benchmark, said)
    assert answer.error == ""
    assert answer.reasoning == "a" * 3000 + "\n\n[… 1,234 characters are left out here …]\n\n" + "c" * 1500


def test_an_answer_in_another_form_is_read_as_it_was_scored(benchmark: Benchmark, evaluation: EvaluationFolder) -> None:
    def said(record: ExampleRecord, sample: int) -> Completion:
        numbers = {f"text{number}": 1 + (label == "red") for number, label in enumerate(record.labels, start=1)}
        return Completion(example=record.id, text=json.dumps({"reasoning": "Red or not.", **numbers}))

    entry = write_entry(evaluation, benchmark, "entry", said, "constrained", form="labels")
    (shown,) = show(benchmark, {C0: []}, [entry])
    assert shown.answers[0].clusters == (0, 0, 0, 1, 1, 1, 1, 1, 1)
    assert shown.answers[0].names == ("red", "green")
    assert shown.answers[0].reasoning == "Red or not."


def test_long_texts_are_shortened(tmp_path: Path, evaluation: EvaluationFolder) -> None:
    small = SmallBenchmark()
    small.texts[3] = small.texts[3]._replace(text="x" * 1000)
    (shown,) = show(small.write(tmp_path / "long"), {C0: []}, [])
    assert shown.texts[0] == "x" * 400 + "\n\n[… 600 characters are left out here …]"


def test_the_first_sample_is_shown(benchmark: Benchmark, evaluation: EvaluationFolder) -> None:
    def said(record: ExampleRecord, sample: int) -> Completion:
        return (GOLD if sample == 0 else ONE_CLUSTER)(record, sample)

    entry = write_entry(evaluation, benchmark, "entry", said, order=Order(samples=3))
    (shown,) = show(benchmark, {C0: []}, [entry])
    assert [answer.v for answer in shown.answers] == [1]


def test_an_entry_that_was_not_asked_has_no_answer(benchmark: Benchmark, evaluation: EvaluationFolder) -> None:
    entries = [
        write_entry(evaluation, benchmark, "all", GOLD),
        write_entry(evaluation, benchmark, "held-out", GOLD, order=Order(("c2",))),
    ]
    first, second = show(benchmark, {C0: [], C2: []}, entries)
    assert [answer.entry for answer in first.answers] == ["all"]
    assert [answer.entry for answer in second.answers] == ["all", "held-out"]


def test_an_example_of_another_benchmark_is_refused(benchmark: Benchmark) -> None:
    with pytest.raises(SettingsError, match="no example 'c0/court-9/00001'"):
        show(benchmark, {"c0/court-9/00001": []}, [])


def test_scores_that_are_not_of_these_answers_are_refused(benchmark: Benchmark, evaluation: EvaluationFolder) -> None:
    info, folder = write_entry(evaluation, benchmark, "entry", GOLD)
    folder.completions.write_text(folder.completions.read_text().replace("Total clusters: [3]", "Total clusters: [4]"))
    with pytest.raises(WorkspaceError, match=r"calls an answer to .* valid that is not"):
        show(benchmark, {C0: []}, [(info, folder)])
