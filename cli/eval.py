"""`cluster-r1 eval`: models and baselines on a benchmark, side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..core.errors import IncompleteError
from ..core.evaluation import EvaluationFolder
from .console import out, watched
from .context import CommandContext
from .model_options import ApiKeyEnv, BaseUrl, Concurrency, ContextTokens, Seed, Serve

if TYPE_CHECKING:
    from ..benchmark.files import Benchmark
    from ..core.evaluation import EntryInfo, Leaderboard
    from ..core.settings import BudgetSettings, EvalSettings

evaluation = typer.Typer(
    help="Models and baselines on a benchmark, side by side: leaderboard, intervals, paired tests.",
    no_args_is_help=True,
)

BenchmarkPath = Annotated[Path | None, typer.Option("--benchmark", help="a built benchmark; default: the project's")]
Results = Annotated[
    Path | None, typer.Option("--results", help="folder of the evaluation; default: evals in the project's folder")
]
Splits = Annotated[list[str] | None, typer.Option("--split", help="this split alone; may be given again")]
Limit = Annotated[
    int | None, typer.Option(min=1, help="examples of each domain and split, spread evenly; default: all")
]
Replace = Annotated[
    bool, typer.Option("--replace", help="put an earlier entry of this name away where it was made in another way")
]


@evaluation.command("run")
def run(
    context: typer.Context,
    model: Annotated[
        list[str],
        typer.Option(help="a model of eval.models, an endpoint's (with --base-url), a local one, .gguf or folder"),
    ],
    benchmark: BenchmarkPath = None,
    results: Results = None,
    split: Splits = None,
    limit: Limit = None,
    samples: Annotated[int, typer.Option(min=1, max=1000, help="answers to each example")] = 1,
    form: Annotated[
        list[str] | None,
        typer.Option(help="free: in words; grammar, labels: constrained, an entry of its own; may be given again"),
    ] = None,
    name: Annotated[str | None, typer.Option(help="of the entry; default: the model's")] = None,
    base_url: BaseUrl = None,
    api_key_env: ApiKeyEnv = None,
    serve: Serve = None,
    temperature: Annotated[float | None, typer.Option(help="default 0")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="of an answer; default 4000, of local models 2000")] = None,
    context_tokens: ContextTokens = None,
    seed: Seed = None,
    concurrency: Concurrency = None,
    hint: Annotated[bool | None, typer.Option("--hint/--no-hint", help="add the reasoning hint (Table 4)")] = None,
    parameters: Annotated[float | None, typer.Option(help="billions, where the model's name does not tell")] = None,
    replace: Replace = False,
) -> None:
    """Ask models the benchmark's examples and score what they answer; run again to go on where it stopped."""
    from ..eval.entries import order_of
    from ..eval.forms import checked_forms
    from ..eval.model_choice import Choice, chosen_models
    from ..eval.running import run_entries

    command: CommandContext = context.obj
    settings, budget = _settings(command)
    choice = Choice(
        checked_forms(form or ["free"]),
        name,
        base_url,
        api_key_env,
        serve,
        temperature,
        max_tokens,
        context_tokens,
        seed,
        concurrency,
        hint,
        parameters,
    )
    entries = chosen_models(model, choice, settings)
    order = order_of(split, limit, samples)
    opened, folder = _benchmark(command, benchmark), _folder(command, results)
    with watched() as progress:
        infos = asyncio.run(run_entries(entries, opened, folder, order, progress, budget, replace))
    _show(folder, infos)


@evaluation.command("baselines")
def baselines(
    context: typer.Context,
    benchmark: BenchmarkPath = None,
    results: Results = None,
    embedder: Annotated[
        list[str] | None,
        typer.Option(
            help="minilm, instructor, inbedder, qwen3-embedding, openai, tfidf, hashed, sentence-transformers=MODEL,"
            " each with =MODEL for other weights; may be given again; default: tfidf"
        ),
    ] = None,
    clusterer: Annotated[
        list[str] | None,
        typer.Option(
            help="kmeans, gmm (both told gold's K) or kmeans-silhouette (finds it); may be given again; default: all"
        ),
    ] = None,
    template: Annotated[str, typer.Option(help="paper, or none: the text alone, without the instruction")] = "paper",
    oracles: Annotated[
        bool, typer.Option("--oracles", help="the known answers too: gold, shuffled and others")
    ] = False,
    split: Splits = None,
    limit: Limit = None,
    max_tokens: Annotated[
        int | None, typer.Option(min=1, help="leave longer texts out of their examples, counted by --tokenizer")
    ] = None,
    tokenizer: Annotated[str, typer.Option(help="counts for --max-tokens; see benchmark.tokenizer")] = "estimate",
    base_url: Annotated[str | None, typer.Option(help="of the openai embedder, ending in /v1")] = None,
    api_key_env: ApiKeyEnv = None,
    replace: Replace = False,
) -> None:
    """Embeddings and a clustering algorithm on the same examples (paper App. E.1); vectors are embedded once."""
    from ..eval.baselines import LengthLimit, run_baseline
    from ..eval.clusterers import CLUSTERERS
    from ..eval.clusterers import clusterer as clusterer_of
    from ..eval.embedders.interface import Options
    from ..eval.embedders.registry import embedder as embedder_of
    from ..eval.entries import order_of
    from ..eval.oracles import ORACLES, run_oracle
    from ..llm.tokenizers import open_tokenizer

    command: CommandContext = context.obj
    options = Options(template=template, base_url=base_url, api_key_env=api_key_env)
    ways = [clusterer_of(way) for way in clusterer or CLUSTERERS]
    embedders = [embedder_of(spec, options) for spec in embedder or ["tfidf"]]
    order = order_of(split, limit)
    opened, folder = _benchmark(command, benchmark), _folder(command, results)
    infos: list[EntryInfo] = []
    with watched() as progress:
        length = None if max_tokens is None else LengthLimit(max_tokens, open_tokenizer(tokenizer, progress.note))
        for known in ORACLES if oracles else ():
            infos.append(run_oracle(known, opened, folder, order, progress, replace))
        for vectors in embedders:
            infos += [run_baseline(opened, vectors, way, folder, order, progress, length, replace) for way in ways]
    _show(folder, infos)


@evaluation.command("score")
def score(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="completions with their examples' ids: .jsonl, .json or .parquet")],
    name: Annotated[str, typer.Option(help="of the entry")],
    benchmark: BenchmarkPath = None,
    results: Results = None,
    column: Annotated[str | None, typer.Option(help="the completion's column, a text or messages")] = None,
    parameters: Annotated[float | None, typer.Option(help="of the model, in billions")] = None,
    replace: Replace = False,
) -> None:
    """Completions that were made elsewhere, as an entry."""
    from ..eval.stored import StoredCompletions, import_completions

    command: CommandContext = context.obj
    folder = _folder(command, results)
    stored = StoredCompletions(file, name, column, parameters=parameters)
    _show(folder, [import_completions(stored, _benchmark(command, benchmark), folder, replace)])


@evaluation.command("report")
def report(
    context: typer.Context,
    benchmark: BenchmarkPath = None,
    results: Results = None,
    entry: Annotated[list[str] | None, typer.Option(help="this entry alone; may be given again")] = None,
    resamples: Annotated[int, typer.Option(min=100, help="of the bootstrap")] = 2000,
    reference: Annotated[bool, typer.Option("--reference/--no-reference", help="the paper's printed rows")] = True,
    page: Annotated[
        bool, typer.Option("--page/--no-page", help="examples and the page, which need the benchmark")
    ] = True,
) -> None:
    """The leaderboard: on the terminal, as Markdown, CSV, LaTeX, JSON, and as one offline page."""
    from ..core.moments import now
    from ..eval.leaderboard import leaderboard
    from ..reports.leaderboard_tables import leaderboard_lines

    command: CommandContext = context.obj
    folder = _folder(command, results)
    opened = _benchmark(command, benchmark) if page else None
    board = leaderboard(folder, opened, entry, resamples=resamples, generated_at=now())
    for line in leaderboard_lines(board):
        out.print(line, markup=False, highlight=False)
    for path in _write(folder, board, reference, page):
        out.print(f"{path.suffix[1:]}: {path}", markup=False)


@evaluation.command("compare")
def compare(
    context: typer.Context,
    first: Annotated[str, typer.Argument(help="an entry")],
    second: Annotated[str, typer.Argument(help="another one")],
    results: Results = None,
    resamples: Annotated[int, typer.Option(min=100, help="of the bootstrap")] = 2000,
) -> None:
    """Which of two entries is better, tested example by example."""
    from ..eval.comparison import compare as compared
    from ..eval.leaderboard import scored_entries
    from ..reports.leaderboard_tables import comparison_lines

    command: CommandContext = context.obj
    one, other = scored_entries(_folder(command, results), [first, second])
    comparison = compared((one.name, one), (other.name, other), resamples=resamples)
    for line in comparison_lines(comparison):
        out.print(line, markup=False, highlight=False)


def _show(folder: EvaluationFolder, infos: Iterable[EntryInfo]) -> None:
    """A line an entry; IncompleteError where something was not answered."""
    missing: dict[str, str] = {}
    for info in infos:
        cost = f", ${info.usd:.4f}" if info.usd else ""
        calls = f", {info.calls:,} calls paid{cost}" if info.calls else ""
        out.print(f"{info.name}: {info.examples - len(info.unanswered):,} examples answered{calls}", markup=False)
        missing |= {f"{info.name}, {example}": reason for example, reason in info.unanswered.items()}
    out.print(f"answers and scores: {folder.folder}; `cluster-r1 eval report` puts them side by side", markup=False)
    if missing:
        place, reason = next(iter(missing.items()))
        raise IncompleteError(
            f"{len(missing)} examples have no answer; the same command asks for those alone. The first: {place}:"
            f" {reason}"
        )


def _write(folder: EvaluationFolder, board: Leaderboard, reference: bool, page: bool) -> Iterable[Path]:
    from ..core.paper_tables import paper_recipes, paper_rows
    from ..core.workspace import write_text
    from ..reports.leaderboard import leaderboard_page
    from ..reports.leaderboard_tables import leaderboard_csv, leaderboard_latex, leaderboard_markdown

    rows, recipes = (paper_rows(), paper_recipes()) if reference else ((), ())
    texts = {
        "md": leaderboard_markdown(board, rows, recipes),
        "csv": leaderboard_csv(board),
        "tex": leaderboard_latex(board, rows),
        "json": board.model_copy(update={"examples": ()}).model_dump_json(indent=1) + "\n",
    }
    if page:
        texts["html"] = leaderboard_page(board, rows, recipes)
    for suffix, text in texts.items():
        write_text(folder.table(suffix), text)
        yield folder.table(suffix)


def _settings(command: CommandContext) -> tuple[EvalSettings, BudgetSettings | None]:
    """Of the project, where the command runs in one."""
    from ..core.settings import EvalSettings

    if not command.workspace.settings_file.exists():
        return EvalSettings(), None
    settings = command.workspace.settings()
    return settings.eval, settings.budget


def _benchmark(command: CommandContext, path: Path | None) -> Benchmark:
    from ..benchmark.files import Benchmark

    return Benchmark(path or command.workspace.benchmark)


def _folder(command: CommandContext, results: Path | None) -> EvaluationFolder:
    return EvaluationFolder((results or command.workspace.evals).absolute())
