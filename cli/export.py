"""`cluster-r1 export`: a benchmark in the form that trainers and evaluators load unchanged."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..core.errors import SettingsError
from .console import out, say_error, watched
from .context import CommandContext

if TYPE_CHECKING:
    from ..benchmark.exports.order import Written

_STOPPED = 130


class FormatName(StrEnum):
    trl_sft = "trl-sft"
    trl_grpo = "trl-grpo"
    verl = "verl"
    verifiers = "verifiers"
    hf = "hf"
    mteb = "mteb"
    jsonl = "jsonl"


def export(
    context: typer.Context,
    formats: Annotated[list[FormatName], typer.Option("--to", help="the format; may be given again")],
    benchmark: Annotated[Path | None, typer.Option(help="a built benchmark; default: the project's")] = None,
    folder: Annotated[
        Path | None,
        typer.Option("--out", help="where to, with several formats a folder for each in it; default: exports/FORMAT"),
    ] = None,
    split: Annotated[list[str] | None, typer.Option(help="write this split; may be given again")] = None,
    traces: Annotated[
        Path | None,
        typer.Option(
            help="for trl-sft: the folder of `distill`, of which kept traces are taken, or lines"
            ' {"example": id, "think": reasoning}; default split distill'
        ),
    ] = None,
    language: Annotated[
        list[str] | None, typer.Option(help="for hf: ISO 639 code of the texts' language; may be given again; en")
    ] = None,
    push_to_hub: Annotated[
        str | None, typer.Option(metavar="REPO", help="with --to hf: upload to this data set; token in HF_TOKEN")
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="make that data set private if it is new")] = False,
) -> None:
    """Files for TRL, verl, verifiers, the Hugging Face hub, mteb, or as plain JSONL; never of one that leaks."""
    from ..benchmark.exports.formats import export_benchmark
    from ..benchmark.exports.hub import check_push, push
    from ..benchmark.exports.order import ExportOrder
    from ..benchmark.files import Benchmark

    _check(formats, push_to_hub, private, language, traces)
    if push_to_hub is not None:
        check_push(push_to_hub)
    command: CommandContext = context.obj
    built = Benchmark(benchmark or command.workspace.benchmark)
    splits = tuple(split or ())
    chosen = list(dict.fromkeys(one.value for one in formats))
    with watched() as progress:
        for name in chosen:
            base = built.folder / "exports" if folder is None else folder
            target = base / name if folder is None or len(chosen) > 1 else base
            order = ExportOrder(splits, traces if name == "trl-sft" else None, tuple(language or ("en",)))
            progress.stage(f"export {name}", None)
            try:
                _say(name, target, export_benchmark(built, name, target, order))
            except KeyboardInterrupt:
                say_error(f"stopped; {target} is as it was")
                raise typer.Exit(_STOPPED) from None
            if name == "hf" and push_to_hub is not None:
                progress.stage(f"upload to {push_to_hub}", None)
                out.print(f"uploaded: {push(target, push_to_hub, private)}", markup=False)


def _check(
    formats: list[FormatName], push_to_hub: str | None, private: bool, language: list[str] | None, traces: Path | None
) -> None:
    if push_to_hub is not None and FormatName.hf not in formats:
        raise SettingsError("--push-to-hub uploads the data set of --to hf; give that too")
    if private and push_to_hub is None:
        raise SettingsError("--private goes with --push-to-hub")
    if language and FormatName.hf not in formats:
        raise SettingsError("--language is for the data card of --to hf; give that too")
    if traces is not None and FormatName.trl_sft not in formats:
        raise SettingsError("--traces is for --to trl-sft; give that too")


def _say(name: str, target: Path, written: Written) -> None:
    rows = ", ".join(f"{count:,} {what}" for what, count in written.rows.items())
    out.print(f"{name}: {rows}", markup=False)
    for note in written.notes:
        out.print(f"  {note}", markup=False)
    out.print(f"  {target}", markup=False)
