"""Sizes of a benchmark: the paper's where its domains are, the user's above all."""

from __future__ import annotations

import pytest
from cluster_r1.core.build_settings import PAPER_SIZES, BenchmarkSettings
from pydantic import ValidationError


def test_the_papers_figure_4() -> None:
    """Examples of each split, as printed; 2,171 together."""
    assert {name: tuple(size.examples for size in sizes) for name, sizes in PAPER_SIZES.items()} == {
        "echr": (150, 150, 132),
        "lmsy": (500, 500, 250),
        "sp500": (179, 170, 140),
    }
    assert sum(size.examples for sizes in PAPER_SIZES.values() for size in sizes) == 2171
    assert BenchmarkSettings().sizes("echr") == PAPER_SIZES["echr"]


def test_what_the_user_says_wins() -> None:
    settings = BenchmarkSettings.model_validate(
        {"max_prompt_tokens": 8000, "domains": {"echr": {"c1": 7, "prompt_tokens": 2000}, "mail": {"c0": 0}}}
    )
    assert [size.examples for size in settings.sizes("echr")] == [150, 7, 132]
    assert {size.prompt_tokens for size in settings.sizes("echr")} == {2000}
    assert settings.longest_text("echr") == 500
    assert settings.sizes("mail").c0.examples == 0
    assert {size.prompt_tokens for size in settings.sizes("mail")} == {8000}


@pytest.mark.parametrize(
    "wrong",
    [
        {"train_share": 1},
        {"near_duplicate": 0.1},
        {"min_clusters": 5, "max_clusters": 3},
        {"domains": {"echr": {"prompt_tokens": 50_000}}},
        {"domains": {"echr": {"tokens": 5}}},
        {"name": "no spaces"},
    ],
)
def test_impossible_sizes_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        BenchmarkSettings.model_validate(wrong)
