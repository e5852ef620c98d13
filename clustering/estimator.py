"""The clustering agent as a scikit-learn estimator: `InstructionClusterer("Cluster by topic.", model=…).fit(texts)`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.utils.validation import check_is_fitted

from ..core.cluster_settings import Assign
from ..core.documents import document_key
from ..core.settings import ModelSettings
from .api import assign_texts, checked_text, chosen_model, cluster


class InstructionClusterer(ClusterMixin, BaseEstimator):
    """Clusters texts by an instruction; the parameters are those of `cluster_r1.cluster`.

    n_clusters: how many, or (least, most); None leaves it to the instruction. settings: other fields of
    ClusterSettings, such as {"votes": 3}.

    After `fit`: labels_ (n_texts,), a place in clusters_ for each text or -1; clusters_, with names and descriptions;
    n_clusters_; result_, the figures of the run.
    """

    def __init__(
        self,
        instruction: str = "",
        *,
        model: str | ModelSettings | None = None,
        base_url: str | None = None,
        api_key_env: str | None = None,
        serve: str | None = None,
        n_clusters: int | tuple[int, int] | None = None,
        assign: Assign = "llm",
        out: str | Path | None = None,
        progress: bool = False,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.instruction = instruction
        self.model = model
        self.base_url = base_url
        self.api_key_env = api_key_env
        self.serve = serve
        self.n_clusters = n_clusters
        self.assign: Assign = assign
        self.out = out
        self.progress = progress
        self.settings = settings

    def fit(self, X: Any, y: object = None) -> InstructionClusterer:
        """X: (n_texts,) strings: a list, an array, a pandas Series; y is ignored.

        Raises ValueError for another shape, and what `cluster_r1.cluster` raises.
        """
        texts = _texts(X)
        found = cluster(
            texts,
            self.instruction,
            model=self.model,
            base_url=self.base_url,
            api_key_env=self.api_key_env,
            serve=self.serve,
            clusters=self.n_clusters,
            assign=self.assign,
            out=self.out,
            progress=self.progress,
            **(self.settings or {}),
        )
        self.labels_: NDArray[np.int64] = np.asarray(found.labels, dtype=np.int64)
        self.clusters_ = found.clusters
        self.n_clusters_ = len(found.clusters)
        self.result_ = found.result
        keys = np.fromiter(map(_key, texts), np.uint64, len(texts))
        self._keys, first = np.unique(keys, return_index=True)
        self._labels_of_keys = self.labels_[first]
        return self

    def predict(self, X: Any) -> NDArray[np.int64]:
        """Labels of texts in the clusters found; a text that `fit` saw keeps its label, others are asked about.

        No cluster is added, and a result that `out` keeps stays as it is.
        """
        check_is_fitted(self)
        texts = _texts(X)
        keys = np.fromiter(map(_key, texts), np.uint64, len(texts))
        places = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        seen = self._keys[places] == keys
        labels = np.where(seen, self._labels_of_keys[places], -1)
        others = [place for place in np.flatnonzero(~seen) if texts[place].strip()]
        if others:
            labels[others] = self._assigned([texts[place] for place in others])
        return labels

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.no_validation = True
        return tags

    def _assigned(self, texts: Sequence[str]) -> list[int]:
        if self.n_clusters_ == 1:
            return [0] * len(texts)
        model = chosen_model(self.model, self.base_url, self.api_key_env, self.serve)
        settings = {"assign": self.assign, **(self.settings or {})}
        return assign_texts(texts, self.instruction, self.clusters_, model, **settings)


def _texts(X: Any) -> list[str]:
    """The texts of a list, an array or a Series."""
    array = np.asarray(X, dtype=object)
    if array.ndim != 1:
        raise ValueError(
            f"expected a 1-D list or array of texts, got {type(X).__name__} of shape {array.shape}; of a table pass one"
            " column, such as X['text'], and of an iterator list(X)"
        )
    return [checked_text(number, text) for number, text in enumerate(array.tolist())]


def _key(text: str) -> int:
    return document_key("", text.strip())
