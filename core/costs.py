"""What a role has cost so far with one model."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class RoleCost(BaseModel):
    """Answered calls and their tokens; `seconds` is the sum of their latencies, `failures` counts failed attempts."""

    model_config = ConfigDict(frozen=True)

    role: str
    model: str
    calls: int
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    usd: float
    failures: int
