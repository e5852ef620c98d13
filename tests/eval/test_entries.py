"""Entries: who is asked what, what is kept when a run ends early, and answers made in another way."""

from __future__ import annotations

from pathlib import Path

import pytest
from cluster_r1.benchmark.files import EVALUATION, Benchmark
from cluster_r1.core.errors import BenchmarkError, SettingsError, WorkspaceError, WorkspaceLocked
from cluster_r1.core.evaluation import AnswerScore, Completion, EntryInfo, EvaluationFolder
from cluster_r1.core.json_lines import read_lines
from cluster_r1.eval.entries import (
    Order,
    benchmark_hash,
    check_samples,
    chosen_records,
    entry_name,
    open_entry,
    order_of,
    read_info,
)
from small_benchmark import SmallBenchmark


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory: pytest.TempPathFactory) -> Benchmark:
    return SmallBenchmark().write(tmp_path_factory.mktemp("benchmark"))


@pytest.fixture
def evaluation(tmp_path: Path) -> EvaluationFolder:
    return EvaluationFolder(tmp_path / "evals")


def plan(benchmark: Benchmark, made_from: str = "a", **settings: object) -> EntryInfo:
    return EntryInfo(
        name="m",
        kind="model",
        settings=settings,
        benchmark="small",
        benchmark_sha256=benchmark_hash(benchmark),
        splits=(),
        examples=0,
        made_from=made_from,
    )


def answer(benchmark: Benchmark, evaluation: EvaluationFolder, order: Order, most: int = 1000) -> EntryInfo:
    with open_entry(evaluation, plan(benchmark), benchmark, order) as opened:
        for asked in opened.owed()[:most]:
            opened.add(Completion(example=asked.record.id, sample=asked.sample, text="?", completion_tokens=5), calls=1)
    return opened.info


def kept(evaluation: EvaluationFolder) -> list[tuple[str, int]]:
    return [(one.example, one.sample) for one in read_lines(evaluation.entry("m").completions, Completion)]


def test_all_splits_are_asked_and_a_limit_holds_in_every_cell(benchmark: Benchmark) -> None:
    every = chosen_records(benchmark, Order())
    assert [split for split in EVALUATION if any(own == split for _, own in every)] == list(EVALUATION)
    limited = chosen_records(benchmark, Order(limit=1))
    cells = [(record.domain, split) for record, split in limited]
    assert len(cells) == len(set(cells)) == len({(record.domain, split) for record, split in every})
    assert [record.id for record, _ in limited] == [r.id for r, _ in every if r.id in {r.id for r, _ in limited}]


def test_a_larger_limit_asks_more_of_the_same(tmp_path: Path) -> None:
    small = SmallBenchmark()
    while len(small.splits["c2"]) < 23:
        small.add("c2", "chat-2", {"red": [0, 1], "blue": [2, 3 + len(small.splits["c2"])]})
    large = small.write(tmp_path / "large")
    before: set[str] = set()
    for limit in range(1, 25):
        asked = [record.id for record, _ in chosen_records(large, Order(("c2",), limit)) if record.domain == "chat"]
        assert len(asked) == min(limit, sum(record.domain == "chat" for record in large.records("c2")))
        assert before <= set(asked)
        before = set(asked)


def test_going_on_asks_only_what_is_owed_and_adds_up(benchmark: Benchmark, evaluation: EvaluationFolder) -> None:
    total = len(chosen_records(benchmark, Order()))
    first = answer(benchmark, evaluation, Order(), most=3)
    assert (first.calls, first.completion_tokens, first.examples) == (3, 15, total)
    second = answer(benchmark, evaluation, Order())
    assert (second.calls, second.completion_tokens) == (total, 5 * total)
    assert second.started == first.started
    assert second.seconds >= first.seconds
    assert len(kept(evaluation)) == len(set(kept(evaluation))) == total


def test_answers_lie_in_the_benchmarks_order_whenever_they_came(
    benchmark: Benchmark, evaluation: EvaluationFolder
) -> None:
    answer(benchmark, evaluation, order_of(["c2"]))
    answer(benchmark, evaluation, Order(samples=2))
    ids = [record.id for record, _ in chosen_records(benchmark, Order())]
    assert kept(evaluation) == [(example, sample) for example in ids for sample in (0, 1)]
    info = read_info(evaluation.entry("m"))
    assert info is not None
    assert (info.splits, info.samples, info.examples) == (EVALUATION, 2, len(ids))


def test_a_smaller_order_later_keeps_what_was_asked(benchmark: Benchmark, evaluation: EvaluationFolder) -> None:
    before = answer(benchmark, evaluation, Order())
    after = answer(benchmark, evaluation, order_of(["c1"]))
    assert (after.splits, after.examples) == (before.splits, before.examples)


def test_an_error_inside_keeps_and_scores_what_was_answered(benchmark: Benchmark, evaluation: EvaluationFolder) -> None:
    def fail() -> None:
        with open_entry(evaluation, plan(benchmark), benchmark, Order()) as opened:
            opened.add(Completion(example=opened.owed()[0].record.id, text="?"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert len(kept(evaluation)) == 1
    assert [score.error for score in read_lines(evaluation.entry("m").scores, AnswerScore)] == ["tags"]


def test_a_line_that_a_kill_cut_is_asked_again(benchmark: Benchmark, evaluation: EvaluationFolder) -> None:
    answer(benchmark, evaluation, Order(), most=3)
    path = evaluation.entry("m").completions
    path.write_bytes(path.read_bytes()[:-7])
    info = answer(benchmark, evaluation, Order())
    assert len(kept(evaluation)) == len(set(kept(evaluation))) == info.examples


def test_answers_made_in_another_way_are_not_mixed(benchmark: Benchmark, evaluation: EvaluationFolder) -> None:
    with open_entry(evaluation, plan(benchmark, temperature=0.0), benchmark, Order()) as opened:
        opened.add(Completion(example=opened.owed()[0].record.id, text="first"))
    other = plan(benchmark, made_from="b", temperature=1.0)

    def begin(replace: bool) -> EntryInfo:
        with open_entry(evaluation, other, benchmark, Order(), replace=replace) as opened:
            assert len(opened.owed()) == len(opened.asked)
        return opened.info

    with pytest.raises(SettingsError, match=r"temperature 0.0 instead of 1.0.*--replace"):
        begin(replace=False)
    begin(replace=True)
    assert kept(evaluation) == []
    put_away = list(read_lines(evaluation.replaced / "m-1/completions.jsonl", Completion))
    assert [one.text for one in put_away] == ["first"]


def test_another_benchmark_under_the_same_name_is_not_mixed(
    benchmark: Benchmark, evaluation: EvaluationFolder, tmp_path: Path
) -> None:
    answer(benchmark, evaluation, Order())
    small = SmallBenchmark()
    small.tasks[0] = small.tasks[0].model_copy(update={"instruction": "Cluster by another thing."})
    other = small.write(tmp_path / "other")
    with pytest.raises(SettingsError, match="'small' in another version"):
        answer(other, evaluation, Order())


def test_one_process_at_a_time(benchmark: Benchmark, evaluation: EvaluationFolder) -> None:
    with (
        open_entry(evaluation, plan(benchmark), benchmark, Order()),
        pytest.raises(WorkspaceLocked, match="the entry 'm' is in use by process"),
        open_entry(evaluation, plan(benchmark), benchmark, Order()),
    ):
        pass


@pytest.mark.parametrize("name", ["", "a/b", "..", "replaced", "-x", "a b", "é"])
def test_names_that_are_no_folder_are_refused(benchmark: Benchmark, evaluation: EvaluationFolder, name: str) -> None:
    with (
        pytest.raises(SettingsError, match="cannot be named"),
        open_entry(evaluation, plan(benchmark).model_copy(update={"name": name}), benchmark, Order()),
    ):
        pass


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("gpt-4o", "gpt-4o"),
        ("Qwen/Qwen2.5-7B-Instruct", "Qwen2.5-7B-Instruct"),
        ("/models/mine/", "mine"),
        ("accounts/x:latest", "x-latest"),
        ("...", "model"),
    ],
)
def test_a_models_name_becomes_a_folders(model: str, name: str) -> None:
    assert entry_name(model) == name


def test_a_damaged_entry_is_named(benchmark: Benchmark, evaluation: EvaluationFolder) -> None:
    answer(benchmark, evaluation, Order())
    evaluation.entry("m").info.write_text("{")
    with pytest.raises(WorkspaceError, match=r"entry.json is damaged"):
        answer(benchmark, evaluation, Order())


def test_a_split_that_is_none_to_evaluate_on_is_refused(benchmark: Benchmark) -> None:
    with pytest.raises(SettingsError, match=r"'train'.*c0, c1, c2"):
        order_of(["c1", "train"])
    small = SmallBenchmark()
    assert small.splits["c2"]
    assert order_of([]).splits == EVALUATION


def test_a_benchmark_without_examples_says_so(tmp_path: Path, evaluation: EvaluationFolder) -> None:
    small = SmallBenchmark()
    for split in EVALUATION:
        small.splits[split] = []
    empty = small.write(tmp_path / "empty")
    with pytest.raises(BenchmarkError, match="no example in c0, c1, c2"):
        answer(empty, evaluation, Order())


def test_samples_need_a_temperature() -> None:
    check_samples("m", 1, 0.0)
    check_samples("m", 4, 0.7)
    with pytest.raises(SettingsError, match="4 samples of 'm' at temperature 0"):
        check_samples("m", 4, 0.0)
