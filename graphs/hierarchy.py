"""A hierarchical run (paper App. H.1): a coarse task over the corpus, then tasks inside each coarse cluster.

    coarse task: taxonomy, gate, labels ──▶ documents by coarse cluster
      ├─ given or proposed instructions, one gate for all proposals      (graphs/inside.py)
      └─ for each of them, on its cluster's documents only, a few clusters at once: taxonomy, gate, labels

Every task is one like any other, with `parent` set. One that waits for a person, is dropped, or gets no usable taxonomy
holds up no other. Which documents lie inside a cluster is computed from the coarse labels in every run, so a document
whose coarse label a person changes moves, and is labelled where it comes to lie.
"""

from __future__ import annotations

import asyncio
import dataclasses
import difflib
from collections.abc import Sequence
from typing import NamedTuple

from ..core.archive import read_taxonomy
from ..core.errors import ModelAnswerError, SettingsError, WaitingForReview
from ..core.hierarchy import CoarseCluster, Hierarchy, InsideStage, InsideTask, read_hierarchy, write_hierarchy
from ..core.settings import Settings, TaskSettings
from ..core.task_settings import HierarchySettings
from ..core.tasks import Parent
from ..core.taxonomy import Taxonomy
from ..core.workspace import Workspace
from ..corpora.subset import Documents
from .inside import Proposed, propose_inside
from .labeling import together
from .progress import Joint
from .results import TaskResult
from .reviews import TaskEdit, Waiting, retire_gate
from .run import Run
from .task_documents import TaskDocuments
from .tasks import Settled, label_task, settle
from .taxonomy import TaxonomyContext


class InsideResult(NamedTuple):
    """What a task inside a cluster came to in this run."""

    id: str
    instruction: str
    stage: InsideStage
    result: TaskResult | None = None
    waiting: Waiting | None = None
    error: ModelAnswerError | None = None
    mistake: WaitingForReview | None = None


class Levels(NamedTuple):
    """What both levels came to; `hierarchy` is None while the coarse task has no taxonomy."""

    coarse: Settled
    coarse_result: TaskResult | None = None
    hierarchy: Hierarchy | None = None
    inside: tuple[InsideResult, ...] = ()
    waiting: tuple[Waiting, ...] = ()

    @property
    def tasks(self) -> tuple[TaskResult, ...]:
        results = (self.coarse_result, *(task.result for task in self.inside))
        return tuple(result for result in results if result is not None)

    @property
    def rejected(self) -> tuple[str, ...]:
        dropped = tuple(task.id for task in self.inside if task.stage == "dropped")
        return dropped if self.coarse.taxonomy or self.coarse.waiting else (self.coarse.task,)

    @property
    def failed(self) -> tuple[ModelAnswerError, ...]:
        """Why tasks got no taxonomy."""
        return tuple(task.error for task in self.inside if task.error is not None)


@dataclasses.dataclass
class _Place:
    """A coarse cluster, its documents, and what there is to do inside."""

    parent: Parent
    documents: Documents
    small: bool
    tasks: list[TaskEdit | TaskSettings] = dataclasses.field(default_factory=list)
    dropped: list[TaskEdit] = dataclasses.field(default_factory=list)
    trouble: str = ""


async def synthesize_levels(run: Run, yes: bool, limit: int | None) -> Levels:
    """Run both levels as far as they go. `limit` labels the corpus' first documents on the coarse level.

    Raises what `synthesize` raises; a mistake in a gate's file is raised when all other tasks are done.
    """
    check_levels(run.workspace, run.settings)
    run = dataclasses.replace(run, hierarchical=True)
    coarse_run = dataclasses.replace(run, settings=_coarse_settings(run.settings))
    coarse = await settle(coarse_run, run.settings.hierarchy.coarse, yes)
    if coarse.taxonomy is None:
        return Levels(coarse, waiting=(coarse.waiting,) if coarse.waiting else ())
    _check_names(run.settings.hierarchy, coarse.taxonomy)
    result = await label_task(coarse_run, coarse.taxonomy, limit)
    run = dataclasses.replace(run, settings=_inside_settings(run.settings))
    places = _places(run, coarse.taxonomy)
    proposed = await _propose(run, coarse.taxonomy, places, yes)
    _write(run.workspace, result, run, places, ())
    inside = await _work(run, places, yes)
    hierarchy = _write(run.workspace, result, run, places, inside)
    mistakes = [error for error in (proposed.mistake, *(one.mistake for one in inside)) if error is not None]
    if mistakes:
        raise mistakes[0]
    waiting = (proposed.waiting, *(one.waiting for one in inside))
    return Levels(coarse, result, hierarchy, inside, tuple(gate for gate in waiting if gate is not None))


def check_levels(workspace: Workspace, settings: Settings) -> None:
    """Raises SettingsError or TaxonomyError for what is wrong in the `hierarchy` section, before anything is paid."""
    hierarchy = settings.hierarchy
    levels = [hierarchy.coarse, *(task for _, task in hierarchy.tasks_inside())]
    flat = {task.id for task in settings.tasks}
    twice = next((task.id for task in levels if task.id in flat), None)
    if twice is not None:
        raise SettingsError(f"{twice!r} is the id of a task in `tasks` and of one in `hierarchy`; rename one of them")
    for task in levels:
        if task.taxonomy is not None:
            given = read_taxonomy(workspace.resolve(task.taxonomy), task.id, task.instruction)
            if task.id == hierarchy.id:
                _check_names(hierarchy, given)


def _check_names(hierarchy: HierarchySettings, coarse: Taxonomy) -> None:
    unknown = next((name for name in hierarchy.inside if name not in coarse.names), None)
    if unknown is None:
        return
    near = difflib.get_close_matches(unknown, coarse.names, n=1)
    hint = f", did you mean {near[0]!r}?" if near else ""
    raise SettingsError(
        f"hierarchy.inside: {coarse.task!r} has no cluster {unknown!r}{hint} (there are: {', '.join(coarse.names)})"
    )


def _coarse_settings(settings: Settings) -> Settings:
    """The generator is asked for exactly so many coarse clusters."""
    count = settings.hierarchy.clusters
    taxonomy = settings.taxonomy.model_copy(update={"min_clusters": count, "max_clusters": count})
    return settings.model_copy(update={"taxonomy": taxonomy})


def _inside_settings(settings: Settings) -> Settings:
    taxonomy = settings.taxonomy.model_copy(update={"proposals": settings.hierarchy.proposals})
    return settings.model_copy(update={"taxonomy": taxonomy})


def _places(run: Run, coarse: Taxonomy) -> list[_Place]:
    """Every coarse cluster with its documents and its given tasks."""
    hierarchy = run.settings.hierarchy
    of = TaskDocuments(run.workspace, run.documents)
    places: list[_Place] = []
    for name in coarse.names:
        parent = Parent(coarse.task, name)
        documents = of.inside(parent)
        small = len(documents) < hierarchy.min_documents
        given = [task for cluster, task in hierarchy.tasks_inside() if cluster == name]
        places.append(_Place(parent, documents, small, [] if small else list(given)))
    return places


async def _propose(run: Run, coarse: Taxonomy, places: Sequence[_Place], yes: bool) -> Proposed:
    """Fill in the tasks of the places that were given none."""
    open_places = {place.parent.cluster: place for place in places if not (place.small or place.tasks)}
    taken = {task.id for _, task in run.settings.hierarchy.tasks_inside()} | {task.id for task in run.settings.tasks}

    def context_of(cluster: str) -> TaxonomyContext:
        return dataclasses.replace(run, documents=open_places[cluster].documents).taxonomy_context()

    run.progress.stage(f"{coarse.task}: proposals inside its clusters", None)
    proposed = await propose_inside(run, coarse, list(open_places), taken, context_of, yes)
    for cluster, place in open_places.items():
        place.tasks += proposed.tasks.get(cluster, [])
        place.dropped += proposed.dropped.get(cluster, [])
        place.trouble = proposed.trouble.get(cluster, "")
    return proposed


async def _work(run: Run, places: Sequence[_Place], yes: bool) -> tuple[InsideResult, ...]:
    """Make the tasks of all places, a few places at once; results in the places' order."""
    run = dataclasses.replace(run, progress=Joint(run.progress, "inside the coarse clusters"))
    done: dict[str, InsideResult] = {}
    at_once = asyncio.Semaphore(run.settings.hierarchy.parallel)

    async def work(place: _Place) -> None:
        async with at_once:
            for task in place.tasks:
                done[task.id] = await _make(dataclasses.replace(run, documents=place.documents), place, task, yes)

    await together(work(place) for place in places)
    dropped = {task.id: InsideResult(task.id, task.instruction, "dropped") for p in places for task in p.dropped}
    return tuple((done | dropped)[task.id] for place in places for task in (*place.tasks, *place.dropped))


async def _make(run: Run, place: _Place, task: TaskEdit | TaskSettings, yes: bool) -> InsideResult:
    try:
        settled = await settle(run, task, yes)
    except ModelAnswerError as error:
        run.progress.note(f"{task.id}: {error}")
        return InsideResult(task.id, task.instruction, "failed", error=error)
    except WaitingForReview as error:
        return InsideResult(task.id, task.instruction, "waiting", mistake=error)
    if settled.waiting is not None:
        return InsideResult(task.id, task.instruction, "waiting", waiting=settled.waiting)
    if settled.taxonomy is None:
        return InsideResult(task.id, task.instruction, "dropped")
    result = await label_task(run, settled.taxonomy, None, place.parent)
    return InsideResult(task.id, settled.taxonomy.instruction, "labelled", result)


def _write(
    workspace: Workspace, coarse: TaskResult, run: Run, places: Sequence[_Place], done: Sequence[InsideResult]
) -> Hierarchy:
    """Note where the levels stand; put away what tasks of earlier runs left behind that are not made any more."""
    before = read_hierarchy(workspace)
    known = {task.id: task for cluster in (before.clusters if before else ()) for task in cluster.tasks}
    found = {one.id: _inside_task(one) for one in done}
    hierarchy = Hierarchy(
        task=coarse.task.id,
        documents=len(run.documents),
        outcomes=coarse.outcomes,
        min_documents=run.settings.hierarchy.min_documents,
        clusters=tuple(
            CoarseCluster(
                name=place.parent.cluster,
                documents=len(place.documents),
                small=place.small,
                tasks=tuple(
                    found.get(task.id) or known.get(task.id) or InsideTask(id=task.id, instruction=task.instruction)
                    for task in (*place.tasks, *place.dropped)
                ),
                trouble=place.trouble,
            )
            for place in places
        ),
    )
    current = hierarchy.parents()
    gone = {task: parent for task, parent in (before.parents() if before else {}).items() if task not in current}
    hierarchy = hierarchy.model_copy(update={"retired": gone})
    dropped = {task.id for cluster in hierarchy.clusters for task in cluster.tasks if task.stage == "dropped"}
    for task in gone:
        retire_gate(workspace, f"taxonomy-{task}")
    for task in (*gone, *dropped):
        (workspace.tasks / f"{task}.json").unlink(missing_ok=True)
    write_hierarchy(workspace, hierarchy)
    return hierarchy


def _inside_task(one: InsideResult) -> InsideTask:
    return InsideTask(
        id=one.id,
        instruction=one.instruction,
        stage=one.stage,
        outcomes=one.result.outcomes if one.result is not None else {},
        trouble=str(one.error or one.mistake or ""),
    )
