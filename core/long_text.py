"""A long text for people to read: its beginning and its end."""

from __future__ import annotations


def without_middle(text: str, head: int, tail: int = 0) -> str:
    """The first `head` and the last `tail` characters, saying between them how many are left out."""
    left_out = len(text) - head - tail
    if left_out <= 0:
        return text
    told = f"[… {left_out:,} characters are left out here …]"
    return "\n\n".join(part for part in (text[:head], told, text[len(text) - tail :]) if part)
