"""Rows to train on: prompt, gold labels, completion, from a benchmark's split or from an exported JSONL file."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from ..benchmark.exports.reasoning import Thoughts, read_thoughts
from ..benchmark.files import Benchmark, Split
from ..benchmark.proof import assert_proven
from ..core.answer import Answer, render_answer
from ..core.errors import BenchmarkError
from ..core.prompt import example_prompt, with_hint
from ..core.tasks import Example
from .recipe import PromptSettings, Recipe, Stage

_ROLES = ("system", "user", "assistant")


class TrainingRow(NamedTuple):
    """An example as both stages read it.

    labels: gold cluster of each text, 0-based; empty in a row that only has a completion to learn.
    completion: what supervised training learns; None where the example has no reasoning, or the file no completions.
    """

    id: str
    task: str
    prompt: list[dict[str, str]]
    labels: list[int]
    completion: str | None


def proven_benchmark(folder: Path) -> Benchmark:
    """A benchmark to train on. Raises LeakError for one that leaks, or was changed since it was proven not to."""
    benchmark = Benchmark(folder)
    assert_proven(benchmark)
    return benchmark


def training_rows(
    benchmark: Benchmark, split: Split, prompt: PromptSettings, reasoning: Mapping[str, str] | Thoughts | None
) -> Iterator[TrainingRow]:
    """The examples of a split, streamed.

    reasoning: what to think before the answer, by example id, or kept traces, whose answers number the clusters as
    their reasoning does; None: completions think nothing and answer.
    """
    for example in benchmark.examples(split):
        yield TrainingRow(
            example.id,
            example.task,
            prompt_messages(example.instruction, example.texts, prompt),
            example.gold.labels(),
            _learnt(example, reasoning),
        )


class Source(NamedTuple):
    """Rows, and what they come from in words."""

    rows: Iterator[TrainingRow]
    says: str


def stage_source(recipe: Recipe, stage: Stage, benchmark: Benchmark, traces: Path) -> Source:
    """What a stage learns from: GRPO the split train, SFT the recipe's split with the reasoning in `traces`.

    Raises BenchmarkError where reasoning is to be learnt and there is none.
    """
    split: Split = "train" if stage == "grpo" else recipe.sft.split
    wants_reasoning = stage == "sft" and recipe.sft.target == "reasoning"
    thoughts = read_thoughts(traces) if wants_reasoning else None
    rows = training_rows(benchmark, split, recipe.prompt, thoughts)
    return Source(rows, f"{benchmark.folder}, split {split}")


def _learnt(example: Example, reasoning: Mapping[str, str] | Thoughts | None) -> str | None:
    if reasoning is None:
        return render_answer(example.gold)
    if not isinstance(reasoning, Mapping):
        return reasoning.completion(example)
    think = reasoning.get(example.id)
    return None if think is None else render_answer(example.gold, think)


def prompt_messages(instruction: str, texts: Sequence[str], settings: PromptSettings) -> list[dict[str, str]]:
    """The prompt's messages as the recipe wants them."""
    prompt = example_prompt(instruction, texts)
    messages = (with_hint(prompt) if settings.hint else prompt).messages()
    return messages if settings.system else messages[1:]


def read_rows(path: Path) -> Iterator[TrainingRow]:
    """The rows of a file that `cluster-r1 export --to trl-sft` or `--to trl-grpo` wrote, streamed.

    Raises BenchmarkError naming the file, or the line, that cannot be trained on.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise BenchmarkError(f"{path} cannot be read: {error}; --data takes a file of JSON lines") from error
    with file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield _row(line, number, path)


def _row(line: bytes, number: int, path: Path) -> TrainingRow:
    where = f"{path}, line {number}"
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise BenchmarkError(f"{where} is not JSON ({error}); --data takes a file of JSON lines") from error
    if not isinstance(row, dict):
        raise BenchmarkError(f"{where} is not an object with a prompt; see `cluster-r1 export --to trl-grpo`")
    labels, completion = row.get("labels"), row.get("completion")
    if labels is None and completion is None:
        raise BenchmarkError(f"{where} has neither labels (to reward) nor a completion (to learn)")
    return TrainingRow(
        str(row.get("id", number)),
        str(row.get("task", "")),
        _messages(row.get("prompt"), where),
        [] if labels is None else _labels(labels, where),
        None if completion is None else _completion(completion, where),
    )


def _messages(prompt: Any, where: str) -> list[dict[str, str]]:
    if isinstance(prompt, str) and prompt:
        return [{"role": "user", "content": prompt}]
    if not isinstance(prompt, list) or not prompt:
        raise BenchmarkError(f"{where}: prompt must be messages with role and content, not {prompt!r:.80}")
    messages = []
    for message in prompt:
        role, content = (message.get("role"), message.get("content")) if isinstance(message, dict) else (None, None)
        if role not in _ROLES or not isinstance(content, str):
            raise BenchmarkError(f"{where}: {message!r:.80} is no message with a role of {_ROLES} and a content")
        messages.append({"role": role, "content": content})
    return messages


def _labels(labels: Any, where: str) -> list[int]:
    if not isinstance(labels, list) or not labels or not all(isinstance(label, str | int) for label in labels):
        raise BenchmarkError(f"{where}: labels must list each text's gold cluster, a name or a number: {labels!r:.80}")
    names: list[Hashable] = labels
    return Answer.from_labels(names).labels()


def _completion(completion: Any, where: str) -> str:
    last = completion[-1] if isinstance(completion, list) and completion else {"content": completion}
    text = last.get("content") if isinstance(last, dict) else None
    if not isinstance(text, str) or not text:
        raise BenchmarkError(f"{where}: completion must be a text or the assistant's message, not {completion!r:.80}")
    return text
