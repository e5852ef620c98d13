from __future__ import annotations

import pytest
from cluster_r1.core.documents import Document, document_key
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

UNSIGNED_64 = 2**64


@given(st.text(), st.text())
def test_a_key_is_an_unsigned_64_bit_integer(document_id: str, text: str) -> None:
    assert 0 <= document_key(document_id, text) < UNSIGNED_64


def test_keys_are_the_same_on_every_machine() -> None:
    assert document_key("echr-1", "The applicant was held.") == 0x8851FCE5D8EFFEB3


def test_a_document_has_the_key_of_its_id_and_text() -> None:
    assert Document(id="1", text="x", meta={"gold": "a"}).key == document_key("1", "x")


@pytest.mark.parametrize("other", [("1", "text."), ("2", "text"), ("1t", "ext"), ("", "1text"), ("text", "1")])
def test_another_id_or_text_is_another_document(other: tuple[str, str]) -> None:
    assert document_key(*other) != document_key("1", "text")


def test_a_null_character_does_not_move_text_into_the_id() -> None:
    assert document_key("1\0a", "b") != document_key("1", "a\0b")


@pytest.mark.parametrize(
    "wrong", [{"id": ""}, {"text": ""}, {"id": 7}, {"text": None}, {"text": "\ud800"}, {"gold": "a"}]
)
def test_a_wrong_field_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Document.model_validate({"id": "1", "text": "x"} | wrong)


def test_a_document_is_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Document(id="1", text="x").text = "y"  # pyright: ignore[reportAttributeAccessIssue]


def test_documents_do_not_share_their_meta() -> None:
    first, second = Document(id="1", text="x"), Document(id="2", text="y")
    first.meta["gold"] = "a"
    assert second.meta == {}


def test_a_document_survives_json() -> None:
    document = Document(id="é", text="line\nline\0", meta={"gold": {"theme": "a"}, "year": 2019})
    assert Document.model_validate_json(document.model_dump_json()) == document
