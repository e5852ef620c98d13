"""What a model may answer for texts with known gold clusters: right, wrong, damaged, or no answer at all."""

from __future__ import annotations

from typing import NamedTuple

from cluster_r1.core.answer import Answer, render_answer
from hypothesis import strategies as st

FRAGMENTS = (
    *("<think>", "</think>", "<answer>", "</answer>", "Total clusters: [2]", "cluster1: [1]", "cluster", "\n"),
    *("[", "]", ",", ":", "0", "1", "9" * 5000, "１", "٣", "²", "-1", "1.0", "\u2028", "\x00", "\ud800", "🙈"),
)


class Case(NamedTuple):
    """A response and the gold clusters of the items that were asked about."""

    text: str
    gold: list[str | int]


labelings = st.lists(st.integers(0, 6), min_size=1, max_size=40)
anything = st.text(st.characters(codec=None), max_size=80)


@st.composite
def labeling_pairs(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    """Two labelings of the same items, all in one cluster and each in its own among them."""
    gold = draw(labelings)
    label = st.integers(0, 6)
    same_length = st.lists(label, min_size=len(gold), max_size=len(gold))
    degenerate = st.sampled_from([[0] * len(gold), list(range(len(gold))), gold])
    predicted = draw(same_length | degenerate)
    return draw(st.sampled_from([(gold, predicted), (predicted, gold)]))


@st.composite
def cases(draw: st.DrawFn) -> Case:
    gold, predicted = draw(labeling_pairs())
    named: list[str | int] = [f"label {label}" if label % 2 else label for label in gold]
    text = render_answer(Answer.from_labels(predicted), "why")
    for _ in range(draw(st.sampled_from([0, 0, 1, 3]))):
        start = draw(st.integers(0, len(text)))
        end = draw(st.integers(start, min(len(text), start + 9)))
        text = text[:start] + draw(st.sampled_from(["", text[start:end] * 2, *FRAGMENTS])) + text[end:]
    return Case(draw(st.just(text) | st.just(text) | anything), named)
