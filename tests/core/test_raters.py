"""Agreement of many people against `krippendorff`, the two-rater statistics, counting by hand and a plain bootstrap."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import krippendorff
import numpy as np
import pytest
from cluster_r1.core.agreement import ClusterAgreement, Interval, confusion_matrix, measure_agreement
from cluster_r1.core.raters import RaterAgreement, measure_raters
from hypothesis import given
from hypothesis import strategies as st

Units = list[dict[str, str]]

PEOPLE = ("ada", "ben", "cyd", "dan")
LABELS = ("a", "b", "c", "none fits")
UNDEFINED = Interval(None, None, None)

units_of_people = st.lists(st.dictionaries(st.sampled_from(PEOPLE), st.sampled_from(LABELS)), max_size=40)


def krippendorff_of(units: Units) -> float | None:
    """None where the package's own result has no meaning: one label, or nobody to compare with."""
    pairable = [unit for unit in units if len(unit) >= 2]
    if len({label for unit in pairable for label in unit.values()}) < 2:
        return None
    table = [[LABELS.index(unit[p]) if p in unit else np.nan for unit in units] for p in PEOPLE]
    return float(krippendorff.alpha(reliability_data=table, level_of_measurement="nominal"))


def answer_pairs(units: Units) -> list[list[tuple[str, str]]]:
    return [list(itertools.combinations(unit.values(), 2)) for unit in units if len(unit) >= 2]


def noisy_units(count: int, people: Sequence[str] = PEOPLE, seed: int = 0) -> Units:
    rng = np.random.default_rng(seed)
    units = []
    for _ in range(count):
        right = str(rng.choice(LABELS))
        unit = {p: right if rng.random() < 0.8 else str(rng.choice(LABELS)) for p in people if rng.random() < 0.7}
        units.append(unit)
    return units


def width(interval: Interval) -> float:
    assert interval.low is not None
    assert interval.high is not None
    return interval.high - interval.low


@given(units_of_people)
def test_alpha_is_the_one_of_krippendorff(units: Units) -> None:
    expected = krippendorff_of(units)
    found = measure_raters(units, resamples=0).alpha.value
    assert found == (None if expected is None else pytest.approx(expected, abs=1e-9))


def test_alpha_of_the_published_example() -> None:
    """Krippendorff (2011), Computing Krippendorff's Alpha-Reliability, section C: nominal, four observers."""
    observers = {
        "a": [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
        "b": [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
        "c": [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
        "d": [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
    }
    units = [{who: str(given[n]) for who, given in observers.items() if given[n] is not None} for n in range(12)]
    found = measure_raters(units, resamples=0)
    assert found.alpha.value == pytest.approx(0.743, abs=5e-4)
    assert (found.units, found.answers) == (11, 40)


@given(units_of_people)
def test_raw_agreement_is_the_mean_of_the_documents_agreeing_pairs(units: Units) -> None:
    shares = [sum(a == b for a, b in pairs) / len(pairs) for pairs in answer_pairs(units)]
    found = measure_raters(units, resamples=0).raw.value
    assert found == (pytest.approx(np.mean(shares)) if shares else None)


@given(units_of_people)
def test_clusters_count_pairs_of_answers(units: Units) -> None:
    pairs = [pair for document in answer_pairs(units) for pair in document]
    expected = []
    for label in sorted({label for pair in pairs for label in pair}):
        both = sum(pair == (label, label) for pair in pairs)
        either = sum(label in pair for pair in pairs)
        expected.append(ClusterAgreement(label, both, either, both / either))
    assert list(measure_raters(units, resamples=0).clusters) == expected


@given(st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from(LABELS)), min_size=1, max_size=40))
def test_two_people_are_measured_as_two_labelers_are(answers: list[tuple[str, str]]) -> None:
    labels = sorted({label for pair in answers for label in pair})
    expected = measure_agreement(confusion_matrix(answers, labels), labels, resamples=50)
    found = measure_raters([{"ada": a, "ben": b} for a, b in answers], resamples=50)
    assert found.raw.value == pytest.approx(expected.raw.value)
    assert found.alpha.value == (None if expected.alpha.value is None else pytest.approx(expected.alpha.value))
    assert found.clusters == expected.clusters
    assert [(p.first, p.second, p.agreement) for p in found.pairs] == [("ada", "ben", expected)]


@given(units_of_people)
def test_pairs_are_those_who_answered_something_both(units: Units) -> None:
    found = measure_raters(units, resamples=0)
    shared = {pair for unit in units for pair in itertools.combinations(sorted(unit), 2)}
    assert [(p.first, p.second) for p in found.pairs] == sorted(shared)
    for pair in found.pairs:
        answers = [(u[pair.first], u[pair.second]) for u in units if pair.first in u and pair.second in u]
        labels = sorted({label for answer in answers for label in answer})
        assert pair.agreement == measure_agreement(confusion_matrix(answers, labels), labels, resamples=0)


@given(units_of_people, st.randoms())
def test_order_and_names_change_nothing(units: Units, random: object) -> None:
    shuffled = list(units)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    renamed = [{f"{person} 2": label for person, label in unit.items()} for unit in shuffled]
    first, second = measure_raters(units, resamples=0), measure_raters(renamed, resamples=0)
    assert first.alpha.value == pytest.approx(second.alpha.value)
    assert first.raw.value == pytest.approx(second.raw.value)
    assert first.clusters == second.clusters


def test_the_intervals_are_those_of_a_plain_bootstrap() -> None:
    units = noisy_units(120)
    found = measure_raters(units, resamples=2000)
    pairable = [unit for unit in units if len(unit) >= 2]
    rng = np.random.default_rng(1)
    plain = [
        measure_raters([pairable[i] for i in rng.integers(0, len(pairable), len(pairable))], resamples=0)
        for _ in range(400)
    ]
    for interval, values in (
        (found.alpha, [p.alpha.value for p in plain]),
        (found.raw, [p.raw.value for p in plain]),
    ):
        low, high = np.quantile(np.array(values, dtype=float), [0.025, 0.975])
        assert interval.low == pytest.approx(low, abs=0.03)
        assert interval.high == pytest.approx(high, abs=0.03)


def test_the_interval_narrows_with_documents_and_widens_with_confidence() -> None:
    few, many = measure_raters(noisy_units(40)), measure_raters(noisy_units(1000))
    assert width(many.alpha) < width(few.alpha) / 2
    assert width(measure_raters(noisy_units(40), confidence=0.99).alpha) > width(few.alpha)


def test_the_same_seed_gives_the_same_numbers() -> None:
    units = noisy_units(60)
    assert measure_raters(units, seed=3) == measure_raters(units, seed=3)
    assert measure_raters(units, seed=3).alpha != measure_raters(units, seed=4).alpha


@pytest.mark.parametrize("units", [[], [{}], [{"ada": "a"}], [{"ada": "a"}, {"ben": "a"}]])
def test_nothing_to_compare_is_undefined(units: Units) -> None:
    found = measure_raters(units)
    assert (found.units, found.answers) == (0, 0)
    assert (found.raw, found.alpha) == (UNDEFINED, UNDEFINED)
    assert (found.clusters, found.pairs) == ((), ())
    assert set(found.annotators) == {person for unit in units for person in unit}


def test_one_label_has_raw_agreement_and_no_alpha() -> None:
    found = measure_raters([dict.fromkeys(PEOPLE, "a")] * 5)
    assert found.raw == Interval(1.0, 1.0, 1.0)
    assert found.alpha == UNDEFINED


def test_one_document_has_no_width() -> None:
    found = measure_raters([{"ada": "a", "ben": "b", "cyd": "a"}])
    assert found.raw.value == found.raw.low == found.raw.high == pytest.approx(1 / 3)
    assert found.alpha.value == found.alpha.low == found.alpha.high


def test_it_survives_json() -> None:
    found = measure_raters(noisy_units(30), resamples=20)
    assert RaterAgreement.model_validate_json(found.model_dump_json()) == found
