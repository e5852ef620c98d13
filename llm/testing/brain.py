"""A deterministic stand-in for a language model: it answers by the words it sees, the same way every time.

Labels go by words that a document and a label share, proposals by the texts' frequent words. It makes a pipeline's
results look sane and reproducible; it says nothing about how a real model would do.
"""

from __future__ import annotations

from typing import Any

import orjson

from ...core.answer import Answer, render_answer
from ..protocol import ChatRequest
from .conversation import Conversation, read_conversation, requested_schema, texts_in
from .instances import instance_of
from .traces import judgement, written_trace
from .words import frequent_words, stem, stems
from .writer import Writer

_GROUPS = 4


def answer(body: dict[str, Any], noise: float = 0.0) -> str:
    """The stand-in's answer to an OpenAI chat body.

    Asked for a JSON schema it gives an instance; asked for `Total clusters`, the canonical answer for the texts it
    sees; asked for a trace, one to the clusters that it is told. `noise` is the share of (labeler, document) pairs
    that get another label than the document's words suggest, of flags that are False, and of traces that lean on
    their answer. Raises BadBody, or UnsupportedSchema.
    """
    return answer_conversation(read_conversation(body), body, noise)


def answer_conversation(conversation: Conversation, body: dict[str, Any], noise: float = 0.0) -> str:
    """`answer` for a body that was read already."""
    schema = requested_schema(body, conversation)
    if schema is not None:
        return (
            judgement(schema, conversation) or orjson.dumps(instance_of(schema, Writer(conversation, noise))).decode()
        )
    trace = written_trace(conversation, noise)
    if trace is not None:
        return trace
    if any("Total clusters" in text for text in conversation.said):
        texts = texts_in(conversation.prompt)
        if texts:
            return _clustering(texts)
    words = frequent_words([conversation.document])
    return f"This is about {words[0] if words else 'nothing in particular'}."


def answer_request(request: ChatRequest, noise: float = 0.0, model: str = "stand-in") -> str:
    """The same for a ChatRequest: `ScriptedModel(answer_request)` is the stand-in without an endpoint."""
    body: dict[str, Any] = {"model": model, "messages": [message._asdict() for message in request.messages]}
    if request.schema is not None:
        body["structured_outputs"] = {"json": request.schema}
    return answer(body, noise)


def _clustering(texts: list[str]) -> str:
    """The canonical answer: texts go together by the first of the commonest words that they have and others lack."""
    found = [stems(text) for text in texts]
    topics = [stem(word) for word in frequent_words(texts)]
    telling = [topic for topic in topics if any(topic not in words for words in found)][:_GROUPS]
    labels = [next((place for place, topic in enumerate(telling) if topic in words), -1) for words in found]
    return render_answer(Answer.from_labels(labels), "I group the texts by the words they share.")
