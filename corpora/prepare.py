"""Raw corpora to documents: every row through the rules of its kind, into one file that `corpus.source` can name.

Streaming, and in constant memory but for a hash of each id and text kept. The file appears whole or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..core.errors import CorpusError, SettingsError
from ..core.settings import CorpusSettings
from ..core.tokenizer import TokenCounter
from ..core.workspace import atomic_path, write_text
from .files import listed, read_rows
from .kinds import KindInfo, kind_of
from .prepare_report import PrepareReport
from .prepared_file import Prepared, open_writer
from .report import Skip
from .rows import Row
from .rules import DUPLICATE, NUL, TOKENS, TOO_LONG, UNREADABLE, Draft, Drop, Kind
from .seen import Seen
from .sources import find_source

if TYPE_CHECKING:
    from .prepared_file import Writer

_PATIENCE = 100
_BATCH = 256
_BATCH_CHARACTERS = 4 * 1024 * 1024


class Limits(NamedTuple):
    """What the last rules go by; None is no limit."""

    min_tokens: int | None = None
    max_tokens: int | None = None
    max_characters: int = CorpusSettings.model_fields["max_characters"].default


class _Placed(NamedTuple):
    place: str
    found: Draft | Drop


def prepare(
    kind: Kind,
    sources: Sequence[CorpusSettings],
    root: Path,
    out: Path,
    report: PrepareReport,
    counter: TokenCounter,
    limits: Limits,
    progress: Callable[[int], None] | None = None,
) -> PrepareReport:
    """Write the documents of all sources to `out` (.parquet or .jsonl) and the filled report beside it.

    Relative sources begin at `root`; `progress` is told how many more rows were read. Raises CorpusError when a source
    cannot be read or is of another shape and when no document is left, SettingsError for another suffix; nothing is
    written then.
    """
    if limits.min_tokens and limits.max_tokens and limits.min_tokens > limits.max_tokens:
        raise SettingsError(f"--min-tokens {limits.min_tokens} is more than --max-tokens {limits.max_tokens}")
    rows = _Rows(kind, sources, root, report, progress or (lambda _: None))
    last = _LastRules(frozenset(rule.name for rule in report.rules if rule.off), counter, limits)
    with atomic_path(out) as path, open_writer(path, out.suffix, kind) as writer:
        texts = rows.texts()
        while batch := _batch(texts):
            _write(last.judged(batch), report, writer)
        rows.finish()
    write_text(report_path(out), report.to_json())
    return report


def sources_of(
    kind: KindInfo, sources: Sequence[str], config: str | None = None, split: str | None = None
) -> list[CorpusSettings]:
    """What to read: the sources asked for, or the kind's data set on the hub, each of its splits.

    Raises SettingsError for a kind that has none.
    """
    if sources:
        return [CorpusSettings(source=source, config=config, split=split or "train") for source in sources]
    if kind.hub is None:
        raise SettingsError(f"corpus prepare {kind.name} needs a SOURCE: a file, a folder, a glob, or hf:NAME")
    splits = (split,) if split else kind.splits
    return [CorpusSettings(source=kind.hub, config=config or kind.config, split=one) for one in splits]


def report_path(out: Path) -> Path:
    return out.with_name(f"{out.name.removesuffix(out.suffix)}.report.json")


def _batch(texts: Iterator[_Placed]) -> list[_Placed]:
    """Texts to count together: 256, fewer where they are long."""
    batch: list[_Placed] = []
    characters = 0
    for text in islice(texts, _BATCH):
        batch.append(text)
        characters += len(text.found.text)
        if characters >= _BATCH_CHARACTERS:
            break
    return batch


def _write(judged: Iterable[tuple[_Placed, int]], report: PrepareReport, writer: Writer) -> None:
    for (place, found), tokens in judged:
        if isinstance(found, Drop):
            report.drop(place, found)
            continue
        report.keep(place, found, tokens)
        writer.add(Prepared(found.id, found.text, dict(found.labels), dict(found.meta)))


class _Rows:
    """The texts of all rows of all sources; knows whether any row was of the kind's shape."""

    def __init__(
        self,
        kind: Kind,
        sources: Sequence[CorpusSettings],
        root: Path,
        report: PrepareReport,
        say: Callable[[int], None],
    ) -> None:
        self._kind = kind
        self._sources = sources
        self._root = root
        self._report = report
        self._say = say
        self._columns: dict[str, None] = {}
        self._fits = False

    def texts(self) -> Iterator[_Placed]:
        """Raises CorpusError as soon as a hundred rows lack the columns."""
        for settings in self._sources:
            for row in read_rows(find_source(settings, self._root), settings):
                self._report.rows += 1
                self._say(1)
                if isinstance(row, Skip):
                    yield _Placed(row.place, Drop(UNREADABLE, f"{row.reason}: {row.detail}"))
                elif not self._is_of_shape(row):
                    yield _Placed(row.place, Drop(UNREADABLE, f"columns are missing, it has {listed(row.values)}"))
                else:
                    yield from (_Placed(row.place, found) for found in self._kind.texts(row))

    def finish(self) -> None:
        """Raises CorpusError when the rows came to nothing."""
        report = self._report
        if not report.rows:
            raise CorpusError(f"{', '.join(report.sources)}: no row was read; SOURCE must name files with at least one")
        if self._columns and not self._fits:
            raise CorpusError(self._other_shape())
        if not report.kept:
            counts = ", ".join(f"{rule.name} {rule.count}" for rule in report.rules if rule.count)
            first = next((example for rule in report.rules for example in rule.examples), None)
            shown = f"; the first: {first.place}: {first.detail}" if first else ""
            raise CorpusError(f"none of the {report.read} texts is left: {counts}{shown}; --keep RULE turns a rule off")
        unlabelled = [name for name, count in report.labelled.items() if not count]
        if unlabelled and self._kind.name == "files":
            raise CorpusError(f"no row has the gold label {unlabelled[0]!r}; name another with --gold, or leave it out")

    def _is_of_shape(self, row: Row) -> bool:
        fits = any(shape <= row.values.keys() for shape in self._kind.shapes)
        self._fits = self._fits or fits
        if not self._fits:
            self._columns |= dict.fromkeys(row.values)
            if self._report.rows >= _PATIENCE:
                raise CorpusError(self._other_shape())
        return fits

    def _other_shape(self) -> str:
        wanted = " or ".join(", ".join(sorted(shape)) for shape in self._kind.shapes)
        fit = kind_of(self._columns)
        how = f"`corpus prepare {fit}` fits these" if fit else "`corpus prepare files SOURCE --text COLUMN` takes any"
        if self._kind.name == "files":
            how = "name others with --text, --id ('' numbers the rows) and --gold"
        return (
            f"{', '.join(self._report.sources)}: not of the shape of {self._kind.name!r}, which has the"
            f" columns {wanted};"
            f" found {listed(self._columns)}; {how}"
        )


class _LastRules:
    """The rules that every kind ends with; knows the ids and texts of those before."""

    def __init__(self, off: frozenset[str], counter: TokenCounter, limits: Limits) -> None:
        self._off = off
        self._counter = counter
        self._limits = limits
        self._ids = Seen()
        self._texts = Seen()

    def judged(self, batch: Sequence[_Placed]) -> list[tuple[_Placed, int]]:
        """Each text of the batch with its tokens, as it is or dropped."""
        judged = [_Placed(place, self._alone(found)) for place, found in batch]
        texts = [found.text for _, found in judged if isinstance(found, Draft)]
        counts = iter(self._counter.count(texts))
        return [self._counted(text, counts) for text in judged]

    def _alone(self, found: Draft | Drop) -> Draft | Drop:
        if isinstance(found, Drop):
            return found
        if "\0" in found.text or "\0" in found.id:
            return Drop(NUL, "a NUL character", found.text.replace("\0", ""))
        if len(found.text) > self._limits.max_characters and TOO_LONG.name not in self._off:
            return Drop(TOO_LONG, f"{len(found.text):,} characters", found.text)
        if DUPLICATE.name not in self._off:
            if not self._ids.add(found.id):
                return Drop(DUPLICATE, f"an earlier text has the id {found.id!r}", found.text)
            if not self._texts.add(" ".join(found.text.split()).casefold()):
                return Drop(DUPLICATE, f"an earlier text says the same; this one has the id {found.id!r}", found.text)
        return found

    def _counted(self, text: _Placed, counts: Iterator[int]) -> tuple[_Placed, int]:
        if isinstance(text.found, Drop):
            return text, 0
        tokens = next(counts)
        least, most = self._limits.min_tokens or 0, self._limits.max_tokens
        if TOKENS.name not in self._off and (tokens < least or (most is not None and tokens > most)):
            wanted = f"at least {least:,}" if tokens < least else f"at most {most:,}"
            return _Placed(text.place, Drop(TOKENS, f"{tokens:,} tokens, wanted {wanted}", text.found.text)), 0
        return text, tokens
