"""The run's page as a file of the workspace."""

from __future__ import annotations

from pathlib import Path

from ..core.settings import Settings
from ..core.workspace import Workspace, write_text
from ..reports.run import render_run
from .summarising import run_summary


def write_page(workspace: Workspace, settings: Settings) -> Path:
    """Draw `report.html` anew from what lies in the workspace."""
    path = workspace.root / "report.html"
    write_text(path, render_run(run_summary(workspace, settings)))
    return path
