"""How many answers of a model are partitions as given, and what the repairs make of the others, by the number of texts.

    benchmarks/validity.py --data DATA --out answers.jsonl --model smollm2-135m [--sizes 10,30,100] [--answers 334]

DATA is what `labelled_sets.py` reads: texts and instructions are drawn from its short labelled sets. Every answer is a
line of --out, its calls lie in the ledger beside it, so a killed run goes on where it was. Clusters are not named. An
invalid answer has V 0 before repair, as in the paper's evaluation.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, get_args

from cluster_r1.cli.console import watched
from cluster_r1.clustering.one_prompt import OnePrompt, cluster_in_one_prompt
from cluster_r1.core.answer import Answer, parse_answer, render_answer
from cluster_r1.core.carried import wilson_interval
from cluster_r1.core.cluster_settings import AnswerForm
from cluster_r1.core.clustering import Repairs
from cluster_r1.core.errors import WorkspaceError
from cluster_r1.core.json_lines import append_line, cut_half_line, read_lines
from cluster_r1.core.scoring import v_measure
from cluster_r1.core.settings import EvalSettings, TestedModel
from cluster_r1.eval.model_choice import Choice, chosen_models
from cluster_r1.eval.models import ModelEntry
from cluster_r1.graphs.labeling import together
from cluster_r1.graphs.progress import Progress
from cluster_r1.llm.failures import CallFailed
from cluster_r1.llm.ledger import Ledger
from cluster_r1.llm.model import LedgeredModel
from cluster_r1.llm.protocol import ChatRequest, Reply
from cluster_r1.llm.roles import Roles
from labelled_sets import TASKS, instruction_of, labelled_texts
from pydantic import BaseModel, ConfigDict

MOST_CLUSTERS = 10


class Drawn(NamedTuple):
    """A question: so many texts of a task, and the label of each."""

    task: str
    instruction: str
    texts: list[str]
    labels: list[str]


class AnswerLine(BaseModel):
    """One answer: what was wrong with it, and what it was worth before and after its repair."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    setup: str
    size: int
    number: int
    task: str
    k_gold: int
    k: int
    repairs: Repairs
    valid_after: bool
    v_before: float
    v_after: float
    calls: int
    prompt_tokens: int
    completion_tokens: int
    seconds: float


class Questions:
    """Draws texts of the labelled sets: 2 to 10 clusters, and more where these have too few texts."""

    def __init__(self, data: Path, seed: int) -> None:
        self._seed = seed
        self._instructions = {(corpus, by): instruction_of(data, corpus, by) for corpus, by, _ in TASKS}
        self._texts: dict[tuple[str, str], dict[str, list[str]]] = {}
        for corpus, labeling, _ in TASKS:
            by_label = self._texts[corpus, labeling] = defaultdict(list)
            for text, label in zip(*labelled_texts(data, corpus, labeling), strict=True):
                by_label[label].append(text)

    def draw(self, size: int, number: int) -> Drawn:
        corpus, labeling, _ = TASKS[number % len(TASKS)]
        by_label = self._texts[corpus, labeling]
        rng = random.Random(f"{self._seed}/{size}/{number}")
        labels = sorted(by_label)
        rng.shuffle(labels)
        k = rng.randint(2, max(2, min(MOST_CLUSTERS, size // 2)))
        while k < len(labels) and sum(len(by_label[label]) for label in labels[:k]) < size:
            k += 1
        pools = [rng.sample(by_label[label], len(by_label[label])) for label in labels[:k]]
        first = [(pool[0], label) for pool, label in zip(pools, labels, strict=False)]
        rest = [(text, label) for pool, label in zip(pools, labels, strict=False) for text in pool[1:]]
        drawn = (first + rng.sample(rest, min(len(rest), max(0, size - len(first)))))[:size]
        rng.shuffle(drawn)
        instruction = self._instructions[corpus, labeling]
        return Drawn(f"{corpus}/{labeling}", instruction, [text for text, _ in drawn], [label for _, label in drawn])


class Metered:
    """A model that counts what it is asked for one answer."""

    def __init__(self, model: LedgeredModel) -> None:
        self._model = model
        self.settings = model.settings
        self.calls = self.prompt_tokens = self.completion_tokens = 0

    @property
    def name(self) -> str:
        return self._model.name

    async def complete(self, request: ChatRequest, subject: str = "") -> Reply:
        reply = await self._model.complete(request, subject)
        self.calls += 1
        self.prompt_tokens += reply.usage.prompt_tokens
        self.completion_tokens += reply.usage.completion_tokens
        return reply


async def answer_all(
    models: Mapping[int, TestedModel],
    questions: Questions,
    owed: Sequence[tuple[int, int]],
    samples: int,
    how: OnePrompt,
    out: Path,
    setup: str,
    progress: Progress,
) -> int:
    """Append a line for each (size, number), `samples` numbers a question.

    Returns how many got no answer at all; the next run asks for them again.
    """
    ledger = Ledger(out.with_suffix(".sqlite"))
    waiting = iter(owed)
    failed = 0

    async def work(roles: Roles) -> None:
        nonlocal failed
        for size, number in waiting:
            try:
                model = Metered(roles.bulk(_role(size, number % samples)))
                line = await _answer(model, questions.draw(size, number // samples), how, size, number, setup)
            except CallFailed as failure:
                if failure.kind == "fatal":
                    raise
                failed += 1
                progress.note(f"{size}/{number}: {failure}")
            else:
                append_line(out, line)
            progress.advance()
            progress.spent(ledger.tokens, ledger.usd)

    try:
        named = {
            _role(size, sample): model.model_copy(update={"seed": sample})
            for size, model in models.items()
            for sample in range(samples)
        }
        async with Roles(named, ledger, out.parent / "logs", progress.note) as roles:
            progress.stage("answers", len(owed))
            await together(work(roles) for _ in range(max(model.concurrency for model in models.values())))
    finally:
        ledger.close()
    return failed


def _role(size: int, sample: int) -> str:
    return f"{size}-{sample}"


async def _answer(model: Metered, drawn: Drawn, how: OnePrompt, size: int, number: int, setup: str) -> AnswerLine:
    began = time.monotonic()
    found = await cluster_in_one_prompt(model, drawn.instruction, drawn.texts, how)
    v = v_measure(drawn.labels, found.labels).value
    return AnswerLine(
        setup=setup,
        size=size,
        number=number,
        task=drawn.task,
        k_gold=len(set(drawn.labels)),
        k=len(found.clusters),
        repairs=found.repairs,
        valid_after=_is_partition(found.labels, len(found.clusters), len(drawn.texts)),
        v_before=v if found.repairs.valid else 0.0,
        v_after=v,
        calls=model.calls,
        prompt_tokens=model.prompt_tokens,
        completion_tokens=model.completion_tokens,
        seconds=time.monotonic() - began,
    )


def _is_partition(labels: Sequence[int], clusters: int, n: int) -> bool:
    """By the parser that counts answers as valid."""
    answer = parse_answer(render_answer(Answer.from_labels(labels)), n)
    return len(answer.clusters) == clusters


def markdown(lines: Sequence[AnswerLine]) -> str:
    """A column for each number of texts."""
    by_size: dict[int, list[AnswerLine]] = defaultdict(list)
    for line in lines:
        by_size[line.size].append(line)
    sizes = sorted(by_size)
    columns = [dict(_figures(by_size[size])) for size in sizes]
    names = columns[0] if columns else {}
    rows = [
        ["", *(f"N = {size}" for size in sizes)],
        ["---"] * (len(sizes) + 1),
        *([name, *(column[name] for column in columns)] for name in names),
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _figures(lines: Sequence[AnswerLine]) -> Iterator[tuple[str, str]]:
    repairs = [line.repairs for line in lines]
    problems = Counter(repair.problem for repair in repairs if repair.problem)
    yield "answers", str(len(lines))
    yield "valid as given", _share([repair.valid for repair in repairs])
    yield "why not", ", ".join(f"{kind} {count}" for kind, count in problems.most_common()) or "none"
    yield "nothing readable", str(sum(repair.unreadable for repair in repairs))
    yield "texts left out, an answer", _mean([repair.missing for repair in repairs])
    yield "texts listed twice, an answer", _mean([repair.twice for repair in repairs])
    yield "questions after it, an answer", _mean([repair.questions for repair in repairs])
    yield "texts placed by similarity, an answer", _mean([repair.similar for repair in repairs])
    yield "valid after repair", _share([line.valid_after for line in lines])
    yield "V before repair (invalid: 0)", _mean([line.v_before for line in lines], 3)
    yield "V after repair", _mean([line.v_after for line in lines], 3)
    yield "clusters, gold", f"{_mean([line.k for line in lines])}, {_mean([line.k_gold for line in lines])}"
    yield "calls, an answer", _mean([line.calls for line in lines])
    yield "prompt tokens, an answer", _mean([line.prompt_tokens for line in lines], 0)
    yield "completion tokens, an answer", _mean([line.completion_tokens for line in lines], 0)
    yield "seconds, an answer", _mean([line.seconds for line in lines], 1)


def _share(hits: Sequence[bool]) -> str:
    share = wilson_interval(sum(hits), len(hits))
    return f"{share.value or 0:.1%} ({share.low or 0:.1%} to {share.high or 0:.1%})"


def _mean(numbers: Sequence[float], digits: int = 2) -> str:
    return f"{statistics.fmean(numbers):.{digits}f}"


def main() -> None:
    arguments = _arguments()
    out: Path = arguments.out.absolute()
    sizes: list[int] = arguments.sizes
    tokens = dict(zip(sizes, _for_each(sizes, arguments.max_tokens, "--max-tokens"), strict=True))
    models = {size: _model(arguments, tokens[size]) for size in sizes}
    how = OnePrompt(
        form=arguments.form,
        text_tokens=arguments.text_tokens,
        thought_characters=arguments.thought_characters,
        attempts=arguments.attempts,
        named=False,
    )
    asked = f"temperature {arguments.temperature}, {arguments.samples} samples a question, max_tokens {tokens}"
    served = models[sizes[0]].serve or "an endpoint"
    setup = f"{Path(arguments.model).name} by {served}, seed {arguments.seed}, {asked}, {how}"
    counts = _for_each(sizes, arguments.answers, "--answers")
    samples: int = arguments.samples
    numbers = [(size, number, count) for size, count in zip(sizes, counts, strict=True) for number in range(count)]
    owed = sorted((number // samples / count, size, number) for size, number, count in numbers)
    cut_half_line(out)
    known = {(line.size, line.number) for line in _lines(out, setup)}
    left = [(size, number) for _, size, number in owed if (size, number) not in known]
    with watched() as progress:
        questions = Questions(arguments.data, arguments.seed)
        failed = asyncio.run(answer_all(models, questions, left, samples, how, out, setup, progress))
    print(f"{setup}\n\n{markdown(_lines(out, setup))}")
    if failed:
        print(f"\n{failed} answers failed at the endpoint; run again to ask for them.")


def _for_each(sizes: Sequence[int], given: Sequence[int], option: str) -> list[int]:
    """One number for each size, or the same for all."""
    if len(given) not in (1, len(sizes)):
        raise SystemExit(f"{option} takes one number, or one for each of the sizes {list(sizes)}")
    return list(given) * (len(sizes) if len(given) == 1 else 1)


def _lines(out: Path, setup: str) -> list[AnswerLine]:
    """Raises WorkspaceError when the file is about something else."""
    lines = list(read_lines(out, AnswerLine))
    other = next((line.setup for line in lines if line.setup != setup), None)
    if other is not None:
        raise WorkspaceError(f"{out} holds answers of {other!r}, this is {setup!r}; choose another --out")
    return lines


def _model(arguments: argparse.Namespace, max_tokens: int) -> TestedModel:
    choice = Choice(
        base_url=arguments.base_url,
        serve=arguments.serve,
        api_key_env=arguments.api_key_env,
        max_tokens=max_tokens,
        temperature=arguments.temperature,
        context_tokens=arguments.context_tokens,
        concurrency=arguments.concurrency,
    )
    [entry] = chosen_models([arguments.model], choice, EvalSettings())
    if not isinstance(entry, ModelEntry):
        raise SystemExit(f"{arguments.model} is a folder of weights; serve it and give --base-url")
    return entry.model


def _numbers(words: str) -> list[int]:
    return [int(word) for word in words.split(",")]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="a .jsonl file")
    parser.add_argument("--model", required=True, help="a local model's name, or with --base-url an endpoint's")
    parser.add_argument("--base-url")
    parser.add_argument("--serve", choices=["embedded", "vllm"], help="start a server for --model")
    parser.add_argument("--api-key-env")
    parser.add_argument("--sizes", type=_numbers, default=[10, 30, 100])
    parser.add_argument("--answers", type=_numbers, default=[334], help="of each size, or one number a size")
    parser.add_argument("--form", choices=get_args(AnswerForm), default="free")
    parser.add_argument("--attempts", type=int, default=2, help="answers asked for by each question of a repair")
    parser.add_argument("--concurrency", type=int, default=4)
    parser.add_argument("--max-tokens", type=_numbers, default=[600], help="of a call, or one number a size")
    parser.add_argument("--thought-characters", type=int, default=600, help="where the form bounds the reasoning")
    parser.add_argument("--context-tokens", type=int, default=8192, help="of one call")
    parser.add_argument("--text-tokens", type=int, default=60, help="longer texts are cut")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--samples", type=int, default=1, help="answers to each question; a server keeps its prompt")
    parser.add_argument("--temperature", type=float, default=0.0, help="above 0 where --samples is above 1")
    arguments = parser.parse_args()
    if arguments.samples < 1 or (arguments.samples > 1 and not arguments.temperature):
        parser.error("--samples must be at least 1, and more of them need a --temperature above 0")
    return arguments


if __name__ == "__main__":
    main()
