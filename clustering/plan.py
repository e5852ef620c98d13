"""What a clustering run is asked for, as the settings of its result's folder; they are stored there and hold for good.

The texts, the instruction, the range of K and the models that make the taxonomy may not change under a result; how its
texts are assigned may.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from ..core.clustering import ResultFolder
from ..core.errors import SettingsError
from ..core.section import Section
from ..core.settings import SETTINGS_FILE, CorpusSettings, ModelSettings, Settings, load_settings, parse_settings
from ..core.workspace import Workspace, write_text
from ..corpora.files import read_documents
from ..corpora.report import CorpusReport

TASK = "clusters"
"""Id of the one task of a result's folder."""
AGENT = "agent"
"""Role of the model that clusters texts in one generation."""

_ID = "id"
_HUB = "hf:"
_LONGEST = 10_000_000
"""Characters from which a text is left out of the corpus; shorter ones are cut where a prompt has no room."""
_DEFAULT_RANGE = (2, 12)
_LEAST_IN_TAXONOMY = 2


class Request(NamedTuple):
    """What a user says. `base` are a project's settings, where the command runs in one."""

    source: str
    instruction: str
    model: ModelSettings | None = None
    base: Settings | None = None
    text: str | None = None
    id: str | None = None
    taxonomy: str | None = None
    cluster: Mapping[str, Any] = {}


def planned(request: Request) -> Settings:
    """The settings of a result's folder. Texts without a column `id` are numbered, unless a column is named.

    Raises SettingsError for what cannot be, CorpusError where the source cannot be read.
    """
    instruction = " ".join(request.instruction.split())
    if not instruction:
        raise SettingsError("there is no instruction: say what to cluster by, as in --instruction 'Cluster by topic.'")
    base = request.base
    if request.model is None and base is None:
        raise SettingsError(
            "no model is named: give --model NAME (and --base-url for an endpoint), or run in a project's folder"
        )
    given = base.corpus.model_dump(include={"text", "id"}) if base is not None else {}
    corpus = {**given, **_named(request.source, request.text, request.id)}
    task: dict[str, Any] = {"id": TASK, "instruction": instruction}
    if request.taxonomy is not None:
        task["taxonomy"] = _absolute(request.taxonomy)
    cluster = (_told(base.cluster) if base is not None else {}) | dict(request.cluster)
    content: dict[str, Any] = {
        "corpus": {**corpus, "max_characters": _LONGEST},
        "tasks": [task],
        "models": _models(request.model, base),
        "cluster": cluster,
        "review": {"taxonomy": False},
        **({name: _told(getattr(base, name)) for name in ("labeling", "budget")} if base is not None else {}),
        "seed": base.seed if base is not None else 0,
    }
    content["taxonomy"] = _taxonomy(base, cluster)
    if "id" not in corpus and not corpus["source"].startswith(_HUB):
        content["corpus"]["id"] = _id_column(CorpusSettings.model_validate({**content["corpus"], "id": None}))
    settings = parse_settings(content, "cluster")
    labeling = settings.labeling.model_copy(update={"document_tokens": settings.cluster.document_tokens})
    return settings.model_copy(update={"labeling": labeling})


def agent_model(settings: Settings) -> ModelSettings:
    """The generator's model, without chance and with room for a whole answer."""
    generator = settings.models.generator
    tokens = min(settings.cluster.answer_tokens, max(1, generator.context_tokens // 2))
    return generator.model_copy(update={"temperature": 0.0, "max_tokens": tokens})


def keep_plan(folder: ResultFolder, settings: Settings) -> None:
    """Store the settings with the result, so that it can be gone on with and added to.

    Raises SettingsError where the folder holds a result of other texts, another instruction, range or model.
    """
    path = folder.folder / SETTINGS_FILE
    if path.exists() and Workspace(folder.folder).documents.exists():
        was, now = _fixed(load_settings(path)), _fixed(settings)
        changed = [f"{name} (was {was[name]!r}, is {now[name]!r})" for name in now if was[name] != now[name]]
        if changed:
            raise SettingsError(
                f"{folder.folder} holds a result made otherwise: {'; '.join(changed)}. Give another --out, or remove"
                " that folder"
            )
    elif not path.exists() and folder.folder.is_dir() and not _only_ours(folder.folder):
        raise SettingsError(f"{folder.folder} is not empty and holds no result: give another --out")
    folder.folder.mkdir(parents=True, exist_ok=True)
    write_text(path, yaml.safe_dump(_told(settings), sort_keys=False, allow_unicode=True, width=110))


def plan_of(folder: ResultFolder) -> Settings:
    """The settings that a result was made with. Raises SettingsError where the folder holds none."""
    path = folder.folder / SETTINGS_FILE
    if not path.exists() or not folder.result.exists():
        raise SettingsError(f"{folder.folder} holds no finished result of `cluster-r1 cluster`")
    return load_settings(path)


def added_plan(settings: Settings, source: str, text: str | None = None, id: str | None = None) -> Settings:
    """The settings under which other documents are added to a result."""
    corpus = CorpusSettings.model_validate(settings.corpus.model_dump() | _named(source, text, id))
    return settings.model_copy(update={"corpus": corpus})


def _named(source: str, text: str | None, id: str | None) -> dict[str, str]:
    """A source that holds wherever it is read from, and the columns that were named."""
    columns = {name: value for name, value in (("text", text), ("id", id)) if value is not None}
    return {**columns, "source": source if source.startswith(_HUB) else _absolute(source)}


def _absolute(path: str) -> str:
    return str(Path(path).expanduser().absolute())


def _id_column(numbered: CorpusSettings) -> str | None:
    """`id` where the source's first text has such a column."""
    first = next(iter(read_documents(numbered, Path.cwd(), CorpusReport())))
    return _ID if _ID in first.meta else None


def _models(model: ModelSettings | None, base: Settings | None) -> dict[str, Any]:
    """One model for all roles, or a project's."""
    if model is None:
        if base is None:
            raise ValueError("neither a model nor a project's settings")
        return {role: _told(settings) for role, settings in base.models.by_role().items()}
    own = {name: value for name, value in _told(model).items() if name in ModelSettings.model_fields}
    return {"default": own}


def _taxonomy(base: Settings | None, cluster: Mapping[str, Any]) -> dict[str, Any]:
    """How the taxonomy is made: as in the project, within the range of K that was asked for."""
    own = _told(base.taxonomy) if base is not None else {}
    least, most = cluster.get("min_clusters"), cluster.get("max_clusters")
    least = max(_LEAST_IN_TAXONOMY, least or own.get("min_clusters") or _DEFAULT_RANGE[0])
    most = max(least, most or own.get("max_clusters") or _DEFAULT_RANGE[1])
    return {**own, "min_clusters": least, "max_clusters": most}


def _fixed(settings: Settings) -> dict[str, Any]:
    """What may not change under a result, in words of the command line."""
    task, cluster = settings.tasks[0], settings.cluster
    return {
        "texts": settings.corpus.source,
        "columns": (settings.corpus.text, settings.corpus.id),
        "instruction": task.instruction,
        "taxonomy": task.taxonomy,
        "clusters": (cluster.min_clusters, cluster.max_clusters),
        "model": settings.models.generator.model,
    }


def _told(section: Section) -> dict[str, Any]:
    """What was said, without defaults."""
    return section.model_dump(mode="json", exclude_unset=True)


def _only_ours(folder: Path) -> bool:
    """Nothing, or what a run leaves before its plan is stored: texts given in Python, a lock."""
    return all(path.name in ("texts.jsonl", "state") for path in folder.iterdir())
