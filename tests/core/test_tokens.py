"""Token estimates and cuts."""

from cluster_r1.core.tokens import cut_to_tokens, estimate_tokens
from hypothesis import given
from hypothesis import strategies as st


@given(st.text(max_size=2000), st.integers(20, 200))
def test_a_cut_text_fits_and_starts_like_the_whole(text: str, tokens: int) -> None:
    cut = cut_to_tokens(text, tokens)
    assert estimate_tokens(cut) <= tokens + 4
    if cut != text:
        assert cut.endswith(" […]")
        assert text.startswith(cut.removesuffix(" […]"))


def test_english_is_estimated_upwards() -> None:
    assert 9 <= estimate_tokens("The quick brown fox jumps over the lazy dog.") <= 20
