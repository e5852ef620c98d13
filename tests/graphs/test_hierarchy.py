"""Two levels: a coarse task over the corpus, tasks inside its clusters; nothing paid twice, nothing lost unseen."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from cluster_r1.core.archive import TaxonomyArchive
from cluster_r1.core.errors import BudgetReached, SettingsError, TaxonomyError, WaitingForReview
from cluster_r1.core.hierarchy import Hierarchy, read_hierarchy
from cluster_r1.core.human import HumanLabel
from cluster_r1.core.labels import label_store
from cluster_r1.core.workspace import Workspace
from cluster_r1.corpora.store import DocumentStore
from cluster_r1.graphs.estimate import estimate_run
from cluster_r1.graphs.pages import write_page
from cluster_r1.graphs.progress import Silent
from cluster_r1.graphs.results import TaskResult
from cluster_r1.graphs.status import project_status
from cluster_r1.graphs.summarising import labelled_tasks, read_result
from cluster_r1.graphs.synth import SynthResult
from cluster_r1.graphs.task_documents import TaskDocuments
from cluster_r1.llm.testing.endpoint import FaultEndpoint, endpoint_process

from .conftest import Project, run

TOPICS = {"cards": 40, "loans": 30, "fees": 20, "fraud": 6}
TONES = ("angry", "thankful")
SMALL = {"min_clusters": 2, "max_clusters": 4, "probe": 10, "rounds": 1}
HIERARCHY: dict[str, Any] = {
    "taxonomy": "topics.yaml",
    "min_documents": 10,
    "inside": {"cards": {"id": "card-tone", "instruction": "Cluster by tone.", "taxonomy": "tones.yaml"}},
}


def make(project: Project, base_url: str, hierarchy: dict[str, Any] | None = None, **sections: Any) -> Workspace:
    """96 messages, 6 of them in a cluster too small to be divided, each of a topic and of a tone."""
    workspace = project(base_url, tasks=[], taxonomy=SMALL, hierarchy=hierarchy or HIERARCHY, **sections)
    root = workspace.root
    rows = [(topic, n) for topic, count in TOPICS.items() for n in range(count)]
    random.Random(7).shuffle(rows)
    texts = [
        {"id": f"{topic}-{n}", "text": f"An {TONES[n % 2]} message about {topic}, number {n}.", "topic": topic}
        for topic, n in rows
    ]
    (root / "texts.jsonl").write_text("".join(json.dumps(text) + "\n" for text in texts))
    topics = {topic: f"Messages about {topic}." for topic in TOPICS}
    (root / "topics.yaml").write_text(yaml.safe_dump({"clusters": topics}, sort_keys=False))
    (root / "tones.yaml").write_text(yaml.safe_dump({"clusters": {t: f"An {t} message." for t in TONES}}))
    return workspace


async def levels(workspace: Workspace, **options: Any) -> SynthResult:
    return await run(workspace, hierarchical=True, **options)


def report_of(result: SynthResult) -> Hierarchy:
    assert result.hierarchy is not None
    return result.hierarchy


def by_id(result: SynthResult) -> dict[str, TaskResult]:
    return {task.task.id: task for task in result.tasks}


def change(workspace: Workspace, **sections: Any) -> None:
    content = yaml.safe_load(workspace.settings_file.read_text())
    workspace.settings_file.write_text(yaml.safe_dump({**content, **sections}))


def decide(file: Path, **changes: Any) -> None:
    content = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump({**content, **changes}))


def relabel(workspace: Workspace, document: str, cluster: str) -> None:
    """A person puts a document in another coarse cluster."""
    taxonomy = TaxonomyArchive(workspace.taxonomies).accepted("coarse")
    assert taxonomy is not None
    store = label_store(workspace, taxonomy)
    key = next(row.key for row in store.rows() if row.consensus.document_id == document)
    said = {"document_id": document, "key": key, "cluster": cluster, "authors": ("ann",), "rule": "single"}
    label = HumanLabel.model_validate({**said, "slice": "random", "at": "2026-11-21T08:00:00+00:00"})
    store.put_human([label])


async def test_two_levels_from_nothing_to_labels(project: Project) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = make(project, endpoint.base_url)
        result = await levels(workspace, yes=True)
        stats = endpoint.stats()
    found = report_of(result)
    assert found.outcomes == {"kept": 96}
    assert {c.name: (c.documents, c.small, len(c.tasks)) for c in found.clusters} == {
        "cards": (40, False, 1),
        "loans": (30, False, 1),
        "fees": (20, False, 1),
        "fraud": (6, True, 0),
    }
    assert found.in_small == 6
    assert set(by_id(result)) == {"coarse", "card-tone", "coarse.loans", "coarse.fees"}
    tone = by_id(result)["card-tone"].task
    assert tone.parent == ("coarse", "cards")
    assert (tone.documents, tone.sizes) == (40, {"angry": 20, "thankful": 20})
    assert by_id(result)["coarse"].task.parent is None
    assert sum(by_id(result)["coarse.fees"].outcomes.values()) == 20
    assert read_hierarchy(workspace) == found
    assert stats.duplicates == 0


async def test_an_identical_second_run_makes_no_call(project: Project) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = make(project, endpoint.base_url)
        first = await levels(workspace, yes=True)
        endpoint.reset()
        again = await levels(workspace)
        assert endpoint.stats().calls == 0
    assert (again.paid, again.waiting) == (0, ())
    assert again.tasks == first.tasks
    assert again.hierarchy == first.hierarchy


async def test_the_generator_is_asked_for_exactly_so_many_coarse_clusters(project: Project) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = make(project, endpoint.base_url, {"clusters": 3, "min_documents": 10, "id": "intent"})
        result = await levels(workspace, yes=True)
    assert len(by_id(result)["intent"].task.taxonomy.clusters) == 3
    assert all(2 <= len(task.task.taxonomy.clusters) <= 4 for i, task in by_id(result).items() if i != "intent")


async def test_without_the_flag_nothing_changes(project: Project) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = make(project, endpoint.base_url)
        result = await run(workspace, yes=True)
    assert result.hierarchy is None
    assert read_hierarchy(workspace) is None
    assert all(task.task.parent is None for task in result.tasks)


async def test_one_gate_for_all_proposals_and_what_waits_holds_up_no_other(project: Project) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = make(project, endpoint.base_url, review={"proposals": True, "taxonomy": False})
        first = await levels(workspace)
        assert [gate.gate for gate in first.waiting] == ["proposals-coarse"]
        assert set(by_id(first)) == {"coarse", "card-tone"}
        file = first.waiting[0].file
        proposed = yaml.safe_load(file.read_text())["tasks"]
        assert [task["id"] for task in proposed] == ["coarse.loans", "coarse.fees"]
        assert "asked of the documents in 'fees'" in file.read_text()
        rewritten = proposed[1] | {"instruction": "Cluster by what the fee is for."}
        decide(file, verdict="accept", author="ann", tasks=[rewritten])
        second = await levels(workspace)
        assert (await levels(workspace)).paid == 0
    assert second.rejected == ("coarse.loans",)
    assert second.waiting == ()
    assert by_id(second)["coarse.fees"].task.instruction == "Cluster by what the fee is for."
    stages = {task.id: task.stage for cluster in report_of(second).clusters for task in cluster.tasks}
    assert stages == {"card-tone": "labelled", "coarse.loans": "dropped", "coarse.fees": "labelled"}
    assert "coarse.loans" not in [task.id for task in project_status(workspace, workspace.settings()).tasks]


async def test_an_id_that_was_not_proposed_is_refused_and_the_others_go_on(project: Project) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = make(project, endpoint.base_url, review={"taxonomy": False})
        file = (await levels(workspace)).waiting[0].file
        proposed = yaml.safe_load(file.read_text())["tasks"]
        decide(file, verdict="accept", tasks=[proposed[0] | {"id": "mine"}])
        written = file.read_text()
        with pytest.raises(WaitingForReview, match=r"'mine'.*coarse\.loans, coarse\.fees"):
            await levels(workspace)
        assert file.read_text() == written
        assert set(labelled_tasks(workspace)) == {"coarse", "card-tone"}
        decide(file, tasks=proposed)
        assert set(by_id(await levels(workspace))) == {"coarse", "card-tone", "coarse.loans", "coarse.fees"}


async def test_a_taxonomy_that_waits_or_is_dropped_holds_up_no_other(project: Project) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = make(project, endpoint.base_url, review={"proposals": False})
        first = await levels(workspace)
        assert [gate.gate for gate in first.waiting] == ["taxonomy-coarse.loans", "taxonomy-coarse.fees"]
        status = {task.id: task for task in project_status(workspace, workspace.settings()).tasks}
        assert (status["coarse.loans"].stage, status["coarse.loans"].documents) == ("waiting", 30)
        decide(first.waiting[0].file, verdict="reject")
        decide(first.waiting[1].file, verdict="nonsense")
        with pytest.raises(WaitingForReview, match="verdict"):
            await levels(workspace)
        decide(first.waiting[1].file, verdict="accept", author="ann")
        last = await levels(workspace)
    assert set(by_id(last)) == {"coarse", "card-tone", "coarse.fees"}
    assert last.rejected == ("coarse.loans",)
    assert last.waiting == ()


async def test_the_coarse_gate_comes_first_and_a_reject_ends_it(project: Project) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = make(project, endpoint.base_url, {"clusters": 3})
        first = await levels(workspace)
        assert [gate.gate for gate in first.waiting] == ["taxonomy-coarse"]
        decide(first.waiting[0].file, verdict="reject")
        result = await levels(workspace)
    assert (result.tasks, result.rejected, result.waiting) == ((), ("coarse",), ())


async def test_a_persons_coarse_label_moves_the_document(project: Project) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = make(project, endpoint.base_url)
        await levels(workspace, yes=True)
        relabel(workspace, "loans-3", "cards")
        result = await levels(workspace)
        again = await levels(workspace)
    assert result.paid == 2
    assert again.paid == 0
    assert by_id(result)["card-tone"].task.documents == 41
    assert sum(by_id(result)["coarse.loans"].outcomes.values()) == 29
    documents = TaskDocuments(workspace, DocumentStore(workspace.documents))
    inside = [document.id for batch in documents.of("card-tone").batches(16) for document in batch]
    assert "loans-3" in inside
    assert len(inside) == 41


async def test_a_cluster_that_grows_is_asked_about_and_one_that_shrinks_is_put_away(project: Project) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = make(project, endpoint.base_url)
        first = await levels(workspace, yes=True)
        change(workspace, hierarchy=HIERARCHY | {"min_documents": 6})
        grown = await levels(workspace)
        assert [gate.gate for gate in grown.waiting] == ["proposals-coarse"]
        assert [t["id"] for t in yaml.safe_load(grown.waiting[0].file.read_text())["tasks"]] == ["coarse.fraud"]
        assert set(by_id(grown)) == set(by_id(first))
        grown = await levels(workspace, yes=True)
        assert "coarse.fraud" in by_id(grown)
        change(workspace, hierarchy=HIERARCHY | {"min_documents": 25})
        shrunk = await levels(workspace)
        assert (shrunk.paid, set(by_id(shrunk))) == (0, {"coarse", "card-tone", "coarse.loans"})
        assert set(report_of(shrunk).retired) == {"coarse.fees", "coarse.fraud"}
        assert set(labelled_tasks(workspace)) == set(by_id(shrunk))
        status = {task.id: task for task in project_status(workspace, workspace.settings()).tasks}
        assert (status["coarse.fees"].stage, status["coarse.fees"].documents) == ("retired", 20)
        change(workspace, hierarchy=HIERARCHY)
        back = await levels(workspace)
    assert back.paid == 0
    assert back.tasks == first.tasks


async def test_a_renamed_coarse_cluster_keeps_its_task(project: Project) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = make(project, endpoint.base_url, labeling={"recheck": 0})
        await levels(workspace, yes=True)
        file = workspace.root / "topics.yaml"
        file.write_text(file.read_text().replace("loans: ", "credits: "))
        result = await levels(workspace)
    assert (result.paid, result.waiting) == (0, ())
    assert {c.name: [t.id for t in c.tasks] for c in report_of(result).clusters}["credits"] == ["coarse.loans"]


async def test_a_limit_labels_the_first_documents_of_the_coarse_level(project: Project) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = make(project, endpoint.base_url)
        result = await levels(workspace, yes=True, limit=50)
        found = report_of(result)
        assert (found.outcomes, found.unlabelled) == ({"kept": 50}, 46)
        inside = sum(t.task.documents for t in result.tasks if t.task.parent is not None)
        assert inside == 50 - found.in_small
        assert report_of(await levels(workspace, yes=True)).unlabelled == 0


async def test_several_tasks_inside_a_cluster_and_an_id_of_its_own(project: Project) -> None:
    inside = {"cards": ["Cluster by tone.", {"instruction": "Cluster by number.", "id": "numbers"}]}
    async with FaultEndpoint() as endpoint:
        workspace = make(project, endpoint.base_url, HIERARCHY | {"inside": inside, "min_documents": 35})
        result = await levels(workspace, yes=True)
    assert set(by_id(result)) == {"coarse", "coarse.cards", "numbers"}
    assert by_id(result)["numbers"].task.documents == by_id(result)["coarse.cards"].task.documents == 40


WRONG = [
    ({"inside": {"crads": "Cluster by tone."}}, SettingsError, r"no cluster 'crads', did you mean 'cards'\?"),
    ({"taxonomy": "nowhere.yaml"}, TaxonomyError, r"nowhere\.yaml"),
    ({"inside": {"cards": {"instruction": "By tone.", "taxonomy": "gone.yaml"}}}, TaxonomyError, r"gone\.yaml"),
    ({"id": "topic"}, SettingsError, r"'topic' is the id of a task in `tasks` and of one in `hierarchy`"),
]


@pytest.mark.parametrize(("wrong", "error", "said"), WRONG)
async def test_what_is_wrong_in_the_section_is_told_before_anything_is_paid(
    project: Project, wrong: dict[str, Any], error: type[Exception], said: str
) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = make(project, endpoint.base_url, HIERARCHY | wrong)
        change(workspace, tasks=[{"id": "topic", "instruction": "Cluster by topic."}])
        with pytest.raises(error, match=said):
            await levels(workspace)
        assert endpoint.stats().calls == 0


async def test_status_page_and_estimate_count_a_tasks_own_documents(project: Project) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = make(project, endpoint.base_url)
        await levels(workspace, yes=True)
        settings = workspace.settings()
        status = project_status(workspace, settings)
        estimate = await estimate_run(workspace, settings, Silent(), hierarchical=True)
    tasks = {task.id: (task.stage, task.labelled, task.documents) for task in status.tasks}
    assert tasks == {
        "coarse": ("labelled", 96, 96),
        "card-tone": ("labelled", 40, 40),
        "coarse.loans": ("labelled", 30, 30),
        "coarse.fees": ("labelled", 20, 20),
    }
    assert status.hierarchy == read_hierarchy(workspace)
    assert (estimate.tasks, estimate.probe_calls, sum(role.calls for role in estimate.roles)) == (4, 0, 0)
    page = write_page(workspace, settings).read_text()
    assert "Levels" in page
    assert "have no label under this taxonomy yet" not in page


async def test_an_estimate_before_the_first_run_counts_both_levels(project: Project) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = make(project, endpoint.base_url, {"clusters": 5})
        flat = await estimate_run(workspace, workspace.settings(), Silent())
        both = await estimate_run(workspace, workspace.settings(), Silent(), hierarchical=True)
    assert (both.documents, both.tasks) == (96, 6)
    labels = {role.role: role.calls for role in both.roles}
    assert labels["labeler_a"] == 2 * 96 + 6 * 10  # two levels, and a probe of each taxonomy
    assert flat.tasks == 3


async def test_a_run_that_is_cut_off_anywhere_pays_again_only_what_was_in_flight(project: Project) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = make(project, endpoint.base_url, model={"concurrency": 2})
        cuts = 0
        while True:
            change(workspace, budget={"calls": endpoint.stats().calls + 9})
            try:
                result = await levels(workspace, yes=True)
                break
            except BudgetReached:
                cuts += 1
        stats = endpoint.stats()
    assert cuts > 10
    assert stats.duplicates <= 2 * cuts
    assert set(by_id(result)) == {"coarse", "card-tone", "coarse.loans", "coarse.fees"}
    assert report_of(result).outcomes == {"kept": 96}


@pytest.mark.slow
def test_kills_on_both_levels_lose_no_document(project: Project) -> None:
    """kill -9 six times, then a clean finish, then a run that calls nobody."""
    rng = random.Random(3)
    with endpoint_process(latency_s=0.02, slots=4) as endpoint:
        workspace = make(project, endpoint.base_url, model={"concurrency": 4})
        command = [sys.executable, "-m", "cluster_r1", "-C", str(workspace.root), "synth", "--hierarchical", "--yes"]
        for _ in range(6):
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            before = endpoint.stats().answered
            while process.poll() is None and endpoint.stats().answered == before:
                time.sleep(0.02)
            time.sleep(rng.uniform(0.0, 0.5))
            process.send_signal(signal.SIGKILL)
            process.wait()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        stats = endpoint.stats()
        assert done.returncode == 0, done.stderr
        assert subprocess.run(command, capture_output=True, check=False).returncode == 0
        assert endpoint.stats().calls == stats.calls
    assert stats.duplicates <= 6 * 4
    assert read_result(workspace, "card-tone").outcomes == {"kept": 40}
    assert "level 2: 3 of 4 coarse clusters are divided; 6 documents in clusters of fewer than 10" in done.stdout


def test_the_command_line_tells_the_levels(project: Project) -> None:
    with endpoint_process() as endpoint:
        workspace = make(project, endpoint.base_url)

        def command(*arguments: str) -> subprocess.CompletedProcess[str]:
            line = [sys.executable, "-m", "cluster_r1", "-C", str(workspace.root), *arguments]
            return subprocess.run(line, capture_output=True, text=True, check=False)

        waiting = command("synth", "--hierarchical")
        assert waiting.returncode == 3, waiting.stderr
        assert "proposals-coarse.yaml" in waiting.stderr
        done = command("synth", "--hierarchical", "--yes")
        assert done.returncode == 0, done.stderr
        assert "fraud: 6 documents, too few to be divided" in done.stdout
        status = command("status")
        assert "card-tone: labelled, 40/40 documents" in status.stdout
        assert "card-tone: 40 kept, 0 conflict, 0 none fits, 0 unanswered" in status.stdout
        assert json.loads(command("status", "--json").stdout)["hierarchy"]["outcomes"] == {"kept": 96}
        assert command("estimate", "--hierarchical").returncode == 0
        assert command("report").returncode == 0
