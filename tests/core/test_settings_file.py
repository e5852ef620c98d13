"""cluster-r1.yaml on disk: what cannot be read, what is no YAML, and that it round trips."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from cluster_r1.core.errors import SettingsError
from cluster_r1.core.settings import Settings, load_settings
from hypothesis import given, settings
from hypothesis import strategies as st

MINIMAL = """\
corpus: {source: cases.jsonl}
models:
  default: {model: m, base_url: 'http://localhost:8000/v1'}
"""

FULL = """\
corpus:
  source: hf:lmsys/lmsys-chat-1m
  format: parquet
  text: conversation
  id: null
  gold: labels
  max_characters: 20000
  on_bad: fail
  domain: lmsys
tasks:
  - {id: intent, instruction: Group by intent, gold: intent}
  - {id: tone-2, instruction: "Group by tone, \\u00e9t\\u00e9", taxonomy: tone.yaml}
models:
  default: {model: gpt-oss-20b, base_url: 'https://host/v1/', api_key_env: KEY, price: {input: 0.1, output: 0.4}}
  labeler_b: {model: qwen, serve: embedded, seed: null, extra_body: {top_k: 1, nested: {a: [1, 2]}}}
taxonomy: {min_clusters: 3, max_clusters: 3, max_confusion: 0.5}
labeling: {chunk: 7, reason: yes}
review: {proposals: no}
budget: {usd: 1.5}
checkpoints: postgresql://localhost/runs
seed: -3
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cluster-r1.yaml"


def load(path: Path, text: str | bytes) -> Settings:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_settings(path)


def error_of(path: Path, text: str | bytes) -> str:
    with pytest.raises(SettingsError) as caught:
        load(path, text)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_a_file_is_read(path: Path) -> None:
    got = load(path, FULL)
    assert [task.id for task in got.tasks] == ["intent", "tone-2"]
    assert got.tasks[1].instruction == "Group by tone, été"
    assert (got.models.labeler_b.serve, got.models.labeler_b.base_url) == ("embedded", None)
    assert got.models.labeler_b.price.output == 0.4
    assert (got.labeling.reason, got.review.proposals) == (True, False)


@pytest.mark.parametrize("text", [MINIMAL, FULL], ids=["minimal", "full"])
@pytest.mark.parametrize("unicode", [True, False])
def test_a_file_round_trips(path: Path, text: str, unicode: bool) -> None:
    got = load(path, text)
    again = load(path, yaml.safe_dump(got.model_dump(mode="json"), allow_unicode=unicode))
    assert again == got


@pytest.mark.parametrize(
    "text", [b"\xef\xbb\xbf" + MINIMAL.encode(), MINIMAL.replace("\n", "\r\n"), "---\n" + MINIMAL + "...\n"]
)
def test_editors_marks_do_not_matter(path: Path, text: str | bytes) -> None:
    assert load(path, text) == load(path, MINIMAL)


def test_a_missing_file_says_what_to_do(path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(path)
    assert f"there is no {path}" in str(caught.value)
    assert f"cluster-r1 init {path.parent}" in str(caught.value)


def test_a_folder_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(tmp_path)


def test_a_file_below_a_file_cannot_be_read(path: Path) -> None:
    path.write_text(MINIMAL)
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(path / "cluster-r1.yaml")


@pytest.mark.parametrize(
    "content", [b"\xff\xfec\x00o\x00", MINIMAL.encode() + b"# caf\xe9", b"\x80", b"\xed\xa0\x80"], ids=repr
)
def test_bytes_that_are_no_utf8_cannot_be_read(path: Path, content: bytes) -> None:
    assert "cannot be read" in error_of(path, content)


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing yet\n", "- a\n- b\n", "corpus", "3", "null"], ids=repr)
def test_a_file_that_holds_no_mapping(path: Path, text: str) -> None:
    assert "must be a mapping with at least the keys corpus and models" in error_of(path, text)


@pytest.mark.parametrize(
    "text",
    [
        "corpus: {source: a",
        "corpus: [a}",
        "a: b: c",
        "\tcorpus: x",
        "corpus: *nowhere",
        "corpus: 'open",
        "a: 1\n---\nb: 2",
        "seed: \x07",
        "seed: \0",
        "seed: !!python/object/apply:os.system ['true']",
        "seed: !unknown 3",
        "%YAML 3",
    ],
    ids=repr,
)
def test_text_that_is_no_yaml(path: Path, text: str) -> None:
    assert "is not valid YAML" in error_of(path, text)


UNREADABLE = {
    "an unhashable key": "? [a, b]\n: 1\n",
    "a mapping as a key": "? {a: 1}\n: 1\n",
    "a day that does not exist": "seed: 2024-13-45\n",
    "a hexadecimal number without digits": "seed: 0x_\n",
    "a number of too many digits": f"seed: {'9' * 5000}\n",
    "a boolean that is none": "seed: !!bool maybe\n",
    "deep nesting": f"seed: {'[' * 3000}{']' * 3000}\n",
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_the_yaml_library_trips_over_is_a_settings_error(path: Path, name: str) -> None:
    assert "is not valid YAML" in error_of(path, MINIMAL + UNREADABLE[name])


@pytest.mark.parametrize(
    ("text", "key", "line"),
    [
        (MINIMAL + "seed: 1\nseed: 1\n", "seed", 5),
        (MINIMAL + "budget:\n  calls: 1\n  usd: 2\n  calls: 3\n", "calls", 7),
        (MINIMAL + "budget: {calls: 1, calls: 2}\n", "calls", 4),
        (MINIMAL + "seed: 1\n'seed': 2\n", "seed", 5),
        (MINIMAL + "tasks:\n- id: a\n  id: b\n", "id", 6),
        (MINIMAL + MINIMAL, "corpus", 4),
    ],
    ids=["top", "nested", "in braces", "quoted", "in a list", "pasted twice"],
)
def test_a_key_written_twice_is_refused_with_its_line(path: Path, text: str, key: str, line: int) -> None:
    message = error_of(path, text)
    assert f"key {key!r} is written twice" in message
    assert f"line {line}," in message


def test_one_key_in_two_sections_is_not_written_twice(path: Path) -> None:
    text = "corpus: {source: a}\nmodels: {labeler_a: {seed: 1}, default: {model: m, serve: vllm, seed: 1}}\nseed: 1\n"
    assert load(path, text).seed == 1


ANCHORED = MINIMAL.replace("default: {", "default: &main {")


def test_an_alias_repeats_a_section(path: Path) -> None:
    assert load(path, ANCHORED + "  labeler_b: *main\n").models.labeler_b.model == "m"


def test_a_merge_key_takes_over_a_section(path: Path) -> None:
    got = load(path, ANCHORED + "  labeler_b:\n    <<: *main\n    model: other\n")
    assert (got.models.labeler_b.model, got.models.labeler_b.base_url) == ("other", "http://localhost:8000/v1")


@pytest.mark.parametrize("key", ["1", "null", "true", "1.5"])
def test_a_key_that_is_no_text_is_refused(path: Path, key: str) -> None:
    assert "Keys should be strings" in error_of(path, MINIMAL + f"{key}: 2\n")


def test_wrong_keys_are_told_with_the_file(path: Path) -> None:
    message = error_of(path, MINIMAL + "sede: 1\n")
    assert message == f"{path} has 1 wrong key(s):\n  sede: unknown key, did you mean 'seed'?"


def test_a_loop_of_aliases_is_refused(path: Path) -> None:
    assert "budget.calls: " in error_of(path, MINIMAL + "budget: &loop {calls: *loop}\n")


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
@settings(derandomize=True)
def test_any_bytes_load_or_are_a_settings_error(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any-bytes.yaml"
    with pytest.raises(SettingsError, match=r"any-bytes\.yaml"):
        load(path, content)
