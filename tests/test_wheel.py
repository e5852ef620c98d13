"""The built wheel, installed in a fresh environment, carries what the commands need."""

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest
import yaml
from cluster_r1.llm.testing.process import endpoint_process

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_a_fresh_environment_runs_a_command_from_the_wheel(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", tmp_path, ROOT], check=True, capture_output=True
    )
    (wheel,) = tmp_path.glob("*.whl")
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--constraint", ROOT / "constraints.txt", wheel]
    subprocess.run(install, check=True, capture_output=True)
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def run(*arguments: str) -> str:
        program = tmp_path / "env" / "bin" / "cluster-r1"
        done = subprocess.run(
            [program, *arguments], cwd=tmp_path, env=clean, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("init", "demo", "--template", "demo")
    path = tmp_path / "demo" / "cluster-r1.yaml"
    settings = yaml.safe_load(path.read_text())
    with endpoint_process() as endpoint:
        settings["models"]["default"] = {"base_url": endpoint.base_url, "model": "stand-in"}
        path.write_text(yaml.safe_dump(settings))
        assert "120 documents" in run("-C", "demo", "synth", "--yes")
    assert "<style>" in (tmp_path / "demo" / "report.html").read_text()
    missing = subprocess.run([python, "-c", "import torch"], env=clean, capture_output=True, check=False)
    assert missing.returncode != 0
