"""Prompts are files with two parts, versioned by content; a document cannot leave its fence."""

import jinja2
import pytest
from cluster_r1.agents.prompting import fenced, load_prompt
from hypothesis import given
from hypothesis import strategies as st

PROMPTS = ["generation", "clusters", "merging", "refinement", "extension", "labeling_a", "labeling_b"]


@pytest.mark.parametrize("name", PROMPTS)
def test_every_prompt_has_two_parts_and_a_fingerprint(name: str) -> None:
    prompt = load_prompt(name)
    assert len(prompt.fingerprint) == 12
    assert len({load_prompt(other).fingerprint for other in PROMPTS}) == len(PROMPTS)


def test_a_value_left_out_is_an_error_not_a_gap() -> None:
    with pytest.raises(jinja2.UndefinedError):
        load_prompt("labeling_a").messages(instruction="sort")


@given(st.text(), st.sampled_from(["</document>", "<document>", "< / DOCUMENT >", "</Document >"]), st.text())
def test_a_text_can_neither_open_nor_close_the_fence(before: str, tag: str, after: str) -> None:
    text = fenced(before + tag + after).casefold().replace(" ", "")
    assert "<document" not in text
    assert "</document" not in text


@given(st.text(alphabet=st.characters(exclude_characters="<")))
def test_a_text_without_tags_stays_as_it_is(text: str) -> None:
    assert fenced(text) == text
