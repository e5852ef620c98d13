"""One run over a workspace: what its stages share, opened together and closed together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..agents.labeling import LABELERS, Labeler, LabelingAgent
from ..core.archive import TaxonomyArchive
from ..core.consensus import Consensus, decide
from ..core.documents import Document
from ..core.labels import LabelStore, label_store
from ..core.settings import ModelSettings, Settings
from ..core.taxonomy import Taxonomy
from ..core.workspace import Workspace
from ..corpora.store import DocumentStore
from ..corpora.subset import Documents
from ..llm.ledger import Ledger
from ..llm.roles import Roles
from .labeling import vote_on
from .opening import open_models
from .progress import Progress
from .taxonomy import TaxonomyContext

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver


@dataclass(frozen=True)
class Run:
    """An open run: settings, documents, archive, ledger, models and checkpoints of one workspace."""

    workspace: Workspace
    settings: Settings
    documents: Documents
    archive: TaxonomyArchive
    ledger: Ledger
    roles: Roles
    checkpoints: BaseCheckpointSaver[str]
    progress: Progress
    hierarchical: bool = False

    @property
    def in_flight(self) -> int:
        """Calls that the labelers' endpoints take at once."""
        models = self.settings.models
        return max(models.labeler_a.concurrency, models.labeler_b.concurrency)

    def agents(self, taxonomy: Taxonomy) -> dict[Labeler, LabelingAgent]:
        return {
            labeler: LabelingAgent(
                labeler, self.roles.bulk(labeler), taxonomy, self.settings.labeling, self.settings.seed
            )
            for labeler in LABELERS
        }

    def labels(self, taxonomy: Taxonomy) -> LabelStore:
        return label_store(self.workspace, taxonomy)

    def taxonomy_context(self) -> TaxonomyContext:
        return TaxonomyContext(
            settings=self.settings,
            documents=self.documents,
            archive=self.archive,
            generator=self.roles.thinking("generator"),
            refiner=self.roles.thinking("refiner"),
            probe_votes=self.probe_votes,
            note=self.progress.note,
        )

    async def probe_votes(self, taxonomy: Taxonomy, documents: Sequence[Document]) -> list[Consensus]:
        """Both labelers' consensus on some documents, through the same calls as labeling: none is paid again there."""
        agents = self.agents(taxonomy)
        self.progress.stage(f"{taxonomy.task}: probe of version {taxonomy.version}", 2 * len(documents))
        votes = [
            await vote_on(agents[labeler], documents, self.in_flight, lambda _: self.progress.advance())
            for labeler in LABELERS
        ]
        return [decide(d.id, a, b) for d, a, b in zip(documents, *votes, strict=True)]


@asynccontextmanager
async def open_run(
    workspace: Workspace, settings: Settings, progress: Progress, more: Mapping[str, ModelSettings] | None = None
) -> AsyncIterator[Run]:
    """Open what a run needs over an ingested corpus; `more` as in `open_models`.

    The caller holds the workspace's lock.
    """
    async with open_models(workspace, settings, progress, more) as opened:
        yield Run(
            workspace=workspace,
            settings=settings,
            documents=DocumentStore(workspace.documents),
            archive=TaxonomyArchive(workspace.taxonomies),
            ledger=opened.ledger,
            roles=opened.roles,
            checkpoints=opened.checkpoints,
            progress=progress,
        )
