"""A stage of a run before it trains: its rows on disk, what it was begun with, the model it starts from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ..core.training_runs import RunFolder, RunInfo, StageFolder, read_run_info
from ..core.workspace import atomic_folder, read_json, write_json, write_text
from ..graphs.progress import Progress, Silent
from .data import TrainingRow
from .machine_checks import this_machine
from .models import unpack_gguf
from .preflight import Preflight, check_machine, check_stage
from .ranks import rank, wait_for_all
from .recipe import Recipe, Stage
from .recipe_file import render_recipe
from .resuming import Beginning, begin
from .row_files import KeptRows, keep_rows, open_rows
from .surroundings import settle
from .tiny import build_tiny


class Job(NamedTuple):
    """One stage of a run. `main` in the process that writes; the others are silent."""

    stage: Stage
    recipe: Recipe
    run: RunFolder
    folder: StageFolder
    progress: Progress
    data: str
    main: bool

    @property
    def rows_file(self) -> Path:
        return self.data_folder / "rows.arrow"

    @property
    def data_folder(self) -> Path:
        """Where the stage keeps its rows."""
        return self.folder.folder / "data"

    def wait(self) -> None:
        """Return when every process is here."""
        wait_for_all(self.recipe.hardware)

    def agreed(self, name: str, work: Callable[[], Any]) -> Any:
        """What the first process works out, read by all of them from a JSON file."""
        path = self.data_folder / f"{name}.json"
        if self.main:
            write_json(path, work())
        self.wait()
        return read_json(path)


def open_job(recipe: Recipe, stage: Stage, run: RunFolder, progress: Progress, data: str) -> Job:
    """A stage about to run.

    Raises SettingsError or TrainingError when processes, packages, GPUs or their memory are not what the recipe needs.
    """
    folder, main = run.stage(stage), rank() == 0
    settle(recipe, stage, folder.folder)
    job = Job(stage, recipe, run, folder, progress if main else Silent(), data, main)
    for note in check_machine(recipe, stage, this_machine(run.folder)):
        job.progress.note(note)
    return job


def take_rows(job: Job, rows: Iterable[TrainingRow]) -> KeptRows:
    """Keep the rows on disk, where every process finds them."""
    return KeptRows(**job.agreed("rows", lambda: keep_rows(job.rows_file, rows)._asdict()))


def check_rows(job: Job, tokenizer: Any) -> Preflight:
    """Look at every row before a weight is loaded. Raises TrainingError with all that is wrong with them."""

    def work() -> dict[str, Any]:
        rows = (TrainingRow(**row) for row in open_rows(job.rows_file))
        return check_stage(job.recipe, job.stage, rows, tokenizer, this_machine(job.run.folder))._asdict()

    return Preflight(**job.agreed("checked", work))


def finished(job: Job, taken: KeptRows, start: str) -> RunInfo | None:
    """The stage's RunInfo when it is done already. Raises SettingsError when it was begun with something else."""
    if job.main:
        beginning = Beginning.of(job.recipe, job.stage, taken.sha256, start)
        begin(job.folder, beginning, f"train {job.stage}")
        written = render_recipe(job.recipe)
        write_text(job.run.recipe, written)
        write_text(job.folder.recipe, written)
    job.wait()
    info = read_run_info(job.folder.info)
    if info is None or info.outcome != "done":
        return None
    job.progress.note(f"{job.folder.folder} is done already; --restart trains it again, another --run beside it")
    return info


def base_model(job: Job) -> str:
    """What `from_pretrained` loads; a tiny model is made, and a .gguf file unpacked, once a stage."""
    model, folder = job.recipe.model, job.folder.base
    if model.name is not None and not model.name.endswith(".gguf"):
        return model.name
    if job.main and not folder.exists():
        with atomic_folder(folder) as building:
            if model.tiny is not None:
                build_tiny(model.tiny, _texts(job.rows_file), building, job.recipe.seed)
            else:
                unpack_gguf(Path(model.name or ""), building)
    job.wait()
    return str(folder)


def _texts(rows: Path) -> Iterator[str]:
    for row in open_rows(rows):
        yield from (message["content"] for message in row["prompt"])
        yield row["completion"] or ""
