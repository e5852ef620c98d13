"""`cluster-r1 export` as a newcomer uses it, with an upload to a stand-in for the hub."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from exporting import proven
from hub_server import hub

TOKEN = "hf_notToBeSeen"


def command(*arguments: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    known = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
    known |= {"HF_HOME": str(cwd / "home"), **environment}
    run = [sys.executable, "-m", "cluster_r1", *map(str, arguments)]
    return subprocess.run(run, capture_output=True, text=True, check=False, cwd=cwd, env=known)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    proven(tmp_path / "benchmark")
    return tmp_path


def test_several_formats_at_once(project: Path) -> None:
    done = command("export", "--to", "jsonl", "--to", "verl", cwd=project)
    assert done.returncode == 0, done.stderr
    assert "jsonl: 8 train, 4 distill, 4 c0, 4 c1, 4 c2" in done.stdout
    assert (project / "benchmark" / "exports" / "jsonl" / "c1.jsonl").exists()
    assert (project / "benchmark" / "exports" / "verl" / "c1.parquet").exists()
    done = command("export", "--to", "jsonl", "--to", "verl", "--out", "data", "--split", "c1", cwd=project)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (project / "data").iterdir()) == ["jsonl", "verl"]


def test_one_format_and_a_place(project: Path) -> None:
    done = command("-C", "elsewhere", "export", "--to", "jsonl", "--benchmark", "benchmark", "--out", "x", cwd=project)
    assert done.returncode == 0, done.stderr
    assert (project / "x" / "train.jsonl").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--to", "trl"], "'trl-sft', 'trl-grpo', 'verl', 'verifiers', 'hf', 'mteb', 'jsonl'"),
        ([], "--to"),
        (["--to", "jsonl", "--split", "test"], "it takes train, distill, c0, c1, c2"),
        (["--to", "jsonl", "--benchmark", "nowhere"], "`cluster-r1 build` writes one"),
        (["--to", "jsonl", "--out", "benchmark"], "name another place with --out"),
        (["--to", "jsonl", "--traces", "t.jsonl"], "--traces is for --to trl-sft"),
        (["--to", "trl-sft", "--traces", "t.jsonl"], "t.jsonl cannot be read"),
        (["--to", "jsonl", "--push-to-hub", "me/set"], "uploads the data set of --to hf"),
        (["--to", "hf", "--private"], "--private goes with --push-to-hub"),
        (["--to", "verl", "--language", "en"], "--language is for the data card"),
        (["--to", "hf", "--push-to-hub", "me/set"], "HF_TOKEN"),
        (["--to", "hf", "--push-to-hub", "a/b/c"], "no name of a repository"),
    ],
)
def test_wrong_input(arguments: list[str], said: str, project: Path) -> None:
    done = command("export", *arguments, cwd=project, COLUMNS="300", NO_COLOR="1")
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(project.rglob("export.json"))


def test_the_data_set_is_uploaded(project: Path) -> None:
    with hub() as server:
        arguments = ("export", "--to", "hf", "--push-to-hub", "me/set", "--private")
        done = command(*arguments, cwd=project, HF_TOKEN=TOKEN, HF_ENDPOINT=server.url)
    assert done.returncode == 0, done.stderr
    assert f"uploaded: {server.url}/datasets/me/set" in done.stdout
    assert (server.made[0]["type"], server.made[0].get("private", server.made[0].get("visibility"))) in (
        ("dataset", True),
        ("dataset", "private"),
    )
    folder = project / "benchmark" / "exports" / "hf"
    data = [f"data/{split}.parquet" for split in ("c0", "c1", "c2", "distill", "train")]
    assert sorted(server.files) == ["README.md", "compute_score.py", *data, "tasks/tasks.parquet"]
    assert all((folder / path).read_bytes() == content for path, content in server.files.items())
    assert f"Bearer {TOKEN}" in server.tokens
    assert TOKEN not in done.stdout + done.stderr
    stored = [path for path in project.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
    assert stored == []


def test_a_hub_that_refuses_and_one_that_is_not_there(project: Path) -> None:
    arguments = ("export", "--to", "hf", "--push-to-hub", "me/set")
    with hub(refuse=401) as server:
        done = command(*arguments, cwd=project, HF_TOKEN=TOKEN, HF_ENDPOINT=server.url)
    assert done.returncode == 4
    assert "the hub refused 'me/set'" in done.stderr
    gone = command(*arguments, cwd=project, HF_TOKEN=TOKEN, HF_ENDPOINT="http://127.0.0.1:9")
    assert gone.returncode == 4
    assert "cannot be reached" in gone.stderr
    for output in (done, gone):
        assert "Traceback" not in output.stderr
        assert TOKEN not in output.stdout + output.stderr
    assert (project / "benchmark" / "exports" / "hf" / "README.md").exists()
