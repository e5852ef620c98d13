"""Prompts and completions as tokens, through the model's own chat template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..core.errors import SettingsError

_IGNORED = -100


class SftExample(NamedTuple):
    """A tokenized example; the tokens from `learnt_from` on are learnt."""

    input_ids: list[int]
    learnt_from: int

    def record(self) -> dict[str, list[int]]:
        """As the trainer takes it: labels are -100 where nothing is learnt."""
        labels = [_IGNORED] * self.learnt_from + self.input_ids[self.learnt_from :]
        return {"input_ids": self.input_ids, "labels": labels}


def prompt_tokens(tokenizer: Any, prompt: Sequence[Mapping[str, str]]) -> list[int]:
    """The prompt up to where the model's answer begins."""
    return _rendered(tokenizer, prompt, add_generation_prompt=True)


def sft_example(tokenizer: Any, prompt: Sequence[Mapping[str, str]], completion: str) -> SftExample:
    """Prompt and completion as tokens, of which the completion alone is learnt, with the token that ends it.

    Raises SettingsError when the tokenizer's chat template changes the prompt or the completion, or never ends it.
    """
    before = prompt_tokens(tokenizer, prompt)
    answered = [*prompt, {"role": "assistant", "content": completion}]
    whole = _rendered(tokenizer, answered, add_generation_prompt=False)
    if whole[: len(before)] != before:
        raise SettingsError(
            "the tokenizer's chat template renders the prompt in another way once it is answered (as templates do that"
            " strip or insert think blocks): train a model whose template does not, such as Qwen2.5-Instruct"
        )
    learnt = whole[len(before) :]
    if completion.strip() not in tokenizer.decode(learnt, skip_special_tokens=False):
        raise SettingsError(
            "the tokenizer's chat template changes the completion (its think block is stripped or rewritten): train a"
            " model whose template writes it as it is, such as Qwen2.5-Instruct"
        )
    if tokenizer.eos_token_id not in learnt:
        raise SettingsError(
            f"the chat template does not end an answer with the tokenizer's end token {tokenizer.eos_token!r}, so the"
            " model would never learn to stop: use the Instruct model, or set eos_token in its tokenizer_config.json"
        )
    return SftExample(whole, len(before))


def _rendered(tokenizer: Any, messages: Sequence[Mapping[str, str]], add_generation_prompt: bool) -> list[int]:
    return tokenizer.apply_chat_template(
        list(messages), add_generation_prompt=add_generation_prompt, tokenize=True, return_dict=False
    )
