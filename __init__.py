"""cluster-r1: data synthesis and training for instruction-following text clustering.

The public names are imported on first use, so that `import cluster_r1` stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .clustering.api import Clustering, cluster
    from .clustering.estimator import InstructionClusterer
    from .core.answer import Answer, AnswerError, parse_answer, render_answer
    from .core.consensus import Assignment, Consensus
    from .core.documents import Document
    from .core.scoring import RewardSettings, Score, reward, score_completion
    from .core.tasks import ClusteringTask, Example
    from .core.taxonomy import Cluster, Taxonomy

_PUBLIC = {
    "Clustering": ".clustering.api",
    "cluster": ".clustering.api",
    "InstructionClusterer": ".clustering.estimator",
    "Answer": ".core.answer",
    "AnswerError": ".core.answer",
    "parse_answer": ".core.answer",
    "render_answer": ".core.answer",
    "Assignment": ".core.consensus",
    "Consensus": ".core.consensus",
    "Document": ".core.documents",
    "RewardSettings": ".core.scoring",
    "Score": ".core.scoring",
    "reward": ".core.scoring",
    "score_completion": ".core.scoring",
    "ClusteringTask": ".core.tasks",
    "Example": ".core.tasks",
    "Cluster": ".core.taxonomy",
    "Taxonomy": ".core.taxonomy",
}

__all__ = [
    "Answer",
    "AnswerError",
    "Assignment",
    "Cluster",
    "Clustering",
    "ClusteringTask",
    "Consensus",
    "Document",
    "Example",
    "InstructionClusterer",
    "RewardSettings",
    "Score",
    "Taxonomy",
    "cluster",
    "parse_answer",
    "render_answer",
    "reward",
    "score_completion",
]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name], __name__), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
