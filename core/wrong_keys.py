"""What a person reads of a YAML file that breaks its model: every wrong key, with a guess at what was meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

ExtraKeys = Mapping[type[BaseModel], Mapping[str, type[BaseModel]]]
"""Keys that a section takes besides its fields, and what stands below them."""


def wrong_keys(
    details: Iterable[ErrorDetails], root: type[BaseModel], where: str, extra: ExtraKeys | None = None
) -> str:
    """The message of an error about the file `where`: one line for each wrong key, in the order of the model."""
    wrong = list(dict.fromkeys(_explained(detail, root, extra or {}) for detail in details))
    lines = "\n".join(f"  {line}" for line in wrong)
    return f"{where} has {len(wrong)} wrong key(s):\n{lines}"


def _explained(detail: ErrorDetails, root: type[BaseModel], extra: ExtraKeys) -> str:
    place = ".".join(str(part) for part in detail["loc"]) or "(top level)"
    says = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "missing":
        return f"{place}: is required"
    if detail["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(detail["loc"][-1]), _known_keys(detail["loc"][:-1], root, extra), n=1)
        return f"{place}: unknown key" + (f", did you mean {near[0]!r}?" if near else "")
    return f"{place}: {says}" if isinstance(detail["input"], Mapping) else f"{place}: {says} (got {detail['input']!r})"


def _known_keys(location: tuple[int | str, ...], root: type[BaseModel], extra: ExtraKeys) -> list[str]:
    model: Any = root
    for part in location:
        if isinstance(part, int):
            continue
        below = extra.get(model, {})
        model = below[part] if part in below else model.model_fields[part].annotation
        model = next((a for a in (model, *get_args(model)) if hasattr(a, "model_fields")), None)
        if model is None:
            return []
    return [*model.model_fields, *extra.get(model, {})]
