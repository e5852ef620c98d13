"""The tiny model: a tokenizer that survives AutoTokenizer, the same bytes for the same seed, refused widths."""

from __future__ import annotations

from pathlib import Path

import pytest
from cluster_r1.core.errors import SettingsError
from cluster_r1.training.recipe import TinySettings
from cluster_r1.training.tiny import build_tiny

TEXTS = [
    "Group by color.\na small blue hat",
    "<think>\n1 hat A\n</think>\n<answer>",
    "weiß, 日本, an emoji \U0001f642",
] * 9
SMALL = TinySettings(hidden=16, layers=1, heads=2, vocabulary=500, context=128)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_a_width_that_heads_do_not_divide_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"model\.tiny\.hidden 20 must be a multiple of twice model\.tiny\.heads 4"):
        build_tiny(TinySettings(hidden=20, heads=4), TEXTS, tmp_path / "model", seed=0)


@pytest.mark.slow
def test_the_same_seed_makes_the_same_bytes_and_another_only_other_weights(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    first, again, other = (
        contents(build_tiny(SMALL, TEXTS, tmp_path / name, seed))
        for name, seed in (("first", 3), ("again", 3), ("other", 4))
    )
    assert first == again
    assert {name for name in first if first[name] != other[name]} == {"model.safetensors"}


@pytest.mark.slow
def test_auto_tokenizer_reads_what_was_learnt(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    tokenizer = transformers.AutoTokenizer.from_pretrained(build_tiny(SMALL, TEXTS, tmp_path / "model", seed=0))
    assert tokenizer.tokenize("a small blue hat") == ["a", "Ġsmall", "Ġblue", "Ġhat"]
    for text in (*TEXTS, "never seen: \x00 Ünïcode\r\n\ttabs"):
        assert tokenizer.decode(tokenizer(text)["input_ids"]) == text
    assert len(tokenizer) <= SMALL.vocabulary
    assert (tokenizer.eos_token, tokenizer.pad_token) == ("<|im_end|>", "<|endoftext|>")


@pytest.mark.slow
def test_the_template_marks_what_the_assistant_says(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    tokenizer = transformers.AutoTokenizer.from_pretrained(build_tiny(SMALL, TEXTS, tmp_path / "model", seed=0))
    said = [{"role": "user", "content": "Group by color."}, {"role": "assistant", "content": "1 hat A"}]
    coded = tokenizer.apply_chat_template(said, return_assistant_tokens_mask=True, return_dict=True)
    pairs = zip(coded["input_ids"], coded["assistant_masks"], strict=True)
    assert tokenizer.decode([token for token, marked in pairs if marked]) == "1 hat A<|im_end|>"
    prompt = tokenizer.apply_chat_template(said[:1], add_generation_prompt=True, tokenize=False)
    assert prompt == "<|im_start|>user\nGroup by color.<|im_end|>\n<|im_start|>assistant\n"
    assert tokenizer.tokenize(prompt)[:3] == ["<|im_start|>", "user", "Ċ"]
