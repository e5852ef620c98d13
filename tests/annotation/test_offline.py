"""Reviews in files: pushing again changes nothing, nothing typed is lost, what went back comes back mended."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from cluster_r1.annotation.channels import Channel, Returned
from cluster_r1.annotation.offline import FileChannel
from cluster_r1.core.errors import ReviewError
from cluster_r1.core.forms import PROBLEM, Form, FormField, Question, Record, Response, Suggestion
from hypothesis import given
from hypothesis import strategies as st

FORM = Form(
    kind="taxonomy",
    name="taxonomies",
    title="Review of taxonomies",
    guidelines="Be **kind**.",
    fields=(FormField("instruction", "Instruction"), FormField(PROBLEM, "Please mend", required=False)),
    questions=(
        Question("verdict", "Your decision", "label", ("accept", "rewrite", "reject")),
        Question("clusters", "Clusters", "text"),
        Question("quality", "Quality", "rating", tuple("12345"), required=False),
        Question("comment", "Comment", "text", required=False),
    ),
    metadata=("task",),
)
NOON, LATER = "2026-03-01T12:00:00+00:00", "2026-03-01T13:00:00+00:00"
HOSTILE = "</script><script>alert(1)</script><!-- \u2028 \u2029 \x00 \x1b \x7f \ufffe ' \" & {{7*7}}"


def record(name: str, clusters: str = "Bins — waste\nRoads — holes", text: str = "Group by subject.") -> Record:
    return Record(
        id=name,
        fields={"instruction": text, PROBLEM: ""},
        suggestions=(Suggestion("clusters", clusters, "refiner", 0.8),),
        metadata={"task": "subject"},
    )


@pytest.fixture
def channel(tmp_path: Path) -> FileChannel:
    return FileChannel(tmp_path / "offline")


def push(channel: Channel, *records: Record) -> list[int]:
    done: list[int] = []
    channel.push(FORM, records, done.append)
    return done


def lines(channel: FileChannel, ending: str = "jsonl") -> list[dict[str, Any]]:
    path = channel.folder / f"{FORM.name}.{ending}"
    return [json.loads(line) for line in path.read_text().split("\n") if line] if path.exists() else []


def write_lines(channel: FileChannel, contents: list[dict[str, Any]]) -> None:
    text = "".join(f"{json.dumps(content)}\n" for content in contents)
    (channel.folder / f"{FORM.name}.jsonl").write_text(text)


def fill(channel: FileChannel, name: str, **answer: Any) -> None:
    """What a person does in an editor: changes keys of the answer in a record's line."""
    contents = lines(channel)
    found = next(content for content in contents if content["id"] == name)
    found["answer"]["values"] |= answer.pop("values", {})
    found["answer"] |= {"status": "submitted"} | answer
    write_lines(channel, contents)


def save(channel: FileChannel, file: str, *answers: dict[str, Any]) -> None:
    """What the page's button downloads."""
    text = "".join(f"{json.dumps(answer)}\n" for answer in answers)
    (channel.folder / file).write_text(text)


def saved(name: str, author: str = "Ann", at: str = NOON, status: str = "submitted", **values: Any) -> dict[str, Any]:
    return {"record": name, "author": author, "status": status, "at": at, "values": values}


def folder_of(channel: FileChannel) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in channel.folder.iterdir()}


def page_data(channel: FileChannel, block: str) -> dict[str, Any]:
    page = Path(channel.place(FORM)).read_text()
    found = re.search(f'<script type="application/json" id="{block}">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def page_returns(channel: FileChannel) -> dict[str, Any]:
    return page_data(channel, "review-returned")


def test_a_push_writes_a_line_a_record_and_a_page(channel: FileChannel) -> None:
    assert push(channel, record("a"), record("b")) == [2]
    assert lines(channel)[0] == {
        "id": "a",
        "fields": {"instruction": "Group by subject.", PROBLEM: ""},
        "suggestions": [
            {"question": "clusters", "value": record("a").suggestions[0].value, "agent": "refiner", "score": 0.8}
        ],
        "metadata": {"task": "subject"},
        "answer": {
            "author": "",
            "status": "pending",
            "at": "",
            "values": {"verdict": "", "clusters": "Bins — waste\nRoads — holes", "quality": "", "comment": ""},
        },
    }
    assert Path(channel.place(FORM)).name == "taxonomies.html"
    assert "quality" in (channel.folder / "taxonomies.md").read_text()
    assert str(channel.folder) in channel.name


def test_nobody_has_answered_what_was_just_pushed(channel: FileChannel) -> None:
    assert channel.responses(FORM) == []
    push(channel, record("a"))
    assert (channel.responses(FORM), channel.problems) == ([], [])


def test_pushing_again_changes_no_byte(channel: FileChannel) -> None:
    push(channel, record("a"), record("b"))
    fill(channel, "b", author="Ann", at=NOON, values={"verdict": "accept"})
    push(channel, record("a"), record("b"))
    before = folder_of(channel)
    push(channel, record("a"), record("b"))
    assert folder_of(channel) == before


def test_a_line_filled_in_by_hand_is_a_response(channel: FileChannel) -> None:
    push(channel, record("a"), record("b"))
    fill(
        channel, "b", author="Ann", at=NOON, values={"verdict": "rewrite", "quality": 4, "clusters": "One — a\nTwo — b"}
    )
    values = {"verdict": "rewrite", "clusters": "One — a\nTwo — b", "quality": 4}
    assert channel.responses(FORM) == [Response(record="b", author="Ann", status="submitted", values=values, at=NOON)]


def test_a_push_leaves_records_as_they_are_shown_with_all_that_was_typed(channel: FileChannel) -> None:
    push(channel, record("a"), record("b"))
    fill(channel, "b", author="Ann", status="draft", values={"clusters": "mine — all mine"}, remark="look again")
    before = lines(channel)
    push(channel, record("b", clusters="New — n"), record("c", clusters="New — n"), record("a", text="other"))
    b, c, a = lines(channel)
    assert [a, b] == before
    assert c["answer"]["values"]["clusters"] == "New — n"
    shown = {item["id"]: item for item in page_data(channel, "review-data")["records"]}
    assert shown["a"]["fields"] == before[0]["fields"]
    assert shown["b"]["suggestions"] == before[1]["suggestions"]


def test_a_record_whose_line_was_harmed_is_shown_as_it_is_pushed(channel: FileChannel) -> None:
    push(channel, record("a"))
    write_lines(channel, [lines(channel)[0] | {"fields": "oops", "suggestions": [1]}])
    push(channel, record("a"))
    assert page_data(channel, "review-data")["records"][0]["fields"] == record("a").fields


def test_an_answer_to_a_record_that_is_not_shown_any_more_is_kept_and_comes_back(channel: FileChannel) -> None:
    push(channel, record("a"), record("b"), record("c"))
    fill(channel, "b", author="Ann", at=NOON, values={"verdict": "accept"})
    given = channel.responses(FORM)
    push(channel, record("a"))
    assert [line["id"] for line in lines(channel)] == ["a"]
    assert [line["id"] for line in lines(channel, "kept.jsonl")] == ["b"]
    assert channel.responses(FORM) == given
    push(channel, record("a"), record("b"))
    assert [line["id"] for line in lines(channel)] == ["a", "b"]
    assert lines(channel, "kept.jsonl") == []
    assert channel.responses(FORM) == given


def test_several_people_answer_beside_each_other(channel: FileChannel) -> None:
    push(channel, record("a"))
    fill(channel, "a", author="Cem", at=NOON, values={"verdict": "reject"})
    save(channel, "taxonomies.answers-Ann.jsonl", saved("a", verdict="accept"))
    save(channel, "taxonomies.answers-Bo (1).jsonl", saved("a", "Bo", verdict="rewrite"))
    save(channel, "taxonomies-other.answers-Eve.jsonl", saved("a", "Eve", verdict="reject"))
    found = {response.author: response.values["verdict"] for response in channel.responses(FORM)}
    assert found == {"Ann": "accept", "Bo": "rewrite", "Cem": "reject"}


def test_two_people_may_answer_in_one_file_by_copying_the_line(channel: FileChannel) -> None:
    push(channel, record("a"), record("b"))
    fill(channel, "a", author="Ann", at=NOON, values={"verdict": "accept"})
    line = lines(channel)[0]
    other = line | {"answer": line["answer"] | {"author": "Bo"}}
    write_lines(channel, [*lines(channel), other])
    push(channel, record("a"), record("b"))
    assert [line["answer"]["author"] for line in lines(channel)] == ["Ann", "Bo", ""]
    assert {response.author for response in channel.responses(FORM)} == {"Ann", "Bo"}


def test_the_answer_saved_last_counts_whatever_file_it_lies_in(channel: FileChannel) -> None:
    push(channel, record("a"))
    save(channel, "taxonomies.answers-Ann.jsonl", saved("a", at="2026-03-01T13:30:00Z", verdict="accept"))
    save(channel, "taxonomies.answers-Ann (1).jsonl", saved("a", at="2026-03-01T14:00:00+01:00", verdict="reject"))
    [response] = channel.responses(FORM)
    assert response.values == {"verdict": "accept"}


def test_a_filled_copy_of_the_file_under_the_name_of_an_answers_file_is_read(channel: FileChannel) -> None:
    push(channel, record("a"), record("b"))
    fill(channel, "a", author="Ann", at=NOON, values={"verdict": "accept"})
    (channel.folder / "taxonomies.jsonl").rename(channel.folder / "taxonomies.answers-Ann.jsonl")
    push(channel, record("a"), record("b"))
    assert [response.record for response in channel.responses(FORM)] == ["a"]
    assert channel.problems == []


def test_a_malformed_line_is_reported_and_left_alone(channel: FileChannel) -> None:
    push(channel, record("a"), record("b"), record("c"))
    fill(channel, "c", author="Ann", at=NOON, values={"verdict": "accept"})
    push(channel, record("a"), record("b"), record("c"))
    path = channel.folder / "taxonomies.jsonl"
    first, second, third, _ = path.read_text().split("\n")
    torn = second.replace('"author": ""', '"author": "Bo" "oops"')
    path.write_text(f"{first}\n{torn}\n{third}\nhello\n")
    save(
        channel,
        "taxonomies.answers-Bo.jsonl",
        saved("a", "Bo", at="soon"),
        {"what": 1},
        saved("b", "Bo", verdict="accept"),
    )
    before = folder_of(channel)
    assert [(r.record, r.author) for r in channel.responses(FORM)] == [("c", "Ann"), ("b", "Bo")]
    assert folder_of(channel) == before
    assert [problem.split(":")[0] for problem in channel.problems] == [
        "taxonomies.jsonl line 2",
        "taxonomies.jsonl line 4",
        "taxonomies.answers-Bo.jsonl line 1",
        "taxonomies.answers-Bo.jsonl line 2",
    ]
    push(channel, record("a"), record("b"), record("c"))
    assert path.read_text().split("\n") == [first, torn, third, ""]
    assert (channel.folder / "taxonomies.kept.jsonl").read_text() == "hello\n"
    push(channel, record("a"))
    assert (channel.folder / "taxonomies.kept.jsonl").read_text().split("\n") == ["hello", torn, third, ""]
    push(channel, record("a"), record("b"), record("c"))
    assert torn in (channel.folder / "taxonomies.kept.jsonl").read_text()
    assert len(channel.problems) == 4


def test_an_answer_without_a_name_says_so(channel: FileChannel) -> None:
    push(channel, record("a"))
    fill(channel, "a", values={"verdict": "accept"})
    assert channel.responses(FORM) == []
    assert channel.problems == ["taxonomies.jsonl line 1: fill in author"]
    fill(channel, "a", author="Ann")
    assert len(channel.responses(FORM)) == 1
    assert channel.problems == []


def test_values_typed_without_a_status_are_noticed(channel: FileChannel) -> None:
    push(channel, record("a"))
    fill(channel, "a", status="pending", author="Ann", values={"verdict": "accept"})
    assert channel.responses(FORM) == []
    assert "set it to submitted" in channel.problems[0]


def test_a_time_left_empty_is_when_the_answer_was_first_seen(channel: FileChannel) -> None:
    push(channel, record("a"), record("b"))
    path = channel.folder / "taxonomies.jsonl"
    fill(channel, "a", author="Ann", values={"verdict": "accept"})
    os.utime(path, (1_000_000, 1_000_000))
    [first] = channel.responses(FORM)
    assert first.at == "1970-01-12T13:46:40+00:00"
    fill(channel, "b", author="Ann", values={"verdict": "reject"})
    os.utime(path, (2_000_000, 2_000_000))
    push(channel, record("a"), record("b"))
    a, b = channel.responses(FORM)
    assert (a, b.at) == (first, "1970-01-24T03:33:20+00:00")


def test_what_went_back_is_a_draft_until_it_is_changed(channel: FileChannel) -> None:
    push(channel, record("a"), record("b"))
    fill(channel, "a", author="Ann", at=NOON, values={"verdict": "rewrite", "clusters": "One —"})
    save(channel, "taxonomies.answers-Bo.jsonl", saved("b", "Bo", verdict="rewrite", clusters="Two"))
    for response in channel.responses(FORM):
        channel.give_back(FORM, Returned(response, f"line 1 of {response.record}: no description"))
    assert {(r.author, r.status) for r in channel.responses(FORM)} == {("Ann", "draft"), ("Bo", "draft")}
    a, b = lines(channel)
    assert list(a)[:2] == ["id", "problem"]
    assert (a["problem"], a["answer"]["values"]["clusters"]) == ("Ann: line 1 of a: no description", "One —")
    assert b["problem"] == "Bo: line 1 of b: no description"
    assert page_returns(channel)["b"] == [
        {
            "author": "Bo",
            "reason": "line 1 of b: no description",
            "at": NOON,
            "values": {"verdict": "rewrite", "clusters": "Two"},
        }
    ]
    fill(channel, "a", values={"clusters": "One — first\nTwo — second"})
    save(channel, "taxonomies.answers-Bo (1).jsonl", saved("b", "Bo", LATER, verdict="rewrite", clusters="Two"))
    assert {(r.author, r.status) for r in channel.responses(FORM)} == {("Ann", "submitted"), ("Bo", "submitted")}


def test_a_reason_stays_through_a_push_until_its_answer_is_mended(channel: FileChannel) -> None:
    push(channel, record("a"))
    save(channel, "taxonomies.answers-Ann.jsonl", saved("a", verdict="rewrite"))
    channel.give_back(FORM, Returned(channel.responses(FORM)[0], "too few"))
    push(channel, record("a"))
    assert (lines(channel)[0]["problem"], list(page_returns(channel))) == ("Ann: too few", ["a"])
    save(channel, "taxonomies.answers-Ann (1).jsonl", saved("a", at=LATER, status="draft", verdict="rewrite"))
    push(channel, record("a"))
    assert list(page_returns(channel)) == ["a"]
    save(channel, "taxonomies.answers-Ann (2).jsonl", saved("a", at=LATER, verdict="accept"))
    push(channel, record("a"))
    assert ("problem" in lines(channel)[0], page_returns(channel)) == (False, {})


def test_a_hand_filled_answer_without_a_time_that_went_back_stays_a_draft(channel: FileChannel) -> None:
    push(channel, record("a"))
    fill(channel, "a", author="Ann", values={"verdict": "rewrite"})
    os.utime(channel.folder / "taxonomies.jsonl", (1_000_000, 1_000_000))
    channel.give_back(FORM, Returned(channel.responses(FORM)[0], "too few"))
    push(channel, record("a"))
    assert [r.status for r in channel.responses(FORM)] == ["draft"]
    fill(channel, "a", values={"verdict": "accept"})
    assert [r.status for r in channel.responses(FORM)] == ["submitted"]


def test_giving_back_leaves_lines_alone_that_have_nothing_to_do_with_it(channel: FileChannel) -> None:
    push(channel, record("a"), record("b"))
    path = channel.folder / "taxonomies.jsonl"
    path.write_text(path.read_text() + 'not "JSON"\n')
    untouched = path.read_text().split("\n")[1:]
    save(channel, "taxonomies.answers-Ann.jsonl", saved("a", verdict="rewrite"))
    channel.give_back(FORM, Returned(channel.responses(FORM)[0], "why"))
    assert path.read_text().split("\n")[1:] == untouched


def test_two_reasons_for_one_record_stand_beside_each_other(channel: FileChannel) -> None:
    push(channel, record("a"))
    save(
        channel, "taxonomies.answers-x.jsonl", saved("a", "Ann", verdict="rewrite"), saved("a", "Bo", verdict="rewrite")
    )
    for response in channel.responses(FORM):
        channel.give_back(FORM, Returned(response, f"mend it, {response.author}"))
    assert lines(channel)[0]["problem"] == "Ann: mend it, Ann\nBo: mend it, Bo"
    assert [item["author"] for item in page_returns(channel)["a"]] == ["Ann", "Bo"]


def test_a_reason_waits_for_the_page_when_there_is_none(channel: FileChannel) -> None:
    save(channel_folder(channel), "taxonomies.answers-Ann.jsonl", saved("a", verdict="rewrite"))
    channel.give_back(FORM, Returned(channel.responses(FORM)[0], "why"))
    push(channel, record("a"))
    assert page_returns(channel)["a"][0]["reason"] == "why"


def test_a_page_that_is_not_ours_is_not_overwritten_by_a_reason(channel: FileChannel) -> None:
    push(channel, record("a"))
    save(channel, "taxonomies.answers-Ann.jsonl", saved("a", verdict="rewrite"))
    Path(channel.place(FORM)).write_text("<p>mine</p>")
    with pytest.raises(ReviewError, match="push the review again"):
        channel.give_back(FORM, Returned(channel.responses(FORM)[0], "why"))
    assert Path(channel.place(FORM)).read_text() == "<p>mine</p>"


def test_a_push_that_was_killed_before_it_ended_loses_and_doubles_nothing(channel: FileChannel) -> None:
    push(channel, record("a"), record("b"))
    fill(channel, "b", author="Ann", at=NOON, values={"verdict": "accept"})
    push(channel, record("a"))
    kept = (channel.folder / "taxonomies.kept.jsonl").read_bytes()
    push(channel, record("a"), record("b"))
    (channel.folder / "taxonomies.kept.jsonl").write_bytes(kept)
    assert len(channel.responses(FORM)) == 1
    push(channel, record("a"), record("b"))
    assert [line["id"] for line in lines(channel)] == ["a", "b"]
    assert lines(channel, "kept.jsonl") == []


def test_hostile_text_goes_through_every_file_and_comes_back(channel: FileChannel) -> None:
    push(channel, record(HOSTILE, text=HOSTILE + "x" * 1_000_000, clusters=HOSTILE))
    assert lines(channel)[0]["fields"]["instruction"].startswith(HOSTILE)
    page = Path(channel.place(FORM)).read_text()
    assert page.count("<script") == 3
    assert "alert(1)</script" not in page
    fill(channel, HOSTILE, author="Ann", at=NOON, values={"verdict": HOSTILE, "comment": HOSTILE})
    [response] = channel.responses(FORM)
    assert response.values["comment"] == HOSTILE
    channel.give_back(FORM, Returned(response, HOSTILE))
    assert lines(channel)[0]["problem"] == f"Ann: {HOSTILE}"
    assert page_returns(channel)[HOSTILE][0]["reason"] == HOSTILE
    push(channel, record(HOSTILE, text=HOSTILE))
    assert [r.status for r in channel.responses(FORM)] == ["draft"]


def test_an_answers_file_that_cannot_be_read_is_reported(channel: FileChannel) -> None:
    push(channel, record("a"))
    (channel.folder / "taxonomies.answers-Ann.jsonl").mkdir()
    assert channel.responses(FORM) == []
    assert channel.problems[0].startswith("taxonomies.answers-Ann.jsonl cannot be read")


def test_ten_thousand_records_are_a_page_of_data_not_of_blocks(channel: FileChannel) -> None:
    push(channel, *(record(f"r{number}") for number in range(10_000)))
    page = Path(channel.place(FORM)).read_text()
    assert len(lines(channel)) == 10_000
    assert page.count("<article") + page.count("<li") < 20
    assert len(page) < 6_000_000


texts = st.text(min_size=1).filter(str.strip)
typed = st.fixed_dictionaries(
    {}, optional={"verdict": texts, "clusters": texts, "comment": texts, "quality": st.integers(1, 5)}
)


@given(values=typed, other=typed)
def test_values_come_back_as_they_were_typed(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, Any], other: dict[str, Any]
) -> None:
    channel = FileChannel(tmp_path_factory.mktemp("offline"))
    push(channel, record("a", clusters=""))
    fill(channel, "a", author="Ann", at=NOON, values=values)
    save(channel, "taxonomies.answers-Bo.jsonl", saved("a", "Bo", **other))
    push(channel, record("a", clusters="changed"))
    found = {response.author: response.values for response in channel.responses(FORM)}
    assert found == {"Ann": values, "Bo": other}
    assert channel.problems == []


def channel_folder(channel: FileChannel) -> FileChannel:
    channel.folder.mkdir(parents=True)
    return channel
