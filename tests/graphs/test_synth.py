"""The main job against the bundled endpoint: every document accounted for, and nothing paid twice."""

from pathlib import Path

import pytest
import yaml
from cluster_r1.core.errors import BudgetReached, EndpointError
from cluster_r1.core.labels import LabelStore
from cluster_r1.graphs.run import label_store
from cluster_r1.llm.testing.endpoint import EndpointConfig, FaultEndpoint

from .conftest import TOPICS, Project, run, write_documents


def stored_ids(store: LabelStore) -> list[str]:
    return sorted(row.consensus.document_id for row in store.rows())


async def test_every_document_gets_two_votes_and_an_outcome(project: Project) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = project(endpoint.base_url, documents=60)
        result = await run(workspace)
    (task,) = result.tasks
    assert task.outcomes == {"kept": 60}
    assert task.task.sizes == dict.fromkeys(TOPICS, 12)
    assert result.paid == endpoint.stats().calls == 120
    store = label_store(workspace, task.task.taxonomy)
    assert stored_ids(store) == sorted(f"d{n}" for n in range(60))
    assert task.agreement.kappa.value == 1
    assert [score.accuracy for score in task.gold] == [1, 1, 1]
    assert not list(store.folder.glob("parts/*"))


async def test_an_identical_second_run_makes_no_call(project: Project) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = project(endpoint.base_url)
        first = await run(workspace)
        endpoint.reset()
        again = await run(workspace)
        assert endpoint.stats().calls == 0
    assert again.paid == 0
    assert again.tasks == first.tasks


async def test_a_second_run_needs_no_endpoint(project: Project) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = project(endpoint.base_url)
        first = await run(workspace)
    assert (await run(workspace)).tasks == first.tasks


async def test_an_added_document_costs_its_own_calls(project: Project, tmp_path: Path) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = project(endpoint.base_url, documents=60)
        await run(workspace)
        write_documents(tmp_path / "texts.jsonl", 1, start=60, mode="a")
        result = await run(workspace)
        assert endpoint.stats().calls == 122
    assert result.paid == 2
    assert result.tasks[0].outcomes == {"kept": 61}


async def test_a_document_put_first_costs_its_own_calls(project: Project, tmp_path: Path) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = project(endpoint.base_url, documents=60)
        await run(workspace)
        path = tmp_path / "texts.jsonl"
        path.write_text('{"id": "new", "text": "A new message about fraud."}\n' + path.read_text())
        result = await run(workspace)
    assert result.paid == 2
    assert result.tasks[0].outcomes == {"kept": 61}


async def test_a_changed_text_is_another_document_and_a_removed_one_is_gone(project: Project, tmp_path: Path) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = project(endpoint.base_url, documents=60)
        await run(workspace)
        path = tmp_path / "texts.jsonl"
        lines = path.read_text().splitlines()[1:]
        lines[0] = lines[0].replace("nothing else", "no other thing")
        path.write_text("\n".join(lines) + "\n")
        result = await run(workspace)
    assert result.paid == 2
    assert result.tasks[0].outcomes == {"kept": 59}


async def test_an_edited_description_gets_new_votes_beside_the_old(project: Project, tmp_path: Path) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = project(endpoint.base_url, documents=60, labeling={"chunk": 20, "recheck": 10})
        before = (await run(workspace)).tasks[0].task.taxonomy
        path = tmp_path / "clusters.yaml"
        content = yaml.safe_load(path.read_text())
        content["clusters"]["fees"] = "What an account costs."
        path.write_text(yaml.safe_dump(content))
        result = await run(workspace)
        after = result.tasks[0].task.taxonomy
        assert result.paid == 2 * (12 + 10)
        path.write_text(yaml.safe_dump({"clusters": content["clusters"] | {"fees": "Messages about fees."}}))
        assert (await run(workspace)).paid == 0
    assert (before.version, after.version) == (1, 2)
    assert stored_ids(label_store(workspace, before)) == stored_ids(label_store(workspace, after))


async def test_a_limit_labels_the_first_documents_and_the_next_run_the_rest(project: Project) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = project(endpoint.base_url, documents=60)
        assert (await run(workspace, limit=25)).tasks[0].outcomes == {"kept": 25}
        result = await run(workspace)
    assert result.paid == 70
    assert result.tasks[0].outcomes == {"kept": 60}


FAULTS = [
    {"every_429": 50, "retry_after_ms": 5},
    {"every_429": 7, "retry_after_ms": 5},
    {"every_garbage": 50},
    {"every_500": 20},
    {"every_truncated": 20},
    {"every_empty": 20},
    {"every_length": 20},
    {"refuse_above": 4, "retry_after_ms": 5, "latency_s": 0.002},
    {
        "every_429": 11,
        "every_500": 13,
        "every_garbage": 17,
        "every_truncated": 19,
        "every_length": 23,
        "retry_after_s": 0,
    },
]


@pytest.mark.parametrize("faults", FAULTS, ids="+".join)
async def test_faults_cost_time_and_no_document(project: Project, faults: dict[str, float]) -> None:
    async with FaultEndpoint(EndpointConfig.model_validate(faults)) as endpoint:
        settings = {"model": {"retries": 12}, "labeling": {"chunk": 20, "attempts": 8}}
        workspace = project(endpoint.base_url, documents=150, **settings)
        result = await run(workspace)
        stats = endpoint.stats()
    (task,) = result.tasks
    assert task.outcomes == {"kept": 150}
    assert stored_ids(label_store(workspace, task.task.taxonomy)) == sorted(f"d{n}" for n in range(150))
    assert stats.duplicates == 0


async def test_documents_that_no_model_answers_are_counted_and_asked_again_alone(project: Project) -> None:
    async with FaultEndpoint(EndpointConfig(every_empty=4)) as endpoint:
        workspace = project(endpoint.base_url, labeling={"chunk": 20, "attempts": 1})
        first = await run(workspace)
    lost = first.tasks[0].outcomes["unanswered"]
    assert 0 < lost < 60
    assert first.unanswered == lost
    settings = yaml.safe_load(workspace.settings_file.read_text())
    async with FaultEndpoint() as endpoint:
        settings["models"]["default"]["base_url"] = endpoint.base_url
        workspace.settings_file.write_text(yaml.safe_dump(settings))
        second = await run(workspace)
        assert endpoint.stats().calls <= 2 * lost
    assert second.tasks[0].outcomes == {"kept": 60}


async def test_noisy_labelers_conflict_and_consensus_is_better_than_either(project: Project) -> None:
    async with FaultEndpoint(EndpointConfig(noise=0.2)) as endpoint:
        result = await run(project(endpoint.base_url, documents=400))
    (task,) = result.tasks
    assert task.outcomes["conflict"] > 50
    first, second, kept = (score.accuracy or 0 for score in task.gold)
    assert kept > max(first, second)
    low, high = task.agreement.kappa.low, task.agreement.kappa.high
    assert low is not None
    assert high is not None
    assert low < 0.6 < high + 0.2


async def test_a_spent_budget_stops_cleanly_and_a_larger_one_goes_on(project: Project) -> None:
    async with FaultEndpoint() as endpoint:
        workspace = project(endpoint.base_url, budget={"calls": 50})
        with pytest.raises(BudgetReached, match=r"budget\.calls"):
            await run(workspace)
        settings = yaml.safe_load(workspace.settings_file.read_text())
        settings["budget"]["calls"] = 1000
        workspace.settings_file.write_text(yaml.safe_dump(settings))
        result = await run(workspace)
        stats = endpoint.stats()
    assert result.tasks[0].outcomes == {"kept": 60}
    assert stats.duplicates == 0


async def test_nobody_listening_is_one_clear_error(project: Project) -> None:
    workspace = project("http://127.0.0.1:9/v1", model={"retries": 0})
    with pytest.raises(EndpointError, match="cannot be reached"):
        await run(workspace)


async def test_a_key_reaches_the_endpoint_and_no_file(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "sk-0123456789-secret-key"
    monkeypatch.setenv("TEST_KEY", secret)
    async with FaultEndpoint(EndpointConfig(api_key=secret, every_500=9)) as endpoint:
        workspace = project(endpoint.base_url, model={"api_key_env": "TEST_KEY"})
        await run(workspace)
    async with FaultEndpoint(EndpointConfig(api_key="another")) as endpoint:
        settings = yaml.safe_load(workspace.settings_file.read_text())
        settings["models"]["default"] |= {"base_url": endpoint.base_url, "temperature": 0.5}
        settings["labeling"] = {"orders": 1}
        (workspace.root / "clusters.yaml").write_text(yaml.safe_dump({"clusters": ["cards", "loans"]}))
        workspace.settings_file.write_text(yaml.safe_dump(settings))
        with pytest.raises(EndpointError, match=r"refused the key in \$TEST_KEY") as raised:
            await run(workspace)
    assert secret not in str(raised.value)
    written = [path for path in workspace.root.rglob("*") if path.is_file()]
    assert len(written) > 8
    assert not [path for path in written if secret.encode() in path.read_bytes()]


async def test_an_empty_key_variable_is_named(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEST_KEY", raising=False)
    workspace = project("http://127.0.0.1:9/v1", model={"api_key_env": "TEST_KEY"})
    with pytest.raises(Exception, match="TEST_KEY"):
        await run(workspace)
