"""The proof that nothing leaks: every claim about a benchmark is checked anew on its written files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core.errors import BenchmarkError, LeakError, SettingsError
from ..core.tokenizer import ESTIMATE, TokenCounter, load_tokenizer
from .duplicates import near_duplicate_groups
from .evidence import Evidence, read_evidence
from .files import SPLITS, Benchmark, Check
from .proof_examples import Combinations, Form, Lengths, Names, Repeats
from .proof_files import counts, hashes
from .proof_tasks import task_checks
from .proof_texts import Likeness, Pools, unseen_texts
from .tally import Tally
from .usage import Usage, streamed

_REBUILD = "the files are not what `cluster-r1 build` wrote: build the benchmark again, and change nothing in it"
_REMEDIES = {
    "held-out-tasks": "give the task one split in the settings, then build again",
    "held-out-splits": "give the task one split in the settings, then build again",
    "held-out-instructions": "give both tasks one split, or name one in benchmark.leave_out, then build again",
    "held-out-clusters": "give both tasks one split, or name one in benchmark.leave_out, then build again",
    "prompt-tokens": "lower benchmark.max_prompt_tokens a little, or name the tokenizer that counts, then build again",
}


def prove(folder: Path, counter: TokenCounter | None = None) -> tuple[Check, ...]:
    """Every check on a benchmark's folder, or on its export as plain JSONL, where those that need pools do not apply.

    `counter` counts some prompts anew; without one the manifest's tokenizer does when it is on this machine. Memory
    is 50 bytes a text beside the near-duplicates' and a few hundred bytes an example.
    Raises BenchmarkError when the folder is no benchmark or a file cannot be read.
    """
    evidence = read_evidence(folder)
    alike = _likeness(evidence)
    usage = Usage(len(evidence.texts))
    form, names, repeats = Form(evidence, alike.contents), Names(), Repeats(alike.contents)
    combinations = Combinations(alike.contents)
    inside = _Inside(evidence.benchmark, evidence) if evidence.benchmark is not None else None
    for split in SPLITS:
        for stored, record in streamed(evidence, split):
            place = usage.add(split, record)
            form.see(place, stored)
            names.see(place)
            repeats.see(place, record)
            combinations.see(place, record)
            if inside is not None:
                inside.pools.see(evidence.texts, place, record)
                inside.lengths.see(place, record)
    common = [form.tally, names.tally, repeats.tally]
    unseen = [*unseen_texts(alike, usage), *combinations.tallies, *task_checks(evidence, usage)]
    if inside is None:
        return tuple(tally.check() for tally in (*common, *unseen))
    lengths = inside.lengths.check(counter or local_counter(inside.benchmark.manifest.tokenizer))
    tallies = (*inside.files(usage, alike), *common, inside.pools.rows, inside.pools.labels)
    pools = (*inside.pools.apart(alike), inside.pools.drawn(evidence.texts, usage))
    return (*(t.check() for t in tallies), lengths, *(t.check() for t in (*unseen, *pools)))


def assert_proven(benchmark: Benchmark) -> None:
    """Raises BenchmarkError when nothing proves a benchmark, LeakError when it leaks or was changed since."""
    if not benchmark.manifest.proof:
        raise BenchmarkError(f"nothing proves that {benchmark.folder} does not leak; build the benchmark again")
    assert_sealed([*benchmark.manifest.proof, hashes(benchmark).check()])


def assert_sealed(checks: Sequence[Check]) -> None:
    """Raises LeakError naming each leak and what to do about it."""
    leaking = [check for check in checks if check.leaks]
    if not leaking:
        return
    said = []
    for check in leaking:
        more = check.leaks - len(check.examples)
        told = [*check.examples, *([f"and {more:,} more"] if more > 0 else [])]
        said.append(f"{check.name}: {check.says}\n" + "\n".join(f"  - {words}" for words in told))
    remedies = dict.fromkeys(_REMEDIES.get(check.name, _REBUILD) for check in leaking)
    raise LeakError(
        f"{len(leaking)} of {len(checks)} checks found a leak\n"
        + "\n".join(said)
        + "".join(f"\nwhat to do: {remedy}" for remedy in remedies)
    )


def local_counter(name: str) -> TokenCounter | None:
    """The tokenizer if it is a file here, was fetched before, or is the estimate; the hub is not asked."""
    try:
        return load_tokenizer(name if name == ESTIMATE or Path(name).exists() else _fetched(name))
    except SettingsError:
        return None


def _fetched(name: str) -> str:
    """The file of a tokenizer of the hub; raises SettingsError when it was never fetched."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        cached = try_to_load_from_cache(name, "tokenizer.json")
    except HFValidationError:
        cached = None
    if not isinstance(cached, str):
        raise SettingsError(f"the tokenizer {name!r} is not on this machine; name a file or another one")
    return cached


class _Inside:
    """What only a built benchmark has: pools, stored lengths, a manifest."""

    def __init__(self, benchmark: Benchmark, evidence: Evidence) -> None:
        self.benchmark = benchmark
        self.pools = Pools(benchmark, evidence)
        self.lengths = Lengths(evidence, benchmark.manifest.settings.max_prompt_tokens, benchmark.manifest.tokenizer)

    def files(self, usage: Usage, alike: Likeness) -> list[Tally]:
        groups = alike.contents if alike.groups is None else alike.groups
        return [hashes(self.benchmark), counts(self.benchmark, usage, groups)]


def _likeness(evidence: Evidence) -> Likeness:
    texts, threshold = evidence.texts, evidence.near_duplicate

    def groups(similarity: float | None) -> NDArray[np.int32]:
        return near_duplicate_groups((texts[number] for number in range(len(texts))), similarity)

    return Likeness(texts, groups(None), None if threshold is None else groups(threshold))
