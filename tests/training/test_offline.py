"""Completions from files: what their rows may look like, why a reward is zero, and the sums."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from answer_texts import Case, cases
from cluster_r1.core.answer import Answer, render_answer
from cluster_r1.core.errors import BenchmarkError, SettingsError
from cluster_r1.core.scoring import RewardSettings, score_completion
from cluster_r1.training.completion_rows import BadRow, CompletionRow, read_completions
from cluster_r1.training.offline import RewardTally, ScoredRow, score_rows, write_scored
from exporting import proven
from hypothesis import given

GOLD = ["a", "a", "b", "b"]
PERFECT = render_answer(Answer.from_labels(GOLD), "2 clusters\nx: 1, 2\ny: 3, 4")


def lines(folder: Path, *rows: Any) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows))
    return path


def scored(text: str, gold: list[Any], settings: RewardSettings) -> ScoredRow:
    (row,) = score_rows([CompletionRow("f:1", "", text, gold, {})], settings)
    assert isinstance(row, ScoredRow)
    return row


@pytest.mark.parametrize(
    "row",
    [
        {"completion": PERFECT, "labels": GOLD},
        {"completion": [{"role": "assistant", "content": PERFECT}], "labels": [0, 0, 1, 1]},
        {"messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": PERFECT}], "labels": GOLD},
        {"completion": {"role": "assistant", "content": PERFECT}, "labels": GOLD},
        {"response": PERFECT, "ground_truth": '{"labels": [0, 0, 1, 1]}'},
        {"response": PERFECT, "ground_truth": {"labels": [0, 0, 1, 1]}},
        {"input": "?", "output": PERFECT, "gts": '{"labels": [0, 0, 1, 1]}', "score": 0.0, "step": 3},
        {
            "prompt": "?",
            "response": PERFECT,
            "reward_model": {"style": "rule", "ground_truth": '{"labels": [1, 1, 2, 2]}'},
        },
        {"texts": ["t"] * 4, "answer": PERFECT, "labels": GOLD, "id": "c1/x/0"},
    ],
)
def test_rows_of_trainers_and_exports(row: dict[str, Any], tmp_path: Path) -> None:
    (found,) = score_rows(read_completions(lines(tmp_path, row)))
    assert isinstance(found, ScoredRow)
    assert found.score.reward == 1
    assert found.score.process == 1
    assert found.why == ""
    assert found.row.id == row.get("id", "")


def test_parquet_and_json_are_read_too(tmp_path: Path) -> None:
    rows = [{"id": "e", "completion": PERFECT, "labels": GOLD}] * 3
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet")
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    for name, place in (("rows.parquet", "rows.parquet row 3"), ("rows.json", "rows.json record 3")):
        found = list(read_completions(tmp_path / name))
        assert len(found) == 3
        assert found[-1].place.endswith(place)
        assert isinstance(found[-1], CompletionRow)


def test_labels_of_a_benchmark(tmp_path: Path) -> None:
    benchmark = proven(tmp_path / "b")
    examples = [*benchmark.examples("c1"), *benchmark.examples("train")]
    rows = [{"example": one.id, "completion": render_answer(one.gold), "step": 1} for one in examples]
    path = lines(tmp_path, *rows, {"example": "c9/none", "completion": "x"}, {"completion": "x"})
    *good, unknown, nameless = score_rows(read_completions(path, benchmark=benchmark.folder))
    assert [row.score.reward for row in good if isinstance(row, ScoredRow)] == [1] * len(examples)
    assert isinstance(unknown, BadRow)
    assert "has no example 'c9/none'; its ids look like 'train/court-0/00000'" in unknown.says
    assert isinstance(nameless, BadRow)
    assert "no example's id in example or id" in nameless.says


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("{bad", "mend or delete it"),
        ("[1]", "expected one JSON object"),
        ('{"completion": "\\ud800", "labels": [1]}', "mend or delete it"),
        ({}, "no column 'completion'; it has none"),
        ({"text": "x", "labels": GOLD}, "no column 'completion'; it has text, labels"),
        ({"completion": 3, "labels": GOLD}, "must be a text or a list of messages, not 3"),
        ({"completion": [], "labels": GOLD}, "must be a text or a list of messages, not []"),
        ({"completion": ["x"], "labels": GOLD}, "must be a text or a list of messages"),
        ({"completion": [{"role": "assistant"}], "labels": GOLD}, "has no 'content'"),
        ({"completion": [{"content": None}], "labels": GOLD}, "must be text, not NoneType"),
        ({"completion": [{"content": "x", "thinking": "y"}], "labels": GOLD}, "without a reasoning parser"),
        ({"completion": "x"}, "neither labels nor ground_truth"),
        ({"completion": "x", "labels": []}, "labels is empty"),
        ({"completion": "x", "labels": "aabb"}, "must be a list of names or numbers"),
        ({"completion": "x", "labels": [0.5, 1.0]}, "must be a list of names or numbers"),
        ({"completion": "x", "ground_truth": "[0, 1]"}, "must be JSON text"),
        ({"completion": "x", "ground_truth": {"label": [0]}}, "must be a list"),
    ],
)
def test_a_row_that_cannot_be_scored_is_named(row: Any, says: str, tmp_path: Path) -> None:
    good = {"completion": PERFECT, "labels": GOLD}
    _, bad, after = score_rows(read_completions(lines(tmp_path, good, row, good)))
    assert isinstance(bad, BadRow)
    assert bad.place.endswith("rows.jsonl:2")
    assert says in bad.says
    assert isinstance(after, ScoredRow)


@pytest.mark.parametrize(
    ("row", "column", "says"),
    [
        ({"reply": PERFECT, "labels": GOLD}, None, "has none of the columns completion, .* one of reply, labels"),
        ({"reply": PERFECT, "labels": GOLD}, "answer", "no column 'answer'; give --column one of reply, labels"),
        ({"completion": PERFECT, "label": GOLD}, None, "no gold labels.* its columns are completion, label"),
    ],
)
def test_wrong_columns_are_named_with_what_there_is(row: Any, column: str | None, says: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=says):
        list(read_completions(lines(tmp_path, row), column))


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="there is no file"):
        list(read_completions(tmp_path / "none.jsonl"))
    with pytest.raises(SettingsError, match=r"must end in \.jsonl"):
        list(read_completions(tmp_path / "rows.csv"))
    with pytest.raises(BenchmarkError, match="is no benchmark"):
        list(read_completions(lines(tmp_path, {}), benchmark=tmp_path))


@pytest.mark.parametrize(
    ("labels", "gold", "settings", "why"),
    [
        ([0, 0, 0, 0], GOLD, RewardSettings(), "quality: V-measure 0, all 4 items are in one cluster, gold has 2"),
        ([0, 0, 1, 1], ["a"] * 4, RewardSettings(), "quality: V-measure 0, gold is one cluster, the answer has 2"),
        ([0, 1, 0, 1], GOLD, RewardSettings(), "quality: V-measure 0, the 2 clusters say nothing about gold's 2"),
        (range(30), [0, 1] * 15, RewardSettings(), "count: 30 clusters, gold has 2; the factor is 8.3e-07"),
        (GOLD, GOLD, RewardSettings(process=1), "process: the reasoning states neither"),
        (GOLD, GOLD, RewardSettings(process=0.5), ""),
        ([0, 0, 0, 0], GOLD, RewardSettings("sum"), ""),
    ],
)
def test_the_reason_for_a_zero(labels: Any, gold: list[Any], settings: RewardSettings, why: str) -> None:
    found = scored(render_answer(Answer.from_labels(labels)), gold, settings).why
    assert found.startswith(why)
    assert bool(found) is bool(why)


def test_the_reason_for_a_zero_of_small_factors() -> None:
    gold = [place % 2 for place in range(59)] + [2]
    found = scored(render_answer(Answer.from_labels([place % 9 for place in range(60)])), gold, RewardSettings())
    assert found.score.quality > 0.005
    assert found.why == ("low factors together: count 0.05 (9 clusters, gold has 3), V-measure 0.029")


@given(cases())
def test_every_zero_has_a_reason_and_nothing_else_has(case: Case) -> None:
    row = scored(case.text, case.gold, RewardSettings())
    assert row.score._replace(process=0) == score_completion(case.text, case.gold)
    assert bool(row.why) is (row.score.reward < 0.005)
    if row.score.error:
        assert row.why.startswith(f"{row.score.error}: ")


def test_the_sums(tmp_path: Path) -> None:
    texts = [PERFECT, "no", render_answer(Answer.from_labels([0, 1, 2, 3])), render_answer(Answer.from_labels([0] * 4))]
    path = lines(tmp_path, *({"completion": text, "labels": GOLD} for text in texts), "{")
    settings, out = RewardSettings(), tmp_path / "deep" / "out.jsonl"
    tally = RewardTally(settings)
    for row in write_scored(score_rows(read_completions(path), settings), out):
        assert not out.exists()
        tally.add(row)
    summary = tally.summary()
    scores = [score_completion(text, GOLD) for text in texts]
    assert (summary.rows, summary.bad_rows, summary.zeros) == (4, 1, 2)
    assert summary.reward == pytest.approx(sum(score.reward for score in scores) / 4)
    assert (summary.format, summary.errors) == (0.75, {"tags": 1})
    assert summary.process == pytest.approx(1 / 3)
    assert summary.k_difference == pytest.approx((0 + 2 - 1) / 3)
    assert sum(summary.histogram) == 4
    assert summary.histogram[0] == 2
    assert summary.histogram[9] == 1
    told = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["scored"]["reward"] for row in told] == [score.reward for score in scores]
    assert told[1]["scored"]["why"].startswith("tags: ")
    assert told[1]["completion"] == "no"


def test_a_file_of_scores_is_not_there_when_reading_fails(tmp_path: Path) -> None:
    path = lines(tmp_path, {"completion": "x", "label": 1})
    with pytest.raises(SettingsError):
        list(write_scored(score_rows(read_completions(path)), tmp_path / "out.jsonl"))
    assert [one.name for one in tmp_path.iterdir()] == ["rows.jsonl"]


def test_settings_out_of_bounds_are_refused() -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        score_rows([], RewardSettings(process=2))
