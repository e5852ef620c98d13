"""`cluster-r1 doctor`: what is installed, which models answer, what is missing and how to get it."""

from __future__ import annotations

import asyncio
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Annotated

import typer

from ..core.errors import EndpointError, SettingsError
from .console import out
from .context import CommandContext

if TYPE_CHECKING:
    from ..core.workspace import Workspace
    from ..llm.diagnosis import Diagnosis

_PACKAGES = {
    "base": ("langgraph", "langchain-openai", "datasets", "pyarrow", "scikit-learn", "pydantic"),
    "local": ("xllamacpp",),
    "postgres": ("langgraph-checkpoint-postgres",),
    "annotation": ("argilla",),
    "train": ("torch", "transformers", "trl"),
    "eval": ("sentence-transformers",),
    "vllm": ("vllm",),
}


def doctor(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON list")] = False,
) -> None:
    """Look at the installation, the settings, the corpus and every model; say what is missing and how to get it."""
    from ..llm.diagnosis import diagnose_models

    command: CommandContext = context.obj
    findings = [_python(), *map(_extra, _PACKAGES), _embedded_argilla()]
    failure: Exception | None = None
    try:
        settings = command.workspace.settings()
    except SettingsError as error:
        findings.append(_finding("settings", ok=False, detail=str(error)))
        failure = error
    else:
        findings.append(_finding("settings", ok=True, detail=str(command.workspace.settings_file)))
        findings.append(_corpus(command.workspace, settings.corpus.source))
        models = asyncio.run(diagnose_models(settings.models))
        findings.extend(models)
        missing = [model.name for model in models if not model.ok]
        failure = EndpointError(f"not ready: {', '.join(missing)}") if missing else None
    _say(findings, as_json)
    if failure is not None:
        raise typer.Exit(code=getattr(failure, "exit_code", 1))


def _finding(name: str, ok: bool, detail: str, remedy: str = "") -> Diagnosis:
    from ..llm.diagnosis import Diagnosis

    return Diagnosis(name, ok, detail, remedy)


def _python() -> Diagnosis:
    return _finding("python", ok=sys.version_info >= (3, 11), detail=sys.version.split()[0])


def _extra(extra: str) -> Diagnosis:
    found, missing = [], []
    for package in _PACKAGES[extra]:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            missing.append(package)
    detail = ", ".join([*found, *(f"no {package}" for package in missing)])
    remedy = f"optional: pip install 'cluster-r1[{extra}]'" if missing else ""
    return _finding(f"[{extra}]" if extra != "base" else "packages", ok=not missing, detail=detail, remedy=remedy)


def _embedded_argilla() -> Diagnosis:
    from ..annotation.environment import environment_folder, environment_ready

    ready = environment_ready()
    detail = f"its server is installed in {environment_folder()}" if ready else "its server is not installed yet"
    remedy = "" if ready else "optional: cluster-r1 argilla up installs it (about 590 MB)"
    return _finding("argilla", ok=ready, detail=detail, remedy=remedy)


def _corpus(workspace: Workspace, source: str) -> Diagnosis:
    if source.startswith("hf:"):
        return _finding("corpus", ok=True, detail=f"{source} is read from the hub when the run starts")
    path = workspace.resolve(source)
    there = path.exists() or any(workspace.root.glob(source)) if not path.is_absolute() else path.exists()
    detail = str(path) if there else f"there is no {path}"
    return _finding("corpus", ok=there, detail=detail, remedy="" if there else "set corpus.source in the settings")


def _say(findings: list[Diagnosis], as_json: bool) -> None:
    if as_json:
        import json

        typer.echo(json.dumps([finding._asdict() for finding in findings], indent=1))
        return
    from rich.table import Table

    table = Table(box=None, show_header=False)
    for finding in findings:
        mark = (
            "[green]ok[/]" if finding.ok else ("[dim]-[/]" if finding.remedy.startswith("optional") else "[red]no[/]")
        )
        detail = finding.detail + (f"\n{finding.remedy}" if finding.remedy else "")
        table.add_row(mark, _plain(finding.name), _plain(detail))
    out.print(table)


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)
