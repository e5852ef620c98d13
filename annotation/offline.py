"""Reviews without a server: each form is a page that people open in a browser, and a JSONL file that they may fill in.

Beside NAME.html and NAME.jsonl lie the files that people saved in the page (NAME.answers*.jsonl), NAME.md (how to
answer), and what this channel remembers: NAME.kept.jsonl (answers whose record is no longer shown, lines that nobody
can read), NAME.returned.json (what was given back and why), NAME.times.json (when a hand-filled answer was first seen).
"""

from __future__ import annotations

import datetime
import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..core.forms import Form, Question, Record, Response
from ..core.workspace import read_json, write_bytes, write_json, write_text
from ..reports.review_form import GivenBack, render_review_form, with_returned
from .answer_lines import PENDING, Line, LineError, is_untouched, line_of, lines_of, response_of
from .channels import Returned, latest

_ID = re.compile(rb'^\s*\{\s*"id"\s*:\s*("(?:[^"\\]|\\.)*")')
_Reasons = dict[str, dict[str, GivenBack]]
"""What was given back, by record and author."""


class FileChannel:
    """A folder of files. What a person typed into one of them is never overwritten.

    After `responses`, `problems` says which lines could not be taken and why; they are taken once they are mended.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._problems: dict[str, list[str]] = {}

    @property
    def name(self) -> str:
        return f"the folder {self.folder}"

    @property
    def problems(self) -> list[str]:
        """Lines of people's files that cannot be taken: file, line number, what to do."""
        return [problem for found in self._problems.values() for problem in found]

    def push(self, form: Form, records: Iterable[Record], advance: Callable[[int], None]) -> None:
        """Show these records, those that are shown already as they are.

        An answer whose record is not shown any more goes to NAME.kept.jsonl and comes back with its record.
        """
        shown = {record.id: record for record in records}
        returned = _unmended(self._returned(form), self.responses(form))
        main, kept = self._lines(form, "jsonl"), self._lines(form, "kept.jsonl")
        stays, leaves = _parted(main, shown)
        shown |= {record.id: record for line in stays if (record := _as_before(line)) is not None}
        comes, waits = _parted((line for line in kept if line.content is not None), shown)
        broken = [line for line in kept if line.content is None]
        kept_now = [*waits, *broken, *leaves]
        if kept or leaves:
            self._write_lines(form, "kept.jsonl", [line.raw for line in [*kept, *leaves]])
        self._write_lines(form, "jsonl", _drawn(form, shown, [*stays, *comes], returned))
        self._write_returned(form, returned)
        write_text(self._path(form, "html"), render_review_form(form, list(shown.values()), _as_shown(returned)))
        write_text(self._path(form, "md"), _how_to(form))
        if comes:
            self._write_lines(form, "kept.jsonl", [line.raw for line in kept_now])
        advance(len(shown))

    def responses(self, form: Form) -> list[Response]:
        """One response by record and author, the one saved last; one that was given back and not changed is a draft."""
        self._problems[form.name] = []
        times = _Times(self._path(form, "times.json"))
        found = latest(r for path in self._answer_files(form) for r in self._responses_in(path, form, times))
        times.save()
        returned = self._returned(form)
        return [
            response.model_copy(update={"status": "draft"}) if _is_unchanged(returned, response) else response
            for response in found
        ]

    def give_back(self, form: Form, returned: Returned) -> None:
        """The reason stands in the page and in the record's line; what was typed stays where it is."""
        response = returned.response
        back = GivenBack(response.author, returned.reason, response.at, response.values)
        reasons = self._returned(form)
        reasons.setdefault(response.record, {})[response.author] = back
        self._write_returned(form, reasons)
        if (page := self._path(form, "html")).exists():
            write_text(page, with_returned(page.read_text(encoding="utf-8"), _as_shown(reasons)))
        lines = self._lines(form, "jsonl")
        if lines:
            self._write_lines(form, "jsonl", [_with_problem(line, reasons) for line in lines])

    def place(self, form: Form) -> str:
        return str(self._path(form, "html"))

    def _path(self, form: Form, ending: str) -> Path:
        return self.folder / f"{form.name}.{ending}"

    def _answer_files(self, form: Form) -> list[Path]:
        own = [path for ending in ("jsonl", "kept.jsonl") if (path := self._path(form, ending)).exists()]
        return [*own, *sorted(self.folder.glob(f"{form.name}.answers*.jsonl"))]

    def _responses_in(self, path: Path, form: Form, times: _Times) -> Iterator[Response]:
        try:
            lines = lines_of(path.read_bytes())
            saved_at = datetime.datetime.fromtimestamp(int(path.stat().st_mtime), datetime.UTC).isoformat()
        except OSError as error:
            self._problems[form.name].append(f"{path.name} cannot be read: {error.strerror}")
            return
        for line in lines:
            try:
                if (response := _response(line, form, saved_at, times)) is not None:
                    yield response
            except LineError as error:
                self._problems[form.name].append(f"{path.name} line {line.number}: {error}")

    def _lines(self, form: Form, ending: str) -> list[Line]:
        path = self._path(form, ending)
        return lines_of(path.read_bytes()) if path.exists() else []

    def _write_lines(self, form: Form, ending: str, lines: Iterable[bytes]) -> None:
        write_bytes(self._path(form, ending), b"".join(line + b"\n" for line in lines))

    def _returned(self, form: Form) -> _Reasons:
        path = self._path(form, "returned.json")
        stored = read_json(path) if path.exists() else {}
        return {
            record: {author: GivenBack(author=author, **back) for author, back in authors.items()}
            for record, authors in stored.items()
        }

    def _write_returned(self, form: Form, reasons: _Reasons) -> None:
        path = self._path(form, "returned.json")
        stored = {
            record: {back.author: {"reason": back.reason, "at": back.at, "values": back.values} for back in by.values()}
            for record, by in reasons.items()
        }
        if stored or path.exists():
            write_json(path, stored)


class _Times:
    """When an answer whose time was left empty was first seen: its file's time then, which later edits do not move."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._before: dict[str, str] = read_json(path) if path.exists() else {}
        self._now: dict[str, str] = {}

    def first_seen(self, response: Response) -> Response:
        told = json.dumps([response.record, response.author, response.status, response.values], sort_keys=True)
        key = hashlib.sha256(told.encode()).hexdigest()[:24]
        self._now[key] = self._before.get(key, response.at)
        return response.model_copy(update={"at": self._now[key]})

    def save(self) -> None:
        if self._now != self._before:
            write_json(self._path, self._now)


def _response(line: Line, form: Form, saved_at: str, times: _Times) -> Response | None:
    """The response in a line, None where nobody has written. Raises LineError."""
    if line.content is None:
        raise LineError(line.error)
    own = "id" in line.content
    if own and is_untouched(line.content):
        return None
    answer = line.content.get("answer") if own else line.content
    response = response_of(form, line.content.get("id" if own else "record"), answer, saved_at)
    has_time = isinstance(answer, dict) and str(answer.get("at", "")).strip()
    return response if has_time else times.first_seen(response)


def _parted(lines: Iterable[Line], shown: dict[str, Record]) -> tuple[list[Line], list[Line]]:
    """Lines of the shown records, and those of others that a person has written in."""
    stays: list[Line] = []
    leaves: list[Line] = []
    for line in lines:
        if _record_of(line) in shown:
            stays.append(line)
        elif line.content is None or not is_untouched(line.content):
            leaves.append(line)
    return stays, leaves


def _record_of(line: Line) -> str | None:
    """The record of a line, also of one that a slip of the keyboard made unreadable further on."""
    if line.content is not None:
        record = line.content.get("id")
        return record if isinstance(record, str) else None
    begun = lines_of(b'{"id":' + found[1] + b"}") if (found := _ID.match(line.raw)) else []
    return _record_of(begun[0]) if begun and begun[0].content else None


def _drawn(form: Form, shown: dict[str, Record], lines: Iterable[Line], reasons: _Reasons) -> Iterator[bytes]:
    """Lines of each record as they stood, those that a person wrote in before others; a new one where there is none."""
    written: dict[str, list[bytes]] = defaultdict(list)
    blank: dict[str, list[bytes]] = {}
    for line in lines:
        record, drawn = str(_record_of(line)), _with_problem(line, reasons)
        if line.content is None or not is_untouched(line.content):
            written[record].append(drawn)
        else:
            blank[record] = [drawn]
    for record in shown.values():
        yield from dict.fromkeys(written[record.id] or blank.get(record.id) or [_fresh(form, record, reasons)])


def _fresh(form: Form, record: Record, reasons: _Reasons) -> bytes:
    line = {
        "id": record.id,
        **_problem(record.id, reasons),
        "fields": record.fields,
        "suggestions": [suggestion._asdict() for suggestion in record.suggestions],
        "metadata": record.metadata,
        "answer": {**PENDING, "values": {q.name: _prefilled(record, q) for q in form.questions}},
    }
    return line_of(line)


def _as_before(line: Line) -> Record | None:
    """The record as its line shows it, None where an editor has harmed that part of the line."""
    try:
        return Record.model_validate({name: (line.content or {}).get(name) for name in Record.model_fields})
    except ValidationError:
        return None


def _prefilled(record: Record, question: Question) -> Any:
    suggested = record.suggested(question.name)
    return "" if suggested is None else suggested


def _with_problem(line: Line, reasons: _Reasons) -> bytes:
    """The line with the reasons there are now; one whose reasons are the same is not touched."""
    if line.content is None:
        return line.raw
    problem = _problem(str(line.content.get("id")), reasons)
    if line.content.get("problem") == problem.get("problem"):
        return line.raw
    rest = {name: value for name, value in line.content.items() if name not in ("id", "problem")}
    return line_of({"id": line.content.get("id")} | problem | rest)


def _problem(record: str, reasons: _Reasons) -> dict[str, str]:
    told = [f"{back.author}: {back.reason}" for back in reasons.get(record, {}).values()]
    return {"problem": "\n".join(told)} if told else {}


def _is_unchanged(reasons: _Reasons, response: Response) -> bool:
    back = reasons.get(response.record, {}).get(response.author)
    return back is not None and (back.at, back.values) == (response.at, response.values)


def _unmended(reasons: _Reasons, responses: Iterable[Response]) -> _Reasons:
    """What was given back, without the answers that were changed and submitted since."""
    mended = {(r.record, r.author) for r in responses if r.status != "draft" and not _is_unchanged(reasons, r)}
    left = {
        record: {author: back for author, back in by.items() if (record, author) not in mended}
        for record, by in reasons.items()
    }
    return {record: by for record, by in left.items() if by}


def _as_shown(reasons: _Reasons) -> dict[str, list[GivenBack]]:
    return {record: list(by.values()) for record, by in reasons.items()}


def _how_to(form: Form) -> str:
    questions = "\n".join(f"- `{q.name}` ({_kind(q)}): {q.title}" for q in form.questions)
    return f"""\
# {form.title}

{form.guidelines}

## How to answer

Open {form.name}.html in a browser, write your name, answer, save, and put the saved file into this folder.

Or type into {form.name}.jsonl, a record a line: in its `answer`, fill in `author` and `values` and set `status` to
`submitted` (or `discarded` to skip the record, `draft` to go on later); `at` may stay empty. A `problem` says why an
answer came back. Several people may answer in the same file: copy the line.

## Questions

{questions}
"""


def _kind(question: Question) -> str:
    optional = "" if question.required else ", optional"
    kinds = {"text": "text", "label": "one of: ", "rating": "a number: "}
    return f"{kinds[question.kind]}{' | '.join(question.options)}{optional}"
