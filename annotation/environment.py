"""The environment of the embedded Argilla server: made on first use from a locked list, since its pins clash with ours.

Every package is checked by its hash. The list is made by
`uv pip compile --generate-hashes --universal --python-version 3.11` out of argilla-server==2.8.0 and fakeredis.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import venv
from collections import deque
from pathlib import Path

from ..core.errors import ServerError
from ..graphs.progress import Progress
from ..llm.weights import cache_folder

_REQUIREMENTS = Path(__file__).parent / "embedded" / "requirements.txt"
_TAKES = "about 590 MB; a few minutes"
_TAIL_LINES = 15


def environment_folder() -> Path:
    """Where the environment is, or will be: a folder of the cache for this very list of packages and Python."""
    content = _REQUIREMENTS.read_bytes() + sys.version.encode()
    return cache_folder() / f"argilla-server-{hashlib.sha256(content).hexdigest()[:12]}"


def environment_ready() -> bool:
    return _marker(environment_folder()).exists()


def server_python(progress: Progress) -> Path:
    """The Python of the server's environment, which is made when it is not there. Raises ServerError with pip's words.

    Two processes do not make it at once, and one that was killed half-way is begun anew.
    """
    from filelock import FileLock

    folder = environment_folder()
    if not _marker(folder).exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f"{folder.name}.lock")):
            if not _marker(folder).exists():
                _make(folder, progress)
    return folder / "bin" / "python"


def _make(folder: Path, progress: Progress) -> None:
    packages = re.findall(r"^[A-Za-z0-9][^\s=;]*==", _REQUIREMENTS.read_text(), re.MULTILINE)
    progress.note(
        f"the Argilla server gets an environment of its own in {folder}: {len(packages)} packages, {_TAKES}; "
        "this is done once"
    )
    shutil.rmtree(folder, ignore_errors=True)
    try:
        venv.create(folder, with_pip=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise ServerError(f"the environment {folder} cannot be made: {error}; is python3-venv installed?") from error
    progress.stage("Argilla's packages", 2 * len(packages))
    _install(folder, progress)
    _marker(folder).write_text("complete\n")


def _install(folder: Path, progress: Progress) -> None:
    """pip says a line for each package that it has found; that all are written comes as one line at the end."""
    locked = ["--require-hashes", "--no-deps", "--requirement", str(_REQUIREMENTS)]
    quiet = ["--disable-pip-version-check", "--progress-bar", "off", "--no-input"]
    command = [str(folder / "bin" / "python"), "-m", "pip", "install", *quiet, *locked]
    tail: deque[str] = deque(maxlen=_TAIL_LINES)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as pip:
        for line in pip.stdout or ():
            tail.append(line.rstrip())
            if line.startswith(("Collecting ", "Processing ")):
                progress.advance()
            elif line.startswith("Ignoring "):  # it is for another platform
                progress.advance(2)
            elif line.startswith("Installing collected packages"):
                progress.note("writing the packages to disk")
            elif line.startswith("Successfully installed"):
                progress.advance(len(line.split()) - 2)
    if pip.returncode:
        said = "\n".join(f"  {line}" for line in tail)
        raise ServerError(
            f"the packages of the Argilla server could not be installed (pip ended with {pip.returncode}); "
            "is PyPI reachable, is the disk full, is this Python 3.11 to 3.13? The same command tries again. "
            f"The end of what pip said:\n{said}"
        )


def _marker(folder: Path) -> Path:
    return folder / "complete"
