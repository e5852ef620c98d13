"""The taxonomy graphs: generation, gates that wait for a person in a file, refinement until the check passes."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from cluster_r1.core.archive import TaxonomyArchive
from cluster_r1.core.errors import WaitingForReview
from cluster_r1.graphs.synth import SynthResult
from cluster_r1.llm.testing.endpoint import EndpointConfig, FaultEndpoint

from .conftest import Project, run

TASKS = [{"id": "topic", "instruction": "Cluster by topic."}]
SMALL = {"min_clusters": 2, "max_clusters": 5, "probe": 20, "rounds": 1, "proposals": 2}


def decide(result: SynthResult, **changes: Any) -> Path:
    """Edit the file of the gate that waits, as a person would."""
    (waiting,) = result.waiting
    content = yaml.safe_load(waiting.file.read_text())
    waiting.file.write_text(yaml.safe_dump({**content, **changes}))
    return waiting.file


async def test_yes_passes_every_gate_from_nothing_to_labels(project: Project) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = project(endpoint.base_url, tasks=[], taxonomy=SMALL)
        result = await run(workspace, yes=True)
        again = await run(workspace)
    assert len(result.tasks) == 2
    assert not result.waiting
    assert all(sum(task.outcomes.values()) == 60 for task in result.tasks)
    assert again.paid == 0


async def test_a_closed_gate_waits_with_the_proposal_and_an_accept_goes_on(project: Project) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = project(endpoint.base_url, tasks=TASKS, taxonomy=SMALL)
        first = await run(workspace)
        paid = endpoint.stats().calls
        still = await run(workspace)
        assert endpoint.stats().calls == paid
        path = decide(still, verdict="accept", author="ann")
        result = await run(workspace)
    assert first.tasks == ()
    assert still.waiting == first.waiting
    assert sum(result.tasks[0].outcomes.values()) == 60
    assert not path.exists()
    assert "ann" in (workspace.reviews / "decided" / "taxonomy-topic.1.yaml").read_text()


async def test_a_persons_edit_is_a_version_of_its_own_with_author(project: Project) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = project(endpoint.base_url, tasks=TASKS, taxonomy=SMALL)
        waiting = await run(workspace)
        edited = {
            "id": "topic",
            "instruction": "Cluster by what it is about.",
            "clusters": [{"name": "cards", "description": "Cards."}, {"name": "the rest", "description": "All else."}],
        }
        decide(waiting, verdict="accept", author="ann", tasks=[edited])
        result = await run(workspace)
    taxonomy = result.tasks[0].task.taxonomy
    assert (taxonomy.instruction, taxonomy.names) == ("Cluster by what it is about.", ("cards", "the rest"))
    assert taxonomy.provenance is not None
    assert (taxonomy.provenance.author, taxonomy.provenance.kind) == ("ann", "human")
    assert len(TaxonomyArchive(workspace.taxonomies).history("topic")) == taxonomy.version


async def test_a_note_sends_it_back_to_the_refiner_and_a_reject_drops_the_task(project: Project) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = project(endpoint.base_url, tasks=TASKS, taxonomy=SMALL)
        decide(await run(workspace), verdict="rewrite", note="fewer, wider clusters")
        calls = endpoint.stats().calls
        again = await run(workspace)
        assert endpoint.stats().calls > calls
        assert again.waiting
        decide(again, verdict="reject")
        result = await run(workspace)
    assert (result.tasks, result.rejected) == ((), ("topic",))


async def test_proposals_are_chosen_and_edited_by_a_person(project: Project) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = project(endpoint.base_url, tasks=[], taxonomy=SMALL, review={"taxonomy": False})
        waiting = await run(workspace)
        proposed = yaml.safe_load(waiting.waiting[0].file.read_text())["tasks"]
        decide(waiting, verdict="accept", tasks=[proposed[0] | {"id": "mine"}])
        result = await run(workspace)
    assert [task.task.id for task in result.tasks] == ["mine"]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"verdict": "maybe"}, "verdict"),
        ({"verdict": "accept", "tasks": [{"id": "topic"}]}, "instruction"),
        (
            {"verdict": "accept", "tasks": [{"id": "topic", "instruction": "Sort.", "clusters": [{"name": "a"}] * 2}]},
            "two clusters",
        ),
    ],
)
async def test_a_mistake_in_the_file_is_named_and_nothing_is_lost(
    project: Project, changes: dict[str, Any], complaint: str
) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = project(endpoint.base_url, tasks=TASKS, taxonomy=SMALL)
        path = decide(await run(workspace), **changes)
        written = path.read_text()
        with pytest.raises(WaitingForReview, match=complaint):
            await run(workspace)
        assert path.read_text() == written


async def test_gates_that_are_switched_off_do_not_wait(project: Project) -> None:
    async with FaultEndpoint() as endpoint:
        off = {"proposals": False, "taxonomy": False}
        result = await run(project(endpoint.base_url, tasks=[], taxonomy=SMALL, review=off))
    assert result.tasks
    assert not result.waiting


async def test_a_failing_check_is_fed_back_a_bounded_number_of_times(project: Project) -> None:
    strict = SMALL | {"max_confusion": 0.0, "max_none_fits": 0.0, "rounds": 2, "probe": 60}
    async with FaultEndpoint(EndpointConfig(noise=0.5)) as endpoint:
        workspace = project(endpoint.base_url, tasks=TASKS, taxonomy=strict)
        await run(workspace, yes=True)
    archive = TaxonomyArchive(workspace.taxonomies)
    checks = [c for t in archive.history("topic") if (c := archive.check("topic", t.version)) is not None]
    assert 1 <= len(checks) <= 3
    assert not any(check.passed for check in checks)
    accepted = archive.accepted("topic")
    assert accepted is not None
    best = min(check.score for check in checks)
    assert next(check for check in checks if check.version == accepted.version).score == best


async def test_taxonomies_stay_when_the_corpus_grows(project: Project, tmp_path: Path) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = project(endpoint.base_url, tasks=TASKS, taxonomy=SMALL)
        before = (await run(workspace, yes=True)).tasks[0].task.taxonomy
        with (tmp_path / "texts.jsonl").open("a") as file:
            file.write('{"id": "new", "text": "One more message."}\n')
        result = await run(workspace, yes=True)
    assert result.tasks[0].task.taxonomy == before
    assert result.paid == 2


async def test_another_instruction_in_the_settings_makes_another_taxonomy(project: Project) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = project(endpoint.base_url, tasks=TASKS, taxonomy=SMALL)
        before = (await run(workspace, yes=True)).tasks[0].task.taxonomy
        settings = yaml.safe_load(workspace.settings_file.read_text())
        settings["tasks"][0]["instruction"] = "Cluster by tone."
        workspace.settings_file.write_text(yaml.safe_dump(settings))
        after = (await run(workspace, yes=True)).tasks[0].task.taxonomy
        assert (await run(workspace, yes=True)).paid == 0
    assert (before.instruction, after.instruction) == ("Cluster by topic.", "Cluster by tone.")
    assert after.version > before.version


async def test_a_deleted_taxonomy_file_comes_back(project: Project) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = project(endpoint.base_url, tasks=TASKS, taxonomy=SMALL)
        before = (await run(workspace, yes=True)).tasks[0].task.taxonomy
        (workspace.taxonomies / "topic.yaml").unlink()
        result = await run(workspace)
    assert result.tasks[0].task.taxonomy == before
    assert result.paid == 0
