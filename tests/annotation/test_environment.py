"""The server's environment: made once, begun anew when it was killed, and an error with pip's words when it fails."""

import subprocess
import sys
from pathlib import Path

import pytest
from cluster_r1.annotation import environment
from cluster_r1.annotation.environment import environment_folder, environment_ready, server_python
from cluster_r1.core.errors import ServerError


class Watched:
    """A Progress that remembers."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.steps = 0
        self.total: int | None = None

    def stage(self, name: str, total: int | None) -> None:
        self.total = total

    def advance(self, steps: int = 1) -> None:
        self.steps += steps

    def spent(self, tokens: int, usd: float) -> None: ...

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CLUSTER_R1_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Another, short list of packages."""
    path = tmp_path / "requirements.txt"
    monkeypatch.setattr(environment, "_REQUIREMENTS", path)
    return path


def test_every_locked_package_has_its_hashes() -> None:
    text = (Path(environment.__file__).parent / "embedded" / "requirements.txt").read_text()
    packages = [line for line in text.splitlines() if "==" in line and not line.startswith((" ", "#"))]
    assert "argilla-server==2.8.0 \\" in packages
    assert len(packages) > 80
    assert text.count("--hash=sha256:") >= len(packages)


@pytest.mark.slow
def test_it_is_made_once_and_anew_when_it_was_not_finished(cache: Path, locked: Path) -> None:
    locked.write_text("# nothing to install\n")
    assert not environment_ready()
    half = environment_folder() / "bin"
    half.mkdir(parents=True)
    (half / "python").write_text("half an environment")
    watched = Watched()
    python = server_python(watched)
    assert environment_ready()
    assert "590 MB" in watched.notes[0]
    assert subprocess.run([python, "-c", "import pip"], check=False).returncode == 0
    again = Watched()
    assert server_python(again) == python
    assert again.notes == []


@pytest.mark.slow
def test_a_package_that_is_not_what_was_locked_is_refused(cache: Path, locked: Path) -> None:
    locked.write_text(f"six==1.17.0 \\\n    --hash=sha256:{'0' * 64}\n")
    watched = Watched()
    with pytest.raises(ServerError, match=r"(?s)could not be installed.*DO NOT MATCH"):
        server_python(watched)
    assert not environment_ready()
    assert watched.total == 2


def test_another_list_or_another_python_is_another_folder(
    cache: Path, locked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked.write_text("a")
    first = environment_folder()
    assert first.parent == cache
    locked.write_text("b")
    second = environment_folder()
    monkeypatch.setattr(sys, "version", "another one")
    assert len({first, second, environment_folder()}) == 3
