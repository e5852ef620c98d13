"""What was pushed comes back as it was; a file that is something else is named with what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cluster_r1.annotation.pushed import Pushed, PushedRecord, all_pushed, read_pushed, write_pushed
from cluster_r1.core.errors import WorkspaceError
from cluster_r1.core.forms import Form, FormField, Question, Suggestion
from hypothesis import given
from hypothesis import strategies as st

words = st.text(max_size=20)
records = st.builds(
    PushedRecord,
    suggestions=st.lists(
        st.builds(
            Suggestion,
            question=words,
            value=words | st.integers(0, 5),
            agent=words,
            score=st.none() | st.floats(0, 1),
        ),
        max_size=2,
    ).map(tuple),
    metadata=st.dictionaries(words, words, max_size=2),
    hidden=st.dictionaries(words, words, max_size=3),
)


def form(name: str = "labels-topic-ff") -> Form:
    return Form(
        kind="labels",
        name=name,
        title="Ünïcode",
        guidelines="g",
        fields=(FormField("text", "Text"),),
        questions=(Question("cluster", "Which?", "label", ("a", "b")),),
        metadata=("document",),
        answers_needed=2,
    )


def pushed(name: str = "labels-topic-ff") -> Pushed:
    return Pushed(form=form(name), channel="a file", at="2026-11-21T08:00:00+00:00", records={"x/1": PushedRecord()})


@given(st.dictionaries(words, records, max_size=4))
def test_what_was_pushed_comes_back(tmp_path_factory: pytest.TempPathFactory, found: dict[str, PushedRecord]) -> None:
    folder = tmp_path_factory.mktemp("pushed")
    written = pushed().model_copy(update={"records": found})
    assert write_pushed(folder, written).name == "labels-topic-ff.pushed.json"
    assert read_pushed(folder, "labels-topic-ff") == written


def test_all_forms_are_found_by_name_and_half_written_files_are_not(tmp_path: Path) -> None:
    write_pushed(tmp_path, pushed("traces"))
    write_pushed(tmp_path, pushed("labels-a-1"))
    (tmp_path / ".labels-b-1.pushed.json.x7").write_text("{")
    (tmp_path / "other.json").write_text("{}")
    assert [one.form.name for one in all_pushed(tmp_path)] == ["labels-a-1", "traces"]
    assert all_pushed(tmp_path / "nowhere") == []


def test_a_form_that_was_never_pushed_is_none(tmp_path: Path) -> None:
    assert read_pushed(tmp_path, "traces") is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "not valid JSON"),
        ("[]", "is not a pushed review (the file"),
        ("{}", "is not a pushed review (form: Field required)"),
        (json.dumps(pushed("labels-b").model_dump(mode="json")), "it is about 'labels-b'"),
        (json.dumps(pushed("traces").model_dump(mode="json") | {"records": {"x": {"hidden": 1}}}), "records.x.hidden"),
    ],
)
def test_a_file_of_something_else_is_named(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "traces.pushed.json"
    path.write_text(content)
    for read in (lambda: read_pushed(tmp_path, "traces"), lambda: all_pushed(tmp_path)):
        with pytest.raises(WorkspaceError, match=r"traces\.pushed\.json") as raised:
            read()
        assert reason in str(raised.value)
