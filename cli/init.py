"""`cluster-r1 init`: a new project's settings file and folders."""

from __future__ import annotations

import shutil
from enum import StrEnum
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated

import typer

from ..core.errors import SettingsError
from ..core.settings import SETTINGS_FILE, load_settings
from ..core.workspace import Workspace, write_text
from .console import out

DEFAULT_MODEL = "qwen2.5-coder-0.5b"


class Template(StrEnum):
    generic = "generic"
    lmsys = "lmsys"
    echr = "echr"
    sp500 = "sp500"
    demo = "demo"


def init(
    folder: Annotated[Path, typer.Argument(help="the folder to make; it may exist")],
    template: Annotated[Template, typer.Option(help="settings to start from")] = Template.generic,
    model: Annotated[str, typer.Option(help="local model, GGUF file or hub name for every role")] = DEFAULT_MODEL,
    exist_ok: Annotated[bool, typer.Option("--exist-ok", help="leave a project that is there as it is")] = False,
) -> None:
    """Write cluster-r1.yaml and the folders of a new project."""
    path = folder / SETTINGS_FILE
    if path.exists():
        if not exist_ok:
            raise SettingsError(f"{path} exists already; delete it or choose another folder")
        out.print(f"{path} is there already")
        return
    content = (files("cluster_r1.cli") / "templates" / f"{template.value}.yaml").read_text(encoding="utf-8")
    write_text(path, content.replace("{model}", model))
    load_settings(path)
    Workspace(folder).create_folders()
    if template is Template.demo:
        _copy_samples(folder)
    out.print(f"wrote {path}", markup=False)
    steps = f"cluster-r1 -C {folder} doctor, then estimate, then synth"
    out.print(
        f"Next: look through it, then {steps}" if template is not Template.demo else f"Next: {steps}", markup=False
    )


def _copy_samples(folder: Path) -> None:
    samples = files("cluster_r1.corpora.samples")
    for name, copy in (("town_desk.jsonl", "town_desk.jsonl"), ("town_desk_purpose.yaml", "purpose.yaml")):
        with as_file(samples / name) as sample:
            shutil.copyfile(sample, folder / copy)
