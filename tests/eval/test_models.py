"""Models under test behind an endpoint: every answer is kept, nothing is paid twice, whatever goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from cluster_r1.benchmark.files import Benchmark
from cluster_r1.core.errors import BudgetReached, EndpointError, SettingsError
from cluster_r1.core.evaluation import AnswerScore, Completion, EntryInfo, EvaluationFolder
from cluster_r1.core.json_lines import read_lines
from cluster_r1.core.settings import BudgetSettings, TestedModel
from cluster_r1.eval.entries import Order
from cluster_r1.eval.forms import Form
from cluster_r1.eval.models import ModelEntry, run_models
from cluster_r1.graphs.progress import Silent
from cluster_r1.llm.testing.process import RunningEndpoint, endpoint_process
from small_benchmark import SmallBenchmark

EXAMPLES = 12


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory: pytest.TempPathFactory) -> Benchmark:
    return SmallBenchmark().write(tmp_path_factory.mktemp("benchmark"))


@pytest.fixture
def evaluation(tmp_path: Path) -> EvaluationFolder:
    return EvaluationFolder(tmp_path / "evals")


@pytest.fixture(scope="module")
def sound() -> Any:
    with endpoint_process() as endpoint:
        yield endpoint


def entry(endpoint: RunningEndpoint, form: Form = "free", name: str = "m", **model: Any) -> ModelEntry:
    settings = TestedModel(model="stand-in", base_url=endpoint.base_url, **model)
    return ModelEntry(name, settings, form)


def ask(
    entries: Sequence[ModelEntry],
    benchmark: Benchmark,
    evaluation: EvaluationFolder,
    order: Order | None = None,
    **more: Any,
) -> list[EntryInfo]:
    return asyncio.run(run_models(entries, benchmark, evaluation, order or Order(), Silent(), **more))


def completions(evaluation: EvaluationFolder, name: str = "m") -> list[Completion]:
    return list(read_lines(evaluation.entry(name).completions, Completion))


def scores(evaluation: EvaluationFolder, name: str = "m") -> list[AnswerScore]:
    return list(read_lines(evaluation.entry(name).scores, AnswerScore))


def test_every_example_is_answered_and_scored(
    sound: RunningEndpoint, benchmark: Benchmark, evaluation: EvaluationFolder
) -> None:
    (info,) = ask([entry(sound)], benchmark, evaluation)
    assert (info.examples, info.calls, info.unanswered) == (EXAMPLES, EXAMPLES, {})
    assert (info.kind, info.model, info.settings["temperature"]) == ("model", "stand-in", 0.0)
    assert info.prompt_tokens > 0
    found = scores(evaluation)
    assert len(found) == EXAMPLES
    assert {score.error for score in found} == {""}
    assert all(score.k_pred >= 1 and score.completion_tokens > 0 for score in found)


def test_a_constrained_form_is_an_entry_of_its_own_kind(
    sound: RunningEndpoint, benchmark: Benchmark, evaluation: EvaluationFolder
) -> None:
    entries = [
        entry(sound, "labels", "by-labels"),
        entry(sound, "grammar", "by-grammar", structured="structured_outputs"),
    ]
    infos = ask(entries, benchmark, evaluation)
    assert [(info.name, info.kind, info.settings["form"]) for info in infos] == [
        ("by-labels", "constrained", "labels"),
        ("by-grammar", "constrained", "grammar"),
    ]
    assert {score.error for score in scores(evaluation, "by-labels")} == {""}
    assert completions(evaluation, "by-labels")[0].text.startswith("{")


def test_running_again_asks_nothing_and_a_lost_file_comes_back_from_the_ledger(
    sound: RunningEndpoint, benchmark: Benchmark, evaluation: EvaluationFolder
) -> None:
    (first,) = ask([entry(sound)], benchmark, evaluation)
    before, calls = evaluation.entry("m").completions.read_bytes(), sound.stats().calls
    (again,) = ask([entry(sound)], benchmark, evaluation)
    evaluation.entry("m").completions.unlink()
    (restored,) = ask([entry(sound)], benchmark, evaluation)
    assert sound.stats().calls == calls
    assert evaluation.entry("m").completions.read_bytes() == before
    assert first.calls == again.calls == restored.calls == EXAMPLES


def test_reasoning_that_comes_apart_is_kept_and_counted_as_thought(
    benchmark: Benchmark, evaluation: EvaluationFolder
) -> None:
    with endpoint_process(reasoning=True) as endpoint:
        ask([entry(endpoint)], benchmark, evaluation)
    assert all(completion.reasoning for completion in completions(evaluation))
    assert {score.error for score in scores(evaluation)} == {""}


def test_samples_are_drawn_with_seeds_of_their_own(
    sound: RunningEndpoint, benchmark: Benchmark, evaluation: EvaluationFolder
) -> None:
    model = entry(sound, temperature=0.7, seed=3)
    (info,) = ask([model], benchmark, evaluation, Order(samples=3))
    assert (info.samples, info.calls, len(completions(evaluation))) == (3, 3 * EXAMPLES, 3 * EXAMPLES)
    with pytest.raises(SettingsError, match="temperature 0"):
        ask([entry(sound)], benchmark, evaluation, Order(samples=3))
    with pytest.raises(SettingsError, match="fixes the seed"):
        ask([entry(sound, temperature=1, extra_body={"seed": 1})], benchmark, evaluation, Order(samples=2))


def test_bad_moments_of_an_endpoint_cost_no_answer(benchmark: Benchmark, evaluation: EvaluationFolder) -> None:
    faults = {"every_429": 4, "retry_after_ms": 5, "every_500": 5, "every_garbage": 7, "every_truncated": 9}
    with endpoint_process(**faults) as endpoint:
        (info,) = ask([entry(endpoint, retries=10, concurrency=4)], benchmark, evaluation)
        assert endpoint.stats().duplicates == 0
    assert (info.unanswered, len(completions(evaluation))) == ({}, EXAMPLES)


def test_what_failed_for_good_is_unanswered_and_asked_again_alone(
    benchmark: Benchmark, evaluation: EvaluationFolder
) -> None:
    with endpoint_process(every_500=4) as endpoint:
        (info,) = ask([entry(endpoint, retries=0, concurrency=1)], benchmark, evaluation)
        assert len(info.unanswered) == 3
        assert all("500" in reason for reason in info.unanswered.values())
        assert len(scores(evaluation)) == EXAMPLES - 3
        calls = endpoint.stats().calls
        (second,) = ask([entry(endpoint, retries=3)], benchmark, evaluation)
        assert endpoint.stats().calls - calls <= 3 + 2
    assert (second.unanswered, len(scores(evaluation))) == ({}, EXAMPLES)


def test_a_wrong_key_ends_the_run_at_once_and_is_written_nowhere(
    benchmark: Benchmark, evaluation: EvaluationFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY_UNDER_TEST", "sk-very-secret")
    with (
        endpoint_process(api_key="another") as endpoint,
        pytest.raises(EndpointError, match="KEY_UNDER_TEST") as caught,
    ):
        ask([entry(endpoint, api_key_env="KEY_UNDER_TEST")], benchmark, evaluation)
    assert "sk-very-secret" not in str(caught.value)
    written = b"".join(path.read_bytes() for path in evaluation.folder.rglob("*") if path.is_file())
    assert b"sk-very-secret" not in written


def test_a_key_that_is_not_there_is_said_before_anything_is_written(
    sound: RunningEndpoint, benchmark: Benchmark, evaluation: EvaluationFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KEY_UNDER_TEST", raising=False)
    with pytest.raises(SettingsError, match="KEY_UNDER_TEST"):
        ask([entry(sound, api_key_env="KEY_UNDER_TEST")], benchmark, evaluation)
    assert not evaluation.entry("m").folder.exists()


def test_a_spent_budget_stops_and_keeps(
    sound: RunningEndpoint, benchmark: Benchmark, evaluation: EvaluationFolder
) -> None:
    model = entry(sound, concurrency=1)
    with pytest.raises(BudgetReached, match="5 calls"):
        ask([model], benchmark, evaluation, budget=BudgetSettings(calls=5))
    assert len(completions(evaluation)) == len(scores(evaluation)) == 5
    (info,) = ask([model], benchmark, evaluation)
    assert info.calls == EXAMPLES


def test_a_grammar_needs_a_server_that_is_known_to_take_one(
    sound: RunningEndpoint, benchmark: Benchmark, evaluation: EvaluationFolder
) -> None:
    with pytest.raises(SettingsError, match="not known to constrain by a grammar"):
        ask([entry(sound, name="first"), entry(sound, "grammar")], benchmark, evaluation)
    assert not evaluation.entry("first").folder.exists()


def test_an_answer_that_ran_out_of_tokens_says_so(benchmark: Benchmark, evaluation: EvaluationFolder) -> None:
    with endpoint_process(every_length=1) as endpoint:
        ask([entry(endpoint)], benchmark, evaluation)
    found = scores(evaluation)
    assert all(score.cut for score in found)
    assert all(score.error and score.v == 0 for score in found)
