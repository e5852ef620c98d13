"""The embedded Argilla's search over HTTP: filters, orders, queues, progress, pages, text, similarity, metrics.

What is asked here is what its page and its SDK ask any Argilla server, so the answers are those of Elasticsearch.
"""

from __future__ import annotations

import secrets
import time
from typing import Any, NamedTuple

import httpx
import pytest

from .conftest import Annotator, ArgillaServer

rg = pytest.importorskip("argilla", reason="the Argilla SDK is not installed")

pytestmark = pytest.mark.slow

COUNT = 20
TOPICS = ("billing problems", "login failures", "shipping delay", "feature request by Müller, oﬃcially")
VERDICTS = ("keep", "rename", "merge", "split")
PENDING = {"status": "pending"}


class Data(NamedTuple):
    """A data set of twenty records, some of them answered by Ann and Bob."""

    server: ArgillaServer
    id: str
    records: dict[str, str]
    ann: Annotator
    bob: Annotator

    def search(self, *filters: dict[str, Any], by: Annotator | None = None, **asked: Any) -> dict[str, Any]:
        """What the page asks: as the owner, who sees everybody's answers, or as one of the annotators."""
        sort, query, params = (asked.pop(name, None) for name in ("sort", "query", "params"))
        wanted = {"filters": {"and": list(filters)} if filters else None, "sort": sort, "query": query}
        body = {name: value for name, value in wanted.items() if value is not None}
        if by is None:
            path = f"/api/v1/datasets/{self.id}/records/search"
            return self.server.call("POST", path, json=body, params={"limit": 100, **(params or {})})
        path = f"/api/v1/me/datasets/{self.id}/records/search"
        answer = by.client.post(path, json=body, params={"limit": 100, **(params or {})})
        return answer.raise_for_status().json()

    def found(self, *filters: dict[str, Any], **asked: Any) -> list[str]:
        """Names of the records that were found, in their order; the total counts them all."""
        answer = self.search(*filters, **asked)
        names = [item["record"]["external_id"] for item in answer["items"]]
        if "params" not in asked:
            assert answer["total"] == len(names)
        return names


def record(i: int) -> Any:
    return rg.Record(
        id=f"r{i:02}",
        fields={"cluster": f"Cluster {i}: {TOPICS[i % 4]}", "notes": f"number {i}"},
        metadata={"level": f"L{i % 3}", "size": i, "cohesion": i / COUNT},
        vectors={"meaning": [1.0, i / COUNT]},
        suggestions=[
            rg.Suggestion("label", f"Label {i}", agent="odd" if i % 2 else "even", score=i / COUNT),
            rg.Suggestion("verdict", VERDICTS[i % 4], agent="judge"),
            rg.Suggestion("issues", ["vague", "overlap"] if i % 5 == 0 else ["none"], agent="judge"),
            rg.Suggestion("quality", i % 5 + 1, agent="judge"),
        ],
    )


def settings() -> Any:
    return rg.Settings(
        fields=[rg.TextField(name="cluster"), rg.TextField(name="notes", required=False)],
        questions=[
            rg.TextQuestion(name="label"),
            rg.LabelQuestion(name="verdict", labels=list(VERDICTS)),
            rg.MultiLabelQuestion(name="issues", labels=["vague", "overlap", "none"], required=False),
            rg.RatingQuestion(name="quality", values=[1, 2, 3, 4, 5], required=False),
        ],
        metadata=[
            rg.TermsMetadataProperty(name="level"),
            rg.IntegerMetadataProperty(name="size"),
            rg.FloatMetadataProperty(name="cohesion"),
        ],
        vectors=[rg.VectorField(name="meaning", dimensions=2)],
        distribution=rg.TaskDistribution(min_submitted=2),
    )


def person(server: ArgillaServer, workspace: str, name: str) -> Annotator:
    password = secrets.token_urlsafe(8)
    new = {"first_name": name, "username": name, "role": "annotator", "password": password}
    made = server.call("POST", "/api/v1/users", json=new)
    server.call("POST", f"/api/v1/workspaces/{workspace}/users", json={"user_id": made["id"]})
    return Annotator(server.url, name, password)


def made(server: ArgillaServer) -> Data:
    """A fresh data set with records and no answers."""
    name = f"search-{secrets.token_hex(4)}"
    workspace = server.call("POST", "/api/v1/workspaces", json={"name": name})["id"]
    client = rg.Argilla(api_url=server.url, api_key=server.api_key)
    data_set = rg.Dataset(name=name, workspace=name, settings=settings(), client=client)
    data_set.create()
    data_set.records.log([record(i) for i in range(COUNT)])
    records = {str(found.id): str(found._server_id) for found in data_set.records()}
    ann, bob = (person(server, workspace, f"{who}-{name}") for who in ("ann", "bob"))
    return Data(server, str(data_set.id), records, ann, bob)


@pytest.fixture(scope="module")
def data(argilla_server: ArgillaServer) -> Data:
    """Answered: r00 by both, r01 and a draft and a discarded one by Ann, r10 by Bob."""
    data = made(argilla_server)
    first = {"label": "Bills", "verdict": "rename", "issues": ["vague"], "quality": 4}
    data.ann.answer(data.records["r00"], first)
    data.bob.answer(data.records["r00"], {"label": "Invoices", "verdict": "keep", "issues": ["none"], "quality": 2})
    data.ann.answer(data.records["r01"], {"label": "Login", "verdict": "keep"})
    data.ann.answer(data.records["r02"], {"label": "Shi"}, "draft")
    data.ann.answer(data.records["r03"], {"label": "x", "verdict": "split"}, "discarded")
    data.bob.answer(data.records["r10"], {"label": "Ten", "verdict": "merge", "quality": 5})
    return data


def terms(*values: Any, **scope: Any) -> dict[str, Any]:
    return {"type": "terms", "scope": scope, "values": list(values)}


def between(low: Any = None, high: Any = None, **scope: Any) -> dict[str, Any]:
    return {"type": "range", "scope": scope, "ge": low, "le": high}


def on_metadata(name: str) -> dict[str, str]:
    return {"entity": "metadata", "metadata_property": name}


def on_suggestion(question: str, field: str) -> dict[str, str]:
    return {"entity": "suggestion", "question": question, "property": field}


def on_answer(question: str) -> dict[str, str]:
    return {"entity": "response", "question": question}


STATUS = {"entity": "record", "property": "status"}
ANSWERED = {"entity": "response", "property": "status"}


def names(*places: int) -> list[str]:
    return [f"r{place:02}" for place in places]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (terms("L1", **on_metadata("level")), names(*range(1, COUNT, 3))),
        (terms("L1", "L2", **on_metadata("level")), [n for i, n in enumerate(names(*range(COUNT))) if i % 3]),
        (terms("nothing", **on_metadata("level")), []),
        (terms("7", **on_metadata("size")), names(7)),
        (between(17, None, **on_metadata("size")), names(17, 18, 19)),
        (between(3, 4, **on_metadata("size")), names(3, 4)),
        (between(None, 0.1, **on_metadata("cohesion")), names(0, 1, 2)),
        (between(1, None, **on_metadata("level")), []),
        (terms("merge", **on_suggestion("verdict", "value")), names(*range(2, COUNT, 4))),
        (terms("overlap", **on_suggestion("issues", "value")), names(0, 5, 10, 15)),
        (between(5, None, **on_suggestion("quality", "value")), names(4, 9, 14, 19)),
        (between(0.9, None, **on_suggestion("label", "score")), names(18, 19)),
        (terms("odd", **on_suggestion("label", "agent")), names(*range(1, COUNT, 2))),
        (terms("completed", **STATUS), names(0)),
        (terms("pending", **STATUS), names(*range(1, COUNT))),
        (terms("r03", "r05", entity="record", property="external_id"), names(3, 5)),
        (terms("submitted", **ANSWERED), names(0, 1, 10)),
        (terms("draft", "discarded", **ANSWERED), names(2, 3)),
        (terms("pending", "draft", **ANSWERED), [n for n in names(*range(COUNT)) if n not in names(0, 1, 3, 10)]),
        (terms("keep", **on_answer("verdict")), names(0, 1)),
        (terms("vague", **on_answer("issues")), names(0)),
        (between(5, None, **on_answer("quality")), names(10)),
    ],
)
def test_filters(data: Data, wanted: dict[str, Any], expected: list[str]) -> None:
    assert data.found(wanted) == expected


def test_filters_together(data: Data) -> None:
    both = (terms("L0", **on_metadata("level")), between(None, 6, **on_metadata("size")))
    assert data.found(*both) == names(0, 3, 6)
    assert data.found(*both, terms("submitted", **ANSWERED)) == names(0)


def test_filters_by_time(data: Data) -> None:
    inserted = {"entity": "record", "property": "inserted_at"}
    assert len(data.found(between("2020-01-01", None, **inserted))) == COUNT
    assert data.found(between(None, "2020-01-01T00:00:00Z", **inserted)) == []
    assert data.found(between("2999-01-01T00:00:00+02:00", None, **inserted)) == []
    first = data.search()["items"][0]["record"]["inserted_at"]
    assert "r00" in data.found(terms(first, **inserted))


@pytest.mark.parametrize(
    "senseless",
    [
        between("yesterday", None, entity="record", property="inserted_at"),
        terms("no id", entity="record", property="id"),
        between(1, 2, **ANSWERED),
    ],
)
def test_a_filter_without_sense_is_refused_and_breaks_nothing(data: Data, senseless: dict[str, Any]) -> None:
    with pytest.raises(httpx.HTTPStatusError, match="422"):
        data.search(senseless)
    assert len(data.found()) == COUNT


@pytest.mark.parametrize(
    ("scope", "order", "first"),
    [
        (on_metadata("size"), "desc", names(19, 18, 17)),
        (on_metadata("cohesion"), "asc", names(0, 1, 2)),
        (on_metadata("level"), "desc", names(2, 5, 8)),
        (on_suggestion("label", "score"), "desc", names(19, 18, 17)),
        (on_suggestion("quality", "value"), "asc", names(0, 5, 10)),
        (on_suggestion("label", "agent"), "asc", names(0, 2, 4)),
        (on_answer("quality"), "desc", names(10, 0, 1)),
        (ANSWERED, "asc", names(3, 2, 0)),
        (STATUS, "desc", names(1, 2, 3)),
        ({"entity": "record", "property": "inserted_at"}, "asc", names(0, 1, 2)),
        ({"entity": "record", "property": "external_id"}, "desc", names(19, 18, 17)),
    ],
)
def test_orders(data: Data, scope: dict[str, Any], order: str, first: list[str]) -> None:
    sort = [{"scope": scope, "order": order}]
    assert data.found(sort=sort, params={"limit": 3}) == first


def test_the_second_order_decides_among_equals(data: Data) -> None:
    by_level, by_size = ({"scope": on_metadata(name), "order": "desc"} for name in ("level", "size"))
    assert data.found(sort=[by_level, by_size], params={"limit": 2}) == names(17, 14)


def test_an_annotators_queues(data: Data) -> None:
    assert len(data.found(terms("pending", **ANSWERED), by=data.ann)) == COUNT - 4
    assert len(data.found(terms("pending", **ANSWERED), by=data.bob)) == COUNT - 2
    assert data.found(terms("submitted", **ANSWERED), by=data.ann) == names(0, 1)
    assert data.found(terms("draft", **ANSWERED), by=data.ann) == names(2)
    assert data.found(terms("discarded", **ANSWERED), by=data.bob) == []
    assert data.found(terms("merge", **on_answer("verdict")), by=data.ann) == []


def test_progress_of_everybody_and_of_one(data: Data) -> None:
    progress = data.server.call("GET", f"/api/v1/datasets/{data.id}/progress")
    assert {"total": COUNT, "completed": 1, "pending": COUNT - 1}.items() <= progress.items()
    own = data.ann.client.get(f"/api/v1/me/datasets/{data.id}/metrics").raise_for_status().json()
    assert {"submitted": 2, "draft": 1, "discarded": 1, "pending": COUNT - 4}.items() <= own["responses"].items()


def test_pages_share_no_record_and_leave_none_out(data: Data) -> None:
    pages = [data.search(params={"offset": offset, "limit": 6}) for offset in range(0, COUNT + 6, 6)]
    assert {page["total"] for page in pages} == {COUNT}
    assert [item["record"]["external_id"] for page in pages for item in page["items"]] == names(*range(COUNT))
    text = {"text": {"q": "cluster"}}
    pages = [data.search(query=text, params={"offset": offset, "limit": 6}) for offset in range(0, COUNT, 6)]
    found = [item["record"]["external_id"] for page in pages for item in page["items"]]
    assert sorted(found) == names(*range(COUNT))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("billing", names(*range(0, COUNT, 4))),
        ("BILL*", names(*range(0, COUNT, 4))),
        ("müller", names(*range(3, COUNT, 4))),
        ("officially request", names(*range(3, COUNT, 4))),
        ('"shipping delay"', names(*range(2, COUNT, 4))),
        ("billing | login", sorted(names(*range(0, COUNT, 4), *range(1, COUNT, 4)))),
        ("cluster -billing -login -müller", names(*range(2, COUNT, 4))),
        ("billing number 8", names(8)),
        ("zzz", []),
        ("(((", []),
    ],
)
def test_text_queries(data: Data, query: str, expected: list[str]) -> None:
    assert sorted(data.found(query={"text": {"q": query}})) == expected
    assert sorted(data.found(query={"text": {"q": query}}, by=data.ann)) == expected


def test_text_queries_in_one_field_and_with_a_filter(data: Data) -> None:
    assert data.found(query={"text": {"q": "7", "field": "notes"}}) == names(7)
    assert data.found(query={"text": {"q": "billing", "field": "notes"}}) == []
    found = data.found(terms("L0", **on_metadata("level")), query={"text": {"q": "billing"}})
    assert sorted(found) == names(0, 12)
    with pytest.raises(httpx.HTTPStatusError, match="422"):
        data.search(query={"text": {"q": "x", "field": "nowhere"}})


def test_best_matches_come_first_unless_an_order_is_asked_for(data: Data) -> None:
    query = {"text": {"q": "cluster | request"}}
    assert set(data.found(query=query)[:5]) == set(names(*range(3, COUNT, 4)))
    by_size = [{"scope": on_metadata("size"), "order": "desc"}]
    assert data.found(query=query, sort=by_size)[:2] == names(19, 18)


def test_similar_records(data: Data) -> None:
    def like(params: dict[str, int], *filters: dict[str, Any], **vector: Any) -> list[tuple[str, float]]:
        answer = data.search(*filters, query={"vector": {"name": "meaning", **vector}}, params=params)
        return [(item["record"]["external_id"], item["query_score"]) for item in answer["items"]]

    nearest = like({"limit": 3}, value=[1.0, 0.0])
    assert [name for name, _ in nearest] == names(0, 1, 2)
    assert nearest[0][1] == pytest.approx(1)
    assert [name for name, _ in like({"limit": 2}, record_id=data.records["r19"])] == names(18, 17)
    assert [name for name, _ in like({"limit": 1}, value=[1.0, 0.0], order="least_similar")] == names(19)
    assert [name for name, _ in like({"limit": 2, "offset": 1}, value=[1.0, 0.0])] == names(1, 2)
    level = terms("L2", **on_metadata("level"))
    assert [name for name, _ in like({"limit": 2}, level, value=[1.0, 0.0])] == names(2, 5)
    both = {"vector": {"name": "meaning", "value": [1.0, 0.0]}, "text": {"q": "login"}}
    assert data.found(query=both, params={"limit": 2}) == names(1, 5)


def test_metrics_of_metadata(data: Data) -> None:
    listed = data.server.call("GET", f"/api/v1/me/datasets/{data.id}/metadata-properties")["items"]
    metrics = {
        found["name"]: data.server.call("GET", f"/api/v1/metadata-properties/{found['id']}/metrics") for found in listed
    }
    assert metrics["level"]["values"] == [
        {"term": "L0", "count": 7},
        {"term": "L1", "count": 7},
        {"term": "L2", "count": 6},
    ]
    assert metrics["level"]["total"] == COUNT
    assert metrics["size"] == {"type": "integer", "min": 0, "max": COUNT - 1}
    assert metrics["cohesion"] == {"type": "float", "min": 0, "max": 0.95}


def test_what_changes_is_found_at_once(argilla_server: ArgillaServer) -> None:
    data = made(argilla_server)
    submitted = terms("submitted", **ANSWERED)
    answer = data.ann.answer(data.records["r04"], {"label": "first", "verdict": "keep"})
    data.ann.change(answer["id"], {"label": "then", "verdict": "merge"})
    assert data.found(terms("merge", **on_answer("verdict"))) == names(4)
    data.ann.client.delete(f"/api/v1/responses/{answer['id']}").raise_for_status()
    assert data.found(submitted) == []
    _change_record(data)
    data.server.call("DELETE", f"/api/v1/datasets/{data.id}/records", params={"ids": data.records["r19"]})
    assert data.found(query={"text": {"q": "cluster 19"}}) == []
    assert data.server.call("GET", f"/api/v1/datasets/{data.id}/progress")["total"] == COUNT - 1


def _change_record(data: Data) -> None:
    """Other text, and a metadata property that came after the records."""
    late = {"name": "late", "title": "late", "settings": {"type": "terms"}, "visible_for_annotators": True}
    data.server.call("POST", f"/api/v1/datasets/{data.id}/metadata-properties", json=late)
    fields = {"cluster": "Entirely rewritten", "notes": "n"}
    changed = {"id": data.records["r05"], "fields": fields, "metadata": {"level": "L9", "late": "yes"}}
    data.server.call("PUT", f"/api/v1/datasets/{data.id}/records/bulk", json={"items": [changed]})
    assert data.found(query={"text": {"q": "rewritten"}}) == names(5)
    assert data.found(terms("yes", **on_metadata("late"))) == names(5)
    assert data.found(terms("L9", **on_metadata("level"))) == names(5)


def test_two_data_sets_know_nothing_of_each_other(data: Data, argilla_server: ArgillaServer) -> None:
    other = made(argilla_server)
    assert other.found(terms("submitted", **ANSWERED)) == []
    assert not {item["record"]["id"] for item in other.search()["items"]} & set(data.records.values())
    other.server.call("DELETE", f"/api/v1/datasets/{other.id}")
    assert len(data.found()) == COUNT


def test_queued_jobs_are_worked_off(argilla_server: ArgillaServer) -> None:
    """One answer is enough from now on: a job completes the records that have one."""
    data = made(argilla_server)
    data.ann.answer(data.records["r00"], {"label": "a", "verdict": "keep"})
    distribution = {"strategy": "overlap", "min_submitted": 1}
    data.server.call("PATCH", f"/api/v1/datasets/{data.id}", json={"distribution": distribution})
    deadline = time.monotonic() + 60
    while not data.found(terms("completed", **STATUS)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert data.found(terms("completed", **STATUS)) == names(0)
