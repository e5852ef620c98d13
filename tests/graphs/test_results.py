"""A task's statistics: people's word wins in what came out, and leaves the labelers' agreement alone."""

from cluster_r1.cli.synth import task_lines
from cluster_r1.core.human import HumanLabel
from cluster_r1.core.labels import LabelRow, label_store
from cluster_r1.core.taxonomy import NONE_FITS
from cluster_r1.core.workspace import Workspace
from cluster_r1.graphs.pages import write_page
from cluster_r1.graphs.status import project_status
from cluster_r1.graphs.summarising import read_result
from cluster_r1.llm.testing.endpoint import EndpointConfig, FaultEndpoint

from .conftest import Project, run


def word(row: LabelRow, cluster: str) -> HumanLabel:
    return HumanLabel(
        document_id=row.consensus.document_id,
        key=row.key,
        cluster=cluster,
        authors=("ada", "ben"),
        rule="agreed",
        slice="random",
        at="2026-11-20T10:00:00+00:00",
    )


def topic(row: LabelRow) -> str:
    """The topic that the document was written about."""
    return ("cards", "loans", "fees", "fraud", "transfers")[int(row.consensus.document_id[1:]) % 5]


async def labelled(project: Project) -> tuple[Workspace, list[LabelRow]]:
    async with FaultEndpoint(EndpointConfig(noise=0.2, every_empty=50)) as endpoint:
        workspace = project(endpoint.base_url, 200, labeling={"chunk": 50, "attempts": 1})
        (task,) = (await run(workspace)).tasks
    return workspace, list(label_store(workspace, task.task.taxonomy).rows())


async def measured_again(workspace: Workspace) -> None:
    async with FaultEndpoint(EndpointConfig(every_empty=1)) as endpoint:
        settings = workspace.settings_file.read_text()
        old = workspace.settings().models.labeler_a.base_url
        workspace.settings_file.write_text(settings.replace(str(old), endpoint.base_url))
        await run(workspace)


async def test_peoples_word_counts_in_outcomes_sizes_and_gold_and_not_in_the_agreement(project: Project) -> None:
    workspace, rows = await labelled(project)
    before = read_result(workspace, "topic")
    conflicts = [row for row in rows if row.consensus.outcome == "conflict"]
    open_rows = [row for row in rows if row.consensus.outcome == "unanswered"]
    kept = [row for row in rows if row.consensus.outcome == "kept"]
    assert min(len(conflicts), len(open_rows), len(kept)) > 2
    words = [word(row, topic(row)) for row in [*conflicts, *open_rows]]
    words += [word(kept[0], str(kept[0].consensus.cluster)), word(kept[1], NONE_FITS)]
    label_store(workspace, before.task.taxonomy).put_human(words)
    await measured_again(workspace)
    after = read_result(workspace, "topic")
    none_fits = before.outcomes.get("none_fits", 0) + 1
    assert after.outcomes == {"kept": 200 - none_fits, "none_fits": none_fits}
    assert sum(after.task.sizes.values()) == 200 - none_fits
    assert (after.human, after.corrected) == (len(words), len(words) - 1)
    assert (before.human, before.corrected) == (0, 0)
    assert after.agreement == before.agreement
    assert after.bias == before.bias
    assert after.gold[:2] == before.gold[:2]
    assert after.gold[2].who == "consensus (kept)"
    assert after.gold[2].documents == 200 - none_fits
    lines = task_lines(after)
    assert f"  {len(words)} labels by people, {len(words) - 1} of them corrections" in lines
    assert not any("by people" in line for line in task_lines(before))
    (status,) = project_status(workspace, workspace.settings()).tasks
    assert status.result == after


async def test_the_page_shows_who_said_what(project: Project) -> None:
    workspace, rows = await labelled(project)
    taxonomy = read_result(workspace, "topic").task.taxonomy
    conflict = next(row for row in rows if row.consensus.outcome == "conflict")
    label_store(workspace, taxonomy).put_human([word(conflict, topic(conflict))])
    await measured_again(workspace)
    page = write_page(workspace, workspace.settings()).read_text()
    assert f'human: <bdi>ada, ben</bdi> say <b dir="auto">{topic(conflict)}</b>' in page
    assert "1 document has its outcome from people" in page.replace("\u00a0", " ")
