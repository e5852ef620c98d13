"""The scikit-learn estimator: its own behaviour, and scikit-learn's checks as far as they speak of texts.

scikit-learn 1.9 runs next to none of its checks on an estimator that takes no table. The others run here on a subclass
that writes every row of a table as a text.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from cluster_r1 import InstructionClusterer
from cluster_r1.core.errors import CorpusError, SettingsError
from cluster_r1.llm.testing.process import RunningEndpoint
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import check_estimator

TOPICS = ("cards", "loans", "fees")


@pytest.fixture
def clusterer(endpoint: RunningEndpoint) -> InstructionClusterer:
    return InstructionClusterer("Cluster by topic.", model="stand-in", base_url=endpoint.base_url)


def texts(count: int) -> list[str]:
    return [f"{n} {TOPICS[n % 3]}" for n in range(count)]


def test_fit_predict_gives_a_label_for_each_text(clusterer: InstructionClusterer) -> None:
    labels = clusterer.fit_predict(texts(9))
    assert labels.tolist() == [0, 1, 2] * 3
    assert labels.dtype == np.int64
    assert clusterer.labels_ is labels
    assert clusterer.n_clusters_ == len(clusterer.clusters_) == 3
    assert clusterer.result_.documents == 9


def test_fit_returns_the_estimator(clusterer: InstructionClusterer) -> None:
    assert clusterer.fit(texts(3), y=[1, 2, 3]) is clusterer


@pytest.mark.parametrize("kind", [tuple, np.array, lambda given: np.array(given, dtype=object)])
def test_texts_may_be_any_one_dimensional_thing(kind: Callable[[list[str]], Any], clusterer: Any) -> None:
    assert clusterer.fit_predict(kind(texts(6))).tolist() == [0, 1, 2] * 2


def test_texts_may_be_a_pandas_series(clusterer: InstructionClusterer) -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"text": texts(6)}, index=range(100, 106))
    assert clusterer.fit_predict(table["text"]).tolist() == [0, 1, 2] * 2
    with pytest.raises(ValueError, match=r"one column, such as X\['text'\]"):
        clusterer.fit(table)


@pytest.mark.parametrize("given", ["one text", [["a"], ["b"]], np.zeros((2, 2)), iter(["a", "b"]), 3, None])
def test_another_shape_is_refused(given: Any, clusterer: InstructionClusterer) -> None:
    with pytest.raises(ValueError, match="expected a 1-D list or array of texts"):
        clusterer.fit(given)


@pytest.mark.parametrize("given", [["a", 2.0], [1, 2], ["a", None], np.zeros(3)])
def test_what_is_no_text_is_refused_with_its_place(given: Any, clusterer: InstructionClusterer) -> None:
    with pytest.raises(CorpusError, match=r"texts\[\d\] is"):
        clusterer.fit(given)
    with pytest.raises(CorpusError, match=r"texts\[\d\] is"):
        clusterer.fit(texts(3)).predict(given)


def test_new_texts_go_into_the_clusters_that_are_there(
    endpoint: RunningEndpoint, clusterer: InstructionClusterer
) -> None:
    clusterer.fit(texts(9))
    calls = endpoint.stats().calls
    assert clusterer.predict(["  1 loans ", *texts(3)]).tolist() == [1, 0, 1, 2]
    assert endpoint.stats().calls == calls, "texts that were seen keep their label"
    assert clusterer.predict(["70 fees"]).tolist() == [2]
    assert endpoint.stats().calls > calls
    assert clusterer.predict(["80 loans", "80 loans", ""]).tolist() == [1, 1, -1]
    assert clusterer.predict([" "]).tolist() == [-1]
    assert clusterer.predict([]).tolist() == []


def test_one_cluster_takes_every_new_text_without_a_call(
    endpoint: RunningEndpoint, clusterer: InstructionClusterer
) -> None:
    clusterer.set_params(n_clusters=1).fit(texts(4))
    calls = endpoint.stats().calls
    assert clusterer.predict(["Something else."]).tolist() == [0]
    assert endpoint.stats().calls == calls


def test_parameters_reach_the_run(clusterer: InstructionClusterer) -> None:
    clusterer.set_params(n_clusters=(2, 5), settings={"prompt_texts": 4}).fit(texts(12))
    assert clusterer.result_.way == "taxonomy"
    with pytest.raises(SettingsError, match="min_clusters 5 is larger"):
        clusterer.set_params(n_clusters=(5, 2)).fit(texts(4))


def test_a_fitted_one_can_be_pickled_and_cloned(clusterer: InstructionClusterer) -> None:
    clusterer.fit(texts(6))
    again = pickle.loads(pickle.dumps(clusterer))
    assert again.predict(texts(6)).tolist() == clusterer.labels_.tolist()
    with pytest.raises(NotFittedError):
        clone(clusterer).predict(texts(1))


def test_it_ends_a_pipeline(clusterer: InstructionClusterer) -> None:
    lower = FunctionTransformer(lambda given: [text.lower() for text in given])
    assert make_pipeline(lower, clusterer).fit_predict(texts(6)).tolist() == [0, 1, 2] * 2


@pytest.mark.parametrize("changed", [{"instruction": ""}, {"model": None}])
def test_what_is_missing_is_said_when_it_is_fitted(changed: dict[str, Any], clusterer: InstructionClusterer) -> None:
    with pytest.raises(SettingsError):
        clusterer.set_params(**changed).fit(texts(3))


class OverRows(InstructionClusterer):
    """Takes tables, whose rows it reads as texts of rounded numbers, so that scikit-learn's checks have their data."""

    def fit(self, X: Any, y: object = None) -> OverRows:
        return super().fit(self._rows(X, reset=True), y)

    def predict(self, X: Any) -> Any:
        return super().predict(self._rows(X, reset=False))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        tags.input_tags.one_d_array = tags.input_tags.string = False
        tags.no_validation = False
        return tags

    def _rows(self, X: Any, reset: bool) -> list[str]:
        from sklearn.utils.validation import check_is_fitted, validate_data

        if not reset:
            check_is_fitted(self)
        table = validate_data(self, X, reset=reset, dtype=np.float64)
        return [" ".join(f"n{place}v{round(value)}" for place, value in enumerate(row)) for row in table]


EXPECTED = {
    "check_clustering": "wants the blobs of a plane back; the stand-in for a model goes by words, not by distances"
}


@pytest.mark.filterwarnings("ignore:Can't test estimator:sklearn.exceptions.SkipTestWarning")
def test_scikit_learn_s_checks_of_a_text_estimator_pass(clusterer: InstructionClusterer) -> None:
    results = check_estimator(clusterer, on_skip=None)
    assert {result["status"] for result in results} == {"passed"}


@pytest.mark.slow
def test_scikit_learn_s_other_checks_pass_over_rows(clusterer: InstructionClusterer) -> None:
    results = check_estimator(
        OverRows(**clusterer.get_params()), on_fail=None, on_skip=None, expected_failed_checks=EXPECTED
    )
    failed = {
        result["check_name"]: repr(result["exception"])[:300] for result in results if result["status"] == "failed"
    }
    assert failed == {}
    assert sum(result["status"] == "passed" for result in results) > 30
