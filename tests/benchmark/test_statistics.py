"""Statistics: what a person would count by hand in the small benchmark, the paper's values, ranges of histograms."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from cluster_r1.benchmark.files import Benchmark
from cluster_r1.benchmark.histograms import histograms, spread, use_histograms
from cluster_r1.benchmark.statistics import paper_figures, summarise
from cluster_r1.core.errors import BenchmarkError
from cluster_r1.reports.benchmark_markdown import statistics_markdown
from cluster_r1.reports.benchmark_summary import PaperFigures
from hypothesis import given
from hypothesis import strategies as st
from small_benchmark import SmallBenchmark


def test_the_table_by_domain_and_split(small: SmallBenchmark, small_benchmark: Benchmark) -> None:
    summary = summarise(small_benchmark)
    assert [(row.domain, row.split) for row in summary.rows] == [
        (domain, split) for domain in ("court", "chat") for split in ("train", "distill", "c0", "c1", "c2")
    ]
    row = summary.rows[0]
    records = [record for record in small.splits["train"] if record.domain == "court"]
    tokens = [small.texts[text].tokens for record in records for text in record.texts]
    assert (row.tasks, row.examples) == (2, len(records))
    assert row.text_tokens == pytest.approx(sum(tokens) / len(tokens))
    assert row.prompt_tokens == pytest.approx(sum(record.tokens for record in records) / len(records))
    assert row.texts == (8.5, 8, 9)
    assert row.clusters == (2.5, 2, 3)
    assert row.paper is None


def test_tasks_pools_funnel_and_origins(small: SmallBenchmark, small_benchmark: Benchmark) -> None:
    summary = summarise(small_benchmark)
    first = summary.tasks[0]
    assert first.clusters[0] == ("red", 10, 6, 4)
    assert first.examples == {"train": 2, "distill": 1, "c0": 1, "c1": 1}
    assert first.outcomes == {"kept": 30, "conflict": 6, "none_fits": 4}
    used = {text for records in small.splits.values() for record in records for text in record.texts}
    assert summary.funnel.model_dump() == {
        "rows": 100,
        "documents": 90,
        "texts": 180,
        "used": len(used),
        "examples": 24,
    }
    assert summary.origins[0].skipped == {"empty": 10}


def test_the_shapes_count_every_example_cluster_and_text(small: SmallBenchmark, small_benchmark: Benchmark) -> None:
    for shape in summarise(small_benchmark).shapes:
        records = small.splits[shape.split]  # type: ignore[index]
        uses = Counter(text for record in records for text in record.texts)
        for measure in (shape.texts, shape.clusters, shape.prompt_tokens):
            assert sum(measure.counts) == shape.examples == len(records)
        assert sum(shape.cluster_sizes.counts) == sum(len(set(record.labels)) for record in records)
        assert sum(shape.uses.counts) == len(uses)
        assert shape.uses.spread is not None
        assert shape.uses.spread.high == max(uses.values())


def test_the_overlap_of_c0_with_training(small: SmallBenchmark, tmp_path: Path) -> None:
    trained = set(small.splits["train"][0].texts)
    by_label = {"red": [0, 1, 2], "green": [10, 11, 15]}
    small.splits["c0"].clear()
    small.add("c0", "court-0", by_label)
    tested = {text for texts in by_label.values() for text in texts}
    others = [set(r.texts) for s in ("train", "distill") for r in small.splits[s] if r.task == "court-0"]  # type: ignore[index]
    largest = max(len(tested & other) / len(tested | other) for other in others)
    assert len(tested & trained) == 5
    overlap = summarise(small.write(tmp_path)).overlap
    assert overlap.spread == (int(100 * largest),) * 2 + (int(100 * largest),)


def test_the_papers_figures() -> None:
    assert paper_figures("echr", "c2") == PaperFigures(959.6, 12644, 132)
    assert paper_figures("sp500", "c0") == PaperFigures(772.5, 13421, 179)
    assert paper_figures("echr", "train") is None
    assert paper_figures("court", "c0") is None


def test_the_papers_domains_stand_beside_the_papers_values(small: SmallBenchmark, tmp_path: Path) -> None:
    small.tasks = [
        task.model_copy(update={"domain": task.domain.replace("court", "echr").replace("chat", "a|b")})
        for task in small.tasks
    ]
    for split, records in small.splits.items():
        domains = {"court": "echr", "chat": "a|b"}
        small.splits[split] = [record._replace(domain=domains[record.domain]) for record in records]
    markdown = statistics_markdown(summarise(small.write(tmp_path)))
    lines = markdown.splitlines()
    assert lines[4].startswith("| echr | c0 | 2 | 2 (150) | 24.0 (696.4) | 316 (9,872) | 9.0 (9–9) |")
    assert {line.replace(r"\|", "").count("|") for line in lines[:12]} == {9}
    assert lines[-1] == "In brackets: the paper's values (Figure 4)."


def test_an_example_of_a_text_that_does_not_exist_is_an_error(small: SmallBenchmark, tmp_path: Path) -> None:
    record = small.splits["c1"][0]
    small.splits["c1"][0] = record._replace(texts=(999, *record.texts[1:]))
    with pytest.raises(BenchmarkError, match="cluster-r1 verify"):
        summarise(small.write(tmp_path))


_COUNTED = st.dictionaries(st.integers(0, 40_000), st.integers(1, 50), max_size=40)


@given(st.lists(_COUNTED, min_size=1, max_size=4))
def test_histograms_lose_nothing_and_share_their_ranges(counted: list[dict[int, int]]) -> None:
    shown = histograms(counted)
    assert [sum(histogram.counts) for histogram in shown] == [sum(numbers.values()) for numbers in counted]
    assert len({histogram.labels for histogram in shown}) == 1
    assert len(shown[0].labels) <= 16
    assert all(len(histogram.labels) == len(histogram.counts) for histogram in shown)
    assert [histogram.spread for histogram in shown] == [spread(numbers) for numbers in counted]


@given(st.lists(st.dictionaries(st.integers(1, 5000), st.integers(1, 50), max_size=40), min_size=1, max_size=4))
def test_use_histograms_lose_nothing(counted: list[dict[int, int]]) -> None:
    shown = use_histograms(counted)
    assert [sum(histogram.counts) for histogram in shown] == [sum(numbers.values()) for numbers in counted]
    assert all(len(histogram.labels) == len(histogram.counts) for histogram in shown)


def test_ranges_are_round_and_named() -> None:
    assert histograms([{3: 1, 5: 2}])[0].labels == ("3", "4", "5")
    assert histograms([{0: 1, 31: 2}])[0].labels[:2] == ("0–1", "2–3")
    assert histograms([{1050: 1, 15000: 1}])[0].labels[0] == "1,000–1,999"
    assert use_histograms([{1: 1, 7: 2}])[0].labels == ("1", "2", "3–4", "5–7")
