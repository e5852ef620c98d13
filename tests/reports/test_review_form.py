"""The page of a review: a closed file whose data no HTML parser can be fooled with, and which reads back as written."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cluster_r1.core.errors import ReviewError
from cluster_r1.core.forms import Form, FormField, Question, Record, Suggestion
from cluster_r1.reports import page
from cluster_r1.reports.review_form import GivenBack, render_review_form, with_returned
from hypothesis import given
from hypothesis import strategies as st

FOLDER = Path(page.__file__).parent
ASSETS = ("review_form.css", "markdown.js", "review_form.js")
HOSTILE = "</script><script>alert(1)</script><!--<script> <img src=x onerror=f()> \u2028\u2029\x00\x7f\ufffe'\"&{{7*7}}"

ReadHtml = Callable[[str], Any]


def form(title: str = "Review of labels", guidelines: str = "Be **kind**.") -> Form:
    return Form(
        kind="labels",
        name="labels-subject",
        title=title,
        guidelines=guidelines,
        fields=(FormField("text", "Text"),),
        questions=(Question("cluster", "Cluster", "label", ("bins", "roads"), hint="one of them"),),
        metadata=("task",),
    )


def record(name: str = "d1", text: str = "My bin is full.") -> Record:
    return Record(
        id=name,
        fields={"text": text},
        suggestions=(Suggestion("cluster", "bins", "labeler a", 0.9),),
        metadata={"task": "subject"},
    )


def data_of(source: str, block: str) -> Any:
    found = re.search(f'<script type="application/json" id="{block}">(.*?)</script>', source, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def test_the_page_is_whole_and_holds_its_records_as_data(read_html: ReadHtml) -> None:
    source = render_review_form(form(), [record("d1"), record("d2")], {}, "2026-03-01T12:00:00+00:00")
    html = read_html(source)
    assert [len(html.all(tag)) for tag in ("main", "h1", "form", "dialog", "noscript")] == [1] * 5
    assert len(html.ids) == len(set(html.ids))
    data = data_of(source, "review-data")
    assert [r["id"] for r in data["records"]] == ["d1", "d2"]
    assert data["records"][0]["suggestions"] == [
        {"question": "cluster", "value": "bins", "agent": "labeler a", "score": 0.9}
    ]
    assert data["form"]["questions"][0]["options"] == ["bins", "roads"]
    assert "Made by cluster-r1 on 1 March 2026, 12:00 UTC" in html.text


def test_every_control_has_a_name(read_html: ReadHtml) -> None:
    html = read_html(render_review_form(form(), [record()], {}))
    assert len(html.all("label")) == len(html.all("input")) + len(html.all("select"))
    assert all(button["type"] == "button" for button in html.all("button"))


def test_a_form_without_records_says_so(read_html: ReadHtml) -> None:
    html = read_html(render_review_form(form(), [], {}))
    assert "There is nothing to review." in html.text
    assert html.all("form") == []


def test_hostile_text_is_data_wherever_it_comes_from(read_html: ReadHtml) -> None:
    back = {HOSTILE: [GivenBack(HOSTILE, HOSTILE, "2026-03-01T12:00:00+00:00", {"cluster": HOSTILE})]}
    source = render_review_form(form(HOSTILE, HOSTILE), [record(HOSTILE, HOSTILE)], back)
    html = read_html(source)
    assert [script.get("id") for script in html.all("script")] == [None, "review-data", "review-returned"]
    assert html.all("img") == []
    assert data_of(source, "review-data")["records"][0]["fields"]["text"] == HOSTILE
    assert data_of(source, "review-returned")[HOSTILE][0]["values"] == {"cluster": HOSTILE}
    source.encode()


texts = st.text(alphabet=st.characters(codec="utf-8"))


@given(texts, texts)
def test_texts_read_back_as_they_were_and_cannot_leave_their_block(text: str, reason: str) -> None:
    back = {"d1": [GivenBack("Ann", reason, "", {})]}
    source = render_review_form(form(), [record("d1", text)], back)
    assert data_of(source, "review-data")["records"][0]["fields"]["text"] == text
    assert data_of(source, "review-returned")["d1"][0]["reason"] == reason
    assert source.count("<script") == 3


def test_a_long_text_that_every_record_shows_is_there_once() -> None:
    long = "- **Waste** — bins and litter\n" * 10
    source = render_review_form(form(), [record("d1", long), record("d2", long)], {})
    data = data_of(source, "review-data")
    assert data["shared"] == {"text": long}
    assert [r["fields"] for r in data["records"]] == [{}, {}]
    assert data_of(render_review_form(form(), [record("d1", long)], {}), "review-data")["shared"] == {}


def test_what_is_given_back_later_changes_nothing_else_on_the_page() -> None:
    records = [record("d1"), record("d2")]
    first = {"d1": [GivenBack("Ann", "why", "2026-03-01T12:00:00+00:00", {"cluster": "no such"})]}
    drawn = render_review_form(form(), records, {})
    assert with_returned(drawn, first) == render_review_form(form(), records, first)
    assert with_returned(with_returned(drawn, first), {}) == drawn


@pytest.mark.parametrize("source", ["", "<p>a page</p>", '<script type="application/json" id="review-returned">'])
def test_a_page_of_another_kind_is_refused(source: str) -> None:
    with pytest.raises(ReviewError, match="push the review again"):
        with_returned(source, {})


def test_drafts_belong_to_a_records_content() -> None:
    def key(shown: Record) -> str:
        return data_of(render_review_form(form(), [shown], {}), "review-data")["records"][0]["key"]

    proposed = record().model_copy(update={"suggestions": ()})
    assert key(record()) == key(proposed)
    assert len({key(record()), key(record("d2")), key(record("d1", "other"))}) == 3


def test_the_policy_allows_the_pages_own_script_and_style(read_html: ReadHtml) -> None:
    source = render_review_form(form(), [record()], {})
    policy = next(str(m["content"]) for m in read_html(source).all("meta") if "http-equiv" in m)
    for tag in ("style", "script"):
        content = re.search(f"<{tag}>(.*?)</{tag}>", source, re.DOTALL)
        assert content is not None
        digest = base64.b64encode(hashlib.sha256(content[1].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_its_assets_fetch_nothing_parse_no_html_and_cannot_end_their_element() -> None:
    for name in ASSETS:
        asset = (FOLDER / name).read_text()
        forbidden = (
            r"https?:|url\(|@import|fetch\(|XMLHttpRequest|</|innerHTML|outerHTML|insertAdjacent|document\.write|eval\("
        )
        assert not re.search(forbidden, asset), name
