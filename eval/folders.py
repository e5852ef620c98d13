"""A model's folder under test: sampled in this process by transformers, for who has no server for it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..benchmark.files import Benchmark
from ..core.evaluation import Completion, EntryInfo, EvaluationFolder
from ..core.prompt import PROMPT_VERSION, example_prompt, with_hint
from ..core.tasks import Example
from ..graphs.progress import Progress
from ..training.surroundings import versions
from .entries import Asked, OpenEntry, Order, check_samples, entry_plan, open_entry

if TYPE_CHECKING:
    from ..training.sampling import Prompt, Said, SamplingSettings

_WEIGHTS = ("*.safetensors", "*.json")
_SAMPLED_VERSION = 1


class FolderEntry(NamedTuple):
    """A folder that `from_pretrained` loads, as an entry.

    batch: completions sampled at once; parameters: billions, None where unknown.
    """

    name: str
    folder: Path
    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 4000
    seed: int = 0
    batch: int = 16
    dtype: str = "bfloat16"
    hint: bool = False
    parameters: float | None = None


def run_folder(
    entry: FolderEntry,
    benchmark: Benchmark,
    evaluation: EvaluationFolder,
    order: Order,
    progress: Progress,
    replace: bool = False,
) -> EntryInfo:
    """Sample the model on what the entry owes, batch by batch; a killed run goes on with the batch that it was in.

    A batch's draws begin with a seed of its own, so a resumed run says what an uninterrupted one does.
    Raises SettingsError when the model cannot be loaded.
    """
    check_samples(entry.name, order.samples, entry.temperature)
    with open_entry(evaluation, folder_info(entry, benchmark), benchmark, order, replace) as opened:
        owed = opened.owed()
        progress.stage(entry.name, len(owed))
        if owed:
            _Sampling(entry, benchmark, order.samples).answer(opened, progress)
    return opened.info


def folder_info(entry: FolderEntry, benchmark: Benchmark) -> EntryInfo:
    """What the entry is; the weights' sizes and times of writing tell one model in a folder from the next."""
    settings = {
        "form": "free",
        "hint": entry.hint,
        "temperature": entry.temperature,
        "top_p": entry.top_p,
        "seed": entry.seed,
        "max_tokens": entry.max_tokens,
        "batch": entry.batch,
        "dtype": entry.dtype,
        "prompt": PROMPT_VERSION,
    }
    files = sorted(path for pattern in _WEIGHTS for path in entry.folder.glob(pattern))
    weights = [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in files]
    return entry_plan(
        benchmark,
        entry.name,
        "model",
        f"{entry.folder.name}, sampled by transformers{', with the reasoning hint' if entry.hint else ''}",
        {**settings, "weights": weights, "version": _SAMPLED_VERSION},
        model=entry.folder.name,
        parameters=entry.parameters,
        settings=settings,
        versions=versions(("torch", "transformers")),
    )


class _Sampling:
    """The model in memory and its batches."""

    def __init__(self, entry: FolderEntry, benchmark: Benchmark, samples: int) -> None:
        from ..training.recipe import ModelChoice
        from ..training.sampling import LocalModel, SamplingSettings

        self._entry = entry
        self._benchmark = benchmark
        self._settings: SamplingSettings = SamplingSettings(
            samples, entry.temperature, entry.top_p, entry.max_tokens, entry.seed, entry.batch
        )
        choice = ModelChoice.model_validate({"name": str(entry.folder), "dtype": entry.dtype})
        self._model = LocalModel(str(entry.folder), choice)

    def answer(self, opened: OpenEntry, progress: Progress) -> None:
        """Batches are made of all that was asked, done or not, so that they are the same in every run."""
        from ..training.sampling import batches, seeded

        by_id = {example: list(own) for example, own in groupby(opened.asked, lambda one: one.record.id)}
        owed = {one.record.id for one in opened.owed()}
        prompts = {example: self._prompt(own[0]) for example, own in by_id.items()}
        for number, batch in enumerate(batches(self._model, prompts, self._settings)):
            examples = [example for _, example in batch]
            if owed.isdisjoint(examples):
                continue
            began = time.monotonic()
            with seeded(self._settings.seed + number):
                found = list(self._model.sample([tokens for tokens, _ in batch], self._settings))
            seconds = (time.monotonic() - began) / sum(map(len, found))
            said = dict(zip(examples, found, strict=True))
            lengths = {example: len(tokens) for tokens, example in batch}
            self._keep(opened, said, lengths, seconds, progress)

    def _keep(
        self,
        opened: OpenEntry,
        said: Mapping[str, Sequence[Said]],
        lengths: Mapping[str, int],
        seconds: float,
        progress: Progress,
    ) -> None:
        for asked in opened.owed():
            if asked.record.id not in said:
                continue
            one = said[asked.record.id][asked.sample]
            opened.add(
                Completion(
                    example=asked.record.id,
                    sample=asked.sample,
                    text=one.text,
                    finish="length" if one.tokens >= self._settings.max_tokens else "stop",
                    prompt_tokens=lengths[asked.record.id],
                    completion_tokens=one.tokens,
                    seconds=seconds,
                ),
                calls=1,
            )
            progress.advance()

    def _prompt(self, asked: Asked) -> Prompt:
        example: Example = self._benchmark.example(asked.record)
        prompt = example_prompt(example.instruction, example.texts)
        return (with_hint(prompt) if self._entry.hint else prompt).messages()
