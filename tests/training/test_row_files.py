"""Rows as Arrow files: the same that came, the same bytes for the same rows."""

from __future__ import annotations

import tempfile
from pathlib import Path

from cluster_r1.training.data import TrainingRow
from cluster_r1.training.row_files import keep_rows, keep_tokens, open_rows
from hypothesis import given, settings
from hypothesis import strategies as st

TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
MESSAGES = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["system", "user"]), "content": TEXTS}), min_size=1, max_size=2
)
ROWS = st.lists(
    st.builds(TrainingRow, TEXTS, TEXTS, MESSAGES, st.lists(st.integers(0, 40), max_size=5), st.none() | TEXTS),
    max_size=150,
)


@settings(max_examples=20)
@given(ROWS)
def test_rows_come_back_as_they_went(rows: list[TrainingRow]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.arrow"
        kept = keep_rows(path, rows)
        content = path.read_bytes()
        assert kept.rows == len(rows)
        assert keep_rows(path, iter(rows)) == kept
        assert path.read_bytes() == content
        if rows:
            assert [TrainingRow(**row) for row in open_rows(path)] == rows
            assert keep_rows(path, rows[1:]).sha256 != kept.sha256


def test_token_files_hold_ids_and_labels(tmp_path: Path) -> None:
    path = tmp_path / "tokens.arrow"
    examples = [{"input_ids": [5, 6, 7], "labels": [-100, 6, 7]}, {"input_ids": [1], "labels": [-100]}]
    keep_tokens(path, examples)
    assert list(open_rows(path)) == examples
