"""Answers in people's files, one JSON object a line: read strictly; what is wrong is said, not guessed at."""

from __future__ import annotations

import json
import re
from typing import Any, Literal, NamedTuple, NoReturn

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr, ValidationError

from ..core.forms import Form, Question, Response, Value
from ..core.moments import in_utc

_BREAKS = re.compile(r"[\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_DEEPEST = 20
PENDING: dict[str, str] = {"author": "", "status": "pending", "at": ""}


class LineError(ValueError):
    """A line that cannot be taken as an answer; the message tells its author what to do."""


class Line(NamedTuple):
    """A line of a file as it stands there; `content` is None when it is no JSON object, `error` then says why."""

    number: int
    raw: bytes
    content: dict[str, Any] | None
    error: str = ""


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    author: StrictStr = ""
    status: Literal["pending", "submitted", "draft", "discarded"] = "pending"
    at: StrictStr = ""
    values: dict[StrictStr, StrictStr | StrictInt | None] = Field(default_factory=dict)


def lines_of(content: bytes) -> list[Line]:
    """Lines with their numbers, empty ones passed over. An editor's byte order mark and line ends do no harm."""
    lines = content.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    return [_line(number, raw.rstrip(b"\r")) for number, raw in enumerate(lines, start=1) if raw.strip()]


def line_of(content: dict[str, Any]) -> bytes:
    """One line whatever is in it, also for editors that know more line breaks than JSON does."""
    text = json.dumps(content, ensure_ascii=False)
    return _BREAKS.sub(lambda found: f"\\u{ord(found[0]):04x}", text).encode()


def is_untouched(content: dict[str, Any]) -> bool:
    """Whether the answer in a record's line is the one that was written there for people to change."""
    answer = content.get("answer")
    if answer is None:
        return True
    if not isinstance(answer, dict) or not isinstance(answer.get("values"), dict):
        return False
    rest = {name: value for name, value in answer.items() if name != "values"}
    suggested = _suggested(content.get("suggestions"))
    return rest == PENDING and all(value in ("", suggested.get(name)) for name, value in answer["values"].items())


def response_of(form: Form, record: Any, answer: Any, saved_at: str) -> Response:
    """The response in a line. `saved_at` stands in for a time that was left empty. Raises LineError."""
    if not isinstance(record, str) or not record:
        raise LineError("it does not say which record it answers")
    try:
        read = _Answer.model_validate(answer)
        json.dumps(answer, ensure_ascii=False).encode()
    except ValidationError as error:
        _refuse(error)
    except UnicodeEncodeError:
        raise LineError("it holds half of a character (a lone surrogate)") from None
    author = " ".join(read.author.split())
    if read.status == "pending":
        raise LineError("its status is still 'pending'; set it to submitted, draft or discarded")
    if not author:
        raise LineError("fill in author")
    if not author.isprintable():
        raise LineError("the author's name holds control characters")
    questions = {question.name: question for question in form.questions}
    unknown = [name for name in read.values if name not in questions]
    if unknown:
        raise LineError(f"there is no question {unknown[0][:80]!r}; there are: {', '.join(questions)}")
    given = {name: value for name, value in read.values.items() if value is not None and str(value).strip()}
    values = {name: _value(questions[name], value) for name, value in given.items()}
    at = typed_time(read.at) if read.at.strip() else saved_at
    return Response(record=record, author=author, status=read.status, values=values, at=at)


def typed_time(moment: str) -> str:
    """A time that a person typed, in UTC. Raises LineError."""
    try:
        return in_utc(moment.strip())
    except (ValueError, OverflowError):
        raise LineError(f"{moment[:80]!r} is not a time such as 2026-01-31T09:00:00Z; `at` may be left empty") from None


def _line(number: int, raw: bytes) -> Line:
    try:
        content = json.loads(raw, parse_constant=_no_constant)
    except UnicodeDecodeError:
        return Line(number, raw, None, "it is not UTF-8 text")
    except json.JSONDecodeError as error:
        return Line(number, raw, None, f"it is not JSON: {error.msg} (column {error.colno})")
    except (ValueError, RecursionError) as error:
        return Line(number, raw, None, f"it is not JSON: {error}")
    if not isinstance(content, dict):
        return Line(number, raw, None, "it is not a JSON object")
    if _is_deep(content, _DEEPEST):
        return Line(number, raw, None, "it is nested too deeply to be an answer")
    return Line(number, raw, content)


def _is_deep(value: Any, left: int) -> bool:
    """Whether a value is nested so deeply that it could be read but perhaps not written again."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return left == 0 or any(_is_deep(item, left - 1) for item in inner)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def _suggested(suggestions: Any) -> dict[str, Any]:
    items = suggestions if isinstance(suggestions, list) else []
    found = [item for item in items if isinstance(item, dict) and isinstance(item.get("question"), str)]
    return {item["question"]: item.get("value") for item in reversed(found)}


def _value(question: Question, value: Value) -> Value:
    """A rating typed as text is the number it says."""
    text = value.strip() if isinstance(value, str) else ""
    return int(text) if question.kind == "rating" and text.isascii() and text.isdecimal() and len(text) < 10 else value


def _refuse(error: ValidationError) -> NoReturn:
    first = error.errors(include_input=False, include_url=False)[0]
    match first["loc"]:
        case ("values", str(name), *_):
            raise LineError(f"the answer to {name[:80]!r} must be text or a whole number") from None
        case (str(name), *_):
            raise LineError(f"{name}: {first['msg']}") from None
        case _:
            raise LineError("it has no answer with author, status, at and values") from None
