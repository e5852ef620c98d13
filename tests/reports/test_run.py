"""The run's page: it says what came out, shows every number for people, and is honest when there is little to show."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from cluster_r1.core.agreement import measure_agreement
from cluster_r1.core.carried import Carried, wilson_interval
from cluster_r1.core.gold import GoldScore
from cluster_r1.core.taxonomy import NONE_FITS
from cluster_r1.reports.run import outcome_sentence, render_run
from cluster_r1.reports.summary import RunSummary, TaskSummary

ReadHtml = Callable[[str], Any]
MakeTask = Callable[..., TaskSummary]
MakeRun = Callable[..., RunSummary]


@pytest.fixture(scope="module")
def desk_page(desk_run: RunSummary) -> str:
    return render_run(desk_run)


@pytest.fixture(scope="module")
def desk_html(desk_page: str, read_html: ReadHtml) -> Any:
    return read_html(desk_page)


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


# what is said


def test_a_task_comes_out_in_one_sentence(desk_run: RunSummary) -> None:
    task = desk_run.tasks[0]
    kappa = task.agreement.kappa
    assert plain(outcome_sentence(task)) == (
        f"{task.outcomes['kept']} of 120 documents kept in 5 clusters; labelers agree on "
        f"{task.agreement.raw.value:.0%}".replace("%", " %")
        + f", kappa {kappa.value:.2f} [{kappa.low:.2f}, {kappa.high:.2f}]."
    )


def test_the_sentence_tells_unused_clusters(desk_run: RunSummary) -> None:
    task = desk_run.tasks[0]
    sizes = {**task.sizes, task.taxonomy.names[0]: 0}
    assert "kept in 4 of 5 clusters" in outcome_sentence(task.model_copy(update={"sizes": sizes}))


def test_undefined_kappa_is_called_so(desk_run: RunSummary) -> None:
    task = desk_run.tasks[0]
    labels = (*task.taxonomy.names, NONE_FITS)
    matrix = np.zeros((6, 6), dtype=np.int64)
    matrix[2, 2] = 40
    alike = task.model_copy(update={"agreement": measure_agreement(matrix, labels, resamples=50)})
    assert plain(outcome_sentence(alike)).endswith("agree on 100 %, kappa undefined: only one label used.")


def test_no_votes_leave_agreement_undefined(desk_run: RunSummary) -> None:
    task = desk_run.tasks[0]
    none = measure_agreement(np.zeros((6, 6), dtype=np.int64), task.agreement.labels)
    lost = task.model_copy(update={"agreement": none, "outcomes": {"unanswered": 120}, "sizes": {}})
    assert outcome_sentence(lost) == "None of 120 documents kept; agreement undefined: no document has two votes."


def test_the_page_says_the_sentences_and_what_waits(desk_run: RunSummary, desk_html: Any) -> None:
    for task in desk_run.tasks:
        assert plain(outcome_sentence(task)) in plain(desk_html.text)
        assert task.taxonomy.instruction in desk_html.text
    assert "reviews/taxonomy.sentiment.yaml" in desk_html.text


def test_peoples_labels_and_labels_taken_over_are_told(desk_run: RunSummary, read_html: ReadHtml) -> None:
    carried = Carried(
        source="0" * 16, version=3, documents=70, rechecked=50, same=49, stability=wilson_interval(49, 50)
    )
    first, *rest = desk_run.tasks
    task = first.model_copy(update={"human": 12, "corrected": 3, "carried": carried})
    html = read_html(render_run(desk_run.model_copy(update={"tasks": (task, *rest)})))
    text = plain(html.text)
    assert "12 documents have their outcome from people; 3 of them against the labelers' votes" in text
    assert "Votes on 70 documents were taken over from version 3" in text
    assert "Of 50 such documents voted on anew, 49 kept their label: 0.98 [0.90, 1.00]." in text
    assert text.count("taken over from version") == 1


def test_cost_and_corpus_are_told(desk_html: Any) -> None:
    text = plain(desk_html.text)
    for said in (
        "labeler_b gpt-oss-20b 240 149,871 31,077 1 h 06 min $1.23 7",
        "All 483 315,403 43,892 1 h 12 min $1.26 11",
        "126 rows read, 120 kept as documents, 6 skipped",
        "duplicate id 3",
        "server error 6",
        "generator Qwen/Qwen2.5-7B-Instruct (vllm)",
    ):
        assert said in text


def test_every_shown_document_is_there_with_both_votes(desk_run: RunSummary, desk_html: Any) -> None:
    task = desk_run.tasks[0]
    shown = [*task.conflicts, *task.none_fits, *task.unanswered, *(s for group in task.kept.values() for s in group)]
    assert len(shown) == 120
    for document in shown:
        assert " ".join(document.text.split()) in desk_html.text
        for vote in document.consensus.votes:
            assert str(vote.reason or vote.error) in desk_html.text


def test_versions_tell_author_changes_and_difference(desk_html: Any) -> None:
    for said in ("by ada (a person)", "+ added Water and drains", "− removed Everything else", "~ redescribed"):
        assert said in desk_html.text


# how it is built


def test_every_link_and_label_leads_somewhere_and_no_id_is_there_twice(desk_html: Any) -> None:
    ids = desk_html.ids
    assert len(ids) == len(set(ids))
    targets = {str(a["href"]).removeprefix("#") for a in desk_html.all("a")}
    labels = {str(e.attributes["aria-labelledby"]) for e in desk_html.elements if "aria-labelledby" in e.attributes}
    assert targets | labels <= set(ids)


def test_headings_skip_no_level(desk_html: Any) -> None:
    levels = [int(e.tag[1]) for e in desk_html.elements if re.fullmatch("h[1-6]", e.tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_table_heads_have_a_scope_and_images_a_name(desk_html: Any) -> None:
    assert {th.get("scope") for th in desk_html.all("th")} == {"col", "row"}
    named = [svg.get("aria-label") or svg.get("aria-hidden") for svg in desk_html.all("svg")]
    assert named
    assert all(named)


def test_nothing_is_fetched(desk_html: Any) -> None:
    loaded = [
        (e.tag, name, value)
        for e in desk_html.elements
        for name, value in e.attributes.items()
        if name in {"src", "srcset", "href", "action", "data", "poster", "xlink:href"}
        and not str(value).startswith("#")
    ]
    assert loaded == [("link", "href", "data:,")]
    assert not {"iframe", "object", "embed", "base", "form"} & {e.tag for e in desk_html.elements}


def test_no_number_is_raw_and_nothing_leaks_from_python(desk_html: Any) -> None:
    text = re.sub(r"http://\S+", "", desk_html.text)
    assert not re.search(r"\d\.\d{5,}|\bnan\b|\bNone\b(?! (fits|of))|\binf\b|Interval\(|<jinja|Undefined", text)


@pytest.mark.parametrize("clusters", [2, 30, 77, 150])
def test_tasks_of_any_size_are_drawn(
    make_task: MakeTask, make_run: MakeRun, read_html: ReadHtml, clusters: int
) -> None:
    html = read_html(render_run(make_run(make_task(clusters, documents=400))))
    assert len(html.ids) == len(set(html.ids))
    assert f"Topic {clusters:03d}" in html.text


# empty and partial runs


def test_a_run_without_tasks_says_so(make_run: MakeRun, read_html: ReadHtml) -> None:
    empty = make_run().model_copy(
        update={"waiting": (), "cost": (), "cost_failures": {}, "corpus_skipped": {}, "models": {}}
    )
    text = read_html(render_run(empty)).text
    for said in (
        "No task is labelled yet. 120 documents in the corpus.",
        "Nothing waits for a person.",
        "No call has been answered yet.",
        "No call failed.",
        "No model is set.",
    ):
        assert said in text


def test_a_task_without_documents_says_so_everywhere(
    make_task: MakeTask, make_run: MakeRun, read_html: ReadHtml
) -> None:
    task = make_task(3, documents=0).model_copy(update={"gold": (), "checks": (), "history": (), "bias": ()})
    text = read_html(render_run(make_run(task))).text
    for said in (
        "No document is labelled yet.",
        "120 documents of the corpus have no label under this taxonomy yet.",
        "No document has two votes, so agreement is undefined.",
        "No votes to measure it on.",
        "The corpus has no gold labels for this task",
        "No version was checked.",
        "No documents to show yet.",
        "Version 3 in use",
    ):
        assert said in text


def test_a_labeler_without_votes_has_no_bias(make_task: MakeTask, make_run: MakeRun, read_html: ReadHtml) -> None:
    assert (
        "Labeler A , Qwen/Qwen2.5-7B-Instruct (vllm): no votes" in read_html(render_run(make_run(make_task(3, 0)))).text
    )


def test_gold_scores_without_a_value_are_a_dash(desk_run: RunSummary, make_run: MakeRun, read_html: ReadHtml) -> None:
    task = desk_run.tasks[0].model_copy(update={"gold": (GoldScore("labeler A", 0, None, None, None),)})
    assert "labeler A 0 – – –" in read_html(render_run(make_run(task))).text


def test_a_group_that_is_not_whole_says_how_many_there_are(
    make_task: MakeTask, make_run: MakeRun, read_html: ReadHtml
) -> None:
    task = make_task(3, documents=2000)
    conflicts = task.outcomes["conflict"]
    assert conflicts > len(task.conflicts) == 60
    assert f"The first 60 of {conflicts}." in read_html(render_run(make_run(task))).text
