"""Recipes as files: those that come with the package, by name, and the user's own, by path."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from ..core.errors import SettingsError
from ..core.unique_keys import read_yaml
from ..core.wrong_keys import wrong_keys
from .recipe import Recipe

_SUFFIXES = (".yaml", ".yml")


def bundled_recipes() -> tuple[str, ...]:
    """Names of the recipes that come with the package."""
    return tuple(sorted(_name(file.name) for file in _folder().iterdir() if file.name.endswith(_SUFFIXES)))


def load_recipe(name: str | Path, folder: Path = Path()) -> Recipe:
    """A recipe by a bundled one's name, or by the path of a YAML file, relative to `folder`.

    `recipes/NAME.yaml` is the bundled NAME where there is no such file. Raises SettingsError naming every wrong key.
    """
    return parse_recipe(_content(name, folder), str(name))


def recipe_text(name: str | Path, folder: Path = Path()) -> str:
    """A recipe's file as it is written, comments included. Raises SettingsError when it is no recipe."""
    load_recipe(name, folder)
    return _find(name, folder).read_text(encoding="utf-8")


def parse_recipe(content: Any, where: str) -> Recipe:
    """Check what was read from `where`. Raises SettingsError naming every wrong key."""
    if not isinstance(content, Mapping):
        raise SettingsError(
            f"{where} must be a mapping with the keys of a recipe; `cluster-r1 train recipes` lists some"
        )
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        raise SettingsError(wrong_keys(error.errors(), Recipe, where)) from None


def changed_recipe(recipe: Recipe, where: str, **changes: Any) -> Recipe:
    """A recipe with other values, checked anew; a mapping changes some keys of its section.

    where: what the recipe is called in errors. Raises SettingsError naming every wrong key.
    """
    content = recipe.model_dump(mode="json")
    for key, value in changes.items():
        content[key] = {**content[key], **value} if isinstance(value, Mapping) else value
    return parse_recipe(content, where)


def render_recipe(recipe: Recipe) -> str:
    """A recipe as YAML with every key, so that a run can be repeated whatever the defaults become."""
    return yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=120)


def _content(name: str | Path, folder: Path) -> Any:
    try:
        return read_yaml(_find(name, folder), f"recipe {name}")
    except FileNotFoundError:
        raise _unknown(name, folder) from None


def _find(name: str | Path, folder: Path) -> Traversable:
    """The user's file where there is one, else the bundled recipe of that name."""
    path = folder / Path(name).expanduser()
    if path.is_file() or _bundled(name) is None:
        return path
    return _folder() / f"{_bundled(name)}.yaml"


def _bundled(name: str | Path) -> str | None:
    """The bundled recipe that NAME, NAME.yaml or recipes/NAME.yaml means."""
    path = Path(name)
    if path.parent not in (Path(), Path("recipes")) or (path.parent != Path() and path.suffix not in _SUFFIXES):
        return None
    return _name(path.name) if _name(path.name) in bundled_recipes() else None


def _unknown(name: str | Path, folder: Path) -> SettingsError:
    known = bundled_recipes()
    near = difflib.get_close_matches(_name(Path(name).name), known, n=1)
    meant = f" (did you mean {near[0]!r}?)" if near else ""
    return SettingsError(
        f"there is no recipe {str(name)!r}{meant}: it is neither a file {folder / name} nor one of {', '.join(known)}"
    )


def _name(file: str) -> str:
    return next((file.removesuffix(suffix) for suffix in _SUFFIXES if file.endswith(suffix)), file)


def _folder() -> Traversable:
    return files("cluster_r1.training") / "recipes"
