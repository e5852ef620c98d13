"""Registries of tasks: instructions with their domain and split, the paper's 28 (Table 5) and users' own."""

from __future__ import annotations

import difflib
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator

from .errors import SettingsError
from .section import Section
from .settings import Settings
from .task_settings import TASK_ID, Split, TaskSettings
from .unique_keys import read_yaml


class RegistryTask(Section):
    """A benchmark's task as its makers name it."""

    id: str = Field(pattern=TASK_ID)
    domain: str = Field(min_length=1)
    split: Split
    instruction: str = Field(min_length=3, max_length=2000)
    within: str | None = Field(
        default=None, description="words of the instruction that name the coarse group its documents lie in"
    )

    @model_validator(mode="after")
    def _quotes_the_instruction(self) -> RegistryTask:
        if self.within is not None and _normal(self.within) not in _normal(self.instruction):
            raise ValueError(f"within {self.within!r} is not in the instruction")
        return self


class Registry(Section):
    """Tasks with unique ids and instructions."""

    name: str = Field(min_length=1)
    source: str = Field(default="", description="where the tasks are from")
    tasks: tuple[RegistryTask, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _distinct(self) -> Registry:
        ids: set[str] = set()
        instructions: dict[str, str] = {}
        for task in self.tasks:
            if task.id in ids:
                raise ValueError(f"two tasks have the id {task.id!r}")
            ids.add(task.id)
            said = _normal(task.instruction)
            if said in instructions:
                raise ValueError(f"{instructions[said]!r} and {task.id!r} have the same instruction")
            instructions[said] = task.id
        return self

    @property
    def domains(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(task.domain for task in self.tasks))

    def of(self, domain: str) -> tuple[RegistryTask, ...]:
        return tuple(task for task in self.tasks if task.domain == domain)

    def get(self, task: str) -> RegistryTask | None:
        return next((known for known in self.tasks if known.id == task), None)


def load_registry(name: str, root: Path) -> Registry:
    """A registry by the name of a bundled one, else by the path of a YAML file, relative to `root`.

    Raises SettingsError naming the file and every wrong key.
    """
    bundled = files("cluster_r1.core") / "registries"
    names = sorted(file.name.removesuffix(".yaml") for file in bundled.iterdir() if file.name.endswith(".yaml"))
    path = bundled / f"{name}.yaml" if name in names else root / Path(name).expanduser()
    try:
        content = read_yaml(path, f"registry {path}")
    except FileNotFoundError:
        known = ", ".join(map(repr, names))
        raise SettingsError(f"there is no registry {name!r}: it is neither {known} nor a file {path}") from None
    return parse_registry(content, str(path))


def parse_registry(content: Any, where: str) -> Registry:
    """Check a registry's content. Raises SettingsError; `where` is named in it."""
    try:
        return Registry.model_validate(content)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, e['loc'])) or 'registry'}: {e['msg'].removeprefix('Value error, ')}"
            for e in error.errors()
        )
        raise SettingsError(f"registry {where}: {wrong}") from None


def with_registry(settings: Settings, root: Path) -> Settings:
    """The settings with the tasks of their registry for `corpus.domain`, where they name one and no tasks.

    Those that the hierarchy asks for inside a cluster are not asked for over the whole corpus.
    Raises SettingsError when the registry has no task of that domain.
    """
    if settings.registry is None or settings.tasks:
        return settings
    registry = load_registry(settings.registry, root)
    domain = settings.corpus.domain
    registered = registry.of(domain)
    if not registered:
        near = difflib.get_close_matches(domain, registry.domains, n=1)
        hint = f", did you mean {near[0]!r}?" if near else ""
        raise SettingsError(
            f"registry {registry.name!r} has no task for corpus.domain {domain!r}{hint}"
            f" (its domains: {', '.join(registry.domains)})"
        )
    inside = {task.id for _, task in settings.hierarchy.tasks_inside()}
    tasks = (TaskSettings(id=t.id, instruction=t.instruction, split=t.split) for t in registered if t.id not in inside)
    return settings.model_copy(update={"tasks": tuple(tasks)})


def split_of(settings: Settings, registry: Registry | None, task: str) -> Split:
    """A task's split: what the registry says about it, else the settings, else held-in."""
    registered = registry.get(task) if registry is not None else None
    if registered is not None:
        return registered.split
    asked = settings.asked(task)
    return asked.split if asked is not None else "held-in"


def _normal(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip(". ")
