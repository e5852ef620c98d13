"""Whether rows can be trained on: gold that fits the texts, completions that answer it, lengths within the limits."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ..core.answer import Answer, AnswerError, parse_answer
from ..core.prompt import texts_shown
from .data import TrainingRow
from .problems import Problem
from .recipe import Recipe, Stage
from .tokens import prompt_tokens, sft_example

Length = Callable[[TrainingRow], int]


class RowTally:
    """Rows of a stage as they pass: what is wrong with them by kind, with the first of each; constant memory."""

    def __init__(self, recipe: Recipe, stage: Stage, length: Length | None) -> None:
        self._stage = stage
        self._limit = recipe.sft.max_tokens if stage == "sft" else recipe.grpo.max_prompt_tokens
        self._length = length
        self._wrong: dict[str, tuple[int, str, str]] = {}
        self.rows = self.usable = self.longer = self.longest = self.without_completion = 0

    def add(self, row: TrainingRow) -> None:
        self.rows += 1
        if self._stage == "sft" and row.completion is None:
            self.without_completion += 1
            return
        kind, says = _sft_fault(row) if self._stage == "sft" else _grpo_fault(row)
        if kind:
            count, first, said = self._wrong.get(kind, (0, row.id, says))
            self._wrong[kind] = (count + 1, first, said)
        tokens = self._length(row) if self._length else 0
        self.longest = max(self.longest, tokens)
        if tokens > self._limit:
            self.longer += 1
        else:
            self.usable += 1

    def left_out(self) -> dict[str, int]:
        """Rows that are not trained on, by reason."""
        prompts = self.longer if self._stage == "grpo" else 0
        counts = {"prompt too long": prompts, "no completion": self.without_completion}
        return {reason: count for reason, count in counts.items() if count}

    def problems(self) -> list[Problem]:
        found = [
            Problem("data", f"{kind} in {count} of {self.rows} rows, the first is {first!r} ({says})")
            for kind, (count, first, says) in self._wrong.items()
        ]
        if self._stage == "sft" and self.longer:
            found.append(self._too_long("sft.max_tokens", f"{self.longer} of {self.rows} examples are longer than"))
        elif not self.usable and not self._wrong:
            found.append(self._nothing_left())
        return found

    def _too_long(self, key: str, what: str) -> Problem:
        return Problem(
            key,
            f"{what} {self._limit} tokens, the longest has {self.longest}: raise it (and model.tiny.context), or build"
            " the benchmark with fewer tokens (benchmark.max_prompt_tokens)",
        )

    def _nothing_left(self) -> Problem:
        if not self.rows:
            return Problem("data", "it has no rows: build the benchmark, or export a split that has examples")
        if self.without_completion:
            return Problem(
                "data",
                f"none of the {self.rows} rows has a completion: `cluster-r1 distill` makes reasoning, `export --to"
                " trl-sft` files with completions; sft.target: answer learns answers alone",
            )
        return self._too_long("grpo.max_prompt_tokens", f"all {self.rows} prompts are longer than")


def tally_rows(recipe: Recipe, stage: Stage, rows: Iterable[TrainingRow], tokenizer: Any | None) -> RowTally:
    """Look at every row, once. Without a tokenizer lengths are not looked at."""
    tally = RowTally(recipe, stage, _length(stage, tokenizer) if tokenizer is not None else None)
    for row in rows:
        tally.add(row)
    return tally


def _length(stage: Stage, tokenizer: Any) -> Length:
    if stage == "grpo":
        return lambda row: len(prompt_tokens(tokenizer, row.prompt))
    return lambda row: len(sft_example(tokenizer, row.prompt, row.completion or "").input_ids)


def _grpo_fault(row: TrainingRow) -> tuple[str, str]:
    texts = _texts(row)
    if not row.labels:
        return "no labels", "the reward needs each text's gold cluster: `export --to trl-grpo` writes the column labels"
    if texts and len(row.labels) != texts:
        return "another number of labels than of texts", f"{len(row.labels)} labels for {texts} texts; export it anew"
    return "", ""


def _sft_fault(row: TrainingRow) -> tuple[str, str]:
    completion, texts = row.completion or "", _texts(row)
    if row.labels and texts and len(row.labels) != texts:
        return "another number of labels than of texts", f"{len(row.labels)} labels for {texts} texts; export it anew"
    try:
        answer = parse_answer(completion, texts or len(row.labels) or _listed_items(completion))
    except AnswerError as error:
        return "a completion that is no partition of its texts", f"{error}; mend or leave out the row"
    if row.labels and Answer.from_labels(answer.labels()) != Answer.from_labels(row.labels):
        return "a completion that answers something else than gold", "mend its answer or its labels"
    return "", ""


def _texts(row: TrainingRow) -> int:
    return sum(texts_shown(message["content"]) for message in row.prompt if message["role"] == "user")


def _listed_items(completion: str) -> int:
    """Items that an answer lists, where nothing else says how many texts there are."""
    lines = completion.rpartition("<answer>")[2].splitlines()
    return max(1, sum(line.count(",") + 1 for line in lines if line.strip().startswith("cluster")))
