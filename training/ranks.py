"""Which of the training's processes this one is, and waiting for the others; one process needs none of it."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

from ..core.errors import SettingsError
from .recipe import HardwareSettings


def rank() -> int:
    """0 in the process that writes files and talks to the person, and where there is one alone."""
    return int(os.environ.get("RANK", "0"))


def processes() -> int:
    return int(os.environ.get("WORLD_SIZE", "1"))


def wait_for_all(hardware: HardwareSettings) -> None:
    """Return when every process is here."""
    if processes() > 1:
        accelerate: Any = import_module("accelerate")
        accelerate.PartialState(cpu=hardware.gpus == 0).wait_for_everyone()


def check_processes(hardware: HardwareSettings, command: str) -> None:
    """Raises SettingsError when the program was not started once a GPU, as the recipe's batches are counted."""
    if processes() == hardware.processes:
        return
    raise SettingsError(
        f"the recipe trains on hardware.nodes {hardware.nodes} x hardware.gpus {hardware.gpus}, one process each, and"
        f" {processes()} was started: start it with `cluster-r1 {command}`, or change the hardware"
    )
