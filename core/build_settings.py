"""Settings of `cluster-r1 build`: sizes, budgets and pools of a benchmark (paper §4.3, Figure 4)."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from pydantic import Field, model_validator

from .section import Section

_Count = Annotated[int, Field(ge=0, le=1_000_000)]
_Tokens = Annotated[int, Field(ge=50, le=1_000_000)]


class SplitSize(NamedTuple):
    """Examples of a split in one domain and the mean length of their prompts in tokens."""

    examples: int
    prompt_tokens: int


class DomainSizes(NamedTuple):
    """A domain's three evaluation splits."""

    c0: SplitSize
    c1: SplitSize
    c2: SplitSize


PAPER_SIZES = {
    "echr": DomainSizes(SplitSize(150, 9872), SplitSize(150, 10240), SplitSize(132, 12644)),
    "lmsy": DomainSizes(SplitSize(500, 9238), SplitSize(500, 9043), SplitSize(250, 7202)),
    "sp500": DomainSizes(SplitSize(179, 13421), SplitSize(170, 13811), SplitSize(140, 14406)),
}
"""Figure 4 of the paper: examples and mean prompt tokens by domain and split."""

OTHER_SIZES = DomainSizes(SplitSize(150, 10_000), SplitSize(150, 10_000), SplitSize(140, 10_000))
"""For any other domain [our choice, after the paper's]."""


class DomainSettings(Section):
    """What one domain has otherwise than by default; training examples are as long as those of C0."""

    c0: _Count | None = Field(default=None, description="examples of C0; null: the paper's number, else 150")
    c1: _Count | None = Field(default=None, description="examples of C1; null: the paper's number, else 150")
    c2: _Count | None = Field(default=None, description="examples of C2; null: the paper's number, else 140")
    prompt_tokens: _Tokens | None = Field(
        default=None, description="mean tokens of a prompt in every split; null: the paper's, else 10,000"
    )
    max_text_tokens: _Tokens | None = Field(
        default=None, description="longer texts are left out and counted; null: a quarter of the mean prompt"
    )


class BenchmarkSettings(Section):
    """Pools, splits and examples of `cluster-r1 build`."""

    name: str = Field(default="reasoncluster", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    projects: tuple[str, ...] = Field(
        default=(), description="folders of further projects whose tasks belong to the benchmark, such as ../echr"
    )
    leave_out: tuple[str, ...] = Field(default=(), description="ids of tasks that do not belong to the benchmark")
    coarse: bool = Field(
        default=False, description="the coarse task of a hierarchy belongs to the benchmark too, not its parts alone"
    )
    tokenizer: str = Field(
        default="Qwen/Qwen2.5-7B-Instruct",
        min_length=1,
        description="what counts tokens: a hub name, tokenizer.json, .gguf file, local model's name, or 'estimate'",
    )
    train_share: float = Field(default=0.6, gt=0, lt=1, description="share of each cluster's texts to train on")
    near_duplicate: float | None = Field(
        default=0.7,
        ge=0.3,
        le=1,
        description="texts as similar as this (Jaccard of their 8-byte shingles) share a pool; null: only equal ones",
    )
    train: _Count = Field(default=8500, description="training examples, spread evenly over the held-in tasks")
    distill: _Count = Field(default=30, description="examples of each held-in task for reasoning traces")
    min_clusters: int = Field(default=2, ge=2, le=500, description="clusters of an example at least")
    max_clusters: int | None = Field(default=None, ge=2, le=500, description="at most; null: all of the task's")
    min_texts: int = Field(default=2, ge=1, le=100, description="texts of each cluster in an example at least")
    max_prompt_tokens: int = Field(default=28_000, ge=200, description="no prompt is longer (paper App. F)")
    domains: dict[str, DomainSettings] = Field(default_factory=dict, description="by domain: sizes and lengths")

    @model_validator(mode="after")
    def _ranges(self) -> BenchmarkSettings:
        if self.max_clusters is not None and self.min_clusters > self.max_clusters:
            raise ValueError(f"min_clusters {self.min_clusters} is larger than max_clusters {self.max_clusters}")
        for name, domain in self.domains.items():
            if domain.prompt_tokens is not None and domain.prompt_tokens > self.max_prompt_tokens:
                raise ValueError(
                    f"domains.{name}.prompt_tokens {domain.prompt_tokens} is above max_prompt_tokens"
                    f" {self.max_prompt_tokens}"
                )
        return self

    def sizes(self, domain: str) -> DomainSizes:
        """The domain's sizes: what the settings say, else the paper's."""
        own = self.domains.get(domain, DomainSettings())
        counts = (own.c0, own.c1, own.c2)
        return DomainSizes(
            *(
                SplitSize(
                    size.examples if count is None else count,
                    min(own.prompt_tokens or size.prompt_tokens, self.max_prompt_tokens),
                )
                for count, size in zip(counts, PAPER_SIZES.get(domain, OTHER_SIZES), strict=True)
            )
        )

    def longest_text(self, domain: str) -> int:
        """Tokens of the longest text that the domain's examples take."""
        own = self.domains.get(domain, DomainSettings()).max_text_tokens
        return own or max(50, min(size.prompt_tokens for size in self.sizes(domain)) // 4)
