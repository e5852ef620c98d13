"""The leaderboard: everything that tables and the page show of an evaluation, from what its entries left on disk.

Scores and completions are streamed; of an example only a few numbers are held for each entry.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from ..benchmark.files import Benchmark
from ..core.errors import SettingsError, WorkspaceError
from ..core.evaluation import (
    AnswerScore,
    Comparison,
    EntryFolder,
    EntryInfo,
    EvaluationFolder,
    Leaderboard,
    Mixing,
    ShownExample,
    Standing,
)
from ..core.json_lines import read_lines
from .breakdowns import breakdowns
from .choosing import choose
from .comparison import compare
from .entries import benchmark_hash, read_info
from .gallery import show
from .gold import gold_of
from .mixings import mixings
from .standings import standing
from .valid_answers import valid_answers

_AGAIN = "run its `cluster-r1 eval` command again, which scores all that is answered and pays for nothing twice"
_SHOWN_HASH = 12


class ScoredEntry:
    """An entry on disk; to iterate over it reads its scores. It is called as its folder is."""

    def __init__(self, info: EntryInfo, folder: EntryFolder) -> None:
        self.info = info.model_copy(update={"name": folder.name})
        self.folder = folder

    @property
    def name(self) -> str:
        return self.folder.name

    def __iter__(self) -> Iterator[AnswerScore]:
        try:
            yield from read_lines(self.folder.scores, AnswerScore)
        except WorkspaceError as error:
            raise WorkspaceError(f"{error}, or {_AGAIN}") from None

    def is_scored(self) -> bool:
        """Whether it has a score: one that is being answered for the first time, or was killed in it, has none."""
        return next(iter(self), None) is not None


def leaderboard(
    evaluation: EvaluationFolder,
    benchmark: Benchmark | None = None,
    entries: Sequence[str] | None = None,
    *,
    resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
    generated_at: str = "",
) -> Leaderboard:
    """The leaderboard of all entries, or of those named. Mixings and examples to read need the benchmark.

    Entries without a score are left out and named. The best entry that is no oracle is compared with every other one
    that has an example in common with it. Oracles' answers are read side by side only where there is nothing else.
    Raises SettingsError for an unknown entry, for entries of different benchmarks, for a benchmark that they did not
    answer, and when none has a score; WorkspaceError for scores that are damaged.
    """
    found = scored_entries(evaluation, entries)
    _check_benchmark([entry.info for entry in found], benchmark)
    scored = {entry.name: entry for entry in found if entry.is_scored()}
    if not scored:
        names = ", ".join(entry.name for entry in found)
        raise SettingsError(f"no entry in {evaluation.folder} has a score yet, neither of {names}; {_AGAIN}")
    standings = sorted(
        (standing(entry.info, entry, resamples, confidence, seed) for entry in scored.values()), key=_best_first
    )
    ordered = [scored[one.info.name] for one in standings]
    return Leaderboard(
        benchmark=ordered[0].info.benchmark,
        benchmark_sha256=ordered[0].info.benchmark_sha256,
        standings=tuple(standings),
        breakdowns=breakdowns({entry.name: entry for entry in ordered}, resamples, seed, confidence),
        mixings=_mixings(ordered, benchmark) if benchmark else (),
        examples=_examples(ordered, benchmark) if benchmark else (),
        comparisons=tuple(_comparisons(ordered, resamples, seed, confidence)),
        left_out=tuple(entry.name for entry in found if entry.name not in scored),
        confidence=confidence,
        resamples=resamples,
        generated_at=generated_at,
    )


def scored_entries(evaluation: EvaluationFolder, names: Sequence[str] | None = None) -> list[ScoredEntry]:
    """The entries of an evaluation: those named, as they are named, or all by name; other folders are passed over.

    Raises SettingsError for a name that is not there and when there is no entry.
    """
    found: dict[str, ScoredEntry] = {}
    for folder in sorted(evaluation.folder.iterdir()) if evaluation.folder.is_dir() else ():
        entry = EntryFolder(folder)
        info = read_info(entry)
        if info is not None:
            found[entry.name] = ScoredEntry(info, entry)
    if not found:
        raise SettingsError(f"{evaluation.folder} has no entry; `cluster-r1 eval run` makes one")
    for name in names or ():
        if name not in found:
            raise SettingsError(f"there is no entry {name!r} in {evaluation.folder}; there are: {', '.join(found)}")
    return [found[name] for name in names or found]


def _best_first(one: Standing) -> tuple[float, str]:
    return -(one.weighted.value or 0.0), one.info.name


def _check_benchmark(infos: Sequence[EntryInfo], benchmark: Benchmark | None) -> None:
    answered: dict[str, list[EntryInfo]] = {}
    for info in infos:
        answered.setdefault(info.benchmark_sha256, []).append(info)
    if len(answered) > 1:
        told = "; ".join(f"{_called(of_one[0])}: {', '.join(i.name for i in of_one)}" for of_one in answered.values())
        raise SettingsError(f"the entries answered different benchmarks ({told}); choose those of one with --entry")
    if benchmark is None:
        return
    given = benchmark_hash(benchmark)
    if given not in answered:
        raise SettingsError(
            f"{benchmark.folder} ({benchmark.manifest.name!r}, {given[:_SHOWN_HASH]}) is not what the entries answered"
            f" ({_called(infos[0])}); give the benchmark that they answered, or run them on this one"
        )


def _called(info: EntryInfo) -> str:
    return f"{info.benchmark!r}, {info.benchmark_sha256[:_SHOWN_HASH]}"


def _comparisons(ordered: Sequence[ScoredEntry], resamples: int, seed: int, confidence: float) -> Iterator[Comparison]:
    best = next((entry for entry in ordered if entry.info.kind != "oracle"), None)
    if best is None:
        return
    for other in ordered:
        if other is not best:
            with contextlib.suppress(SettingsError):  # no example in common
                yield compare((best.name, best), (other.name, other), resamples, seed, confidence)


def _mixings(ordered: Sequence[ScoredEntry], benchmark: Benchmark) -> tuple[Mixing, ...]:
    gold = gold_of(benchmark)
    return mixings({entry.name: valid_answers(entry.folder, entry.info, gold) for entry in ordered})


def _examples(ordered: Sequence[ScoredEntry], benchmark: Benchmark) -> tuple[ShownExample, ...]:
    read = [entry for entry in ordered if entry.info.kind != "oracle"] or ordered
    chosen = choose({entry.name: entry for entry in read})
    return show(benchmark, chosen, [(entry.info, entry.folder) for entry in read])
