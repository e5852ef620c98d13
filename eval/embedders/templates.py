"""What embedders are told about the task: the templates of App. E.1, letter by letter, and none."""

from __future__ import annotations

from collections.abc import Callable

from ...core.errors import SettingsError
from .interface import Prompt

Template = Callable[[str, str], Prompt]
"""Instruction and text to what the model reads."""


def _minilm(instruction: str, text: str) -> Prompt:
    return f"Clustering task: {instruction}. Text: {text}"


def _instructor(instruction: str, text: str) -> Prompt:
    return f"Represent this text for clustering analysis: {instruction}", text


def _inbedder(instruction: str, text: str) -> Prompt:
    return f"Input:{text} Instruction:{instruction} Response:"


def _inbedder_official(instruction: str, text: str) -> Prompt:
    """As the repository zhang-yu-wei/InBedder has it; the paper's text has lost its marks and line breaks."""
    return f"### Input:\n{text}\n\n### Instruction:\n{instruction}\n\n### Response:"


def _qwen(instruction: str, text: str) -> Prompt:
    return f"Represent this text for clustering analysis. Task:{instruction} Query:{text}"


def _openai(instruction: str, text: str) -> Prompt:
    return f"Represent this text for clustering. Task: {instruction} Text: {text}"


def _plain(_: str, text: str) -> Prompt:
    return text


TEMPLATES: dict[tuple[str, str], Template] = {
    ("minilm", "paper"): _minilm,
    ("sentence-transformers", "paper"): _minilm,
    ("instructor", "paper"): _instructor,
    ("inbedder", "paper"): _inbedder,
    ("inbedder", "official"): _inbedder_official,
    ("qwen3-embedding", "paper"): _qwen,
    ("openai", "paper"): _openai,
}
"""By kind of embedder and name of template; `none` is there for all."""


def template_of(kind: str, name: str) -> Template:
    """Raises SettingsError naming the templates that this kind of embedder has."""
    if name == "none":
        return _plain
    if (kind, name) not in TEMPLATES:
        known = [template for owner, template in TEMPLATES if owner == kind]
        raise SettingsError(f"{kind} has no template {name!r}: choose {' or '.join([*known, 'none'])}")
    return TEMPLATES[kind, name]
