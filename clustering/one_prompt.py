"""One generation over all texts, and whatever it says becomes a partition (paper §3; the repairs are ours).

An answer that is no partition is read as far as it can be. The model is then asked about the texts that it left out or
listed twice; where it says nothing usable, a text goes with the one whose words are most like its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..agents.naming import name_clusters
from ..agents.repairing import Grouping, RepairBounds, place_missing, settle_twice
from ..core.answer import Answer, AnswerError, answer_gbnf, answer_lines, parse_answer
from ..core.cluster_settings import AnswerForm
from ..core.clustering import Decided, Repairs
from ..core.errors import CorpusError, ModelAnswerError, SettingsError
from ..core.evaluation import Completion
from ..core.salvage import Clusters, salvage
from ..core.settings import ModelSettings
from ..core.taxonomy import Cluster
from ..core.tokens import cut_to_tokens, estimate_tokens
from ..corpora.sampling import word_vectors
from ..eval.forms import MOST_THOUGHT, Form, request, response
from ..llm.failures import CallFailed
from ..llm.protocol import ChatModel, ChatRequest, Reply
from ..llm.requests import request_body
from ..llm.structured import Unusable, ask
from .cluster_range import ClusterRange
from .item_labels import as_clusters, distinct_texts, standing_in, without_gaps

_SUBJECT = "clustering"
_ANSWER_SHOWN = 2000
_REPAIR_TOKENS = 3000
_FEWEST_REPAIR_TOKENS = 200
_CHARACTERS_PER_TOKEN = 3


class OnePrompt(NamedTuple):
    """How the texts are clustered.

    form: auto takes the grammar where the endpoint is known to read one.
    least, most: clusters, which the model is told in words; None leaves that side to the instruction.
    text_tokens: estimated, of one text in a prompt.
    thought_characters: of reasoning, in the forms that bound it; None leaves a grammar's unbounded.
    attempts: answers asked for by each question after the generation.
    named: ask for names and descriptions, else clusters are called by number.
    """

    form: AnswerForm = "auto"
    least: int | None = None
    most: int | None = None
    text_tokens: int = 500
    thought_characters: int | None = MOST_THOUGHT
    hint: bool = False
    attempts: int = 3
    named: bool = True


class PromptClusters(NamedTuple):
    """A partition without empty clusters: the 0-based cluster of each text, in order, and how each was decided."""

    labels: list[int]
    clusters: tuple[Cluster, ...]
    decided: list[Decided]
    repairs: Repairs
    trouble: tuple[str, ...] = ()


class _Partition(NamedTuple):
    """The same for texts that all differ, without names."""

    labels: list[int]
    decided: list[Decided]
    repairs: Repairs
    trouble: list[str]


class _Read(NamedTuple):
    """An answer as far as it could be read, and why it is no valid one."""

    clusters: Clusters
    error: AnswerError | None = None


async def cluster_in_one_prompt(
    model: ChatModel, instruction: str, texts: Sequence[str], how: OnePrompt
) -> PromptClusters:
    """Cluster the texts by the instruction. Texts that read the same are shown once.

    Raises CorpusError when there are no texts, EndpointError when the generation itself gets no answer or no call can
    succeed, and BudgetReached. Whatever the model answers, the result is a partition.
    """
    if not texts:
        raise CorpusError("there is no text to cluster")
    distinct, places = distinct_texts(texts)
    shown = [cut_to_tokens(text, how.text_tokens) for text in distinct]
    if len(distinct) == 1 or how.most == 1:
        found = _Partition([0] * len(shown), ["only"] * len(shown), Repairs(valid=True), [])
    else:
        found = await _Run(model, instruction, shown, how).partition()
    clusters = await _named(model, instruction, shown, found.labels, how)
    seen: set[int] = set()
    decided: list[Decided] = []
    for place in places:
        copied = place in seen and found.decided[place] != "only"
        decided.append("copied" if copied else found.decided[place])
        seen.add(place)
    trouble = (*found.trouble, *ClusterRange(how.least, how.most).trouble(len(clusters), len(distinct)))
    return PromptClusters([found.labels[place] for place in places], clusters, decided, found.repairs, trouble)


def fits_one_prompt(settings: ModelSettings, instruction: str, texts: Sequence[str], how: OnePrompt) -> bool:
    """Whether the prompt, by an estimate, leaves `max_tokens` in the context, and the answer's lists fit into those."""
    shown = [cut_to_tokens(text, how.text_tokens) for text in distinct_texts(texts)[0]]
    if not shown:
        return True
    lists = len(answer_lines(Answer.from_labels(range(len(shown)))))
    thought = (how.thought_characters or 0) // _CHARACTERS_PER_TOKEN
    if thought + lists // 2 > settings.max_tokens:
        return False
    asked = request(ClusterRange(how.least, how.most).told(instruction), shown, "free", how.hint)
    prompt = sum(estimate_tokens(message.content) for message in asked.messages)
    return prompt + settings.max_tokens <= settings.context_tokens


class _Run:
    """The generation and the questions after it, over texts that all differ."""

    def __init__(self, model: ChatModel, instruction: str, texts: Sequence[str], how: OnePrompt) -> None:
        self._model = _Counted(model)
        self._instruction = instruction
        self._texts = texts
        self._how = how
        self._range = ClusterRange(how.least, how.most)
        self._form: Form = _form(model, how)
        self._bounds = RepairBounds(_repair_tokens(model), how.text_tokens, how.attempts)

    async def partition(self) -> _Partition:
        answer = await self._generate()
        clusters = answer.clusters or await self._anew()
        standing = standing_in(clusters, len(self._texts))
        missing = [item for item, found in enumerate(standing, start=1) if not found]
        twice = {item: found for item, found in enumerate(standing, start=1) if len(found) > 1}
        way: Decided = "similar" if not clusters else "prompt" if answer.clusters else "repaired"
        decided: list[Decided] = [way] * len(self._texts)
        if clusters:
            labels, trouble = await self._repaired(clusters, standing, twice, decided), []
        else:
            labels = [0] * len(self._texts)
            trouble = ["no cluster could be read of any answer, so all texts are in one; try a larger model"]
        repairs = Repairs(
            valid=answer.error is None,
            problem=answer.error.kind if answer.error else None,
            detail=answer.error.detail if answer.error else "",
            missing=len(missing) if answer.clusters else len(self._texts),
            twice=len(twice) if answer.clusters else 0,
            unreadable=not answer.clusters,
            similar=decided.count("similar"),
            questions=self._model.calls - 1,
        )
        return _Partition(labels, decided, repairs, trouble)

    async def _generate(self) -> _Read:
        """The answer, or the better of two where the first has too few or too many clusters."""
        instruction, thought = self._range.told(self._instruction), self._how.thought_characters
        question = request(instruction, self._texts, self._form, self._how.hint, most_thought=thought)
        reply = await self._model.complete(question, _SUBJECT)
        answer = self._read(reply)
        if not answer.clusters or not self._range.missed_by(len(answer.clusters)):
            return answer
        complaint = f"It has {len(answer.clusters)} clusters. {self._range.words} Answer again, in the same form."
        try:
            second = await self._model.complete(question.answered(reply.text[:_ANSWER_SHOWN], complaint), _SUBJECT)
        except CallFailed as failure:
            if failure.kind == "fatal":
                raise
            return answer
        return min(answer, self._read(second), key=self._badness)

    def _read(self, reply: Reply) -> _Read:
        n = len(self._texts)
        completion = Completion(example="", text=reply.text, reasoning=reply.reasoning or "")
        text = response(completion, self._form, n)
        try:
            return _Read(parse_answer(text, n).clusters)
        except AnswerError as error:
            return _Read(salvage(text, n), error)

    def _badness(self, answer: _Read) -> tuple[bool, int, bool]:
        return not answer.clusters, self._range.missed_by(len(answer.clusters)), answer.error is not None

    async def _anew(self) -> Clusters:
        """All texts asked again as labels, since nothing could be read; () where that fails too."""
        n = len(self._texts)

        def read(text: str) -> Clusters:
            clusters = salvage(text, n)
            if not clusters:
                raise Unusable('it gives no text a cluster; it must be a JSON object such as {"text1": 2}')
            return clusters

        instruction, thought = self._range.told(self._instruction), self._how.thought_characters
        question = request(instruction, self._texts, "labels", sample=1, most_thought=thought)
        try:
            clusters, _ = await ask(self._model, question, read, self._how.attempts, _SUBJECT)
        except ModelAnswerError:
            return ()
        except CallFailed as failure:
            if failure.kind == "fatal":
                raise
            return ()
        return clusters

    async def _repaired(
        self, clusters: Clusters, standing: Sequence[list[int]], twice: dict[int, list[int]], decided: list[Decided]
    ) -> list[int]:
        """0-based labels without gaps; `decided` is changed for the texts that had no single cluster."""
        labels = [found[0] if len(found) == 1 else -1 for found in standing]
        grouping = Grouping(self._instruction, self._texts, clusters)
        settled = await settle_twice(self._model, grouping, twice, self._bounds)
        self._place(labels, settled, twice, decided)
        labels = without_gaps(labels)
        grouping = grouping._replace(clusters=as_clusters(labels))
        missing = dict.fromkeys((item for item, label in enumerate(labels, start=1) if label < 0), ())
        placed = await place_missing(self._model, grouping, list(missing), self._how.most, self._bounds)
        self._place(labels, placed, missing, decided)
        return without_gaps(labels)

    def _place(
        self,
        labels: list[int],
        answers: dict[int, int],
        asked: dict[int, list[int]] | dict[int, tuple[()]],
        decided: list[Decided],
    ) -> None:
        """Write answers into `labels`; a text without one goes with a text like it, within the choices it had."""
        for item in asked:
            decided[item - 1] = "repaired" if item in answers else "similar"
            labels[item - 1] = answers.get(item, -1)
        known = np.array(labels)
        for item, choices in asked.items():
            if item not in answers:
                labels[item - 1] = self._similar(item, known, choices)

    def _similar(self, item: int, labels: NDArray[np.int64], choices: Sequence[int]) -> int:
        allowed = np.isin(labels, choices) if choices else labels >= 0
        if not allowed.any():
            return choices[0]
        alike = np.where(allowed, self._vectors @ self._vectors[item - 1], -1.0)
        return int(labels[alike.argmax()])

    @cached_property
    def _vectors(self) -> NDArray[np.float32]:
        return word_vectors(self._texts)


class _Counted:
    """A model that counts the calls that were asked of it."""

    def __init__(self, model: ChatModel) -> None:
        self._model = model
        self.calls = 0

    @property
    def name(self) -> str:
        return self._model.name

    async def complete(self, request: ChatRequest, subject: str = "") -> Reply:
        self.calls += 1
        return await self._model.complete(request, subject)


async def _named(
    model: ChatModel, instruction: str, texts: Sequence[str], labels: Sequence[int], how: OnePrompt
) -> tuple[Cluster, ...]:
    clusters = [[texts[item - 1] for item in items] for items in as_clusters(labels)]
    if how.named and len(texts) > 1:
        bounds = RepairBounds(_repair_tokens(model), how.text_tokens, how.attempts)
        return await name_clusters(model, instruction, clusters, bounds)
    return tuple(Cluster(name=f"Cluster {number}") for number in range(1, len(clusters) + 1))


def _form(model: ChatModel, how: OnePrompt) -> Form:
    if how.form != "auto":
        return how.form
    settings = _settings(model)
    if settings is None:
        return "free"
    try:
        request_body(settings, ChatRequest((), grammar=answer_gbnf(1)))
    except SettingsError:
        return "free"
    return "grammar"


def _repair_tokens(model: ChatModel) -> int:
    """Half of the context beside the answer: the other half is for what is said when an answer is asked again."""
    settings = _settings(model)
    if settings is None:
        return _REPAIR_TOKENS
    room = (settings.context_tokens - settings.max_tokens) // 2
    return max(_FEWEST_REPAIR_TOKENS, min(_REPAIR_TOKENS, room))


def _settings(model: ChatModel) -> ModelSettings | None:
    """What is known of the endpoint: a LedgeredModel tells."""
    settings = getattr(model, "settings", None)
    return settings if isinstance(settings, ModelSettings) else None
