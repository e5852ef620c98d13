"""The command line as a newcomer uses it, wrong input included, in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from cluster_r1.llm.testing.process import RunningEndpoint


def command(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cluster_r1", *arguments], capture_output=True, text=True, check=False, cwd=cwd
    )


@pytest.fixture
def project(tmp_path: Path, endpoint: RunningEndpoint) -> Path:
    """The demo's project, pointed at the bundled endpoint."""
    folder = tmp_path / "demo"
    assert command("init", str(folder), "--template", "demo").returncode == 0
    path = folder / "cluster-r1.yaml"
    settings = yaml.safe_load(path.read_text())
    settings["models"]["default"] = {"base_url": endpoint.base_url, "model": "stand-in"}
    path.write_text(yaml.safe_dump(settings))
    return folder


@pytest.mark.parametrize("template", ["generic", "lmsys", "echr", "sp500", "demo"])
def test_every_template_is_a_valid_project(tmp_path: Path, template: str) -> None:
    done = command("init", str(tmp_path / "p"), "--template", template)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "p" / "cluster-r1.yaml").exists()


def test_init_never_overwrites(tmp_path: Path) -> None:
    command("init", str(tmp_path))
    (tmp_path / "cluster-r1.yaml").write_text("mine")
    done = command("init", str(tmp_path))
    assert done.returncode == 2
    assert "exists already" in done.stderr
    assert command("init", str(tmp_path), "--exist-ok").returncode == 0
    assert (tmp_path / "cluster-r1.yaml").read_text() == "mine"


def test_the_whole_way_from_init_to_page(project: Path) -> None:
    doctor = command("-C", str(project), "doctor", "--json")
    assert doctor.returncode == 0, doctor.stderr
    assert any("keeps to a JSON schema" in finding["detail"] for finding in json.loads(doctor.stdout))

    estimate = command("-C", str(project), "estimate", "--json")
    assert estimate.returncode == 0, estimate.stderr
    assert {role["role"] for role in json.loads(estimate.stdout)["roles"]} >= {"generator", "labeler_a", "labeler_b"}

    waiting = command("-C", str(project), "synth")
    assert waiting.returncode == 3
    assert "taxonomy-subject.yaml" in waiting.stderr
    status = json.loads(command("-C", str(project), "status", "--json").stdout)
    assert {task["id"]: task["stage"] for task in status["tasks"]} == {"subject": "waiting", "purpose": "labelled"}
    assert len(status["waiting"]) == 1

    done = command("-C", str(project), "synth", "--yes")
    assert done.returncode == 0, done.stderr
    assert "kappa" in done.stdout
    assert "against gold" in done.stdout
    assert "Cluster these messages by the town service" in (project / "report.html").read_text()
    status = json.loads(command("-C", str(project), "status", "--json").stdout)
    assert {task["stage"] for task in status["tasks"]} == {"labelled"}
    assert status["waiting"] == []

    words = command("-C", str(project), "status")
    assert "120/120 documents" in words.stdout
    assert command("-C", str(project), "report").returncode == 0


def test_an_estimate_of_what_is_already_done_is_nothing(project: Path) -> None:
    command("-C", str(project), "synth", "--yes")
    found = json.loads(command("-C", str(project), "estimate", "--json").stdout)
    assert found["probe_calls"] == 0
    assert sum(role["calls"] for role in found["roles"]) == 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("synth",), 2, "cluster-r1 init"),
        (("status",), 2, "cluster-r1 init"),
        (("doctor",), 2, ""),
        (("synth", "--limit", "0"), 2, "limit"),
        (("sinth",), 2, "sinth"),
        (("init", "x", "--template", "nope"), 2, "nope"),
    ],
)
def test_wrong_input_ends_with_a_code_and_words(
    tmp_path: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    done = command(*arguments, cwd=tmp_path)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_corpus_is_named(project: Path) -> None:
    (project / "town_desk.jsonl").unlink()
    done = command("-C", str(project), "synth", "--yes")
    assert done.returncode == 2
    assert "town_desk.jsonl" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_endpoint_that_is_not_there(project: Path) -> None:
    path = project / "cluster-r1.yaml"
    settings = yaml.safe_load(path.read_text())
    settings["models"]["default"] = {"base_url": "http://127.0.0.1:9/v1", "model": "m", "retries": 0}
    path.write_text(yaml.safe_dump(settings))
    assert command("-C", str(project), "doctor").returncode == 4
    done = command("-C", str(project), "synth", "--yes")
    assert done.returncode == 4
    assert "cannot be reached" in done.stderr


def test_a_workspace_in_use_is_refused_with_its_holder(project: Path) -> None:
    from cluster_r1.core.workspace import Workspace

    with Workspace(project).lock():
        done = command("-C", str(project), "synth", "--yes")
    assert done.returncode == 7
    assert "in use by process" in done.stderr


def test_version_and_help() -> None:
    assert command("--version").stdout.startswith("cluster-r1 0.")
    assert "Exit codes" in command("--help").stdout
