"""`cluster-r1 corpus`: raw corpora made documents, and the rules that decide what is left out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .console import out as console
from .console import say_error, watched
from .context import CommandContext

if TYPE_CHECKING:
    from ..corpora.prepare import Limits
    from ..corpora.prepare_report import PrepareReport
    from ..corpora.rules import Kind

_STOPPED = 130

corpus = typer.Typer(
    help="Raw corpora made documents: which rows are kept, and why the others are not.", no_args_is_help=True
)
prepare = typer.Typer(
    help="Make documents of a raw corpus, by rules that are counted and can be turned off.", no_args_is_help=True
)
corpus.add_typer(prepare, name="prepare")


class KindName(StrEnum):
    lmsys = "lmsys"
    echr = "echr"
    sp500 = "sp500"
    files = "files"


Sources = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SOURCE]...", help="files, folders, globs or hf:NAME; without one the hub's data set of this kind"
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(help="the file to write, .parquet or .jsonl; default KIND.parquet in the project's folder"),
]
TokenizerName = Annotated[
    str,
    typer.Option(
        help="a tokenizer.json, a folder with one, a .gguf file, a local model, a hub name, or 'estimate' (bytes / 3.5)"
    ),
]
Least = Annotated[int | None, typer.Option(min=1, help="drop texts of fewer tokens")]
Most = Annotated[int | None, typer.Option(min=1, help="drop texts of more tokens")]
Characters = Annotated[int, typer.Option(min=100, help="drop texts of more characters; see corpus.max_characters")]
Keep = Annotated[list[str] | None, typer.Option(metavar="RULE", help="turn a rule off; may be given again")]
Config = Annotated[str | None, typer.Option(help="configuration of a hub data set")]
Split = Annotated[str | None, typer.Option(help="split of a hub data set")]


@prepare.command()
def lmsys(
    context: typer.Context,
    source: Sources = None,
    out: Out = None,
    limit: Annotated[int, typer.Option(min=1, help="look at the first N English dialogues only")] = 500_000,
    tokenizer: TokenizerName = "estimate",
    min_tokens: Least = None,
    max_tokens: Most = None,
    max_characters: Characters = 100_000,
    keep: Keep = None,
    config: Config = None,
    split: Split = None,
) -> None:
    """LMSYS-Chat-1M: English dialogues of one or two turns, both sides kept (App. H.1)."""
    from ..corpora.lmsys import Lmsys
    from ..corpora.prepare import Limits

    limits = Limits(min_tokens, max_tokens, max_characters)
    options = {"limit": str(limit)}
    _run(context, "lmsys", lambda off: Lmsys(off, limit), source, out, tokenizer, limits, keep, config, split, options)


@prepare.command()
def echr(
    context: typer.Context,
    source: Sources = None,
    out: Out = None,
    tokenizer: TokenizerName = "estimate",
    min_tokens: Least = None,
    max_tokens: Most = None,
    max_characters: Characters = 100_000,
    keep: Keep = None,
    config: Config = None,
    split: Split = None,
) -> None:
    """European Court of Human Rights: the facts of cases, without what tells the outcome (App. H.2)."""
    from ..corpora.echr import Echr
    from ..corpora.prepare import Limits

    _run(
        context,
        "echr",
        Echr,
        source,
        out,
        tokenizer,
        Limits(min_tokens, max_tokens, max_characters),
        keep,
        config,
        split,
    )


@prepare.command()
def sp500(
    context: typer.Context,
    source: Sources = None,
    out: Out = None,
    item: Annotated[
        list[str] | None, typer.Option(help="an item of the report; may be given again; default 2, 3 and 5")
    ] = None,
    tokenizer: TokenizerName = "estimate",
    min_tokens: Least = None,
    max_tokens: Annotated[int, typer.Option(min=1, help="drop texts of more tokens")] = 4000,
    max_characters: Characters = 100_000,
    keep: Keep = None,
    config: Config = None,
    split: Split = None,
) -> None:
    """Annual reports on Form 10-K: one document an item, without headings and stubs (App. H.3)."""
    from ..corpora.prepare import Limits
    from ..corpora.sp500 import PAPER_ITEMS, Sp500

    limits = Limits(min_tokens, max_tokens, max_characters)
    items = item or list(PAPER_ITEMS)
    options = {"items": ", ".join(items)}
    _run(context, "sp500", lambda off: Sp500(off, items), source, out, tokenizer, limits, keep, config, split, options)


@prepare.command()
def files(
    context: typer.Context,
    source: Annotated[list[str], typer.Argument(metavar="SOURCE...", help="files, folders, globs or hf:NAME")],
    text: Annotated[str, typer.Option(metavar="COLUMN", help="column with the text")] = "text",
    id: Annotated[str, typer.Option(metavar="COLUMN", help="column with a unique id; '' numbers the rows")] = "id",
    gold: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN", help="column with gold labels, labels.NAME for one of several; may be given again"
        ),
    ] = None,
    english: Annotated[bool, typer.Option("--english", help="keep English texts only")] = False,
    out: Out = None,
    tokenizer: TokenizerName = "estimate",
    min_tokens: Least = None,
    max_tokens: Most = None,
    max_characters: Characters = 100_000,
    keep: Keep = None,
    config: Config = None,
    split: Split = None,
) -> None:
    """Any corpus, by the names of its columns."""
    from ..corpora.generic import Columns
    from ..corpora.prepare import Limits

    def kind(off: frozenset[str]) -> Columns:
        return Columns(off, text, id or None, gold or (), english)

    limits = Limits(min_tokens, max_tokens, max_characters)
    options = {"text": text, "id": id, "gold": ", ".join(gold or ()), "english": str(english).lower()}
    _run(context, "files", kind, source, out, tokenizer, limits, keep, config, split, options)


@corpus.command()
def rules(
    kind: Annotated[KindName, typer.Argument(help="the kind of corpus")],
    markdown: Annotated[bool, typer.Option("--markdown", help="print a table for a document")] = False,
) -> None:
    """Every rule in the order it is tried: its name, what it drops or changes, where it comes from."""
    from ..corpora.kinds import KINDS
    from ..corpora.rules import markdown_table

    info = KINDS[kind.value]
    if markdown:
        typer.echo(markdown_table(info.rules))
        return
    from rich.table import Table

    table = Table("rule", "", "what", "from", box=None)
    for rule in info.rules:
        table.add_row(rule.name, rule.effect, rule.what, rule.source)
    console.print(f"{info.name}: {info.about}", markup=False)
    console.print(table, soft_wrap=False)


def _run(
    context: typer.Context,
    name: str,
    make: Callable[[frozenset[str]], Kind],
    sources: Sequence[str] | None,
    out: Path | None,
    tokenizer: str,
    limits: Limits,
    keep: Sequence[str] | None,
    config: str | None,
    split: str | None,
    options: dict[str, str] | None = None,
) -> None:
    from ..corpora.kinds import KINDS
    from ..corpora.prepare import prepare as run
    from ..corpora.prepare import sources_of
    from ..corpora.prepare_report import PrepareReport, counts_of
    from ..corpora.rules import rules_off
    from ..llm.tokenizers import open_tokenizer

    info = KINDS[name]
    command: CommandContext = context.obj
    path = out or command.directory / f"{name}.parquet"
    off = rules_off(info.rules, keep or ())
    kind = make(off)
    settings = sources_of(info, sources or (), config, split)
    names = list(dict.fromkeys(one.source for one in settings))
    told = {
        "max_characters": str(limits.max_characters),
        "min_tokens": str(limits.min_tokens),
        "max_tokens": str(limits.max_tokens),
    }
    counts = counts_of(info.rules, off)
    with watched() as progress:
        counter = open_tokenizer(tokenizer, progress.note)
        report = PrepareReport(
            kind=name,
            sources=names,
            out=path.name,
            tokenizer=counter.name,
            options=told | (options or {}),
            rules=counts,
        )
        try:
            progress.stage(f"prepare {name}", None)
            run(kind, settings, Path.cwd(), path, report, counter, limits, progress.advance)
        except KeyboardInterrupt:
            say_error("stopped; nothing was written")
            raise typer.Exit(_STOPPED) from None
    _say(report, path, command.directory)


def _say(report: PrepareReport, path: Path, project: Path) -> None:
    from rich.table import Table
    from rich.text import Text

    from ..corpora.prepare import report_path

    table = Table("rule", "", "texts", "of 100", "for example", box=None)
    for rule in report.rules:
        if rule.count or rule.off:
            share = "off" if rule.off else f"{100 * rule.count / report.read:.1f}"
            example = "" if not rule.examples else f"{Path(rule.examples[0].place).name}: {rule.examples[0].detail}"
            table.add_row(rule.name, rule.effect, f"{rule.count:,}", share, Text(_short(example)))
    texts = "" if report.read == report.rows else f", {report.read:,} texts in them"
    console.print(
        f"{report.rows:,} rows read{texts}: {report.kept:,} documents kept, {report.dropped:,} dropped", markup=False
    )
    if table.row_count:
        console.print(table)
    mean = report.tokens / report.kept
    console.print(f"{report.tokens:,} tokens by {report.tokenizer}, {mean:,.0f} a document", markup=False)
    console.print(f"documents: {path}", markup=False)
    console.print(f"report: {report_path(path)}", markup=False)
    inside = path.resolve().is_relative_to(project.resolve())
    source = path.resolve().relative_to(project.resolve()) if inside else path.resolve()
    gold = ", gold: labels" if report.kind != "files" or report.options.get("gold") else ""
    console.print(f"Next, in cluster-r1.yaml: corpus: {{source: {source}{gold}}}", markup=False)


def _short(text: str, most: int = 90) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
