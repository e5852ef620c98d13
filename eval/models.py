"""Models under test: what each is, and the run that asks them a benchmark's examples (paper §6, App. E.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..benchmark.files import Benchmark
from ..core.answer import answer_gbnf
from ..core.errors import SettingsError
from ..core.evaluation import Completion, EntryInfo, EvaluationFolder
from ..core.prompt import PROMPT_VERSION
from ..core.settings import BudgetSettings, TestedModel
from ..graphs.labeling import together
from ..graphs.progress import Progress
from ..llm.failures import CallFailed
from ..llm.ledger import Ledger
from ..llm.model import LedgeredModel, cost_usd
from ..llm.protocol import ChatRequest, Reply
from ..llm.requests import request_body
from ..llm.roles import Roles, api_key
from ..training.surroundings import versions
from .entries import Asked, OpenEntry, Order, check_samples, entry_plan, open_entry, shown_model
from .forms import Form, request

_FORM_VERSION = 1
"""Raised when a word of a form's prompt or schema changes."""


class ModelEntry(NamedTuple):
    """A model in one form, as an entry."""

    name: str
    model: TestedModel
    form: Form = "free"

    @property
    def hint(self) -> bool:
        return self.model.hint

    @property
    def parameters(self) -> float | None:
        return self.model.parameters


async def run_models(
    entries: Sequence[ModelEntry],
    benchmark: Benchmark,
    evaluation: EvaluationFolder,
    order: Order,
    progress: Progress,
    budget: BudgetSettings | None = None,
    replace: bool = False,
) -> list[EntryInfo]:
    """Ask every entry what it still owes, one entry after the other, and score all its answers.

    An example whose call fails for good is unanswered, which the entry's info tells; the next run asks for it again.
    Raises EndpointError when no call can succeed, BudgetReached, and SettingsError before anything is asked for what
    cannot be; all that was answered is kept and scored.
    """
    for entry in entries:
        _check(entry, order)
    ledger = Ledger(evaluation.ledger, budget)
    infos: list[EntryInfo] = []
    try:
        for entry in entries:
            settings = {entry.name: entry.model}
            async with Roles(settings, ledger, evaluation.logs, progress.note) as roles:
                run = _Run(entry, benchmark, ledger, roles.bulk(entry.name), progress)
                infos.append(await run.answer(evaluation, order, replace))
    finally:
        ledger.close()
    return infos


class _Run:
    """One entry's questions."""

    def __init__(
        self, entry: ModelEntry, benchmark: Benchmark, ledger: Ledger, model: LedgeredModel, progress: Progress
    ) -> None:
        self._entry = entry
        self._benchmark = benchmark
        self._ledger = ledger
        self._model = model
        self._progress = progress

    async def answer(self, evaluation: EvaluationFolder, order: Order, replace: bool) -> EntryInfo:
        plan = model_info(self._entry, self._benchmark)
        with open_entry(evaluation, plan, self._benchmark, order, replace) as opened:
            owed = opened.owed()
            self._progress.stage(self._entry.name, len(owed))
            await self._ask_all(opened, owed)
        return opened.info

    async def _ask_all(self, opened: OpenEntry, owed: Sequence[Asked]) -> None:
        """At most twice the endpoint's concurrency wait at once, so that texts of many examples are never held."""
        waiting = iter(owed)

        async def work() -> None:
            for asked in waiting:
                await self._ask(opened, asked)

        await together(work() for _ in range(min(len(owed), 2 * self._entry.model.concurrency)))

    async def _ask(self, opened: OpenEntry, asked: Asked) -> None:
        example = self._benchmark.example(asked.record)
        question = request(example.instruction, example.texts, self._entry.form, self._entry.hint, asked.sample)
        try:
            reply = await self._model.complete(question, asked.record.id)
        except CallFailed as failure:
            if failure.kind == "fatal":
                raise
            opened.unanswered[asked.record.id] = str(failure)
        else:
            paid = 0 if reply.cached else 1
            opened.add(_completion(asked, reply), paid, paid * cost_usd(self._entry.model.price, reply.usage))
        self._progress.advance()
        self._progress.spent(self._ledger.tokens, self._ledger.usd)


def model_info(entry: ModelEntry, benchmark: Benchmark) -> EntryInfo:
    """What the entry is."""
    model = entry.model
    settings = {
        "form": entry.form,
        "hint": entry.hint,
        "temperature": model.temperature,
        "top_p": model.top_p,
        "seed": model.seed,
        "max_tokens": model.max_tokens,
        "prompt": PROMPT_VERSION,
    }
    decides = {"body": request_body(model, ChatRequest(())), "structured": model.structured, "form": _FORM_VERSION}
    return entry_plan(
        benchmark,
        entry.name,
        "model" if entry.form == "free" else "constrained",
        _says(entry),
        {**settings, **decides},
        model=shown_model(model.model),
        parameters=model.parameters,
        settings={**settings, **({"extra_body": model.extra_body} if model.extra_body else {})},
        versions=versions(("xllamacpp",) if model.serve == "embedded" else ()),
    )


def _says(entry: ModelEntry) -> str:
    words = {
        "free": "answers in words",
        "grammar": "held to the answer's layout by a grammar",
        "labels": "held to one cluster number a text by a JSON schema",
    }
    return f"{shown_model(entry.model.model)}, {words[entry.form]}{', with the reasoning hint' if entry.hint else ''}"


def _check(entry: ModelEntry, order: Order) -> None:
    check_samples(entry.name, order.samples, entry.model.temperature)
    api_key(entry.model)
    if order.samples > 1 and "seed" in entry.model.extra_body:
        raise SettingsError(f"extra_body of {entry.name!r} fixes the seed, so that all samples would be the same")
    if entry.form == "grammar":
        request_body(entry.model, ChatRequest((), grammar=answer_gbnf(1)))


def _completion(asked: Asked, reply: Reply) -> Completion:
    return Completion(
        example=asked.record.id,
        sample=asked.sample,
        text=reply.text,
        reasoning=reply.reasoning or "",
        finish=reply.finish_reason or "",
        prompt_tokens=reply.usage.prompt_tokens,
        completion_tokens=reply.usage.completion_tokens,
        seconds=reply.latency_s,
    )
