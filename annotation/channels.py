"""The way to people and back: what an Argilla server and a folder of files have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol

from ..core.forms import Form, Record, Response


class Returned(NamedTuple):
    """A response that cannot be used, and why, in words for the person who wrote it."""

    response: Response
    reason: str


class Channel(Protocol):
    """Where a form's records are shown and its responses come from. Every call may be repeated without harm."""

    @property
    def name(self) -> str:
        """What people call it, e.g. its address."""
        ...

    @property
    def problems(self) -> list[str]:
        """What people handed in that cannot be taken at all, found by the last `responses`, in words for them."""
        ...

    def push(self, form: Form, records: Iterable[Record], advance: Callable[[int], None]) -> None:
        """Show the records; one whose id is shown already is left as it is, with its responses."""
        ...

    def responses(self, form: Form) -> list[Response]:
        """All responses there are, drafts and discarded ones too, in no particular order."""
        ...

    def give_back(self, form: Form, returned: Returned) -> None:
        """Show the reason beside the record and let the person change the response, with all they typed still there."""
        ...

    def place(self, form: Form) -> str:
        """Where a person finds the form: a URL or a file."""
        ...


def latest(responses: Iterable[Response]) -> list[Response]:
    """One response by record and author: the one saved last."""
    found: dict[tuple[str, str], Response] = {}
    for response in responses:
        known = found.get((response.record, response.author))
        if known is None or response.at >= known.at:
            found[response.record, response.author] = response
    return list(found.values())
