"""What a response holds, whatever was typed or sent: checked values, or an EditError in words for its author."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from ..core.forms import Form, Question, Response
from ..core.moments import in_utc
from .channels import Returned, latest
from .edits import EditError, note_of_text

_NAME = re.compile(r"[^A-Za-z0-9_-]+")
_Answer = TypeVar("_Answer")


def form_name(kind: str, *parts: str) -> str:
    """A form's name out of words that need not be fit for one; different words give different names."""
    return "-".join((kind, *map(_fit, parts)))


def read_answers(
    form: Form, responses: Iterable[Response], read: Callable[[str, Response], _Answer]
) -> tuple[dict[str, dict[str, _Answer]], list[Returned]]:
    """Submitted answers by what follows the form's name in the record's id and by author, and those that go back.

    `read` gets that part of the id and the response, and raises EditError for one that cannot be used. A person's
    last response to a record is the one that counts.
    """
    answers: dict[str, dict[str, _Answer]] = {}
    returned: list[Returned] = []
    for response in latest(r for r in responses if r.status == "submitted"):
        place, _, thing = response.record.partition("/")
        try:
            if place != form.name or not thing:
                raise EditError("this record is not part of the review")
            answers.setdefault(thing, {})[response.author] = read(thing, response)
        except EditError as error:
            returned.append(Returned(response, str(error)))
    return answers, returned


def option_of(question: Question, response: Response) -> str:
    """The chosen option of a required question."""
    value = response.values.get(question.name)
    if value is None or value == "":
        raise EditError(f"“{question.title}” has no answer")
    if not isinstance(value, str) or value not in question.options:
        raise EditError(f"the answer to “{question.title}” is none of its options")
    return value


def rating_of(question: Question, response: Response) -> int | None:
    """The chosen number of a question that need not be answered."""
    value = response.values.get(question.name)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int) or str(value) not in question.options:
        raise EditError(f"“{question.title}” takes a whole number from {question.options[0]} to {question.options[-1]}")
    return int(value)


def comment_of(response: Response, question: str = "comment") -> str:
    value: Any = response.values.get(question)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise EditError("the comment is not text")
    return note_of_text(value)


def time_of(response: Response) -> str:
    """When it was saved, in UTC, so that later ones sort behind."""
    try:
        return in_utc(response.at)
    except (ValueError, OverflowError):
        raise EditError("it is not known when this was answered; save it again") from None


def joined_comments(comments: Iterable[tuple[str, str]]) -> str:
    """Comments by author as one text: as it is when it stands alone, else each with its author's name."""
    said = list(comments)
    if len(said) == 1:
        return said[0][1]
    return "\n".join(f"{author}: {comment}" for author, comment in sorted(said) if comment)


def _fit(part: str) -> str:
    fit = _NAME.sub("-", part)
    return fit if fit == part else f"{fit}-{hashlib.sha256(part.encode()).hexdigest()[:6]}"
