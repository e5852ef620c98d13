"""`cluster-r1 corpus` as a newcomer uses it, wrong input included."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from cluster_r1.corpora.kinds import KINDS
from cluster_r1.corpora.rules import markdown_table

DOCUMENT = Path(__file__).parents[2] / "docs" / "corpora.md"
CASE = {
    "case_id": "001-1",
    "facts": [
        "5. The applicant was born in 1957 and lives in the town. He relied on Article 8 of the Convention. " * 6
    ],
    "violated_articles": ["8"],
    "allegedly_violated_articles": ["8"],
    "defendants": ["FRANCE"],
}


def command(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cluster_r1", *arguments], capture_output=True, text=True, check=False, cwd=cwd
    )


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    path = tmp_path / "cases.json"
    path.write_text(json.dumps([CASE, CASE | {"case_id": "001-2"}, CASE | {"case_id": "001-3", "facts": []}]))
    return path


def test_prepare_says_what_it_did(tmp_path: Path, cases: Path) -> None:
    done = command("-C", "project", "corpus", "prepare", "echr", cases.name, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "3 rows read: 1 documents kept, 2 dropped" in done.stdout
    assert "no_facts" in done.stdout
    assert "corpus: {source: echr.parquet, gold: labels}" in done.stdout
    report = json.loads((tmp_path / "project" / "echr.report.json").read_text())
    assert (report["rows"], report["kept"], report["labelled"]["violated_article"]) == (3, 1, 1)
    assert (tmp_path / "project" / "echr.parquet").exists()


def test_rules_are_turned_off_by_name(tmp_path: Path, cases: Path) -> None:
    done = command(
        "corpus",
        "prepare",
        "echr",
        cases.name,
        "--keep",
        "articles",
        "--keep",
        "duplicate",
        "--out",
        "o.jsonl",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows] == ["001-1", "001-2"]
    assert "Article 8 of the Convention" in rows[0]["text"]
    assert rows[0]["labels"]["respondent_state"] == "France"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["lmsys", "cases.json"], "`corpus prepare echr` fits these"),
        (["echr", "nowhere.json"], "no file, no folder"),
        (["echr", "cases.json", "--keep", "no_fact"], "did you mean 'no_facts'"),
        (["echr", "cases.json", "--out", "o.txt"], "must end in .parquet or .jsonl"),
        (["echr", "cases.json", "--min-tokens", "99999"], "none of the 3 texts is left"),
        (["sp500", "cases.json", "--item", "Properties"], "is no item of Form 10-K"),
        (["files", "cases.json"], "name others with --text"),
        (["files"], "Missing argument"),
    ],
)
def test_wrong_input_is_told(tmp_path: Path, cases: Path, arguments: list[str], said: str) -> None:
    done = command("corpus", "prepare", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == [cases.name]


@pytest.mark.parametrize("kind", list(KINDS))
def test_rules_lists_every_rule(tmp_path: Path, kind: str) -> None:
    done = command("corpus", "rules", kind, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert all(rule.name in done.stdout for rule in KINDS[kind].rules)
    assert markdown_table(KINDS[kind].rules) in DOCUMENT.read_text(encoding="utf-8")
