"""The kinds of raw corpora that can be prepared: their rules, their hub data sets, and which one some columns fit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from . import echr, generic, lmsys, sp500
from .rules import Rule


class KindInfo(NamedTuple):
    """`hub` names the kind's data set on the hub, `config` its configuration and `splits` what is read of it.

    `shapes` are the columns that a row must have, one set a shape.
    """

    name: str
    about: str
    rules: tuple[Rule, ...]
    shapes: tuple[frozenset[str], ...] = ()
    hub: str | None = None
    config: str | None = None
    splits: tuple[str, ...] = ("train",)
    max_tokens: int | None = None


KINDS: dict[str, KindInfo] = {
    kind.name: kind
    for kind in (
        KindInfo(
            "lmsys",
            "LMSYS-Chat-1M: English dialogues of one or two turns (App. H.1)",
            lmsys.RULES,
            tuple(lmsys.Lmsys.shapes),
            "hf:lmsys/lmsys-chat-1m",
        ),
        KindInfo(
            "echr",
            "European Court of Human Rights: the facts of cases (App. H.2)",
            echr.RULES,
            tuple(echr.Echr.shapes),
            "hf:AUEB-NLP/ecthr_cases@refs/convert/parquet",
            "violation-prediction",
            ("train", "validation", "test"),
        ),
        KindInfo(
            "sp500",
            "annual reports on Form 10-K: one document an item (App. H.3)",
            sp500.RULES,
            tuple(sp500.Sp500.shapes),
            "hf:jlohding/sp500-edgar-10k",
            max_tokens=sp500.MAX_TOKENS,
        ),
        KindInfo("files", "any corpus, by the names of its columns", generic.RULES),
    )
}


def kind_of(columns: Iterable[str]) -> str | None:
    """The kind whose columns these are."""
    there = set(columns)
    return next((kind.name for kind in KINDS.values() if any(shape <= there for shape in kind.shapes)), None)
