"""Supervised fine-tuning with TRL: prompt and completion as messages.

TRL 1.16's SFTTrainer trains on the completion alone where a row has `prompt` and `completion`. Of `messages` it
trains on everything, the 10,000 tokens of the texts included, unless the tokenizer's template marks the assistant.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ...core.answer import render_answer
from ...core.errors import BenchmarkError
from ...core.prompt import example_prompt
from ..files import Benchmark, Split
from .order import ExportOrder, Written
from .reasoning import read_thoughts
from .rows import write_jsonl


def write(benchmark: Benchmark, splits: Sequence[Split], folder: Path, order: ExportOrder) -> Written:
    """SPLIT.jsonl; the completion is the canonical answer after its trace's reasoning, or after an empty one."""
    thoughts = read_thoughts(order.traces) if order.traces is not None else None
    thought = 0

    def rows(split: Split) -> Iterator[dict[str, Any]]:
        nonlocal thought
        for record in benchmark.records(split):
            example = benchmark.example(record)
            completion = thoughts.completion(example) if thoughts is not None else None
            thought += completion is not None
            yield {
                "prompt": example_prompt(example.instruction, example.texts).messages(),
                "completion": [{"role": "assistant", "content": completion or render_answer(example.gold)}],
                "id": record.id,
                "task": record.task,
                "domain": record.domain,
            }

    written = {split: write_jsonl(folder / f"{split}.jsonl", rows(split)) for split in splits}
    if thoughts is None:
        return Written(dict(written), ("no traces: the completions think nothing and answer",))
    if not thought:
        raise BenchmarkError(
            f"no trace of {order.traces} belongs to an example of {', '.join(splits)}; name their split with --split"
        )
    said = f"{thought:,} of {sum(written.values()):,} examples have a trace, the others think nothing"
    return Written(dict(written), (said,))
