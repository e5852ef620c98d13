"""Preparing a raw corpus in a test: rows in, documents and report out, every count checked."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cluster_r1.core.settings import CorpusSettings
from cluster_r1.core.tokenizer import load_tokenizer
from cluster_r1.corpora.kinds import KINDS
from cluster_r1.corpora.prepare import Limits, prepare, report_path
from cluster_r1.corpora.prepare_report import PrepareReport, counts_of
from cluster_r1.corpora.rules import Kind

RAW = Path(__file__).parents[2] / "shared" / "data" / "raw"


class Preparation(NamedTuple):
    documents: list[dict[str, Any]]
    report: PrepareReport

    @property
    def counts(self) -> dict[str, int]:
        """Only the rules that had something to do."""
        return {name: count for name, count in self.report.by_rule().items() if count}

    @property
    def texts(self) -> list[str]:
        return [document["text"] for document in self.documents]


def prepared(
    make: Callable[[frozenset[str]], Kind],
    source: Path | str | Sequence[dict[str, Any]],
    folder: Path,
    *,
    off: Sequence[str] = (),
    limits: Limits | None = None,
    out: str = "out.jsonl",
) -> Preparation:
    """Prepare a file, or rows that are written to one first."""
    if not isinstance(source, Path | str):
        path = folder / "rows.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in source), encoding="utf-8")
        source = path
    kind = make(frozenset(off))
    report = PrepareReport(
        kind=kind.name,
        sources=[str(source)],
        out=out,
        tokenizer="estimate",
        rules=counts_of(KINDS[kind.name].rules, frozenset(off)),
    )
    settings = [CorpusSettings(source=str(source))]
    prepare(kind, settings, folder, folder / out, report, load_tokenizer("estimate"), limits or Limits())
    assert report.read == report.kept + report.dropped
    assert PrepareReport.model_validate_json(report_path(folder / out).read_bytes()) == report
    documents = [json.loads(line) for line in (folder / out).read_bytes().splitlines()] if out.endswith("jsonl") else []
    return Preparation(documents, report)
