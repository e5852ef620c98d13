"""Names that people type, checked against those that there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from .errors import SettingsError

_Name = TypeVar("_Name", bound=str)


def known_names(names: Sequence[str], known: Sequence[_Name], what: str, option: str) -> tuple[_Name, ...]:
    """Each name once, as typed first. Raises SettingsError naming the first that is not known, and all that are."""
    by_name: dict[str, _Name] = {name: name for name in known}
    for name in names:
        if name not in by_name:
            raise SettingsError(f"there is no {what} {name!r}; --{option} takes {', '.join(known)}")
    return tuple(dict.fromkeys(by_name[name] for name in names))
