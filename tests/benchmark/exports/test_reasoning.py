"""Reasoning from a file of traces: what is taken, and what is refused by line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cluster_r1.benchmark.exports.formats import export_benchmark
from cluster_r1.benchmark.exports.order import ExportOrder
from cluster_r1.benchmark.exports.reasoning import Reasoning
from cluster_r1.benchmark.files import Benchmark
from cluster_r1.core.answer import parse_answer
from cluster_r1.core.errors import BenchmarkError
from cluster_r1.core.prompt import example_prompt
from cluster_r1.core.tasks import Example
from cluster_r1.core.traces import Trace, TraceVerdict, Turn, put_verdicts, write_traces
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

_TAGS = ("<think>", "</think>", "<answer>", "</answer>")
thoughts = st.text(st.characters(codec="utf-8"), min_size=1).filter(
    lambda text: text.strip() and not any(tag in text for tag in _TAGS)
)


@given(st.dictionaries(st.text(st.characters(codec="utf-8"), min_size=1), thoughts, max_size=8))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_written_is_read(tmp_path: Path, traces: dict[str, str]) -> None:
    path = tmp_path / "traces.jsonl"
    lines = [json.dumps({"example": name, "think": think}, ensure_ascii=False) for name, think in traces.items()]
    path.write_text("\n\n".join(lines), encoding="utf-8", newline="")
    reasoning = Reasoning(path)
    assert len(reasoning) == len(traces)
    assert {name: reasoning[name] for name in traces} == traces


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "line 2 is not JSON"),
        ("[1]", "line 2 is not"),
        ('{"example": "b"}', "line 2 is not"),
        ('{"example": "b", "think": "  "}', "line 2 is not"),
        ('{"example": 3, "think": "x"}', "line 2 is not"),
        ('{"example": "a", "think": "again"}', "has a trace already"),
        ('{"example": "b", "think": "<think>x</think>"}', "what stands between the think tags"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(line: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    path.write_text('{"example": "a", "think": "first"}\n' + line + "\n")
    with pytest.raises(BenchmarkError, match=said):
        Reasoning(path)


def test_traces_go_before_the_answers_of_the_distill_split(benchmark: Benchmark, tmp_path: Path) -> None:
    ids = [record.id for record in benchmark.records("distill")]
    path = tmp_path / "traces.jsonl"
    path.write_text("".join(json.dumps({"example": name, "think": f"about {name}"}) + "\n" for name in ids[:3]))
    written = export_benchmark(benchmark, "trl-sft", tmp_path / "out", ExportOrder(traces=path))
    assert (written.rows, written.notes) == (
        {"distill": 4},
        ("3 of 4 examples have a trace, the others think nothing",),
    )
    rows = [json.loads(line) for line in (tmp_path / "out" / "distill.jsonl").read_text().splitlines()]
    begins = [row["completion"][0]["content"].partition("\n</think>")[0] for row in rows]
    assert begins == [*(f"<think>\nabout {name}" for name in ids[:3]), "<think>\n"]


def test_traces_of_no_example_are_a_mistake(benchmark: Benchmark, tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    path.write_text('{"example": "train/court-0/00000", "think": "x"}\n')
    with pytest.raises(BenchmarkError, match="belongs to an example of distill"):
        export_benchmark(benchmark, "trl-sft", tmp_path / "out", ExportOrder(traces=path))
    with pytest.raises(BenchmarkError, match="verl has no reasoning"):
        export_benchmark(benchmark, "verl", tmp_path / "out", ExportOrder(traces=path))
    with pytest.raises(BenchmarkError, match="cannot be read"):
        export_benchmark(benchmark, "trl-sft", tmp_path / "out", ExportOrder(traces=tmp_path / "none.jsonl"))
    assert not (tmp_path / "out").exists()


def trace_of(example: Example, kept: bool = True) -> Trace:
    """With the clusters numbered from the last to the first, as a reasoning may do."""
    clusters = example.gold.clusters[::-1]
    lines = [f"cluster{n}: {list(items)}" for n, items in enumerate(clusters, start=1)]
    return Trace(
        id=example.id,
        example=example.id,
        task=example.task,
        instruction=example.instruction,
        prompt=(Turn("user", example_prompt(example.instruction, example.texts).user),),
        reasoning=f"about {example.id}",
        answer="\n".join(("<answer>", f"Total clusters: [{len(clusters)}]", *lines, "</answer>")),
        model="m",
        kept=kept,
    )


def drop(trace: str) -> TraceVerdict:
    return TraceVerdict(trace=trace, keep=False, authors=("ann",), rule="single", at="2026-11-21T08:00:00+00:00")


def test_kept_traces_of_the_project_are_taken_from_its_folder(benchmark: Benchmark, tmp_path: Path) -> None:
    examples = list(benchmark.examples("distill"))
    folder = tmp_path / "traces"
    for place, example in enumerate(examples):
        write_traces(folder, example.task, [trace_of(example, kept=place != 1)])
    put_verdicts(folder, [drop(examples[2].id)])
    written = export_benchmark(benchmark, "trl-sft", tmp_path / "out", ExportOrder(traces=folder))
    assert written.notes == ("2 of 4 examples have a trace, the others think nothing",)
    rows = [json.loads(line) for line in (tmp_path / "out" / "distill.jsonl").read_text().splitlines()]
    said = [row["completion"][0]["content"] for row in rows]
    assert [text.partition("\n</think>")[0] for text in said] == [
        f"<think>\nabout {examples[0].id}",
        "<think>\n",
        "<think>\n",
        f"<think>\nabout {examples[3].id}",
    ]
    assert parse_answer(said[0], len(examples[0].texts)).clusters == examples[0].gold.clusters[::-1]


def test_a_trace_about_other_texts_is_refused(benchmark: Benchmark, tmp_path: Path) -> None:
    example = next(benchmark.examples("distill"))
    other = example.model_copy(update={"texts": ("other", *example.texts[1:])})
    folder = tmp_path / "traces"
    write_traces(folder, example.task, [trace_of(other)])
    with pytest.raises(BenchmarkError, match=r"about other texts .* `cluster-r1 distill` again"):
        export_benchmark(benchmark, "trl-sft", tmp_path / "out", ExportOrder(traces=folder))


def test_a_folder_without_kept_traces_is_refused(benchmark: Benchmark, tmp_path: Path) -> None:
    (tmp_path / "traces").mkdir()
    example = next(benchmark.examples("distill"))
    order = ExportOrder(traces=tmp_path / "traces")
    with pytest.raises(BenchmarkError, match="no kept trace"):
        export_benchmark(benchmark, "trl-sft", tmp_path / "out", order)
    write_traces(tmp_path / "traces", "a", [trace_of(example)])
    write_traces(tmp_path / "traces", "b", [trace_of(example).model_copy(update={"id": "again"})])
    with pytest.raises(BenchmarkError, match="two kept traces"):
        export_benchmark(benchmark, "trl-sft", tmp_path / "out", order)
