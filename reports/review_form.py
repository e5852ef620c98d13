"""A review as one offline page: its records and questions as data, drawn one record at a time by the page's script.

Ten thousand records are ten thousand lines of JSON, not as many blocks of HTML. What was given back stands in a data
block of its own, so that a reason is added to a page without drawing it again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup

from ..core.errors import ReviewError
from ..core.forms import Form, Record
from .page import render_page, render_part

_STYLES = ("review_form.css",)
_SCRIPTS = ("markdown.js", "review_form.js")
_UNSAFE = re.compile(r"[<>&\x7f-\x9f\u2028\u2029\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_LONG = 200
_RETURNED = '<script type="application/json" id="review-returned">'
_END = "</script>"


class GivenBack(NamedTuple):
    """One person's answer that came back to them: why, and what they had typed at that time."""

    author: str
    reason: str
    at: str
    values: Mapping[str, Any]


Returns = Mapping[str, Sequence[GivenBack]]
"""What was given back, by record."""


def render_review_form(form: Form, records: Sequence[Record], returned: Returns, generated_at: str = "") -> str:
    """The page. A record is known to the browser's store by its content, so that drafts survive a redrawn page."""
    shared = _shared(records)
    data = {
        "form": {
            "name": form.name,
            "guidelines": form.guidelines,
            "fields": [field._asdict() for field in form.fields],
            "questions": [question._asdict() for question in form.questions],
        },
        "shared": shared,
        "records": [_as_data(record, shared) for record in records],
    }
    body = render_part(
        "review_form.html", form=form, records=len(records), data=_as_json(data), returned=_as_json(_as_items(returned))
    )
    return render_page(
        form.title,
        body,
        kicker="Review",
        generated_at=generated_at,
        styles=_STYLES,
        scripts=_SCRIPTS,
    )


def with_returned(page: str, returned: Returns) -> str:
    """A page that was drawn before, with what is given back now. Raises ReviewError when it is not such a page."""
    before, start, rest = page.partition(_RETURNED)
    _, end, after = rest.partition(_END)
    if not start or not end:
        raise ReviewError("this file is not the page of a review; push the review again to write it anew")
    return f"{before}{start}{_as_json(_as_items(returned))}{end}{after}"


def _shared(records: Sequence[Record]) -> dict[str, str]:
    """Long fields that are the same on every record, such as a list of clusters: the page holds them once."""
    first = records[0].fields if len(records) > 1 else {}
    return {
        name: text
        for name, text in first.items()
        if len(text) >= _LONG and all(record.fields.get(name) == text for record in records)
    }


def _as_data(record: Record, shared: Mapping[str, str]) -> dict[str, Any]:
    content = json.dumps([record.id, record.fields], sort_keys=True)
    return {
        "id": record.id,
        "key": hashlib.sha256(content.encode()).hexdigest()[:20],
        "fields": {name: text for name, text in record.fields.items() if name not in shared},
        "suggestions": [suggestion._asdict() for suggestion in record.suggestions],
        "metadata": record.metadata,
    }


def _as_items(returned: Returns) -> dict[str, list[dict[str, Any]]]:
    return {record: [item._asdict() for item in items] for record, items in returned.items()}


def _as_json(data: Any) -> Markup:
    r"""JSON that no HTML parser takes for anything else: what could end a script element is written \uXXXX."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return Markup(_UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text))
