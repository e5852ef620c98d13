"""An entry's bookkeeping: which examples it is asked, what it has answered, and that nothing is asked twice.

Answers are appended one by one, so a kill loses at most those in flight; when a run ends they are put into the
benchmark's order. Answers made in another way never mix: another model, prompt or setting is refused, or the earlier
entry is put away.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from pydantic import ValidationError

from ..benchmark.files import EVALUATION, Benchmark, ExampleRecord, Split
from ..core.errors import BenchmarkError, SettingsError, WorkspaceError
from ..core.evaluation import Completion, EntryFolder, EntryInfo, EntryKind, EvaluationFolder
from ..core.json_lines import append_line, cut_half_line, read_lines, sort_lines
from ..core.known_names import known_names
from ..core.moments import now
from ..core.workspace import folder_lock, write_text
from .forms import response_of
from .measures import score_completions

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")
_KEPT = ("calls", "prompt_tokens", "completion_tokens", "usd", "seconds", "started")
_TAKEN = {"replaced", "logs"}


class Order(NamedTuple):
    """What is asked: examples of these splits, `limit` of each cell at most, `samples` answers each."""

    splits: tuple[Split, ...] = EVALUATION
    limit: int | None = None
    samples: int = 1


def order_of(splits: Sequence[str] | None = None, limit: int | None = None, samples: int = 1) -> Order:
    """An order of splits by name, all where none is given. Raises SettingsError for what is no evaluation split."""
    chosen = known_names(splits or EVALUATION, EVALUATION, "evaluation split", "split")
    return Order(tuple(sorted(chosen, key=EVALUATION.index)), limit, samples)


class Asked(NamedTuple):
    """One answer that an entry owes."""

    record: ExampleRecord
    split: Split
    sample: int

    @property
    def key(self) -> tuple[str, int]:
        return self.record.id, self.sample


def chosen_records(benchmark: Benchmark, order: Order) -> list[tuple[ExampleRecord, Split]]:
    """The examples to ask, in the benchmark's order; under a limit those of a cell are spread evenly over it.

    Raises BenchmarkError when there is none.
    """
    chosen: list[tuple[ExampleRecord, Split]] = []
    for split in order.splits:
        by_domain: dict[str, list[int]] = defaultdict(list)
        records = list(benchmark.records(split))
        for place, record in enumerate(records):
            by_domain[record.domain].append(place)
        wanted = sorted(place for places in by_domain.values() for place in _spread(places, order.limit))
        chosen.extend((records[place], split) for place in wanted)
    if not chosen:
        raise BenchmarkError(
            f"{benchmark.folder} has no example in {', '.join(order.splits)}; `cluster-r1 stats` shows what it has"
        )
    return chosen


def benchmark_hash(benchmark: Benchmark) -> str:
    """Of the texts and the evaluation splits: the same for benchmarks that ask the same."""
    manifest = benchmark.manifest
    files = {name: digest for name, digest in manifest.sha256.items() if name.split(".")[0] in ("texts", *EVALUATION)}
    instructions = {task.id: task.instruction for task in manifest.tasks}
    return settings_hash({"files": files, "instructions": instructions})


def entry_plan(
    benchmark: Benchmark,
    name: str,
    kind: EntryKind,
    says: str,
    decides: Mapping[str, Any],
    **about: Any,
) -> EntryInfo:
    """An entry to open; `decides` is all that its answers depend on, `about` are further fields of EntryInfo."""
    return EntryInfo(
        name=name,
        kind=kind,
        says=says,
        benchmark=benchmark.manifest.name,
        benchmark_sha256=benchmark_hash(benchmark),
        splits=(),
        examples=0,
        made_from=settings_hash(decides),
        **about,
    )


def settings_hash(content: Mapping[str, Any]) -> str:
    """32 hex digits of whatever decides the answers."""
    return hashlib.blake2b(orjson.dumps(content, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


def check_samples(name: str, samples: int, temperature: float) -> None:
    """Raises SettingsError for several samples at temperature 0."""
    if samples > 1 and temperature == 0:
        raise SettingsError(
            f"{samples} samples of {name!r} at temperature 0 are the same answer {samples} times: set a temperature"
            " above 0"
        )


def entry_name(text: str) -> str:
    """A model's name as a folder's: what is not a letter, digit or ._+- becomes a dash."""
    name = re.sub(r"[^A-Za-z0-9._+-]+", "-", text.rstrip("/").rpartition("/")[2]).strip("-.")
    return name[:100] or "model"


def shown_model(model: str) -> str:
    """A model's name for reports; of a folder or file its last part, since where it lies is nobody's business."""
    path = Path(model).expanduser()
    return path.name if path.exists() else model


class OpenEntry:
    """An entry that is being answered; the caller holds it through `open_entry`."""

    def __init__(self, folder: EntryFolder, info: EntryInfo, asked: Sequence[Asked]) -> None:
        self.folder = folder
        self.info = info
        self.asked = asked
        self.unanswered: dict[str, str] = {}
        self._done: set[tuple[str, int]] = set()
        self._left_out = 0
        cut_half_line(folder.completions)
        for one in read_lines(folder.completions, Completion):
            self._count(one)
        self._began = time.monotonic()

    def owed(self) -> list[Asked]:
        return [one for one in self.asked if one.key not in self._done]

    def add(self, completion: Completion, calls: int = 0, usd: float = 0.0) -> None:
        """Keep an answer at once; `calls` and `usd` are what it cost in this run."""
        append_line(self.folder.completions, completion)
        self._count(completion)
        if calls:
            self._spend(completion, calls, usd)

    def close(self) -> None:
        """Put the answers into the benchmark's order and write what the entry came to."""
        order = {one.key: place for place, one in enumerate(self.asked)}
        sort_lines(self.folder.completions, Completion, lambda one: order.get((one.example, one.sample), len(order)))
        asked = {one.record.id for one in self.asked} | {example for example, _ in self._done}
        self.info = self.info.model_copy(
            update={
                "examples": len(asked),
                "seconds": self.info.seconds + time.monotonic() - self._began,
                "unanswered": dict(sorted(self.unanswered.items())),
                "texts_left_out": self._left_out,
                "ended": now(),
            }
        )
        write_info(self.folder, self.info)

    def _count(self, completion: Completion) -> None:
        self._done.add((completion.example, completion.sample))
        self._left_out += len(completion.left_out) if completion.sample == 0 else 0

    def _spend(self, completion: Completion, calls: int, usd: float) -> None:
        info = self.info
        self.info = info.model_copy(
            update={
                "calls": info.calls + calls,
                "prompt_tokens": info.prompt_tokens + completion.prompt_tokens,
                "completion_tokens": info.completion_tokens + completion.completion_tokens,
                "usd": info.usd + usd,
            }
        )


@contextmanager
def open_entry(
    evaluation: EvaluationFolder, plan: EntryInfo, benchmark: Benchmark, order: Order, replace: bool = False
) -> Iterator[OpenEntry]:
    """Begin an entry, or go on with the one of that name; whatever happens inside, it is closed and scored.

    plan: what the entry is; its numbers of examples and samples and its splits come from `order`. An earlier entry
    made in another way is put away with `replace`. Raises SettingsError for it without, WorkspaceLocked when another
    process works on the entry.
    """
    if not _NAME.fullmatch(plan.name) or plan.name in _TAKEN:
        raise SettingsError(
            f"an entry cannot be named {plan.name!r}: letters, digits and ._+- are allowed, the first a letter or digit"
        )
    records = chosen_records(benchmark, order)
    folder = evaluation.entry(plan.name)
    with folder_lock(folder.folder, f"the entry {plan.name!r}"):
        info = plan.model_copy(
            update={
                "splits": order.splits,
                "limit": order.limit,
                "examples": len(records),
                "samples": order.samples,
                "started": now(),
            }
        )
        earlier = read_info(folder)
        if earlier is not None:
            info = _continued(evaluation, earlier, info, replace)
        write_info(folder, info)
        asked = [Asked(record, split, sample) for record, split in records for sample in range(order.samples)]
        entry = OpenEntry(folder, info, asked)
        try:
            yield entry
        finally:
            entry.close()
            score_completions(folder, entry.info, benchmark, response_of(entry.info))


def read_info(folder: EntryFolder) -> EntryInfo | None:
    """None where there is no entry. Raises WorkspaceError for a file that is damaged."""
    if not folder.info.exists():
        return None
    try:
        return EntryInfo.model_validate_json(folder.info.read_bytes())
    except ValidationError as error:
        raise WorkspaceError(
            f"{folder.info} is damaged or of another version ({error.errors()[0]['msg']}); move {folder.folder} away"
        ) from None


def write_info(folder: EntryFolder, info: EntryInfo) -> None:
    write_text(folder.info, info.model_dump_json(indent=1) + "\n")


def _continued(evaluation: EvaluationFolder, earlier: EntryInfo, info: EntryInfo, replace: bool) -> EntryInfo:
    """The entry's info with what it was asked and cost so far; a new one when the earlier entry was put away."""
    same = (earlier.made_from, earlier.benchmark_sha256) == (info.made_from, info.benchmark_sha256)
    if same:
        kept = {name: getattr(earlier, name) for name in _KEPT}
        splits = tuple(split for split in EVALUATION if split in (*earlier.splits, *info.splits))
        samples = max(earlier.samples, info.samples)
        return info.model_copy(update={**kept, "splits": splits, "samples": samples})
    if not replace:
        raise SettingsError(
            f"{evaluation.entry(info.name).folder} holds answers that were made in another way"
            f" ({_difference(earlier, info)}); give this entry another --name, or --replace that one (it is put away,"
            " and calls that are still the same cost nothing)"
        )
    _put_away(evaluation, info.name)
    return info


def _difference(earlier: EntryInfo, info: EntryInfo) -> str:
    if earlier.benchmark_sha256 != info.benchmark_sha256:
        return (
            f"for the benchmark {earlier.benchmark!r} in another version"
            if earlier.benchmark == info.benchmark
            else (f"for the benchmark {earlier.benchmark!r}")
        )
    before, after = earlier.settings, info.settings
    changed = [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]
    told = [f"{name} {before.get(name)!r} instead of {after.get(name)!r}" for name in changed]
    return ", ".join(told) or "with other prompts or another version"


def _put_away(evaluation: EvaluationFolder, name: str) -> None:
    number = 1
    while (place := evaluation.replaced / f"{name}-{number}").exists():
        number += 1
    place.mkdir(parents=True)
    for file in sorted(evaluation.entry(name).folder.iterdir()):
        if not file.name.startswith("."):
            file.rename(place / file.name)


def _spread(places: Sequence[int], limit: int | None) -> list[int]:
    """At most `limit` places, spread evenly by halving the gaps again and again: more of them hold the fewer."""
    if limit is None or len(places) <= limit:
        return list(places)
    chosen: set[int] = set()
    for number in itertools.count():
        if len(chosen) == limit:
            break
        chosen.add(int(_halved(number) * len(places)))
    return [places[place] for place in sorted(chosen)]


def _halved(number: int) -> float:
    """0, 1/2, 1/4, 3/4, 1/8, 5/8, … (van der Corput's sequence)."""
    fraction, share = 0.0, 0.5
    while number:
        fraction += share * (number & 1)
        number >>= 1
        share /= 2
    return fraction
