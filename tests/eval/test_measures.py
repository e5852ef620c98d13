"""Scores of answers: scikit-learn's measures, invalid answers, texts left out, whole entries in constant memory."""

from __future__ import annotations

import tracemalloc
import warnings
from pathlib import Path
from typing import Any

import pytest
from cluster_r1.benchmark.files import EVALUATION, Benchmark
from cluster_r1.core.answer import Answer, render_answer
from cluster_r1.core.errors import WorkspaceError
from cluster_r1.core.evaluation import EVALUATED, AnswerScore, Completion, EntryFolder, EntryInfo
from cluster_r1.core.json_lines import read_lines, write_lines
from cluster_r1.eval.gold import ScoredOn
from cluster_r1.eval.measures import score_answer, score_completions
from hypothesis import given
from hypothesis import strategies as st
from leaderboards import info
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score, homogeneity_completeness_v_measure
from small_benchmark import SmallBenchmark

ABOUT = ScoredOn("c1/court-0/00000", "court-0", "court", "c1", 321)

labelings = st.integers(1, 40).flatmap(
    lambda n: st.tuples(*[st.lists(st.integers(0, 6), min_size=n, max_size=n) for _ in range(2)])
)


def completion(text: str, **changes: Any) -> Completion:
    return Completion.model_validate({"example": ABOUT.example, "text": text, **changes})


def score(gold: list[Any], predicted: list[Any], **changes: Any) -> AnswerScore:
    text = render_answer(Answer.from_labels(predicted))
    return score_answer(text, gold, ABOUT, completion(text, **changes))


@given(labelings)
def test_measures_are_scikit_learns(pair: tuple[list[int], list[int]]) -> None:
    gold, predicted = pair
    found = score([f"cluster {label}" for label in gold], predicted)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = homogeneity_completeness_v_measure(gold, predicted)
        ari, ami = adjusted_rand_score(gold, predicted), adjusted_mutual_info_score(gold, predicted)
    assert (found.homogeneity, found.completeness, found.v) == pytest.approx(theirs, abs=1e-12)
    assert (found.ari, found.ami) == pytest.approx((ari, ami), abs=1e-9)
    assert (found.k_gold, found.k_pred, found.n) == (len(set(gold)), len(set(predicted)), len(gold))
    assert found.error == ""


SIX = ["a", "a", "a", "b", "b", "b"]
EDGES = [
    (["a"], [1], (1.0, 1.0, 1.0)),
    (SIX, [1, 1, 1, 2, 2, 2], (1.0, 1.0, 1.0)),
    (SIX, [1] * 6, (0.0, 0.0, 0.0)),
    (["a"] * 6, [1] * 6, (1.0, 1.0, 1.0)),
    (["a"] * 30, list(range(30)), (0.0, 0.0, 0.0)),
]


@pytest.mark.parametrize(("gold", "predicted", "wanted"), EDGES)
def test_edges_have_their_known_values(gold: list[str], predicted: list[int], wanted: tuple[float, ...]) -> None:
    found = score(gold, predicted)
    assert (found.v, found.ari, found.ami) == pytest.approx(wanted, abs=1e-12)


def test_all_alone_is_homogeneous_and_no_better_than_chance() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = score([label for label in "abcde" for _ in range(6)], list(range(30)))
    assert (found.homogeneity, found.ari) == pytest.approx((1.0, 0.0), abs=1e-12)
    assert 0 < found.completeness < 0.5
    assert found.ami == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "tags"),
        ("<think></think><answer>Total clusters: [1]\ncluster1: [1, 2]</answer>", "missing"),
        ("<think></think><answer>Total clusters: [1]\ncluster1: [1, 2, 3, 3]</answer>", "duplicate"),
        ("<think></think><answer>Total clusters: [2]\ncluster1: [1, 2, 3]</answer>", "count_mismatch"),
    ],
)
def test_an_invalid_answer_has_its_kind_and_nothing_else(text: str, kind: str) -> None:
    found = score_answer(text, ["a", "a", "b"], ABOUT, completion(text, finish="length", completion_tokens=7, sample=2))
    assert found == AnswerScore(**ABOUT._asdict(), sample=2, n=3, k_gold=2, completion_tokens=7, error=kind, cut=True)


def test_an_answer_about_nothing_cannot_be_scored() -> None:
    with pytest.raises(ValueError, match="'c1/court-0/00000' is about no text"):
        score_answer("", [], ABOUT, completion(""))


@pytest.fixture
def benchmark(tmp_path: Path) -> Benchmark:
    return SmallBenchmark().write(tmp_path / "benchmark")


@pytest.fixture
def entry(tmp_path: Path) -> EntryFolder:
    return EntryFolder(tmp_path / "evals" / "gold")


def as_said(one: Completion, n: int) -> str:
    return one.text


def test_every_completion_gets_a_score_in_its_place(benchmark: Benchmark, entry: EntryFolder) -> None:
    records = [(record, split) for split in EVALUATION for record in benchmark.records(split)]
    assert {split for _, split in records} == set(EVALUATED)
    answers = []
    for record, _ in reversed(records):
        left_out = (1, len(record.labels))
        texts = Answer.from_labels(record.labels[1:-1])
        answers.append(Completion(example=record.id, text=render_answer(texts), left_out=left_out))
        answers.append(Completion(example=record.id, text="no", sample=1, completion_tokens=3, finish="stop"))
    write_lines(entry.completions, answers)
    numbers: list[int] = []

    def response(one: Completion, n: int) -> str:
        numbers.append(n)
        return one.text

    assert score_completions(entry, info("gold"), benchmark, response) == len(answers)
    scores = list(read_lines(entry.scores, AnswerScore))
    assert [(one.example, one.sample) for one in scores] == [(one.example, one.sample) for one in answers]
    for (record, split), first, second in zip(reversed(records), scores[::2], scores[1::2], strict=True):
        assert (first.task, first.domain, first.split, first.tokens) == (
            record.task,
            record.domain,
            split,
            record.tokens,
        )
        assert (first.v, first.ari, first.error, first.n) == (1.0, 1.0, "", len(record.labels) - 2)
        assert (second.v, second.error, second.completion_tokens, second.n) == (0.0, "tags", 3, len(record.labels))
    assert numbers[:2] == [scores[0].n, scores[1].n]


def test_what_the_benchmark_does_not_have_is_named(benchmark: Benchmark, entry: EntryFolder) -> None:
    entry.scores.parent.mkdir(parents=True)
    entry.scores.write_text("before\n")
    known = next(benchmark.records("c0"))
    wrong = [
        (Completion(example="c1/other/00007", text=""), "example 'c1/other/00007', which .* does not have"),
        (Completion(example=known.id, text="", left_out=(99,)), r"texts \(99,\) of the example .*, which has 9"),
        (Completion(example=known.id, text="", left_out=tuple(range(1, 10))), "run the entry anew"),
    ]
    for one, said in wrong:
        write_lines(entry.completions, [Completion(example=known.id, text=""), one])
        with pytest.raises(WorkspaceError, match=said):
            score_completions(entry, info("gold"), benchmark, as_said)
        assert entry.scores.read_text() == "before\n"


def test_no_completions_make_an_empty_file(benchmark: Benchmark, entry: EntryFolder) -> None:
    assert score_completions(entry, info("gold"), benchmark, as_said) == 0
    assert entry.scores.read_bytes() == b""


def peak(entry: EntryFolder, benchmark: Benchmark, one: Completion, number: int) -> int:
    write_lines(entry.completions, (one for _ in range(number)))
    about: EntryInfo = info("gold")
    tracemalloc.start()
    try:
        assert score_completions(entry, about, benchmark, as_said) == number
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_completions(benchmark: Benchmark, entry: EntryFolder) -> None:
    record = next(benchmark.records("c1"))
    one = Completion(example=record.id, text="hm " * 3000)
    peak(entry, benchmark, one, 1)  # what is imported once
    few = peak(entry, benchmark, one, 20)
    assert peak(entry, benchmark, one, 1000) < few + 200_000
