"""The data card of an exported data set: what the hub reads, then what a person should know before using it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import yaml

from ...core.agreement import Interval
from ...core.prompt import PROMPT_VERSION
from ...reports.benchmark_markdown import statistics_markdown
from ..files import Benchmark, BenchmarkManifest, BenchmarkTask, Split
from ..statistics import summarise
from .jsonl import plain_rows
from .licences import UNKNOWN, known_licence, stated_licences

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_SPLITS: dict[Split, str] = {
    "train": "training examples of the held-in tasks",
    "distill": "held-in tasks, for reasoning traces",
    "c0": "held-in tasks, texts of training in new combinations",
    "c1": "held-in tasks, texts that training never saw",
    "c2": "held-out tasks: neither instruction nor texts were in training",
}
_COLUMNS = {
    "id": "the example's id",
    "split": "its split",
    "task": "the task's id; configuration `tasks` describes it",
    "domain": "the corpus",
    "instruction": "what to cluster by",
    "document_ids": "id of each text in its corpus",
    "texts": "the N texts, in the order of the prompt",
    "labels": "name of each text's gold cluster; a model is shown neither the names nor their number",
    "answer": "the gold answer in canonical form",
}
_SHOWN_TEXTS, _SHOWN_CHARACTERS = 4, 160

_USE = """\
## Use

```python
from datasets import load_dataset

examples = load_dataset("PATH", split="train")  # this folder, or its name on the hub
tasks = load_dataset("PATH", "tasks", split="tasks")
```

The prompt that models are trained and tested with is `example_prompt(row["instruction"], row["texts"]).messages()` of
`cluster_r1.core.prompt` (version {prompt}). `compute_score.py` beside this card scores an answer: it needs the standard
library alone, and has `compute_score` for verl and `cluster_reward` for TRL.

To train, export the benchmark as the trainer reads it: `cluster-r1 export --to trl-sft` for supervised fine-tuning with
TRL, `--to trl-grpo` or `--to verl` for reinforcement learning. Report results on C0, C1 and C2 apart.
"""

_CITATION = """\
## Citation

The method and the benchmark's design are those of the paper; this data was made anew with cluster-r1 {version}.

```bibtex
@misc{{clusterr1,
  title  = {{Cluster-R1: Large Reasoning Models Are Instruction-following Clustering Agents}},
  author = {{Peijun Qing and Puneet Mathur and Nedim Lipka and Varun Manjunatha and Ryan Rossi and
            Franck Dernoncourt and Saeed Hassanpour and Soroush Vosoughi}},
}}
```
"""


def data_card(benchmark: Benchmark, splits: Sequence[Split], languages: Sequence[str]) -> str:
    """README.md of the data set; of examples it shows the beginning of one."""
    manifest = benchmark.manifest
    sections = (
        _front_matter(manifest, splits, languages),
        _about(manifest, splits),
        _USE.format(prompt=PROMPT_VERSION),
        _columns(benchmark, splits[0]),
        "## Statistics\n\n" + statistics_markdown(summarise(benchmark)),
        _making(manifest),
        _agreement(manifest.tasks),
        _proof(manifest),
        _limits(manifest),
        _CITATION.format(version=manifest.version),
    )
    return "\n".join(sections)


def _front_matter(manifest: BenchmarkManifest, splits: Sequence[Split], languages: Sequence[str]) -> str:
    examples = sum(manifest.examples[split] for split in splits)
    stated, known = stated_licences(manifest), known_licence(manifest)
    licence = {"license": known or ("other" if stated else "unknown")}
    if known is None and stated:
        licence["license_name"] = "several" if len(stated) > 1 else "stated-by-the-source"
    files = [{"split": split, "path": f"data/{split}.parquet"} for split in splits]
    front = {
        "pretty_name": manifest.name,
        "language": list(languages),
        **licence,
        "task_categories": ["text-generation", "text-classification"],
        "size_categories": [next((name for most, name in _SIZES if examples < most), "1M<n<10M")],
        "tags": ["clustering", "text-clustering", "instruction-following", "reasoning", "synthetic", "cluster-r1"],
        "configs": [
            {"config_name": "default", "default": True, "data_files": files},
            {"config_name": "tasks", "data_files": [{"split": "tasks", "path": "tasks/tasks.parquet"}]},
        ],
    }
    return f"---\n{yaml.safe_dump(front, sort_keys=False, allow_unicode=True)}---\n"


def _about(manifest: BenchmarkManifest, splits: Sequence[Split]) -> str:
    held = [task.held for task in manifest.tasks]
    rows = [(f"`{split}`", f"{manifest.examples[split]:,}", _SPLITS[split]) for split in splits]
    return (
        f"# {manifest.name}\n\nInstruction-following text clustering: one instruction, N texts, and a model answers how"
        " many clusters the instruction calls for and which texts belong together. "
        f"{len(held)} tasks ({held.count('held-in')} held-in, {held.count('held-out')} held-out) over"
        f" {manifest.texts:,} texts.\n\n{_table(('split', 'examples', 'what it asks'), rows)}"
    )


def _columns(benchmark: Benchmark, split: Split) -> str:
    row = next(plain_rows(benchmark, split))
    for name in ("document_ids", "texts", "labels"):
        values = [_shortened(value) for value in row[name][:_SHOWN_TEXTS]]
        row[name] = values + [f"… {len(row[name]) - len(values)} more"] * (len(row[name]) > len(values))
    fence = "`" * 4
    shown = f"{fence}json\n{json.dumps(row, indent=1, ensure_ascii=False)}\n{fence}\n"
    table = _table(("column", "what"), [(f"`{name}`", what) for name, what in _COLUMNS.items()])
    return f"## Columns\n\n{table}\nThe first row of `{split}`, shortened:\n\n{shown}"


def _making(manifest: BenchmarkManifest) -> str:
    rows = [
        (
            origin.domain,
            origin.source,
            origin.licence,
            f"{origin.read:,}",
            f"{origin.kept:,}",
            ", ".join(f"{reason} {count:,}" for reason, count in origin.skipped.items()) or "nothing",
        )
        for origin in manifest.origins
    ]
    made = [
        f"- **{origin.project}** ({origin.domain}): models {_pairs(origin.models)}; prompts {_pairs(origin.prompts)}"
        for origin in manifest.origins
    ]
    too_long = sum(task.too_long for task in manifest.tasks)
    return (
        "## How it was made\n\nAgents propose instructions with clusters from a corpus, refine them, and two labelers"
        " put each document into a cluster on their own; only documents on which both agree are kept, and people's"
        f" labels win over them. Built with cluster-r1 {manifest.version}, seed {manifest.seed}; lengths are tokens of"
        f" `{manifest.tokenizer}`. {too_long:,} kept labels were left out because their text is too long.\n\n"
        + _table(("domain", "source", "licence", "rows read", "documents", "dropped"), rows)
        + "\nModels by role and hashes of prompts:\n\n"
        + "\n".join(made)
        + "\n"
    )


def _agreement(tasks: Sequence[BenchmarkTask]) -> str:
    rows = [
        (
            f"`{task.id}`",
            task.held,
            task.instruction,
            str(len(task.clusters)),
            f"{sum(task.sizes.values()):,} of {task.documents:,}",
            f"{task.human:,}",
            _interval(task.agreement),
            _interval(task.kappa),
            _interval(task.alpha),
        )
        for task in tasks
    ]
    head = (
        "task",
        "split",
        "instruction",
        "clusters",
        "kept",
        "by people",
        "agreement",
        "Cohen's kappa",
        "Krippendorff's alpha",
    )
    title = "## Tasks, and how far the two labelers agree"
    return f"{title}\n\nIn brackets: 95 % bootstrap intervals.\n\n{_table(head, rows)}"


def _proof(manifest: BenchmarkManifest) -> str:
    rows = [(f"`{check.name}`", check.says, f"{check.looked_at:,}", f"{check.leaks:,}") for check in manifest.proof]
    return (
        "## Proof that training and evaluation share nothing\n\nChecked on the written files when it was built;"
        f" `cluster-r1 verify` does it anew.\n\n{_table(('check', 'what is proven', 'looked at', 'leaks'), rows)}"
    )


def _limits(manifest: BenchmarkManifest) -> str:
    by_people = sum(task.human for task in manifest.tasks)
    lines = [
        "Labels are models' where two of them agree, so what both get wrong is wrong here"
        + (f"; {by_people:,} labels are people's." if by_people else "; no person gave a label."),
        "Documents on which the labelers disagree are missing: the data is easier than its corpora.",
        "Each task has one taxonomy, and another reading of the same instruction may be as good.",
        "Clusters of an example are drawn from the task's, so their sizes are not those of the corpus.",
    ]
    if any(origin.licence == UNKNOWN for origin in manifest.origins):
        lines.append("The licence of at least one corpus is not stated: find it out before passing the texts on.")
    lines += [
        f"{short.split} of `{short.task}` has {short.made:,} of {short.wanted:,} examples: {short.reason}."
        for short in manifest.shortfalls
    ]
    return "## Limits\n\n" + "".join(f"- {line}\n" for line in lines)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(map(_cell, cells)) + " |\n" for cells in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|")


def _pairs(pairs: dict[str, str]) -> str:
    return ", ".join(f"{name} `{value}`" for name, value in pairs.items()) or "not recorded"


def _interval(interval: Interval) -> str:
    if interval.value is None:
        return "undefined"
    bounds = f" ({interval.low:.2f}–{interval.high:.2f})" if interval.low is not None else ""
    return f"{interval.value:.3f}{bounds}"


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"
