"""An edited taxonomy re-labels what the edit touches, tells what that shortcut cost, and never pays twice."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from cluster_r1.cli.synth import task_lines
from cluster_r1.core.archive import read_taxonomy
from cluster_r1.core.consensus import Assignment, decide
from cluster_r1.core.human import HumanLabel
from cluster_r1.core.labels import LabelRow, LabelStore, label_store, read_rows
from cluster_r1.core.taxonomy import NONE_FITS, Cluster, Taxonomy, diff_taxonomies
from cluster_r1.core.workspace import Workspace
from cluster_r1.corpora.store import DocumentStore
from cluster_r1.graphs.carry import carry_consensus, carry_human, carry_labels, plan_carry, read_plan
from cluster_r1.graphs.estimate import estimate_run
from cluster_r1.graphs.progress import Silent
from cluster_r1.graphs.results import TaskResult
from cluster_r1.llm.ledger import Ledger
from cluster_r1.llm.testing.endpoint import EndpointConfig, FaultEndpoint
from hypothesis import given
from hypothesis import strategies as st

from .conftest import CLUSTERS, TOPICS, Project, run

NOISE = EndpointConfig(noise=0.2)
RENAMED = {("fees and charges" if name == "fees" else name): text for name, text in CLUSTERS.items()}
REDESCRIBED = {**CLUSTERS, "fees": "What an account costs."}
ADDED = {**CLUSTERS, "complaints": "Messages of people who are angry."}
REMOVED = {name: text for name, text in CLUSTERS.items() if name != "fees"}


def edit(workspace: Workspace, clusters: dict[str, str]) -> None:
    (workspace.root / "clusters.yaml").write_text(yaml.safe_dump({"clusters": clusters}, sort_keys=False))


def configure(workspace: Workspace, **labeling: Any) -> None:
    settings = yaml.safe_load(workspace.settings_file.read_text())
    settings["labeling"] |= labeling
    workspace.settings_file.write_text(yaml.safe_dump(settings))


def given_taxonomy(workspace: Workspace) -> Taxonomy:
    return read_taxonomy(workspace.root / "clusters.yaml", "topic", "Cluster by topic.")


def rows_of(workspace: Workspace, result: TaskResult) -> dict[int, LabelRow]:
    rows = list(label_store(workspace, result.task.taxonomy).rows())
    found = {row.key: row for row in rows}
    assert len(found) == len(rows)
    return found


def word(row: LabelRow, cluster: str, at: str = "2026-11-20T10:00:00+00:00") -> HumanLabel:
    return HumanLabel(
        document_id=row.consensus.document_id,
        key=row.key,
        cluster=cluster,
        authors=("ada",),
        rule="single",
        slice="random",
        at=at,
    )


async def test_a_new_name_costs_the_recheck_alone(project: Project) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = project(endpoint.base_url, labeling={"chunk": 20, "recheck": 10})
        (before,) = (await run(workspace)).tasks
        edit(workspace, RENAMED)
        result = await run(workspace)
        assert result.paid == 20
        assert (await run(workspace)).paid == 0
    (task,) = result.tasks
    assert task.task.sizes == dict.fromkeys(RENAMED, 12)
    assert task.carried is not None
    assert (task.carried.documents, task.carried.rechecked, task.carried.same) == (50, 10, 10)
    assert (task.carried.version, task.carried.source) == (1, before.task.taxonomy.fingerprint)
    rows = rows_of(workspace, task)
    assert {row.carried_from for row in rows.values()} == {None, before.task.taxonomy.fingerprint}
    assert {vote.cluster for row in rows.values() for vote in row.consensus.votes} == set(RENAMED)
    assert "  50 labels carried over from version 1; of 10 untouched documents voted anew, 10 kept their label" in str(
        task_lines(task)
    )


async def test_a_new_name_takes_conflicts_and_none_fits_along(project: Project) -> None:
    async with FaultEndpoint(NOISE) as endpoint:
        workspace = project(endpoint.base_url, 200, labeling={"chunk": 50, "recheck": 0})
        (before,) = (await run(workspace)).tasks
        edit(workspace, RENAMED)
        result = await run(workspace)
    (after,) = result.tasks
    assert result.paid == 0
    assert before.outcomes["conflict"] > 20
    assert after.outcomes == before.outcomes
    assert after.agreement.kappa.value == pytest.approx(before.agreement.kappa.value)
    assert [score.accuracy for score in after.gold] == [score.accuracy for score in before.gold]


@pytest.mark.parametrize(
    ("clusters", "changed"), [(REDESCRIBED, {"fees"}), (REMOVED, {"fees"}), (ADDED, set())], ids=str
)
async def test_what_the_edit_touches_is_voted_on_anew_and_nothing_else(
    project: Project, clusters: dict[str, str], changed: set[str]
) -> None:
    async with FaultEndpoint(NOISE) as endpoint:
        workspace = project(endpoint.base_url, 200, labeling={"chunk": 50, "recheck": 15})
        (before,) = (await run(workspace)).tasks
        edit(workspace, clusters)
        result = await run(workspace)
        assert (await run(workspace)).paid == 0
    (after,) = result.tasks
    old, new = rows_of(workspace, before), rows_of(workspace, after)
    touched = {
        key
        for key, row in old.items()
        if row.consensus.outcome != "kept" or {vote.cluster for vote in row.consensus.votes} & changed
    }
    assert 0 < len(touched) < 190
    assert result.paid == 2 * (len(touched) + 15)
    anew = {key for key, row in new.items() if row.carried_from is None}
    assert touched < anew
    assert len(anew - touched) == 15
    for key in new.keys() - anew:
        assert new[key].consensus == old[key].consensus
    assert new.keys() == old.keys()


async def test_another_instruction_touches_everything(project: Project) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = project(endpoint.base_url)
        await run(workspace)
        settings = yaml.safe_load(workspace.settings_file.read_text())
        settings["tasks"][0]["instruction"] = "Cluster by what the message is about."
        workspace.settings_file.write_text(yaml.safe_dump(settings))
        result = await run(workspace)
    assert result.paid == 120
    assert result.tasks[0].carried is None


async def test_undoing_an_edit_costs_nothing_and_finds_the_votes_as_they_were(project: Project) -> None:
    async with FaultEndpoint(NOISE) as endpoint:
        workspace = project(endpoint.base_url)
        first = await run(workspace)
        edit(workspace, REDESCRIBED)
        await run(workspace)
        edit(workspace, CLUSTERS)
        again = await run(workspace)
    assert again.paid == 0
    assert again.tasks == first.tasks


async def test_another_order_of_the_clusters_is_no_edit(project: Project) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = project(endpoint.base_url)
        first = await run(workspace)
        edit(workspace, dict(reversed(CLUSTERS.items())))
        again = await run(workspace)
    assert again.paid == 0
    assert again.tasks[0].carried is None
    assert again.tasks[0].outcomes == first.tasks[0].outcomes


async def test_without_the_shortcut_everything_is_voted_on_anew(project: Project) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = project(endpoint.base_url, labeling={"chunk": 20, "carry": False})
        await run(workspace)
        edit(workspace, RENAMED)
        result = await run(workspace)
    assert result.paid == 120
    assert result.tasks[0].carried is None
    assert not list(workspace.labels.rglob("carr*"))


async def test_carried_votes_keep_the_call_that_was_paid_and_the_version_they_were_cast_under(
    project: Project,
) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = project(endpoint.base_url, labeling={"chunk": 20, "recheck": 0, "reason": True})
        (first,) = (await run(workspace)).tasks
        edit(workspace, RENAMED)
        await run(workspace)
        edit(workspace, {**RENAMED, "complaints": "Messages of people who are angry."})
        last = await run(workspace)
    old, new = rows_of(workspace, first), rows_of(workspace, last.tasks[0])
    assert last.paid == 0
    assert {row.carried_from for row in new.values()} == {first.task.taxonomy.fingerprint}
    ledger = Ledger(workspace.ledger)
    for key, row in new.items():
        for vote, before in zip(row.consensus.votes, old[key].consensus.votes, strict=True):
            assert vote.model_copy(update={"cluster": before.cluster}) == before
            assert vote.call is not None
            assert ledger.find(bytes.fromhex(vote.call)) is not None
    ledger.close()


async def test_carried_votes_are_left_out_of_the_position_bias(project: Project) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = project(endpoint.base_url, labeling={"chunk": 20, "recheck": 0})
        (before,) = (await run(workspace)).tasks
        edit(workspace, RENAMED)
        (after,) = (await run(workspace)).tasks
    assert all(bias.bias is not None for bias in before.bias)
    assert all(bias.bias is None for bias in after.bias)
    assert after.agreement.documents == 60


async def test_documents_that_nobody_answered_stay_pending(project: Project) -> None:
    async with FaultEndpoint(EndpointConfig(every_empty=4)) as endpoint:
        workspace = project(endpoint.base_url, labeling={"chunk": 20, "attempts": 1, "recheck": 0})
        lost = (await run(workspace)).unanswered
    assert lost > 0
    edit(workspace, RENAMED)
    async with FaultEndpoint() as endpoint:
        settings = yaml.safe_load(workspace.settings_file.read_text())
        settings["models"]["default"]["base_url"] = endpoint.base_url
        workspace.settings_file.write_text(yaml.safe_dump(settings))
        result = await run(workspace)
    assert result.paid == 2 * lost
    assert result.tasks[0].outcomes == {"kept": 60}


async def test_an_estimate_counts_what_the_edit_touches(project: Project) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = project(endpoint.base_url, labeling={"chunk": 20, "recheck": 5})
        await run(workspace)
        edit(workspace, REDESCRIBED)
        (workspace.taxonomies / "topic.yaml").write_text(
            yaml.safe_dump({"instruction": "Cluster by topic.", "clusters": REDESCRIBED})
        )
        estimate = await estimate_run(workspace, workspace.settings(), Silent())
        assert not list(workspace.labels.rglob("carr*"))
        result = await run(workspace)
    assert {role.calls for role in estimate.roles} == {12 + 5}
    carried = result.tasks[0].carried
    assert carried is not None
    assert carried.documents == 60 - (12 + 5)


KILLED = """
import os, signal, sys
from pathlib import Path
from cluster_r1.core.archive import read_taxonomy
from cluster_r1.core.workspace import Workspace
from cluster_r1.corpora.store import DocumentStore
from cluster_r1.graphs.carry import carry_labels
left = int(sys.argv[2])
def die(event, arguments):
    global left
    if event == "os.rename":
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
workspace = Workspace(Path(sys.argv[1]))
taxonomy = read_taxonomy(workspace.root / "clusters.yaml", "topic", "Cluster by topic.")
corpus = DocumentStore(workspace.documents).keys()
sys.addaudithook(die)
carry_labels(workspace, workspace.settings(), corpus, taxonomy, rows_a_file=20)
"""
"""Dies by kill -9 when its n-th file is written but does not have its name yet."""


def killed_at(workspace: Workspace, file: int) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(workspace.root), str(file)], check=False)
    assert done.returncode == -signal.SIGKILL


async def test_kill_9_between_two_files_loses_nothing_and_doubles_nothing(project: Project) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = project(endpoint.base_url, labeling={"chunk": 20, "recheck": 10})
        await run(workspace)
        edit(workspace, RENAMED)
        store = label_store(workspace, given_taxonomy(workspace))
        files = []
        for file in (1, 2, 3, 3, 3):
            killed_at(workspace, file)
            files.append(len(store.files()))
            plan = read_plan(store)
            assert plan is None or not plan.complete
        assert files == [0, 0, 1, 2, 3]
        configure(workspace, recheck=0)
        result = await run(workspace)
        assert (await run(workspace)).paid == 0
    assert result.paid == 2 * 10
    (task,) = result.tasks
    assert task.outcomes == {"kept": 60}
    assert task.carried is not None
    assert (task.carried.documents, task.carried.rechecked, task.carried.same) == (50, 10, 10)
    assert len(rows_of(workspace, task)) == 60
    stored = [row.key for path in store.files() for row in read_rows(path)]
    assert len(stored) == len(set(stored)) == 60


async def test_a_version_whose_carrying_was_killed_is_no_source(project: Project) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = project(endpoint.base_url, labeling={"chunk": 20, "recheck": 0})
        (first,) = (await run(workspace)).tasks
        edit(workspace, RENAMED)
        (second,) = (await run(workspace)).tasks
        store = label_store(workspace, second.task.taxonomy)
        plan = read_plan(store)
        assert plan is not None
        (store.folder / "carry.json").write_text(plan.model_copy(update={"complete": False}).model_dump_json())
        edit(workspace, {**RENAMED, "complaints": "Messages of people who are angry."})
        (third,) = (await run(workspace)).tasks
    assert third.carried is not None
    assert third.carried.source == first.task.taxonomy.fingerprint


async def test_the_recheck_is_drawn_by_seed_and_not_by_place(project: Project) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = project(endpoint.base_url, 100, labeling={"chunk": 20, "recheck": 10})
        await run(workspace)
    edit(workspace, RENAMED)
    settings, taxonomy = workspace.settings(), given_taxonomy(workspace)
    corpus = DocumentStore(workspace.documents).keys()
    plan = plan_carry(workspace, settings, corpus, taxonomy)
    assert plan == plan_carry(workspace, settings, corpus[::-1], taxonomy)
    assert plan is not None
    other = plan_carry(workspace, settings.model_copy(update={"seed": 7}), corpus, taxonomy)
    assert other is not None
    assert {old.key for old in other.recheck} != {old.key for old in plan.recheck} <= set(corpus.tolist())
    few = plan_carry(workspace, settings, corpus[:4], taxonomy)
    assert few is not None
    assert {old.key for old in few.recheck} == set(corpus[:4].tolist())


async def test_the_recheck_tells_documents_that_moved(project: Project) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = project(endpoint.base_url, labeling={"chunk": 20, "recheck": 60})
        await run(workspace)
        edit(workspace, {**CLUSTERS, "a message about cards": "What nobody needs."})
        (task,) = (await run(workspace)).tasks
    assert task.carried is not None
    assert (task.carried.documents, task.carried.rechecked) == (0, 60)
    assert task.carried.same == 60 - task.task.sizes["a message about cards"] < 60


async def test_peoples_labels_follow_the_edit(project: Project) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = project(endpoint.base_url, labeling={"chunk": 20, "recheck": 0})
        (first,) = (await run(workspace)).tasks
        old = rows_of(workspace, first)
        keys = sorted(old)
        words = dict(zip(keys, [*TOPICS, NONE_FITS], strict=False))
        store = label_store(workspace, first.task.taxonomy)
        store.put_human(word(old[key], cluster) for key, cluster in words.items())
        edit(workspace, {**RENAMED, "loans": "Money that is lent."})
        (second,) = (await run(workspace)).tasks
    carried = label_store(workspace, second.task.taxonomy).human()
    names = {key: label.cluster for key, label in carried.items()}
    kept = {key: cluster for key, cluster in words.items() if cluster not in ("loans", NONE_FITS)}
    assert names == {key: "fees and charges" if cluster == "fees" else cluster for key, cluster in kept.items()}
    assert {label.carried_from for label in carried.values()} == {first.task.taxonomy.fingerprint}
    assert second.human == len(kept)
    assert set(store.human()) == set(words)


async def test_the_newest_word_on_a_document_counts_whichever_version_it_was_said_under(project: Project) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = project(endpoint.base_url, labeling={"chunk": 20, "carry": False})
        (first,) = (await run(workspace)).tasks
        edit(workspace, ADDED)
        (second,) = (await run(workspace)).tasks
        old = rows_of(workspace, first)
        early, late, gone = sorted(old)[:3]
        stores = [label_store(workspace, task.task.taxonomy) for task in (first, second)]
        stores[0].put_human([word(old[early], "cards"), word(old[late], "cards", "2026-11-22T10:00:00Z")])
        stores[0].put_human([word(old[gone], "cards")])
        stores[1].put_human([word(old[early], "loans", "2026-11-21T10:00:00Z"), word(old[late], "loans")])
        stores[1].put_human([word(old[gone], "complaints", "2026-11-21T10:00:00Z")])
        await run(workspace)
        now = {key: label.cluster for key, label in stores[1].human().items()}
        assert now == {early: "loans", late: "cards", gone: "complaints"}
        edit(workspace, CLUSTERS)
        assert (await run(workspace)).paid == 0
        await run(workspace)
    now = {key: (label.cluster, label.carried_from) for key, label in stores[0].human().items()}
    taken = second.task.taxonomy.fingerprint
    assert now == {early: ("loans", taken), late: ("cards", None), gone: ("cards", None)}


NAMES = st.sampled_from(["a", "b", "None", "d", "e"])
TEXTS = st.sampled_from(["", "one", "two", "three"])
CONTENTS = st.dictionaries(NAMES, TEXTS, min_size=2)


def of(clusters: dict[str, str]) -> Taxonomy:
    listed = tuple(Cluster(name=name, description=text) for name, text in clusters.items())
    return Taxonomy(task="t", instruction="Group.", clusters=listed)


@given(CONTENTS, CONTENTS, st.data())
def test_what_is_carried_over_means_the_same_as_before(
    old: dict[str, str], new: dict[str, str], data: st.DataObject
) -> None:
    diff = diff_taxonomies(of(old), of(new))
    answer = st.sampled_from([*old, NONE_FITS, None])
    votes = [Assignment(labeler=who, cluster=data.draw(answer), call="ff", order=3) for who in ("a", "b")]
    before = decide("d", *votes)
    after = carry_consensus(before, diff)
    if after is None:
        return
    assert after.outcome == before.outcome != "unanswered"
    for past, vote in zip(votes, after.votes, strict=True):
        assert vote.model_copy(update={"cluster": past.cluster}) == past
        if past.cluster != NONE_FITS:
            assert new[str(vote.cluster)] == old[str(past.cluster)]
    assert decide("d", *after.votes) == after


@given(CONTENTS, CONTENTS, st.data())
def test_peoples_words_that_are_carried_over_mean_the_same_as_before(
    old: dict[str, str], new: dict[str, str], data: st.DataObject
) -> None:
    diff = diff_taxonomies(of(old), of(new))
    votes = [Assignment(labeler=who, cluster=NONE_FITS) for who in ("a", "b")]
    said = word(LabelRow(1, 0, False, decide("d", *votes)), data.draw(st.sampled_from([*old, NONE_FITS])))
    after = carry_human(said, diff)
    if after is not None and after.cluster != NONE_FITS:
        assert new[after.cluster] == old[said.cluster]
    elif after is not None:
        assert diff.same_meaning
    assert (after is None) == (carry_consensus(decide("d", *_both(said.cluster)), diff) is None)


def _both(cluster: str) -> tuple[Assignment, Assignment]:
    return Assignment(labeler="a", cluster=cluster), Assignment(labeler="b", cluster=cluster)


def test_a_version_without_forerunners_has_nothing_to_take_over(tmp_path: Path, project: Project) -> None:
    workspace = project("http://127.0.0.1:9/v1")
    store = LabelStore(tmp_path)
    assert carry_labels(workspace, workspace.settings(), store.decided(), given_taxonomy(workspace)) is None
    assert not workspace.labels.exists()
