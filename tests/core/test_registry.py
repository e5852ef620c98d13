"""Registries of tasks: the paper's 28 by their counts and words, users' own files, and what is refused in them."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from cluster_r1.core.errors import SettingsError
from cluster_r1.core.registry import load_registry, parse_registry, split_of, with_registry
from cluster_r1.core.settings import Settings, parse_settings
from cluster_r1.core.task_settings import HierarchySettings, inside_id
from cluster_r1.core.workspace import Workspace
from hypothesis import given
from hypothesis import strategies as st

PAPER = Path(__file__).resolve().parents[3] / "shared" / "paper" / "cluster-r1-paper.txt"
TASK = {"id": "a", "domain": "d", "split": "held-in", "instruction": "Cluster by tone."}


def settings(**sections: Any) -> Settings:
    models = {"default": {"model": "m", "base_url": "http://localhost:1/v1"}}
    corpus = {"source": "x.jsonl", "domain": "echr"}
    return parse_settings({"corpus": corpus, "models": models, **sections})


def registry_of(*tasks: dict[str, Any]) -> dict[str, Any]:
    return {"name": "mine", "tasks": list(tasks)}


def test_the_papers_registry_has_its_tasks() -> None:
    registry = load_registry("reasoncluster", Path())
    assert Counter((task.domain, task.split) for task in registry.tasks) == {
        ("echr", "held-in"): 3,
        ("lmsy", "held-in"): 10,
        ("sp500", "held-in"): 4,
        ("echr", "held-out"): 3,
        ("lmsy", "held-out"): 5,
        ("sp500", "held-out"): 3,
    }
    assert all(task.id.startswith(f"{task.domain}-") for task in registry.tasks)
    assert [task.domain for task in registry.tasks if task.within] == ["lmsy"] * 7


@pytest.mark.skipif(not PAPER.exists(), reason="the paper's text is not on this machine")
def test_the_instructions_are_the_papers_words() -> None:
    text = " ".join(PAPER.read_text(encoding="utf-8").split())
    table = text[text.index("H.4 Benchmark Details") : text.index("Appendix I Analysis")]
    registry = load_registry("reasoncluster", Path())
    assert [task.instruction for task in registry.tasks if task.instruction not in table] == []
    assert len(re.findall(r"(?:Cluster|Group) [^.]+\.", table)) == 28


def test_settings_take_the_tasks_of_their_domain() -> None:
    found = with_registry(settings(registry="reasoncluster"), Path())
    assert [task.split for task in found.tasks] == ["held-in"] * 3 + ["held-out"] * 3
    assert found.tasks[0].id == "echr-vulnerable-population"


def test_tasks_in_the_settings_win() -> None:
    asked = settings(registry="reasoncluster", tasks=[{"id": "mine", "instruction": "Cluster by tone."}])
    assert with_registry(asked, Path()) == asked
    assert with_registry(settings(), Path()) == settings()


def test_a_domain_without_tasks_is_told_the_domains() -> None:
    asked = settings(registry="reasoncluster", corpus={"source": "x.jsonl", "domain": "lmsys"})
    with pytest.raises(SettingsError, match=r"'lmsys', did you mean 'lmsy'\? \(its domains: echr, lmsy, sp500\)"):
        with_registry(asked, Path())


def test_a_task_inside_a_cluster_is_not_made_over_the_whole_corpus_too() -> None:
    asked = settings(registry="reasoncluster")
    first = with_registry(asked, Path()).tasks[0]
    inside = {"some cluster": [{"id": first.id, "instruction": first.instruction}]}
    found = with_registry(settings(registry="reasoncluster", hierarchy={"inside": inside}), Path())
    assert [task.id for task in with_registry(asked, Path()).tasks[1:]] == [task.id for task in found.tasks]


def test_a_registry_of_ones_own_lies_beside_the_settings(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(registry_of(TASK | {"domain": "echr", "split": "held-out"})))
    content = settings(registry="mine.yaml").model_dump(mode="json", exclude={"tasks"})
    (tmp_path / "cluster-r1.yaml").write_text(yaml.safe_dump(content))
    (task,) = Workspace(tmp_path).settings().tasks
    assert (task.id, task.split) == ("a", "held-out")


WRONG = [
    (registry_of(TASK, TASK | {"instruction": "Cluster by length."}), "two tasks have the id 'a'"),
    (registry_of(TASK, TASK | {"id": "b", "instruction": "cluster  BY tone"}), "'a' and 'b' have the same instruction"),
    (registry_of(TASK | {"spilt": "held-in"}), r"tasks\.0\.spilt"),
    (registry_of(TASK | {"split": "heldout"}), r"tasks\.0\.split"),
    (registry_of(TASK | {"within": "requests"}), "within 'requests' is not in the instruction"),
    (registry_of(TASK | {"id": "A b"}), r"tasks\.0\.id"),
    (registry_of(), "tasks"),
    ({"tasks": [TASK]}, "name"),
    ([TASK], "registry mine"),
]


@pytest.mark.parametrize(("content", "said"), WRONG)
def test_what_is_wrong_in_a_registry_is_named(content: Any, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        parse_registry(content, "mine")


@pytest.mark.parametrize(
    ("text", "said"),
    [(None, "neither 'reasoncluster' nor a file"), ("a: [", "not valid YAML"), ("name: x\nname: y", "written twice")],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, text: str | None, said: str) -> None:
    if text is not None:
        (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(SettingsError, match=said):
        load_registry("mine.yaml", tmp_path)


def test_the_registry_decides_the_split_then_the_settings_then_held_in() -> None:
    registry = load_registry("reasoncluster", Path())
    asked = settings(
        tasks=[
            {"id": "echr-adversaries", "instruction": "Cluster by party."},
            {"id": "mine", "instruction": "Cluster by tone.", "split": "held-out"},
        ],
        hierarchy={"inside": {"Poems": {"instruction": "Cluster by form.", "split": "held-out"}}},
    )
    found = {task: split_of(asked, registry, task) for task in ("echr-adversaries", "mine", "coarse.poems", "other")}
    assert found == {
        "echr-adversaries": "held-out",
        "mine": "held-out",
        "coarse.poems": "held-out",
        "other": "held-in",
    }
    assert split_of(asked, None, "echr-adversaries") == "held-in"


def test_tasks_inside_clusters_have_ids_of_their_own() -> None:
    inside = {"Ask & tell": ["By tone.", "By length."], "ask, tell": {"instruction": "By form.", "gold": "form"}}
    found = HierarchySettings.model_validate({"inside": inside}).tasks_inside()
    assert [(cluster, task.id, task.gold) for cluster, task in found] == [
        ("Ask & tell", "coarse.ask-tell", None),
        ("Ask & tell", "coarse.ask-tell.2", None),
        ("ask, tell", "coarse.ask-tell.3", "form"),
    ]


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"inside": {"x": {"id": "coarse", "instruction": "By tone."}}}, "two tasks have the id 'coarse'"),
        ({"clusters": 1}, r"hierarchy\.clusters"),
        ({"min_documents": 1}, r"hierarchy\.min_documents"),
        ({"parallel": 0}, r"hierarchy\.parallel"),
        ({"inside": {"x": []}}, r"hierarchy\.inside\.x"),
        ({"cluster": 12}, "did you mean 'clusters'"),
    ],
)
def test_what_is_wrong_in_the_hierarchy_is_named(section: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        settings(hierarchy=section)


@given(st.lists(st.text(min_size=1, max_size=120), max_size=30))
def test_ids_are_valid_and_differ_whatever_the_clusters_are_called(names: list[str]) -> None:
    taken: set[str] = set()
    for name in itertools.chain(names, names):
        chosen = inside_id("coarse", name, taken)
        assert chosen not in taken
        assert re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,63}", chosen)
        taken.add(chosen)
