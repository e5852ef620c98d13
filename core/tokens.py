"""Token estimates where no tokenizer is at hand: budgets of prompts that any endpoint may answer."""

from __future__ import annotations

_BYTES_PER_TOKEN = 3.5


def estimate_tokens(text: str) -> int:
    """About as many tokens as byte-pair tokenizers make of it; errs upwards for English (4 to 4.5 bytes a token)."""
    return round(len(text.encode()) / _BYTES_PER_TOKEN) + 1


def cut_to_tokens(text: str, tokens: int) -> str:
    """The start of the text within an estimated number of tokens, with a mark where it was cut."""
    if estimate_tokens(text) <= tokens:
        return text
    return text.encode()[: int(tokens * _BYTES_PER_TOKEN)].decode(errors="ignore").rstrip() + " […]"
