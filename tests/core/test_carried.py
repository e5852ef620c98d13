"""The plan of a carry-over on disk, and the interval of its recheck against scipy's."""

import pytest
from cluster_r1.core.agreement import Interval
from cluster_r1.core.carried import CarryPlan, Rechecked, wilson_interval
from cluster_r1.core.taxonomy import TaxonomyDiff
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.sampled_from([0.9, 0.95]))
def test_the_interval_is_the_one_of_scipy(drawn: tuple[int, int], confidence: float) -> None:
    hits, trials = drawn
    expected = binomtest(hits, trials).proportion_ci(confidence, method="wilson")
    found = wilson_interval(hits, trials, confidence)
    assert found.value == hits / trials
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_the_interval_of_nothing_is_undefined() -> None:
    assert wilson_interval(0, 0) == Interval(None, None, None)


def test_no_change_among_few_documents_does_not_claim_certainty() -> None:
    found = wilson_interval(50, 50)
    assert (found.value, found.high) == (1, 1)
    assert found.low == pytest.approx(0.9287, abs=1e-4)


def test_a_plan_survives_json() -> None:
    diff = TaxonomyDiff(("new",), (), ("fees",), False, (("a", "b"),))
    plan = CarryPlan(source="0" * 16, version=1, diff=diff, recheck=(Rechecked(2**64 - 1, "kept", "b"),))
    read = CarryPlan.model_validate_json(plan.model_dump_json())
    assert read == plan
    assert read.diff.renamed == (("a", "b"),)
    assert read.recheck[0].key == 2**64 - 1
