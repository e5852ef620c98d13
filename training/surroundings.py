"""What training needs of the machine and the packages: looked at first, and settled quietly."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module, metadata, util
from pathlib import Path
from typing import Any

from .. import __version__
from ..core.errors import SettingsError
from .ranks import check_processes
from .recipe import HardwareSettings, Recipe, Stage

_PACKAGES = ("torch", "transformers", "trl", "accelerate", "datasets", "peft", "vllm")
_NOISY = ("trl", "transformers", "accelerate", "datasets", "torch", "peft", "sentence_transformers")


def settle(recipe: Recipe, stage: Stage, folder: Path) -> None:
    """Threads, devices, log folders of other trackers, and no noise.

    Raises SettingsError when torch or a tracker is missing, or the program was started with other processes.
    """
    _check_reports(recipe)
    check_processes(recipe.hardware, f"train launch --stage {stage} --recipe {recipe.name}")
    _settle_environment(recipe.hardware, folder)
    if util.find_spec("torch") is None:
        raise SettingsError("training needs torch: pip install 'cluster-r1[train]'")
    if recipe.hardware.threads is not None:
        import_module("torch").set_num_threads(recipe.hardware.threads)
    hush()


def versions(packages: Sequence[str] = _PACKAGES) -> dict[str, str]:
    """Of this package and of those (by default those that decide a training) that are installed."""
    found = {"cluster-r1": __version__}
    for name in packages:
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def device(hardware: HardwareSettings) -> str:
    """What is trained on, in words."""
    torch: Any = import_module("torch")
    if hardware.gpus == 0:
        return f"cpu, {torch.get_num_threads()} thread(s)"
    return f"{hardware.processes} x {torch.cuda.get_device_name(0)}"


def hush() -> None:
    """Progress bars, hints and deprecations of the libraries underneath say nothing to who trains or embeds."""
    transformers_logging: Any = import_module("transformers.utils.logging")
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    datasets: Any = import_module("datasets")
    datasets.disable_progress_bars()
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.ERROR)
        warnings.filterwarnings("ignore", module=rf"{name}(\.|$)")


def _check_reports(recipe: Recipe) -> None:
    for name in recipe.keeping.report_to:
        if util.find_spec(name) is None:
            raise SettingsError(f"keeping.report_to names {name}, which is not installed: pip install {name}")


def _settle_environment(hardware: HardwareSettings, folder: Path) -> None:
    """What torch and others read when they are first imported."""
    if hardware.threads is not None:
        os.environ["OMP_NUM_THREADS"] = str(hardware.threads)
    if hardware.gpus > 0 and hardware.processes == 1:
        os.environ.setdefault("CUDA_VISIBLE_DEVICES", "0")  # of several, Trainer would split batches over all
    os.environ.setdefault("TQDM_DISABLE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TENSORBOARD_LOGGING_DIR", str(folder / "tensorboard"))
    os.environ.setdefault("WANDB_PROJECT", "cluster-r1")
