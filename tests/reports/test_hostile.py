"""Hostile text from a corpus, a model or a person stays text, wherever it reaches the page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from cluster_r1.core.agreement import measure_agreement
from cluster_r1.core.check import Finding
from cluster_r1.core.consensus import Assignment, decide
from cluster_r1.core.costs import RoleCost
from cluster_r1.core.gold import GoldScore
from cluster_r1.core.human import HumanLabel
from cluster_r1.core.taxonomy import NONE_FITS, Cluster, Provenance, Taxonomy
from cluster_r1.reports.run import render_run
from cluster_r1.reports.summary import RunSummary, Shown
from cluster_r1.reports.views import confused
from hostile import bad


def hostile_run(base: RunSummary) -> RunSummary:
    names = [bad("name1")[:119], bad("name2")[:119]]
    clusters = tuple(Cluster(name=name, description=bad("description")) for name in names)
    made = Provenance(author=bad("author"), kind="human", model=bad("model"), changes=(bad("change"),), at=bad("at"))
    taxonomy = Taxonomy(task="t", instruction=bad("instruction"), clusters=clusters, provenance=made)
    gone = (Cluster(name=bad("old")[:119]), Cluster(name=bad("former")[:119], description=bad("description")))
    older = taxonomy.model_copy(update={"clusters": (*gone, clusters[0]), "instruction": "x"})
    good = Assignment(labeler=bad("labeler"), cluster=names[0], reason=bad("reason"))
    other = Assignment(labeler="b", cluster=names[1])
    failed = Assignment(labeler="b", cluster=None, error=bad("error"))
    shown = [
        Shown(bad("text"), bad("gold"), decide(bad(f"id{n}"), good, v)) for n, v in enumerate((good, other, failed))
    ]
    said = HumanLabel(
        document_id=bad("id1"),
        key=1,
        cluster=bad("word"),
        authors=(bad("ada"), bad("ben")),
        rule="agreed",
        comment=bad("comment"),
        slice="conflict",
        at="2026-11-20T10:00:00Z",
    )
    shown[1] = shown[1]._replace(human=said)
    agreement = measure_agreement(np.array([[3, 1, 0], [1, 2, 0], [0, 0, 0]]), (*names, NONE_FITS), resamples=20)
    task = base.tasks[0]
    finding = Finding(bad("finding"), (bad("id1"), bad("nowhere")))
    check = task.checks[0].model_copy(
        update={"findings": (finding,), "unused": (bad("unused"),), "agreement": agreement}
    )
    check = check.model_copy(update={"confused": confused_of(names)})
    changes = {
        "id": bad("task"),
        "taxonomy": taxonomy,
        "history": (older, taxonomy),
        "checks": (check,),
        "sizes": {names[0]: 1, names[1]: 0},
        "agreement": agreement,
        "bias": tuple(bias._replace(labeler=bad("labeler")) for bias in task.bias),
        "gold": (GoldScore(bad("who"), 3, 0.5, 0.5, 0.5),),
        "kept": {names[0]: (shown[0],)},
        "conflicts": (shown[1],),
        "none_fits": (),
        "unanswered": (shown[2],),
    }
    return base.model_copy(
        update={
            "title": bad("title"),
            "generated_at": bad("generated"),
            "corpus_source": bad("source"),
            "corpus_skipped": {bad("skip"): 6},
            "models": {bad("role"): bad("served")},
            "tasks": (task.model_copy(update=changes),),
            "waiting": (bad("waiting"),),
            "cost": (
                RoleCost(
                    role=bad("cost"),
                    model=bad("priced"),
                    calls=1,
                    prompt_tokens=2,
                    completion_tokens=3,
                    seconds=4.0,
                    usd=5.0,
                    failures=6,
                ),
            ),
            "cost_failures": {bad("failure"): 1},
        }
    )


def confused_of(names: list[str]) -> tuple[Any, ...]:
    matrix = np.array([[3, 1, 0], [1, 2, 0], [0, 0, 0]])
    return tuple(pair.confusion for pair in confused(measure_agreement(matrix, (*names, NONE_FITS), resamples=0)))


PLACES = [
    "name1",
    "name2",
    "description",
    "author",
    "model",
    "change",
    "at",
    "instruction",
    "old",
    "former",
    "ada",
    "ben",
    "word",
    "reason",
    "error",
    "text",
    "gold",
    "id0",
    "id1",
    "id2",
    "finding",
    "nowhere",
    "unused",
    "task",
    "who",
    "title",
    "generated",
    "source",
    "skip",
    "role",
    "served",
    "waiting",
    "cost",
    "priced",
    "failure",
    "labeler",
]


def test_hostile_text_is_text_wherever_it_comes_from(desk_run: RunSummary, read_html: Callable[[str], Any]) -> None:
    source = render_run(hostile_run(desk_run))
    html = read_html(source)
    assert not [e.tag for e in html.elements if e.tag.startswith("xss")]
    assert not [name for e in html.elements for name in e.attributes if name.startswith("on")]
    assert len(html.all("script")) == len(html.all("style")) == 1
    assert "{{7*7}}" in html.text
    assert [place for place in PLACES if f"<xss-{place} " not in html.text] == []
