"""Settings of `cluster-r1 cluster`: how a corpus of any size becomes clusters."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from .section import Section

AnswerForm = Literal["auto", "free", "grammar", "labels"]
Assign = Literal["llm", "hybrid", "embed"]


class ClusterSettings(Section):
    """One generation where the texts fit a prompt, else a taxonomy and a choice for every text (paper §3, §10)."""

    min_clusters: int | None = Field(default=None, ge=1, le=500, description="null: the instruction alone decides")
    max_clusters: int | None = Field(default=None, ge=1, le=500, description="null: the instruction alone decides")
    prompt_texts: int = Field(
        default=60, ge=0, le=2000, description="more texts than this are not clustered in one generation; 0: never"
    )
    form: AnswerForm = Field(
        default="auto",
        description="of the one generation: free, or constrained by grammar or as labels; auto: grammar where the"
        " endpoint is known to take it",
    )
    answer_tokens: int = Field(
        default=4000, ge=64, description="of the one generation with its reasoning; at most half the model's context"
    )
    assign: Assign = Field(
        default="llm",
        description="llm: the model chooses for every text; hybrid: for those that a classifier on embeddings is not"
        " sure about; embed: for the classifier's training texts alone",
    )
    votes: int = Field(
        default=1, ge=1, le=5, description="choices asked of the model for a text, each over another cluster order"
    )
    embedder: str = Field(
        default="hashed", description="of the classifier: hashed (words, no model), minilm, openai=MODEL, …"
    )
    labelled: int = Field(
        default=1000, ge=20, le=1_000_000, description="texts that the model labels for the classifier"
    )
    held_back: float = Field(
        default=0.25, gt=0, lt=1, description="share of them that only measures the classifier's accuracy"
    )
    target: float = Field(
        default=0.9, gt=0, le=1, description="accuracy above which the classifier decides alone (hybrid)"
    )
    calls: int | None = Field(
        default=20_000, ge=1, description="texts that the model is asked about in hybrid, at most; null: no limit"
    )
    residual_rounds: int = Field(
        default=2, ge=0, le=20, description="times that texts which fit nowhere may add clusters of their own"
    )
    residual_share: float = Field(
        default=0.02, ge=0, le=1, description="share of the texts that must fit nowhere for such a round"
    )
    levels: Literal[1, 2] = Field(default=1, description="2: clusters are grouped in their turn")
    document_tokens: int = Field(default=500, ge=20, description="longer texts are cut in prompts, and counted")
    shard: int = Field(default=2048, ge=1, le=1_000_000, description="texts in one shard of the results")
    drift_share: float = Field(
        default=0.1,
        gt=0,
        le=1,
        description="share of new texts that fit nowhere from which the taxonomy no longer covers",
    )

    @model_validator(mode="after")
    def _range(self) -> ClusterSettings:
        if self.min_clusters is not None and self.max_clusters is not None and self.min_clusters > self.max_clusters:
            raise ValueError(f"min_clusters {self.min_clusters} is larger than max_clusters {self.max_clusters}")
        if self.assign == "hybrid" and self.calls is not None and self.calls < self.labelled:
            raise ValueError(
                f"calls {self.calls} is less than labelled {self.labelled}, the texts that the classifier learns from"
            )
        return self
