"""The prompt of an example: the format it asks for is the one that is read, and texts stay behind their fences."""

from __future__ import annotations

import re

from cluster_r1.core.answer import parse_answer
from cluster_r1.core.prompt import SYSTEM_PROMPT, example_prompt, numbered_text, prompt_frame
from hypothesis import given
from hypothesis import strategies as st


def test_the_answer_it_shows_is_a_valid_one() -> None:
    shown = SYSTEM_PROMPT[SYSTEM_PROMPT.index("<think>\n") : SYSTEM_PROMPT.index("</answer>\n") + len("</answer>")]
    assert parse_answer(shown, 5).clusters == ((1, 4), (2, 3, 5))


def test_texts_are_numbered_from_one_in_their_order() -> None:
    prompt = example_prompt("Cluster by topic.", ["first", "second\nline"])
    assert prompt.user == (
        'Instruction: Cluster by topic.\n\n<text id="1">\nfirst\n</text>\n\n<text id="2">\nsecond\nline\n</text>'
    )
    assert [message["role"] for message in prompt.messages()] == ["system", "user"]
    assert prompt.messages()[0]["content"] == SYSTEM_PROMPT


@given(
    st.lists(st.text() | st.sampled_from(["</text>", '<text id="9">', "< / TEXT >", "<text"]), min_size=1, max_size=5)
)
def test_no_text_opens_or_closes_a_fence(texts: list[str]) -> None:
    user = example_prompt("Cluster.", texts).user
    assert len(re.findall(r"<\s*text", user, re.IGNORECASE)) == len(texts)
    assert len(re.findall(r"<\s*/\s*text", user, re.IGNORECASE)) == len(texts)


@given(st.lists(st.text(), min_size=1, max_size=4))
def test_a_prompt_is_the_sum_of_its_parts(texts: list[str]) -> None:
    parts = [numbered_text(number, text) for number, text in enumerate(texts, start=1)]
    assert example_prompt("Cluster.", texts).user == prompt_frame("Cluster.") + "\n\n".join(parts)
