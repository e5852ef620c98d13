"""The labeling agents: one document, one vote (paper §4.1, stage 3; App. H.4).

Two labelers vote independently. With one model behind both they differ by prompt and by the order in which each
document sees the clusters. An order is one of a few rotations, chosen by the document's hash, so that an endpoint's
prefix cache meets the same few prompts again and again and position bias still shows.
"""

from __future__ import annotations

import random
from typing import Any, Literal

from ..core.consensus import Assignment
from ..core.documents import Document
from ..core.errors import ModelAnswerError
from ..core.settings import LabelingSettings
from ..core.taxonomy import NONE_FITS, Taxonomy
from ..core.tokens import cut_to_tokens
from ..llm.failures import CallFailed
from ..llm.protocol import ChatModel, ChatRequest, Message
from ..llm.structured import Unusable, ask, read_json
from .prompting import fenced, load_prompt
from .schemas import object_schema, string_schema

Labeler = Literal["labeler_a", "labeler_b"]
LABELERS: tuple[Labeler, Labeler] = ("labeler_a", "labeler_b")

_PROMPTS: dict[Labeler, str] = {"labeler_a": "labeling_a", "labeler_b": "labeling_b"}
_LONGEST_REASON = 240
_MARK = "\x00text\x00"


class LabelingAgent:
    """One labeler under one taxonomy. `orders[i]` is the i-th list of cluster names as a document is shown it."""

    def __init__(
        self, labeler: Labeler, model: ChatModel, taxonomy: Taxonomy, settings: LabelingSettings, seed: int = 0
    ) -> None:
        self.labeler: Labeler = labeler
        self.orders = cluster_orders(labeler, taxonomy, settings.orders, seed)
        self._model = model
        self._settings = settings
        self._subject = f"{taxonomy.task}/{taxonomy.fingerprint}"
        self._names = {name.casefold(): name for name in (*taxonomy.names, NONE_FITS)}
        self._places = [{name: place for place, name in enumerate(order)} for order in self.orders]
        self._schema = _schema(taxonomy, settings.reason)
        prompt = load_prompt(_PROMPTS[labeler])
        self.prompt = prompt.fingerprint
        described = {cluster.name: cluster for cluster in taxonomy.clusters}
        rendered = [
            prompt.messages(
                instruction=taxonomy.instruction,
                clusters=[described[name] for name in order],
                none_fits=NONE_FITS,
                reason=settings.reason,
                text=_MARK,
            )
            for order in self.orders
        ]
        self._system = [system for system, _ in rendered]
        self._before, self._after = rendered[0][1].content.split(_MARK)

    def order_of(self, document: Document) -> int:
        return document.key % len(self.orders)

    def is_cut(self, document: Document) -> bool:
        return cut_to_tokens(document.text, self._settings.document_tokens) != document.text

    async def label(self, document: Document) -> Assignment:
        """The labeler's vote; a document that gets no usable answer has `cluster` None and the error.

        The next run asks about it again.

        Raises CallFailed when no call to the endpoint can succeed, BudgetReached when nothing more may be spent.
        """
        order = self.order_of(document)
        try:
            (cluster, reason), asked = await ask(
                self._model,
                self._request(document, order),
                self._read,
                self._settings.attempts,
                self._subject_of(document),
                anew=True,
            )
        except CallFailed as failure:
            if failure.kind == "fatal":
                raise
            return self._unanswered(order, failure)
        except ModelAnswerError as error:
            return self._unanswered(order, error)
        return Assignment.model_construct(
            labeler=self.labeler,
            cluster=cluster,
            position=self._places[order].get(cluster),
            order=order,
            reason=reason,
            call=asked.reply.key,
            error=None,
        )

    def _subject_of(self, document: Document) -> str:
        return f"{self._subject}/{document.id}"

    def _unanswered(self, order: int, error: Exception) -> Assignment:
        return Assignment(labeler=self.labeler, cluster=None, order=order, error=str(error))

    def _request(self, document: Document, order: int) -> ChatRequest:
        text = fenced(cut_to_tokens(document.text, self._settings.document_tokens))
        user = Message("user", f"{self._before}{text}{self._after}")
        return ChatRequest((self._system[order], user), self._schema)

    def _read(self, text: str) -> tuple[str, str | None]:
        answer = read_json(text)
        if not isinstance(answer, dict) or not isinstance(answer.get("cluster"), str):
            raise Unusable('it must be a JSON object such as {"cluster": "..."}')
        cluster = self._names.get(" ".join(answer["cluster"].split()).casefold())
        if cluster is None:
            raise Unusable(
                f"{answer['cluster'][:80]!r} is not one of the clusters, which are {list(self._names.values())}"
            )
        reason = answer.get("reason")
        return cluster, str(reason) if reason else None


def cluster_orders(labeler: str, taxonomy: Taxonomy, count: int, seed: int) -> list[tuple[str, ...]]:
    """Up to `count` rotations of a shuffle that is the labeler's own, spread evenly over the list."""
    names = sorted(taxonomy.names)
    random.Random(f"{seed}/{labeler}/{taxonomy.fingerprint}").shuffle(names)
    count = min(count, len(names))
    starts = [index * len(names) // count for index in range(count)]
    return [tuple(names[start:] + names[:start]) for start in starts]


def _schema(taxonomy: Taxonomy, reason: bool) -> dict[str, Any]:
    properties: dict[str, Any] = {"cluster": {"type": "string", "enum": [*sorted(taxonomy.names), NONE_FITS]}}
    if reason:
        properties = {"reason": string_schema(1, _LONGEST_REASON), **properties}
    return object_schema(properties)
