"""Writes docs/settings.md from the settings' own descriptions; run: python docs/make_settings.py"""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

from cluster_r1.core.build_settings import BenchmarkSettings, DomainSettings
from cluster_r1.core.cluster_settings import ClusterSettings
from cluster_r1.core.distill_settings import DistillSettings
from cluster_r1.core.settings import (
    ArgillaSettings,
    BudgetSettings,
    CorpusSettings,
    EvalSettings,
    LabelingSettings,
    ModelSettings,
    ReviewSettings,
    Settings,
    TaskSettings,
    TaxonomySettings,
    TestedModel,
)
from cluster_r1.core.task_settings import HierarchySettings, InsideSettings
from pydantic_core import PydanticUndefined

_SECTIONS: tuple[tuple[str, type[Any]], ...] = (
    ("corpus", CorpusSettings),
    ("tasks (a list)", TaskSettings),
    ("hierarchy", HierarchySettings),
    ("hierarchy.inside (by coarse cluster: a list of tasks)", InsideSettings),
    ("models (a section for each role, and default)", ModelSettings),
    ("taxonomy", TaxonomySettings),
    ("labeling", LabelingSettings),
    ("review", ReviewSettings),
    ("argilla", ArgillaSettings),
    ("budget", BudgetSettings),
    ("benchmark", BenchmarkSettings),
    ("benchmark.domains (a section for each domain)", DomainSettings),
    ("distill", DistillSettings),
    ("eval", EvalSettings),
    ("eval.models (by name)", TestedModel),
    ("cluster", ClusterSettings),
)
_HEAD = """# Settings

Every key of `cluster-r1.yaml`. Unknown keys are refused. Written by `docs/make_settings.py` from the code.

Roles of `models` are `generator`, `refiner`, `labeler_a`, `labeler_b`, `tracer` and `reviewer`. What a role leaves out
comes from `default`.

| key | default | meaning |
|---|---|---|
"""


def main() -> None:
    parts = [_HEAD + "\n".join(_row(name, Settings) for name in ("registry", "checkpoints", "seed")) + "\n"]
    for title, model in _SECTIONS:
        name, _, rest = title.partition(" ")
        rows = "\n".join(_row(field, model) for field in model.model_fields)
        head = f"\n## {name}{f' {rest}' if rest else ''}\n\n{(model.__doc__ or '').strip()}\n"
        parts.append(f"{head}\n| key | default | meaning |\n|---|---|---|\n{rows}\n")
    Path(__file__).with_name("settings.md").write_text("".join(parts), encoding="utf-8")


def _row(name: str, model: type[Any]) -> str:
    field = model.model_fields[name]
    default = (
        "required"
        if field.default is PydanticUndefined and field.default_factory is None
        else f"`{field.get_default(call_default_factory=True)!r}`"
    )
    choices = [str(choice) for choice in get_args(field.annotation) if isinstance(choice, str)]
    meaning = (field.description or "").replace("|", "\\|")
    listed = f" ({', '.join(choices)})" if choices else ""
    return f"| `{name}` | {default} | {meaning}{listed} |"


if __name__ == "__main__":
    main()
