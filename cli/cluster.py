"""`cluster-r1 cluster`: a pile of texts and an instruction become clusters."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ..core.errors import IncompleteError, SettingsError
from .console import out, watched
from .context import CommandContext
from .model_options import ApiKeyEnv, BaseUrl, Concurrency, ContextTokens, Seed, Serve

if TYPE_CHECKING:
    from ..clustering.preparing import Engine
    from ..core.clustering import ClusteringResult, ResultFolder
    from ..core.settings import ModelSettings, Settings

_RANGE = re.compile(r"(\d+)(?:\.\.(\d+))?")
_SHARD = re.compile(r"(\d+)/(\d+)")
_LISTED = 12
_HOW = ("form", "prompt_texts", "assign", "embedder", "labelled", "calls", "votes", "levels")
"""Options that are keys of the settings' `cluster` section."""
_REACH = ("base_url", "api_key_env", "serve", "context_tokens", "concurrency", "seed")
"""Options about the model."""


def cluster(
    context: typer.Context,
    source: Annotated[str, typer.Argument(help="texts: JSONL, JSON, CSV or Parquet file, folder, glob, or hf:NAME")],
    instruction: Annotated[str | None, typer.Option(help="what to cluster by, in words")] = None,
    out_folder: Annotated[Path, typer.Option("--out", help="folder of the result")] = Path("result"),
    into: Annotated[
        Path | None, typer.Option("--into", help="add the texts to this result, whose clusters stay as they are")
    ] = None,
    text: Annotated[str | None, typer.Option(help="column with the text; default: text")] = None,
    id_column: Annotated[str | None, typer.Option("--id", help="column with a unique id; default: id")] = None,
    clusters: Annotated[str | None, typer.Option(help="how many: 8, or a range such as 5..12")] = None,
    taxonomy: Annotated[Path | None, typer.Option(help="YAML file with clusters to use as given")] = None,
    model: Annotated[
        str | None,
        typer.Option(help="an endpoint's (with --base-url), a local one or a .gguf file; default: the project's"),
    ] = None,
    base_url: BaseUrl = None,
    api_key_env: ApiKeyEnv = None,
    serve: Serve = None,
    context_tokens: ContextTokens = None,
    concurrency: Concurrency = None,
    seed: Seed = None,
    form: Annotated[
        Literal["auto", "free", "grammar", "labels"] | None, typer.Option(help="of one generation over all texts")
    ] = None,
    prompt_texts: Annotated[
        int | None, typer.Option(min=0, help="cluster more texts than this by a taxonomy; default 60")
    ] = None,
    assign: Annotated[
        Literal["llm", "hybrid", "embed"] | None,
        typer.Option(help="who chooses a text's cluster: the model, a classifier where it is sure, the classifier"),
    ] = None,
    embedder: Annotated[str | None, typer.Option(help="of the classifier and the map; default: hashed words")] = None,
    labelled: Annotated[int | None, typer.Option(help="texts the classifier learns from; default 1000")] = None,
    calls: Annotated[int | None, typer.Option(help="texts asked of the model in hybrid at most; default 20000")] = None,
    votes: Annotated[int | None, typer.Option(help="choices asked of the model for each text; default 1")] = None,
    levels: Annotated[int | None, typer.Option(min=1, max=2, help="2: clusters are grouped in their turn")] = None,
    engine: Annotated[Literal["local", "ray"], typer.Option(help="where texts are assigned")] = "local",
    workers: Annotated[int, typer.Option(min=1, help="of the Ray cluster")] = 2,
    store: Annotated[
        str | None, typer.Option(help="URL for shards of results, any that fsspec knows; default: in the result")
    ] = None,
    prepare: Annotated[bool, typer.Option("--prepare", help="make all that --shard needs, and stop")] = False,
    shard: Annotated[str | None, typer.Option(help="do part I of N of a prepared result, as in 3/64")] = None,
) -> None:
    """Cluster texts by an instruction, any number of them; run again to go on where it stopped."""
    from ..clustering.plan import Request, planned
    from ..clustering.preparing import Engine
    from ..core.clustering import ResultFolder

    command: CommandContext = context.obj
    way = Engine(engine, workers, store, prepare)
    if into is not None:
        _refuse_with_into(context.params)
        _add(ResultFolder(into.absolute()), source, text, id_column, way)
        return
    folder = ResultFolder(out_folder.absolute())
    if shard is not None:
        _do_part(folder, shard)
        return
    said = _range(clusters) | {name: context.params[name] for name in _HOW}
    reach = {name: context.params[name] for name in _REACH}
    request = Request(
        source=source,
        instruction=instruction or "",
        model=_model(model, reach, command),
        base=_base(command) if model is None else None,
        text=text,
        id=id_column,
        taxonomy=str(taxonomy) if taxonomy is not None else None,
        cluster={name: value for name, value in said.items() if value is not None},
    )
    _run(folder, planned(request), way)


def _run(folder: ResultFolder, settings: Settings, engine: Engine) -> None:
    from ..clustering.corpus import cluster_corpus
    from ..core.workspace import Workspace

    with Workspace(folder.folder).lock(), watched() as progress:
        result = asyncio.run(cluster_corpus(folder, settings, progress, engine))
    if result is None:
        out.print(f"prepared; now `--shard I/N` does the parts, with --out {folder.folder}", markup=False)
        return
    _say(result, folder)
    if result.unanswered:
        raise IncompleteError(f"{result.unanswered} texts got no answer; the same command asks for those alone")


def _add(folder: ResultFolder, source: str, text: str | None, id_column: str | None, engine: Engine) -> None:
    from ..clustering.adding import add_documents
    from ..core.workspace import Workspace

    if not folder.folder.is_dir():
        raise SettingsError(f"there is no result {folder.folder}")
    with Workspace(folder.folder).lock(), watched() as progress:
        added = asyncio.run(add_documents(folder, source, progress, text, id_column, engine))
    drift = added.batch.drift
    out.print(f"{added.batch.documents:,} texts added: {added.folder.assignments}", markup=False)
    out.print(f"{drift.verdict}: {drift.says}", markup=False)
    out.print(f"page: {added.folder.report}", markup=False)


def _do_part(folder: ResultFolder, shard: str) -> None:
    from ..clustering.parts import do_part

    match = _SHARD.fullmatch(shard)
    part, parts = (int(number) for number in match.groups()) if match else (0, 0)
    if not 1 <= part <= parts:
        raise SettingsError(f"--shard takes I/N with 1 <= I <= N, such as 3/64, got {shard!r}")
    with watched() as progress:
        done = do_part(folder, part, parts, progress)
    failed = [one for one in done if one.error]
    unanswered = sum(one.unanswered for one in done)
    out.print(f"part {part} of {parts}: {len(done) - len(failed)} shards done", markup=False)
    if failed:
        raise IncompleteError(f"{len(failed)} shards were not done, the first because {failed[0].error}; run it again")
    if unanswered:
        raise IncompleteError(f"{unanswered} texts got no answer; the same command asks for those alone")


def _say(result: ClusteringResult, folder: ResultFolder) -> None:
    for line in result_lines(result):
        out.print(line, markup=False)
    for name, path in (("assignments", folder.assignments), ("taxonomy", folder.taxonomy), ("page", folder.report)):
        out.print(f"{name}: {path}", markup=False)


def result_lines(result: ClusteringResult) -> list[str]:
    """A result in a few lines: sizes, how it was decided, what it cost."""
    filled = sorted((one for one in result.clusters if one.texts), key=lambda one: -one.texts)
    lines = [f"{result.documents:,} texts in {len(filled)} clusters: {result.instruction}"]
    lines += [f"  {one.texts:>7,}  {one.name}" for one in filled[:_LISTED]]
    if len(filled) > _LISTED:
        lines.append(f"  {sum(one.texts for one in filled[_LISTED:]):>7,}  in {len(filled) - _LISTED} smaller ones")
    if result.none_fits:
        lines.append(f"  {result.none_fits:>7,}  fit none of them")
    lines.append("decided: " + ", ".join(f"{count:,} {how}" for how, count in result.decided.items()))
    if result.repairs is not None:
        lines.append(_repair_line(result))
    if result.classifier is not None:
        quality = result.classifier
        accuracy = "unknown" if quality.accuracy.value is None else f"{quality.accuracy.value:.1%}"
        lines.append(
            f"the classifier agrees with the model on {accuracy} of {quality.held_back} texts held back, and is sure"
            f" of {quality.sure_share:.0%} of them"
        )
    lines += [f"note: {trouble}" for trouble in result.trouble]
    money = f", ${result.usd:.4f}" if result.usd else ""
    tokens = result.prompt_tokens + result.completion_tokens
    lines.append(f"calls in the ledger: {result.calls:,}, {tokens:,} tokens{money}")
    return lines


def _repair_line(result: ClusteringResult) -> str:
    repairs = result.repairs
    if repairs is None or repairs.valid:
        return "the generation was a partition as it stood"
    found = f"{repairs.missing} texts in no cluster, {repairs.twice} in several"
    if repairs.unreadable:
        found = "no cluster could be read of it"
    return f"the generation was no partition ({repairs.problem}: {found}); repaired by {repairs.questions} questions"


def _range(clusters: str | None) -> dict[str, int]:
    if clusters is None:
        return {}
    match = _RANGE.fullmatch(clusters.strip())
    if match is None or int(match[1]) < 1 or int(match[2] or match[1]) < int(match[1]):
        raise SettingsError(f"--clusters takes a number such as 8 or a range such as 5..12, got {clusters!r}")
    return {"min_clusters": int(match[1]), "max_clusters": int(match[2] or match[1])}


def _model(name: str | None, reach: dict[str, Any], command: CommandContext) -> ModelSettings | None:
    """The model of `--model`, as `eval run` finds one."""
    from ..core.settings import EvalSettings
    from ..eval.model_choice import Choice, model_by_name

    if name is None:
        given = [f"--{option.replace('_', '-')}" for option, value in reach.items() if value is not None]
        if given:
            raise SettingsError(f"{given[0]} is about a model: name it with --model")
        return None
    base = _base(command)
    return model_by_name(name, Choice(**reach), base.eval if base is not None else EvalSettings())


def _base(command: CommandContext) -> Settings | None:
    workspace = command.workspace
    return workspace.settings() if workspace.settings_file.exists() else None


def _refuse_with_into(said: dict[str, Any]) -> None:
    about = ("instruction", "clusters", "taxonomy", "model", "shard", *_HOW, *_REACH)
    given = [f"--{name.replace('_', '-')}" for name in about if said[name] is not None]
    if given:
        raise SettingsError(f"{given[0]} cannot be given with --into: the result says how it is clustered")
