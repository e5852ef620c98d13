"""Reviews in the words of no particular tool: a form's fields and questions, records to judge, people's responses.

An Argilla server, an offline page and a JSONL file all show the same forms and give back the same responses.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

ReviewKind = Literal["taxonomy", "labels", "traces"]
ResponseStatus = Literal["submitted", "draft", "discarded"]
Value = str | int

PROBLEM = "problem"
"""The field of a record that tells its annotator why an answer came back; empty until then."""


class FormField(NamedTuple):
    """Something to read. Markdown is for text this project wrote, with what came from elsewhere escaped in it."""

    name: str
    title: str
    markdown: bool = False
    required: bool = True


class Question(NamedTuple):
    """Something to answer: free text, one of `options`, or a whole number among `options` (as text)."""

    name: str
    title: str
    kind: Literal["text", "label", "rating"]
    options: tuple[str, ...] = ()
    required: bool = True
    hint: str = ""


class Form(BaseModel):
    """One review's fields and questions. `name` is unique in a workspace: letters, digits, hyphens, underscores."""

    model_config = ConfigDict(frozen=True)

    kind: ReviewKind
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,199}$")
    title: str
    guidelines: str
    fields: tuple[FormField, ...]
    questions: tuple[Question, ...]
    metadata: tuple[str, ...] = Field(default=(), description="names of the records' metadata, all of them words")
    answers_needed: int = Field(default=1, ge=1, description="submitted responses that complete a record")


class Suggestion(NamedTuple):
    """What a model proposes as the answer to a question, which agent said so, and how sure it is (0 to 1)."""

    question: str
    value: Value
    agent: str
    score: float | None = None


class Record(BaseModel):
    """One thing to judge. `id` is the project's own, so that pushing the same record again changes nothing."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(min_length=1, max_length=300)
    fields: dict[str, str]
    suggestions: tuple[Suggestion, ...] = ()
    metadata: dict[str, str] = Field(default_factory=dict)

    def suggested(self, question: str) -> Value | None:
        return next((s.value for s in self.suggestions if s.question == question), None)


class Response(BaseModel):
    """What one person answered to one record; `values` holds the raw answers by question, whatever was typed."""

    model_config = ConfigDict(frozen=True)

    record: str
    author: str
    status: ResponseStatus
    values: dict[str, Any]
    at: str = Field(description="ISO 8601, UTC: when it was last saved")
