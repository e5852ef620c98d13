"""`--shard I/N`: one process' part of a prepared pass, for Slurm arrays, xargs or whatever starts processes."""

from __future__ import annotations

from ..core.clustering import ResultFolder
from ..core.errors import WorkspaceError
from ..graphs.progress import Progress
from .jobs import JobFolder
from .shards import ShardDone, ShardWorker


def do_part(folder: ResultFolder, part: int, parts: int, progress: Progress) -> list[ShardDone]:
    """Every `parts`-th shard of the pass that was prepared last; what is done already is left.

    Raises WorkspaceError where nothing is prepared.
    """
    if not folder.prepared.exists():
        raise WorkspaceError(
            f"nothing is prepared in {folder.folder}: run the same command with --prepare in place of --shard first"
        )
    url = folder.prepared.read_text().strip()
    jobs = JobFolder(url)
    job = jobs.job()
    mine = [shard for shard in jobs.open_shards(job) if shard % parts == part - 1]
    progress.stage(f"part {part} of {parts}", sum(len(job.rows(shard)) for shard in mine))
    with ShardWorker(url, progress.advance) as worker:
        return [worker.assign(shard) for shard in mine]
