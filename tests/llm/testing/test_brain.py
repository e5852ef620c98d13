"""The stand-in model: its JSON satisfies the schema, its labels go by words, and it never answers differently."""

from __future__ import annotations

import subprocess
import sys
from typing import Annotated, Any, Literal

import orjson
import pytest
from cluster_r1.core.answer import parse_answer
from cluster_r1.llm.protocol import ChatRequest, Message
from cluster_r1.llm.testing.brain import answer, answer_request
from cluster_r1.llm.testing.conversation import BadBody, texts_in
from cluster_r1.llm.testing.instances import UnsupportedSchema
from cluster_r1.llm.testing.words import frequent_words, stem
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

TEXTS = [
    "The bins were not emptied on Monday and the recycling is piling up.",
    "Could the library open later? The library closes at five.",
    "A pothole in Mill Lane, and the parking bays are faded.",
    "Recycled glass was left by the bins again.",
]
LABELS = ["Waste and recycling", "Roads and parking", "Library services", "none fits"]


def labelling(
    text: str, labels: list[str] = LABELS, model: str = "m", system: str = "You sort texts."
) -> dict[str, Any]:
    return body_of(
        {"type": "object", "properties": {"cluster": {"type": "string", "enum": labels}}, "required": ["cluster"]},
        f"<document>\n{text}\n</document>",
        model,
        system,
    )


def body_of(schema: dict[str, Any], prompt: str, model: str = "m", system: str = "You help.") -> dict[str, Any]:
    return {
        "model": model,
        "messages": [{"role": "system", "content": system}, {"role": "user", "content": prompt}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}},
    }


def label(body: dict[str, Any], noise: float = 0.0) -> str:
    return orjson.loads(answer(body, noise))["cluster"]


KINDS: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}


# --- instances -------------------------------------------------------------------------------------------------------


def violations(schema: Any, value: Any, root: dict[str, Any]) -> list[str]:
    """What is wrong with a value, by the keywords that `schemas` below writes, as JSON Schema 2020-12 defines them."""
    if "$ref" in schema:
        return violations(root["$defs"][schema["$ref"].rsplit("/", 1)[1]], value, root)
    if "anyOf" in schema:
        return [] if any(not violations(branch, value, root) for branch in schema["anyOf"]) else ["no branch fits"]
    if "enum" in schema:
        return [] if value in schema["enum"] else [f"{value!r} not in enum"]
    kind = schema["type"]
    if not isinstance(value, KINDS[kind]) or (isinstance(value, bool) and kind != "boolean"):
        return [f"{value!r} is no {kind}"]
    checks = {"object": _object, "array": _array, "string": _string, "integer": _number, "number": _number}
    return checks[kind](schema, value, root) if kind in checks else []


def _object(schema: dict[str, Any], value: dict[str, Any], root: dict[str, Any]) -> list[str]:
    properties = schema.get("properties", {})
    wrong = [f"{name} is missing" for name in schema.get("required", ()) if name not in value]
    for name, item in value.items():
        wrong += violations(properties[name], item, root) if name in properties else [f"{name} is not known"]
    return wrong


def _array(schema: dict[str, Any], value: list[Any], root: dict[str, Any]) -> list[str]:
    inside = schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value))
    wrong = [] if inside else [f"{len(value)} items"]
    return wrong + [each for item in value for each in violations(schema["items"], item, root)]


def _string(schema: dict[str, Any], value: str, _: dict[str, Any]) -> list[str]:
    inside = schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value))
    return [] if inside else [f"{value!r} has {len(value)} characters"]


def _number(schema: dict[str, Any], value: float, _: dict[str, Any]) -> list[str]:
    inside = (
        schema.get("minimum", value) <= value <= schema.get("maximum", value)
        and schema.get("exclusiveMinimum", value - 1) < value < schema.get("exclusiveMaximum", value + 1)
        and value % schema.get("multipleOf", 1 if schema["type"] == "integer" else value or 1) == 0
    )
    return [] if inside else [f"{value!r} breaks {schema}"]


def ranges(low: str, high: str, most: int) -> st.SearchStrategy[dict[str, int]]:
    """Both, either or none of two bounds, the lower one not above the upper one."""
    pair = st.tuples(st.integers(0, most), st.integers(0, most)).map(sorted)
    return st.tuples(pair, st.booleans(), st.booleans()).map(
        lambda drawn: {key: bound for key, bound, kept in zip((low, high), drawn[0], drawn[1:], strict=True) if kept}
    )


leaves = st.one_of(
    ranges("minLength", "maxLength", 60).map(lambda bounds: {"type": "string", **bounds}),
    ranges("minimum", "maximum", 20).map(lambda bounds: {"type": "integer", **bounds}),
    ranges("minimum", "maximum", 3).map(lambda bounds: {"type": "number", **bounds}),
    st.integers(-30, 30).map(lambda low: {"type": "integer", "exclusiveMinimum": low, "multipleOf": 4}),
    st.integers(-30, 30).map(lambda high: {"type": "integer", "exclusiveMaximum": high}),
    st.integers(-3, 3).map(lambda low: {"type": "number", "exclusiveMinimum": low, "exclusiveMaximum": low + 1}),
    st.lists(st.text(max_size=8) | st.integers(-99, 99), min_size=1, max_size=5).map(lambda values: {"enum": values}),
    st.sampled_from([{"type": "boolean"}, {"type": "null"}, {"$ref": "#/$defs/Point"}]),
)
names = st.sampled_from(["name", "description", "cluster", "reason", "score", "instruction", "clusters"])


def nested(children: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    objects = st.dictionaries(names, children, max_size=4).map(
        lambda properties: {"type": "object", "properties": properties, "required": sorted(properties)}
    )
    arrays = st.tuples(children, ranges("minItems", "maxItems", 5)).map(
        lambda drawn: {"type": "array", "items": drawn[0], **drawn[1]}
    )
    return st.one_of(objects, arrays, st.lists(children, min_size=1, max_size=3).map(lambda all_: {"anyOf": all_}))


schemas = st.recursive(leaves, nested, max_leaves=8)
POINT = {"type": "object", "properties": {"x": {"type": "integer", "minimum": 1}}, "required": ["x"]}


@given(schema=schemas, prompt=st.sampled_from(["", "???", "\n".join(TEXTS), f"<document>{TEXTS[0]}</document>"]))
def test_the_answer_satisfies_the_schema(schema: dict[str, Any], prompt: str) -> None:
    root = {**schema, "$defs": {"Point": POINT}}
    body = body_of(root, prompt)
    said = answer(body)
    assert violations(root, orjson.loads(said), root) == []
    assert answer(body) == said


class Cluster(BaseModel):
    name: Annotated[str, Field(min_length=2, max_length=12)]
    description: Annotated[str, Field(min_length=1, max_length=40)]
    parent: str | None = None


class Proposal(BaseModel, extra="forbid"):
    instruction: str = Field(min_length=10, max_length=60)
    clusters: list[Cluster] = Field(min_length=3, max_length=9)
    kind: Literal["intent", "topic"]
    score: int = Field(ge=1, le=5)
    share: float = Field(gt=0, lt=1)
    pair: tuple[int, str]
    tags: set[Literal["a", "b", "c"]] = Field(min_length=2)


class Node(BaseModel):
    name: str
    children: list[Node] = Field(max_length=2)
    next: Node | None = None


class Either(BaseModel):
    decision: Cluster | Proposal
    accepted: bool


@pytest.mark.parametrize("model", [Cluster, Proposal, Node, Either])
def test_pydantic_accepts_what_its_own_schema_asked_for(model: type[BaseModel]) -> None:
    prompt = "\n".join(f"<document>\n{text}\n</document>" for text in TEXTS)
    assert model.model_validate_json(answer(body_of(model.model_json_schema(), prompt)))


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "pattern": "^a+$"},
        {"type": "object", "properties": {"at": {"type": "string", "format": "date"}}},
        {"type": "integer", "minimum": 3, "maximum": 2},
        {"type": "string", "minLength": 3, "maxLength": 2},
        {"type": "array", "items": {"type": "null"}, "minItems": 2, "uniqueItems": True},
        {"$ref": "#/$defs/missing"},
        {"$ref": "#"},
        {"type": "integer", "allOf": [{"type": "string"}]},
        {"type": "thing"},
        {"enum": []},
    ],
)
def test_a_schema_that_it_cannot_satisfy_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedSchema):
        answer(body_of(schema, "hello"))


# --- labels ----------------------------------------------------------------------------------------------------------


def test_a_label_shares_words_with_the_document_whatever_their_endings() -> None:
    found = [label(labelling(text)) for text in TEXTS]
    assert found == ["Waste and recycling", "Library services", "Roads and parking", "Waste and recycling"]


def test_only_the_document_counts_and_of_several_the_last() -> None:
    body = labelling("about the library", system="Recycling recycling parking")
    body["messages"][1]["content"] = f"Parking?\n<document>waste</document>\n{body['messages'][1]['content']}"
    assert label(body) == "Library services"


def test_without_a_fence_the_whole_last_user_message_counts() -> None:
    body = labelling("")
    body["messages"] += [{"role": "assistant", "content": "?"}, {"role": "user", "content": "parked on the road"}]
    body["messages"][1]["content"] = "the library"
    assert label(body) == "Roads and parking"


def test_a_complaint_about_the_answer_does_not_change_what_is_labelled() -> None:
    request = ChatRequest((Message("user", "<document>Library cards</document>"),), {"enum": LABELS})
    again = request.answered("Roads and parking?", "That cannot be used: roads and parking. Answer again.")
    assert answer_request(request) == answer_request(again) == '"Library services"'


def test_ties_are_decided_by_the_document_and_spread_over_the_labels() -> None:
    found = {text: label(labelling(text)) for text in (f"zzz number {n}" for n in range(200))}
    assert set(found.values()) == set(LABELS)
    assert found == {text: label(labelling(text, LABELS[::-1], "other", "Other words")) for text in found}


def test_noise_sends_its_share_of_a_labelers_documents_astray() -> None:
    texts = [f"the library, visit {n}" for n in range(2000)]
    strayed = [
        {text for text in texts if label(labelling(text, model=model, system=system), 0.2) != "Library services"}
        for model, system in (("m", "one"), ("m", "two"), ("n", "one"))
    ]
    assert all(320 <= len(each) <= 480 for each in strayed)
    assert all(40 <= len(strayed[0] & other) <= 130 for other in strayed[1:])
    assert label(labelling(min(strayed[0]), system="one"), 0.2) == label(labelling(min(strayed[0]), system="one"), 0.2)


def test_full_noise_is_always_another_label_and_none_is_none() -> None:
    assert label(labelling(TEXTS[1]), 1.0) != "Library services"
    assert label(labelling(TEXTS[1], ["Library"]), 1.0) == "Library"
    flags = {"type": "array", "items": {"type": "boolean"}, "minItems": 2}
    assert answer(body_of(flags, "x"), 0.0) == "[true,true]"
    assert answer(body_of(flags, "x"), 1.0) == "[false,false]"


def test_another_process_gives_the_same_answer() -> None:
    body = labelling("zzz, nothing in common")
    code = f"from cluster_r1.llm.testing.brain import answer; print(answer({body!r}, 0.5), end='')"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said == answer(body, 0.5)


# --- where the schema is ---------------------------------------------------------------------------------------------


def test_the_schema_is_found_in_all_three_places() -> None:
    body = labelling("at the library")
    schema = body.pop("response_format")["json_schema"]["schema"]
    expected = '{"cluster":"Library services"}'
    assert answer({**body, "structured_outputs": {"json": schema}}) == expected
    body["messages"][-1]["content"] += f"\n\nIt must satisfy this schema:\n{orjson.dumps(schema).decode()}"
    assert answer(body) == expected
    assert answer({**body, "response_format": {"type": "json_object"}}) == expected


def test_json_mode_without_a_schema_gives_an_object() -> None:
    messages = [{"role": "user", "content": [{"type": "text", "text": "JSON, please"}]}]
    assert answer({"messages": messages, "response_format": {"type": "json_object"}}) == "{}"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"messages": []},
        {"messages": ["hello"]},
        {"messages": [{"role": "user", "content": 3}]},
        {"messages": [{"role": "user", "content": "hi"}], "response_format": "json"},
    ],
)
def test_a_body_that_is_no_chat_request_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(BadBody):
        answer(body)


# --- proposals and clusterings ---------------------------------------------------------------------------------------

CLUSTERS = {
    "type": "array",
    "minItems": 4,
    "maxItems": 12,
    "items": {
        "type": "object",
        "properties": {
            "name": {"type": "string", "minLength": 2, "maxLength": 20},
            "description": {"type": "string", "maxLength": 80},
        },
    },
}


def test_proposed_names_are_distinct_frequent_words_of_the_texts() -> None:
    prompt = "\n".join(f"<document>\n{text}\n</document>" for text in TEXTS) + "\nPropose clusters of importance."
    found = orjson.loads(answer(body_of(CLUSTERS, prompt)))
    named = [each["name"] for each in found]
    assert named[:2] == ["Bins", "Recycling"]
    assert len({name.casefold() for name in named}) == len(named) >= 4
    assert all(name.lower() in " ".join(TEXTS).lower() for name in named)
    assert all(each["name"].lower() in each["description"] for each in found)


def test_instructions_of_several_proposals_differ() -> None:
    item = {"type": "object", "properties": {"instruction": {"type": "string", "minLength": 10}, "clusters": CLUSTERS}}
    prompt = "\n".join(f"<document>\n{text}\n</document>" for text in TEXTS)
    found = orjson.loads(answer(body_of({"type": "array", "items": item, "minItems": 3, "maxItems": 3}, prompt)))
    assert len({each["instruction"] for each in found}) == 3


def test_names_stay_distinct_when_words_run_out() -> None:
    schema = {**CLUSTERS, "minItems": 30, "maxItems": 40}
    found = orjson.loads(answer(body_of(schema, "<document>bins</document>")))
    assert len({each["name"] for each in found}) == len(found) == 30


def test_clusters_that_the_prompt_lists_are_kept() -> None:
    listed = "\n".join(f"- Group {n}: what is {n}" for n in range(6))
    prompt = f"Clusters:\n{listed}\n\nSome texts:\n<document>\nClusters:\n- Fake: no\n</document>\nRevise them."
    found = orjson.loads(answer(body_of(CLUSTERS, prompt)))
    assert found == [{"name": f"Group {n}", "description": f"what is {n}"} for n in range(6)]


@pytest.mark.parametrize(
    "listing",
    [
        "\n".join(f"<document>\n{text}\n</document>" for text in TEXTS),
        "\n".join(f'<text id="{n}">{text}</text>' for n, text in enumerate(TEXTS, 1)),
        "\n".join(f"[{n}] {text}\nand more\n2020. A year" for n, text in enumerate(TEXTS, 1)),
        "\n".join(f"Text {n}: {text}" for n, text in enumerate(TEXTS, 1)),
        "1. be brief\n2. be right\n\n" + "\n".join(f"{n}. {text}" for n, text in enumerate(TEXTS, 1)),
    ],
)
def test_a_prompt_about_total_clusters_gets_a_canonical_answer(listing: str) -> None:
    body = {
        "messages": [
            {"role": "system", "content": "Answer with\nTotal clusters: [K]\ncluster1: [1, 4, 7]"},
            {"role": "user", "content": listing},
        ]
    }
    labels = parse_answer(answer(body), len(TEXTS)).labels()
    assert labels[0] == labels[3] != labels[1]


def test_a_prompt_without_texts_or_schema_gets_a_sentence() -> None:
    assert answer({"messages": [{"role": "user", "content": "Tell me of libraries"}]}) == "This is about libraries."
    assert answer({"messages": [{"role": "user", "content": "Total clusters?"}]}).startswith("This is about")
    assert texts_in("no numbers here") == []


def test_words() -> None:
    assert {stem(word) for word in ("park", "parks", "parked", "parking")} == {"park"}
    assert {stem(word) for word in ("library", "libraries")} == {"library"}
    assert {stem(word) for word in ("recycle", "recycling", "recycled")} == {"recycl"}
    assert stem("the") == stem("of") == ""
    assert frequent_words(["Cats and dogs", "a cat"]) == ["cats", "dogs"]
