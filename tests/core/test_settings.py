"""Settings as Python values: defaults, inheritance, bounds. Reading the file is in test_settings_file.py."""

from __future__ import annotations

import re
from typing import Any

import pytest
from cluster_r1.core.errors import SettingsError
from cluster_r1.core.settings import ROLES, ModelSettings, ModelsSettings, Role, Settings, parse_settings
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

DEFAULT = {"model": "m", "base_url": "http://localhost:8000/v1"}


def minimal() -> dict[str, Any]:
    return {"corpus": {"source": "a.jsonl"}, "models": {"default": dict(DEFAULT)}}


def put(content: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    *parents, last = path.split(".")
    place = content
    for name in parents:
        place = place.setdefault(name, {})
    place[last] = value
    return content


def get(thing: Any, path: str) -> Any:
    for name in path.split("."):
        thing = getattr(thing, name)
    return thing


def with_models(**models: Any) -> Settings:
    return parse_settings(minimal() | {"models": models})


def error_of(content: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        parse_settings(content)
    return str(caught.value)


def test_what_is_left_out_has_a_default() -> None:
    got = parse_settings(minimal())
    assert (got.corpus.format, got.corpus.text, got.corpus.id, got.corpus.gold) == ("auto", "text", "id", None)
    assert got.tasks == ()
    assert (got.taxonomy.min_clusters, got.taxonomy.max_clusters) == (2, 12)
    assert got.labeling.reason is False
    assert (got.review.proposals, got.review.taxonomy) == (True, True)
    assert got.budget.model_dump() == {"calls": None, "tokens": None, "usd": None}
    assert (got.checkpoints, got.seed) == ("sqlite", 0)


def test_every_role_has_a_model() -> None:
    got = parse_settings(minimal()).models
    assert set(ModelsSettings.model_fields) == set(ROLES)
    assert {got.role(role).model for role in ROLES} == {"m"}


@pytest.mark.parametrize(
    ("role", "temperature", "max_tokens"),
    [
        ("generator", 0.7, 2048),
        ("refiner", 0.2, 2048),
        ("labeler_a", 0, 256),
        ("labeler_b", 0, 256),
        ("tracer", 0.7, 4096),
        ("reviewer", 0, 1024),
    ],
)
def test_a_role_has_its_own_defaults(role: Role, temperature: float, max_tokens: int) -> None:
    got = parse_settings(minimal()).models.role(role)
    assert (got.temperature, got.max_tokens) == (temperature, max_tokens)


def test_models_default_comes_before_the_roles_own_defaults() -> None:
    got = with_models(default=DEFAULT | {"temperature": 1.5}, refiner={"temperature": 0.1}).models
    assert (got.generator.temperature, got.refiner.temperature, got.labeler_a.temperature) == (1.5, 0.1, 1.5)


def test_a_role_keeps_what_it_does_not_override() -> None:
    got = with_models(default=DEFAULT | {"seed": 7, "api_key_env": "KEY"}, labeler_b={"model": "other"}).models
    assert got.labeler_b.model == "other"
    assert (got.labeler_b.seed, got.labeler_b.api_key_env, got.labeler_b.base_url) == (7, "KEY", DEFAULT["base_url"])
    assert got.labeler_a.model == "m"


def test_a_role_that_serves_does_not_inherit_the_endpoint() -> None:
    got = with_models(default=DEFAULT, labeler_b={"serve": "embedded"}).models
    assert (got.labeler_b.serve, got.labeler_b.base_url) == ("embedded", None)
    assert (got.labeler_a.serve, got.labeler_a.base_url) == (None, DEFAULT["base_url"])


def test_a_role_with_an_endpoint_does_not_inherit_the_server() -> None:
    got = with_models(default={"model": "m", "serve": "vllm"}, tracer={"base_url": "https://other/v1"}).models
    assert (got.tracer.serve, got.tracer.base_url) == (None, "https://other/v1")
    assert (got.reviewer.serve, got.reviewer.base_url) == ("vllm", None)


@pytest.mark.parametrize("empty", [None, {}])
def test_an_empty_role_is_the_default(empty: Any) -> None:
    assert with_models(default=DEFAULT, labeler_a=empty) == parse_settings(minimal())


def test_roles_without_a_default() -> None:
    got = with_models(**{role: {"model": f"m-{role}", "serve": "embedded"} for role in ROLES}).models
    assert got.tracer.model == "m-tracer"


def test_roles_may_be_given_as_model_settings() -> None:
    models = ModelsSettings(**{role: ModelSettings(**DEFAULT) for role in ROLES})
    assert models.tracer.model == "m"


def test_settings_given_as_settings_stay_as_they_are() -> None:
    got = parse_settings(minimal())
    assert Settings.model_validate(got) == got
    assert Settings(corpus=got.corpus, models=got.models) == got


@pytest.mark.parametrize("reach", [{}, {"base_url": None}, {"base_url": "http://x", "serve": "vllm"}])
def test_a_model_is_reached_in_exactly_one_way(reach: dict[str, Any]) -> None:
    message = error_of(minimal() | {"models": {"default": {"model": "m"} | reach}})
    assert "models.default: name either base_url" in message


@pytest.mark.parametrize("url", ["", "localhost:8000", "ftp://x/v1", "HTTP://x"])
def test_an_endpoint_is_a_http_url(url: str) -> None:
    assert "models.default.base_url: base_url must start with http" in error_of(
        put(minimal(), "models.default.base_url", url)
    )


def test_an_endpoint_loses_its_last_slash() -> None:
    assert with_models(default=DEFAULT | {"base_url": "https://x/v1/"}).models.tracer.base_url == "https://x/v1"


BOUNDS = [
    ("corpus.source", "x", ["", None, 3]),
    ("corpus.format", "csv", ["xml", "", None]),
    ("corpus.on_bad", "fail", ["ignore"]),
    ("corpus.max_characters", 100, [99, -1, "many", 1.5, None]),
    ("models.reviewer.model", "x", ["", 3]),
    ("models.reviewer.api_key_env", "MY_KEY_2", ["", "2KEY", "MY KEY", "sk-123"]),
    ("models.reviewer.temperature", 2, [-0.1, 2.1, float("nan"), "hot"]),
    ("models.reviewer.temperature", 0, []),
    ("models.reviewer.top_p", 1, [0, 1.1, -1, float("nan")]),
    ("models.reviewer.seed", None, ["x", 0.5]),
    ("models.reviewer.max_tokens", 1, [0, -1]),
    ("models.reviewer.max_tokens", 200_000, [200_001]),
    ("models.reviewer.context_tokens", 512, [511]),
    ("models.reviewer.concurrency", 1, [0]),
    ("models.reviewer.concurrency", 4096, [4097]),
    ("models.reviewer.timeout_s", 86_400, [0, -1, 86_401, float("inf"), float("nan")]),
    ("models.reviewer.retries", 0, [-1]),
    ("models.reviewer.retries", 50, [51]),
    ("models.reviewer.structured", "prompt", ["yes", None]),
    ("models.reviewer.extra_body", {"reasoning_effort": "low"}, [[], "x"]),
    ("models.reviewer.price.input", 0, [-0.01, "free"]),
    ("models.reviewer.price.output", 0.5, [-1]),
    ("taxonomy.proposals", 1, [0]),
    ("taxonomy.proposals", 50, [51]),
    ("taxonomy.samples", 100, [0, 101]),
    ("taxonomy.sample_tokens", 200, [199]),
    ("taxonomy.excerpt_tokens", 20, [19]),
    ("taxonomy.min_clusters", 2, [1]),
    ("taxonomy.max_clusters", 500, [1, 501]),
    ("taxonomy.probe", 4, [3]),
    ("taxonomy.probe", 5000, [5001]),
    ("taxonomy.max_none_fits", 0, [-0.1, 1.1]),
    ("taxonomy.max_confusion", 1, [-0.1, 1.1]),
    ("taxonomy.rounds", 0, [-1]),
    ("taxonomy.rounds", 20, [21]),
    ("labeling.chunk", 1, [0]),
    ("labeling.chunk", 5000, [5001]),
    ("labeling.orders", 64, [0, 65]),
    ("labeling.reason", True, ["perhaps", 2, None]),
    ("labeling.document_tokens", 50, [49]),
    ("labeling.attempts", 10, [0, 11]),
    ("review.proposals", False, ["sometimes"]),
    ("review.taxonomy", False, [[]]),
    ("budget.calls", 1, [0, -1]),
    ("budget.tokens", None, [0]),
    ("budget.usd", 0.01, [0, -1, float("nan")]),
    ("checkpoints", "postgresql://localhost/x", [None, 3]),
    ("seed", -5, ["x", None, 0.5]),
]


@pytest.mark.parametrize(("path", "value"), [(path, value) for path, value, _ in BOUNDS])
def test_a_value_at_its_bound_is_taken(path: str, value: Any) -> None:
    assert get(parse_settings(put(minimal(), path, value)), path) == value


@pytest.mark.parametrize(("path", "value"), [(path, value) for path, _, wrong in BOUNDS for value in wrong])
def test_a_wrong_value_is_refused_with_its_key_path(path: str, value: Any) -> None:
    message = error_of(put(minimal(), path, value))
    assert message.startswith("settings has 1 wrong key(s):\n")
    assert f"\n  {path}: " in message
    assert repr(value) in message


@pytest.mark.parametrize(
    ("path", "near"),
    [
        ("taxonmy", "taxonomy"),
        ("model", "models"),
        ("corpus.sorce", "source"),
        ("models.defualt", "default"),
        ("models.labler_a", "labeler_a"),
        ("models.tracer.temprature", "temperature"),
        ("models.tracer.price.inptu", "input"),
        ("taxonomy.max_cluster", "max_clusters"),
        ("labeling.chunks", "chunk"),
        ("review.proposal", "proposals"),
        ("budget.call", "calls"),
    ],
)
def test_an_unknown_key_is_refused_with_a_suggestion(path: str, near: str) -> None:
    assert f"\n  {path}: unknown key, did you mean {near!r}?" in error_of(put(minimal(), path, {}))


def test_an_unknown_key_of_a_task_is_refused_with_its_place() -> None:
    tasks = [{"id": "a", "instruction": "Group them"}, {"id": "b", "instruction": "Group them", "taxnomy": "x"}]
    assert "\n  tasks.1.taxnomy: unknown key, did you mean 'taxonomy'?" in error_of(minimal() | {"tasks": tasks})


def test_an_unknown_key_that_is_like_no_other_gets_no_suggestion() -> None:
    message = error_of(put(minimal(), "budget.zzzz", 1))
    assert message.endswith("\n  budget.zzzz: unknown key")


def test_settings_never_hold_an_api_key() -> None:
    assert "models.tracer.api_key: unknown key" in error_of(put(minimal(), "models.tracer.api_key", "sk-1"))


def test_an_unknown_key_of_the_default_model_is_refused_with_a_suggestion() -> None:
    message = error_of(put(minimal(), "models.default.temprature", 1))
    assert "\n  models.default.temprature: unknown key, did you mean 'temperature'?" in message


def test_a_wrong_value_of_the_default_model_is_told_once() -> None:
    message = error_of(put(minimal(), "models.default.top_p", 3))
    assert message.splitlines()[0] == "settings has 1 wrong key(s):"
    assert "\n  models.default.top_p: " in message


def test_a_wrong_value_of_the_default_model_is_its_own_for_a_single_heir() -> None:
    models = {role: {"top_p": 1} for role in ROLES if role != "tracer"}
    message = error_of(minimal() | {"models": {"default": DEFAULT | {"top_p": 3}} | models})
    assert message.splitlines()[1:] == ["  models.default.top_p: Input should be less than or equal to 1 (got 3)"]


def test_a_mistake_of_the_default_and_the_same_of_a_role_are_two() -> None:
    message = error_of(put(put(minimal(), "models.default.top_p", 3), "models.tracer.top_p", 3))
    assert message.startswith("settings has 2 wrong key(s):\n")
    assert "models.default.top_p" in message
    assert "models.tracer.top_p" in message


def test_the_same_mistake_in_two_roles_names_both() -> None:
    content = put(put(minimal(), "models.labeler_a.top_p", 3), "models.labeler_b.top_p", 3)
    message = error_of(content)
    assert "models.labeler_a.top_p" in message
    assert "models.labeler_b.top_p" in message


def test_several_mistakes_are_told_at_once() -> None:
    content = put(put(put(minimal(), "seed", "x"), "budget.calls", 0), "review.maybe", True)
    message = error_of(content)
    assert message.startswith("settings has 3 wrong key(s):\n")
    assert all(f"\n  {path}: " in message for path in ("seed", "budget.calls", "review.maybe"))


@pytest.mark.parametrize("path", ["corpus", "models"])
def test_a_required_section(path: str) -> None:
    content = minimal()
    del content[path]
    assert f"\n  {path}: is required" in error_of(content)


def test_a_required_key() -> None:
    assert "\n  corpus.source: is required" in error_of(minimal() | {"corpus": {}})
    assert "\n  models.default.model: is required" in error_of(minimal() | {"models": {"default": {"serve": "vllm"}}})


def test_a_model_that_no_role_inherits_is_asked_of_the_default_once() -> None:
    message = error_of(minimal() | {"models": {"tracer": DEFAULT}})
    assert message.splitlines()[1:] == ["  models.default.model: is required"]


@pytest.mark.parametrize("section", ["corpus", "models", "taxonomy", "labeling", "review", "budget"])
@pytest.mark.parametrize("value", ["x", 3, [1], None])
def test_a_section_is_a_mapping(section: str, value: Any) -> None:
    assert f"\n  {section}: " in error_of(minimal() | {section: value})


@pytest.mark.parametrize("role", ["default", "labeler_a"])
@pytest.mark.parametrize(
    "value",
    [
        "gpt-4o",
        3,
        ["m"],
        True,
        False,
        0,
        "",
        [],
    ],
    ids=repr,
)
def test_a_role_is_a_mapping(role: str, value: Any) -> None:
    message = error_of(minimal() | {"models": {"generator": DEFAULT, "default": DEFAULT} | {role: value}})
    assert f"models: {role} must be a mapping" in message


@pytest.mark.parametrize("content", [None, [], "corpus", 3])
def test_settings_are_a_mapping(content: Any) -> None:
    assert error_of(content).startswith("settings must be a mapping")


def test_the_place_of_the_settings_is_named() -> None:
    with pytest.raises(SettingsError, match=r"^conf/a\.yaml has 1 wrong"):
        parse_settings(minimal() | {"seed": "x"}, "conf/a.yaml")


@pytest.mark.parametrize("tasks", ["a", {"id": "a"}, None, [3], [{"id": "a"}], [{"id": "A b", "instruction": "Group"}]])
def test_tasks_are_a_list_of_ids_and_instructions(tasks: Any) -> None:
    assert re.search(r"\n  tasks(\.0(\.\w+)?)?: ", error_of(minimal() | {"tasks": tasks}))


def test_two_tasks_of_one_id_are_refused() -> None:
    task = {"id": "harm", "instruction": "Group by harm"}
    assert "\n  tasks: two tasks have the id 'harm'" in error_of(minimal() | {"tasks": [task, task]})


def test_fewer_clusters_at_most_than_at_least_are_refused() -> None:
    content = minimal() | {"taxonomy": {"min_clusters": 9, "max_clusters": 3}}
    assert "\n  taxonomy: min_clusters 9 is larger than max_clusters 3" in error_of(content)
    equal = parse_settings(minimal() | {"taxonomy": {"min_clusters": 3, "max_clusters": 3}})
    assert equal.taxonomy.min_clusters == 3


def sections(thing: BaseModel) -> list[BaseModel]:
    inner = [value for _, value in thing if isinstance(value, BaseModel)]
    return [thing, *(section for value in inner for section in sections(value))]


def test_settings_are_frozen_throughout() -> None:
    for section in sections(parse_settings(minimal())):
        field = next(iter(type(section).model_fields))
        with pytest.raises(ValidationError, match="frozen"):
            setattr(section, field, getattr(section, field))


def test_settings_dump_and_parse_to_themselves() -> None:
    got = with_models(default=DEFAULT | {"temperature": 1}, labeler_b={"serve": "embedded", "seed": None})
    assert parse_settings(got.model_dump()) == got
    assert Settings.model_validate_json(got.model_dump_json()) == got


KEYS = st.sampled_from(
    [
        *Settings.model_fields,
        *ModelsSettings.model_fields,
        *ModelSettings.model_fields,
        "default",
        "source",
        "calls",
        "typo",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["m", "http://x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.integers(), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES, KEYS, KEYS)
@settings(max_examples=300)
def test_anything_parses_or_is_a_settings_error(value: Any, section: str, key: str) -> None:
    for content in (value, minimal() | {section: value}, minimal() | {section: {key: value}}):
        try:
            parse_settings(content)
        except SettingsError as error:
            assert str(error).startswith("settings ")  # noqa: PT017
