"""Settings of `cluster-r1 distill`: how reasoning traces are made, reviewed and kept (paper §5.1, App. C)."""

from __future__ import annotations

from pydantic import Field, model_validator

from .section import Section


class DistillSettings(Section):
    """Reasoning traces: one for each example of the benchmark's `distill` split."""

    chunk: int = Field(default=20, ge=1, le=5000, description="examples in one graph run")
    rounds: int = Field(
        default=3, ge=1, le=20, description="traces written for an example at most: a rejected one goes back"
    )
    attempts: int = Field(
        default=2, ge=1, le=10, description="answers asked of an agent in a round before it counts as rejected"
    )
    least_words: int = Field(default=60, ge=1, le=100_000, description="a shorter reasoning goes back unread")
    most_words: int = Field(default=2500, ge=10, le=100_000, description="a longer reasoning goes back unread")
    pass_score: float = Field(
        default=3.5, ge=1, le=5, description="mean of completeness, length and coherence that a kept trace has at least"
    )
    least_score: int = Field(default=3, ge=1, le=5, description="no criterion of a kept trace is rated lower")
    blind: bool = Field(
        default=True, description="have the reviewer judge without gold, and look for signs that the trace leans on it"
    )
    rederive: bool = Field(
        default=True, description="have a model repeat the assignment from the reasoning alone, without texts or answer"
    )
    pass_rederived: float = Field(
        default=0.8, ge=0, le=1, description="V-measure against gold that the repeated assignment has at least"
    )

    @model_validator(mode="after")
    def _range(self) -> DistillSettings:
        if self.least_words > self.most_words:
            raise ValueError(f"least_words {self.least_words} is larger than most_words {self.most_words}")
        return self
