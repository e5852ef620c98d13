"""Which examples are chosen for reading."""

from __future__ import annotations

import random

from cluster_r1.core.evaluation import AnswerScore
from cluster_r1.eval.choosing import choose
from hypothesis import given
from hypothesis import strategies as st
from made_scores import failed, made_score


def ids(number: int, task: str = "court-a", split: str = "c1") -> list[str]:
    return [f"{split}/{task}/{place:03}" for place in range(number)]


def reasons(chosen: dict[str, list[str]], why: str) -> list[str]:
    return sorted(example for example, whys in chosen.items() if why in whys)


def test_successes_are_the_best_valid_answers_to_examples_that_are_not_small() -> None:
    names = ids(5)
    scores = [
        made_score(names[0], 1.0, n=3),
        made_score(names[1], 0.8),
        made_score(names[2], 0.9, n=12),
        made_score(names[3], 0.8),
        failed(names[4]),
    ]
    assert reasons(choose({"a": scores}), "success:a") == [names[1], names[2]]


def test_failures_are_the_worst_valid_answers_and_the_last_of_each_error() -> None:
    names = ids(8)
    errors = [failed(names[0], "missing"), failed(names[1], "tags"), failed(names[2], "missing")]
    valid = [made_score(name, v) for name, v in zip(names[3:], (0.1, 0.5, 0.2, 0.9, 1.0), strict=True)]
    assert reasons(choose({"a": [*errors, *valid]}), "failure:a") == [names[1], names[2], names[3], names[5]]


def test_a_perfect_entry_has_no_failure_and_a_worthless_one_no_success() -> None:
    perfect = [made_score(name, 1.0) for name in ids(6)]
    worthless = [made_score(name, 0.0) for name in ids(6)]
    chosen = choose({"perfect": perfect, "worthless": worthless})
    assert not reasons(chosen, "failure:perfect")
    assert not reasons(chosen, "success:worthless")
    assert len(reasons(chosen, "failure:worthless")) == 2


def test_examples_on_which_valid_answers_differ_most_are_disagreements() -> None:
    names = ids(20)
    first = [made_score(name, 0.5) for name in names]
    second = [made_score(name, 0.5 + place / 50) for place, name in enumerate(names)]
    third = [failed(name) for name in names]
    chosen = choose({"first": first, "second": second, "third": third})
    assert reasons(chosen, "disagreement") == names[-8:]


def test_every_cell_is_there_with_its_most_ordinary_examples() -> None:
    scores = [
        made_score(name, v)
        for task, split in (("court-a", "c0"), ("court-a", "c2"), ("chat-b", "c0"))
        for name, v in zip(ids(5, task, split), (0.1, 0.2, 0.5, 0.6, 0.9), strict=True)
    ]
    cells = reasons(choose({"a": scores}), "cell")
    assert len(cells) == 6
    assert {"c0/court-a/002", "c2/court-a/002", "c0/chat-b/002"} <= set(cells)


def test_the_first_answer_decides_since_it_is_the_one_that_is_shown() -> None:
    (name,) = ids(1)
    scores = [made_score(name, 1.0, sample=1), made_score(name, 0.3)]
    assert choose({"a": scores})[name] == ["success:a", "cell"]


def test_too_many_candidates_are_cut_from_all_four_kinds() -> None:
    names = ids(200)
    entries = {
        f"entry-{number}": [made_score(name, random.Random(f"{number}{name}").random()) for name in names]
        for number in range(20)
    }
    chosen = choose(entries, most=12)
    assert len(chosen) == 12
    kinds = {why.partition(":")[0] for whys in chosen.values() for why in whys}
    assert kinds == {"success", "failure", "disagreement", "cell"}


def test_nothing_scored_is_nothing_chosen() -> None:
    assert choose({}) == {}
    assert choose({"a": []}) == {}


SCORES = st.lists(
    st.builds(
        lambda number, task, v, n, error: made_score(
            f"c0/court-{task}/{number}", 0.0 if error else v, n=n, error=error
        ),
        st.integers(0, 9),
        st.sampled_from("ab"),
        st.sampled_from((0.0, 0.25, 0.5, 1.0)),
        st.integers(2, 5),
        st.sampled_from(("", "", "tags", "missing")),
    ),
    unique_by=lambda score: score.example,
    max_size=20,
)


@given(st.dictionaries(st.sampled_from(("x", "y", "z")), SCORES), st.integers(1, 10), st.randoms())
def test_the_choice_does_not_depend_on_the_order_of_entries_or_scores(
    entries: dict[str, list[AnswerScore]], most: int, rng: random.Random
) -> None:
    names = list(entries)
    rng.shuffle(names)
    shuffled = {name: rng.sample(entries[name], len(entries[name])) for name in names}
    chosen = choose(entries, most=most)
    assert list(choose(shuffled, most=most).items()) == list(chosen.items())
    assert len(chosen) <= most
    assert all(chosen.values())
