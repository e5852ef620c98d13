"""What `--model NAME` means: a model of the settings, an endpoint's, a local one, a .gguf file, or a folder."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from ..core.errors import SettingsError
from ..core.settings import EvalSettings, ModelSettings, TestedModel
from ..core.wrong_keys import wrong_keys
from ..llm.weights import registry
from .entries import entry_name
from .folders import FolderEntry
from .forms import Form
from .models import ModelEntry

_SIZE = re.compile(r"(?<![a-z0-9.])(\d+(?:\.\d+)?)(b|m)(?![a-z0-9])", re.IGNORECASE)


class Choice(NamedTuple):
    """What the command line says about the models; None leaves it to the settings or their defaults."""

    forms: Sequence[Form] = ("free",)
    name: str | None = None
    base_url: str | None = None
    api_key_env: str | None = None
    serve: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    context_tokens: int | None = None
    seed: int | None = None
    concurrency: int | None = None
    hint: bool | None = None
    parameters: float | None = None


def chosen_models(names: Sequence[str], choice: Choice, settings: EvalSettings) -> list[ModelEntry | FolderEntry]:
    """An entry for each model and form, named after both.

    Raises SettingsError for a name that means nothing, for two entries of one name, and for wrong options.
    """
    entries = [entry for name in names for entry in _entries(name, choice, settings)]
    if choice.name is not None:
        if len(entries) != 1:
            raise SettingsError(f"--name names one entry; these are {len(entries)}")
        entries = [entries[0]._replace(name=choice.name)]
    twice = sorted({entry.name for entry in entries if [one.name for one in entries].count(entry.name) > 1})
    if twice:
        raise SettingsError(f"two models would be the entry {twice[0]!r}: run them one by one, each with its --name")
    return entries


def _entries(name: str, choice: Choice, settings: EvalSettings) -> list[ModelEntry | FolderEntry]:
    folder = Path(name).expanduser()
    known = settings.models.get(name)
    if known is None and choice.base_url is None and choice.serve is None and (folder / "config.json").is_file():
        return [_folder(folder, choice)]
    model = _tested(name, known, choice)
    return [ModelEntry(_named(entry_name(name), form, model.hint), model, form) for form in choice.forms]


def model_by_name(name: str, choice: Choice, settings: EvalSettings) -> ModelSettings:
    """The model of `--model NAME` for a use that sets its own temperature and tokens, unless the settings name them.

    Raises SettingsError for a name that means nothing, and for wrong options.
    """
    tested = _tested(name, settings.models.get(name), choice)
    set_here = (tested.model_fields_set | {"timeout_s"}) - {"max_tokens", "parameters", "hint"}
    own = {field: getattr(tested, field) for field in set_here if field in ModelSettings.model_fields}
    return ModelSettings(**own)


def _tested(name: str, known: TestedModel | None, choice: Choice) -> TestedModel:
    own = known.model_dump() if known is not None else _found(name, choice)
    if choice.base_url is not None:
        own |= {"serve": None, "base_url": choice.base_url}
    if choice.serve is not None:
        own |= {"serve": choice.serve, "base_url": None}
    said = {field: getattr(choice, field) for field in choice._fields if field in TestedModel.model_fields}
    own |= {field: value for field, value in said.items() if value is not None and field not in ("base_url", "serve")}
    try:
        model = TestedModel.model_validate(own)
    except ValidationError as error:
        raise SettingsError(wrong_keys(error.errors(), TestedModel, f"--model {name}")) from None
    return model.model_copy(update={"parameters": model.parameters or stated_parameters(model.model)})


def _found(name: str, choice: Choice) -> dict[str, Any]:
    own: dict[str, Any] = {"model": name}
    if choice.base_url is not None or choice.serve is not None:
        return own
    if name in registry() or (name.endswith(".gguf") and Path(name).expanduser().is_file()):
        return {**own, "serve": "embedded", "concurrency": 8, "context_tokens": 8192, "max_tokens": 2000}
    raise SettingsError(
        f"--model {name!r} is no model of eval.models in the settings, no local model ({', '.join(registry())}), no"
        " .gguf file and no folder with a config.json; for a model behind an endpoint give --base-url too"
    )


def _folder(folder: Path, choice: Choice) -> FolderEntry:
    if tuple(choice.forms) != ("free",):
        raise SettingsError(
            f"{folder} is sampled in this process, which cannot constrain an answer: serve it with --serve vllm, or"
            " leave out --form"
        )
    said: Mapping[str, Any] = {
        field: getattr(choice, field) for field in ("temperature", "max_tokens", "seed", "hint", "parameters")
    }
    given = {field: value for field, value in said.items() if value is not None}
    parameters = given.pop("parameters", None) or stated_parameters(folder.name)
    name = _named(entry_name(folder.resolve().name), "free", bool(choice.hint))
    return FolderEntry(name, folder.resolve(), parameters=parameters, **given)


def _named(name: str, form: Form, hint: bool) -> str:
    return name + ("" if form == "free" else f"+{form}") + ("+hint" if hint else "")


def stated_parameters(name: str) -> float | None:
    """Billions of parameters by the size in a model's name (7B, 0.5b, 135M); None where it states none or several."""
    sizes = {float(number) / (1 if unit in "bB" else 1000) for number, unit in _SIZE.findall(name)}
    return sizes.pop() if len(sizes) == 1 else None
