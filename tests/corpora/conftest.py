from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cluster_r1.core.documents import Document
from cluster_r1.core.settings import CorpusSettings
from cluster_r1.corpora.files import read_documents
from cluster_r1.corpora.report import CorpusReport


class Reading(NamedTuple):
    documents: list[Document]
    report: CorpusReport

    @property
    def texts(self) -> list[str]:
        return [document.text for document in self.documents]

    @property
    def ids(self) -> list[str]:
        return [document.id for document in self.documents]

    @property
    def places(self) -> list[tuple[str, str]]:
        return [(skip.place, skip.reason) for skip in self.report.examples]


Read = Callable[..., Reading]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read a corpus below tmp_path; `content` is written to the source first."""

    def reading(source: str, content: bytes | None = None, **settings: Any) -> Reading:
        if content is not None:
            (tmp_path / source).write_bytes(content)
        report = CorpusReport()
        documents = list(read_documents(CorpusSettings(source=source, **settings), tmp_path, report))
        assert report.read == report.kept + sum(report.skipped.values())
        assert report.kept == len(documents)
        return Reading(documents, report)

    return reading
