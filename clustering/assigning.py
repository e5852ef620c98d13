"""The chunk function: some documents and a taxonomy become rows, whichever process runs it.

A text goes by what is known of it already, else by the classifier where that is sure enough, else the model chooses.
Texts that read the same are asked about once.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ..agents.labeling import LABELERS, LabelingAgent
from ..core.clustering import AssignedText
from ..core.consensus import Assignment
from ..core.documents import Document
from ..core.settings import LabelingSettings
from ..core.taxonomy import NONE_FITS, Taxonomy
from ..core.tokens import cut_to_tokens
from ..eval.embedders.interface import Options
from ..eval.embedders.registry import embedder
from ..graphs.labeling import vote_on
from ..llm.protocol import ChatModel
from .classifier import Choices, Classifier, to_ask
from .layout import TextVectors

_PLAIN = Options(template="none")


class Numbered(NamedTuple):
    """A document and its place in the corpus."""

    row: int
    document: Document


@dataclass(frozen=True)
class Assigner:
    """What the chunk function works with. `agents` vote on a text that the model is asked about, one vote each.

    `asked` is the share of a chunk that the model is asked about at most; `labelled` are clusters by document key that
    the model chose before.
    """

    agents: Sequence[LabelingAgent]
    in_flight: int
    classifier: Classifier | None = None
    vectors: TextVectors | None = None
    asked: float = 1.0
    labelled: dict[int, str] = field(default_factory=dict)
    answered: Callable[[int], None] = lambda _: None

    async def assign(self, documents: Sequence[Numbered]) -> list[AssignedText]:
        """A row for each document, in order.

        Raises CallFailed when no call to the endpoint can succeed, BudgetReached when nothing more may be spent.
        """
        firsts = _firsts(documents)
        rows: dict[int, AssignedText] = {}
        unknown: list[int] = []
        for place in sorted(set(firsts.values())):
            known = self.labelled.get(documents[place].document.key)
            if known is None:
                unknown.append(place)
            else:
                rows[place] = _row(documents[place], known, self._cut(documents[place]))
        rows |= await self._decided(documents, unknown)
        self.answered(len(documents) - len(unknown))
        return [_copied(documents[place], rows[first], first == place) for place, first in firsts.items()]

    async def _decided(self, documents: Sequence[Numbered], places: Sequence[int]) -> dict[int, AssignedText]:
        """Rows of the documents at these places, by place."""
        if self.classifier is None or not places:
            return await self._by_model(documents, places, None)
        texts = [documents[place].document.text for place in places]
        choices = await asyncio.to_thread(self._choices, texts)
        asks = to_ask(choices.probability, self.classifier.threshold, self.asked)
        sure = [n for n in range(len(places)) if not asks[n]]
        rows = {places[n]: _classified(documents[places[n]], choices, n, self._cut(documents[places[n]])) for n in sure}
        self.answered(len(sure))
        beside = {places[n]: choices.names[n] for n in range(len(places)) if asks[n]}
        return rows | await self._by_model(documents, list(beside), beside)

    def _choices(self, texts: Sequence[str]) -> Choices:
        if self.classifier is None or self.vectors is None:
            raise ValueError("a classifier needs the embedder that it was trained on")
        return self.classifier.choose(self.vectors(texts))

    async def _by_model(
        self, documents: Sequence[Numbered], places: Sequence[int], beside: dict[int, str] | None
    ) -> dict[int, AssignedText]:
        """`beside` holds what the classifier would have said, the runner-up where the model says something else."""
        asked = [documents[place].document for place in places]
        votes = [await vote_on(self.agents[0], asked, self.in_flight, lambda _: self.answered(1))]
        votes += [await vote_on(agent, asked, self.in_flight, lambda _: None) for agent in self.agents[1:]]
        return {
            place: _voted(documents[place], cast, self._cut(documents[place]), (beside or {}).get(place))
            for place, cast in zip(places, zip(*votes, strict=True), strict=True)
        }

    def _cut(self, numbered: Numbered) -> bool:
        return self.agents[0].is_cut(numbered.document)


def check_embedder(name: str) -> None:
    """Raises SettingsError for an embedder that there is not; nothing is loaded."""
    embedder(name, _PLAIN)


def text_vectors(embedder_name: str, tokens: int) -> TextVectors:
    """Vectors of the texts alone, cut as in prompts: the instruction is in the labels that the classifier learns.

    Raises SettingsError for an embedder that there is not.
    """
    plain = embedder(embedder_name, _PLAIN)
    return lambda texts: plain.embed("", [cut_to_tokens(text, tokens) for text in texts])


def voters(
    model: ChatModel, taxonomy: Taxonomy, labeling: LabelingSettings, votes: int, seed: int
) -> list[LabelingAgent]:
    """An agent for each vote, with another prompt or another order of the clusters than the one before."""
    return [LabelingAgent(LABELERS[n % 2], model, taxonomy, labeling, seed + n // 2) for n in range(votes)]


def _firsts(documents: Sequence[Numbered]) -> dict[int, int]:
    """For each place the first place with the same text."""
    seen: dict[str, int] = {}
    return {place: seen.setdefault(numbered.document.text, place) for place, numbered in enumerate(documents)}


def _copied(numbered: Numbered, row: AssignedText, itself: bool) -> AssignedText:
    if itself:
        return row
    decided = row.decided if row.decided == "unanswered" else "copied"
    document = numbered.document
    return row._replace(row=numbered.row, key=document.key, document_id=document.id, decided=decided)


def _row(numbered: Numbered, cluster: str, cut: bool) -> AssignedText:
    document = numbered.document
    fits = None if cluster == NONE_FITS else cluster
    return AssignedText(numbered.row, document.key, document.id, fits, "model", cut=cut)


def _classified(numbered: Numbered, choices: Choices, n: int, cut: bool) -> AssignedText:
    row = _row(numbered, choices.names[n], cut)
    return row._replace(
        decided="classifier", confidence=round(float(choices.probability[n]), 4), second=_fitting(choices.second[n])
    )


def _voted(numbered: Numbered, votes: Sequence[Assignment], cut: bool, classified: str | None) -> AssignedText:
    cast = [vote.cluster for vote in votes if vote.cluster is not None]
    if not cast:
        error = next((vote.error for vote in votes if vote.error), None)
        return _row(numbered, NONE_FITS, cut)._replace(decided="unanswered", error=error)
    (chosen, count), *others = Counter(cast).most_common()
    runner_up = others[0][0] if others else classified
    return _row(numbered, chosen, cut)._replace(
        confidence=round(count / len(cast), 4) if len(votes) > 1 else None,
        second=_fitting(runner_up) if runner_up != chosen else None,
    )


def _fitting(name: str | None) -> str | None:
    return None if name == NONE_FITS else name
