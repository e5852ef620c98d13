"""Cases of the Court in their three shapes: rules, labels, and no metadata in the text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cluster_r1.corpora.echr import RULES, Echr
from cluster_r1.corpora.echr_names import article_name, articles_in, state_name
from cluster_r1.corpora.rows import Row
from hypothesis import given
from hypothesis import strategies as st
from preparing import RAW, prepared

FACTS = [
    f"{number}. The applicant was born in 19{number} and lives in the town of Split with his family. On the"
    f" day in question he"
    " was stopped by the police, who took him to the station and asked him about the theft of a car that was not his."
    for number in (54, 55)
]
FRENCH = ["Le requérant est né en 1954 et réside dans la ville de Split avec sa famille depuis de longues années. " * 4]


def acl(number: int = 1, **changed: Any) -> dict[str, Any]:
    return {
        "ITEMID": f"001-{number}",
        "LANGUAGEISOCODE": "ENG",
        "RESPONDENT": "HRV",
        "BRANCH": "CHAMBER",
        "DATE": 2014,
        "DOCNAME": "TIJARDOVIĆ v. CROATIA",
        "IMPORTANCE": "4",
        "CONCLUSION": "Violation of Art. 8",
        "JUDGES": "Mirjana Trajkovska;Paulo Pinto",
        "TEXT": [*FACTS, f"The case is number {number}."],
        "VIOLATED_ARTICLES": ["8"],
        "VIOLATED_PARAGRAPHS": ["8-1"],
        "NON_VIOLATED_ARTICLES": [],
    } | changed


def ecthr(number: int = 1, **changed: Any) -> dict[str, Any]:
    return {
        "case_id": f"001-{number}",
        "case_no": "25875/03",
        "title": "CASE OF GELFMANN v. FRANCE",
        "judgment_date": "14/12/2004",
        "facts": [*FACTS, f"The case is number {number}."],
        "applicants": [],
        "defendants": ["UNITED KINGDOM"],
        "allegedly_violated_articles": ["3", "8"],
        "violated_articles": ["8"],
        "silver_rationales": [],
    } | changed


PLANTED = {
    "not_english": [acl(2, LANGUAGEISOCODE="FRE"), acl(2, TEXT=FRENCH), ecthr(2, facts=FRENCH)],
    "no_facts": [
        acl(2, TEXT=[]),
        acl(2, TEXT=None),
        ecthr(2, facts=["The applicant lives in Split."]),
        ecthr(
            2,
            facts=[
                "There has been a violation of Article 8 of the Convention"
                + " by the authorities of the State" * 20
                + "."
            ],
        ),
    ],
    "no_decision": [
        acl(2, VIOLATED_ARTICLES=[], CONCLUSION=""),
        acl(2, VIOLATED_ARTICLES=[], CONCLUSION="Struck out of the list (Article 37-1)"),
        ecthr(2, violated_articles=None),
    ],
    "no_articles": [
        acl(2, VIOLATED_ARTICLES=[], CONCLUSION="Violation"),
        ecthr(2, violated_articles=[], allegedly_violated_articles=[]),
    ],
    "duplicate": [acl(1, TEXT=[*FACTS, "Other."]), acl(2, TEXT=[*FACTS, "the case is  number 1."])],
    "nul": [acl(2, TEXT=[*FACTS, "\0"])],
    "too_long": [acl(2, TEXT=[f"{number}. {FACTS[0]}" for number in range(600)])],
    "unreadable": [
        acl(2, TEXT=7),
        acl(2, TEXT=[1]),
        acl(2, ITEMID=None),
        ecthr(2, violated_articles=8),
        acl(2, ITEMID=" "),
    ],
}


@pytest.mark.parametrize(("rule", "planted"), [(rule, one) for rule, rows in PLANTED.items() for one in rows])
def test_a_rule_drops_what_it_says(tmp_path: Path, rule: str, planted: dict[str, Any]) -> None:
    done = prepared(Echr, [acl(1), planted], tmp_path)
    assert done.counts == {rule: 1}
    assert done.report.kept == 1


@pytest.mark.parametrize("rule", [rule for rule in PLANTED if rule not in ("nul", "unreadable")])
def test_a_rule_that_is_off_drops_nothing(tmp_path: Path, rule: str) -> None:
    assert rule not in prepared(Echr, [acl(1), PLANTED[rule][-1]], tmp_path, off=[rule]).counts


def test_every_rule_is_tested() -> None:
    assert {rule.name for rule in RULES} == PLANTED.keys() | {"outcomes", "articles", "tokens"}


def test_labels_of_the_first_shape(tmp_path: Path) -> None:
    (document,) = prepared(Echr, [acl()], tmp_path).documents
    assert document["labels"] == {
        "violated_article": "Article 8 - Right to respect for private and family life",
        "outcome": "violation",
        "respondent_state": "Croatia",
        "importance": "4",
        "decade": "2010s",
    }


def test_labels_of_the_second_shape(tmp_path: Path) -> None:
    rows = [
        ecthr(1),
        ecthr(2, violated_articles=[]),
        ecthr(3, violated_articles=["5", "8"]),
        ecthr(4, violated_articles=["13", "P1-1"]),
    ]
    done = prepared(Echr, rows, tmp_path)
    assert [document["labels"]["violated_article"] for document in done.documents] == [
        "Article 8 - Right to respect for private and family life",
        None,
        None,
        "Article 1 of Protocol No. 1 - Protection of property",
    ]
    assert [document["labels"]["outcome"] for document in done.documents] == [
        "violation",
        "no violation",
        "violation",
        "violation",
    ]
    assert done.documents[0]["labels"]["respondent_state"] == "United Kingdom"
    assert done.documents[0]["labels"]["decade"] == "2000s"
    assert done.report.labelled["importance"] == 0


def test_the_shape_of_the_hub_has_no_names(tmp_path: Path) -> None:
    rows = [{"facts": [*FACTS, "One."], "labels": ["6"]}, {"facts": [*FACTS, "Two."], "labels": []}]
    done = prepared(Echr, rows, tmp_path)
    assert [document["id"] for document in done.documents] == ["case-1", "case-2"]
    assert [document["labels"]["outcome"] for document in done.documents] == ["violation", "no violation"]


def test_nothing_but_facts_is_in_the_text(tmp_path: Path) -> None:
    for row in (acl(), ecthr()):
        text = prepared(Echr, [row], tmp_path).texts[0]
        assert text.split("\n") == [*FACTS, "The case is number 1."]


def test_leaks_are_counted_and_can_be_kept(tmp_path: Path) -> None:
    leak = ["He relied on Article 8 of the Convention. There has been a violation of Article 8 of the Convention."]
    rows = [acl(1, TEXT=[*FACTS, *leak]), acl(2)]
    done = prepared(Echr, rows, tmp_path)
    assert done.counts == {"outcomes": 1, "articles": 1}
    assert done.texts[0].endswith("He relied on [Article] of the Convention.")
    kept = prepared(Echr, rows, tmp_path, off=["outcomes", "articles"])
    assert kept.counts == {}
    assert kept.texts[0].endswith(leak[0])


def test_articles_of_a_conclusion() -> None:
    assert articles_in("No violation of Art. 8;Violation of Art. 6-1;Violation of P1-1") == (("6",), ("8",))
    assert articles_in("Violation of Art. P1-1;Violation of Article 3 - Prohibition of torture (Article 3 - x)") == (
        ("P1-1", "3"),
        (),
    )
    assert articles_in("Struck out of the list") == ((), ())


def test_names() -> None:
    assert article_name("17") == "Article 17"
    assert state_name("RUS") == "Russia"
    assert state_name("BOSNIA AND HERZEGOVINA") == "Bosnia and Herzegovina"
    assert state_name("TUR;GBR") is None
    assert state_name(None) is None


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_no_column_breaks_the_rules(value: Any) -> None:
    for row in (acl(), ecthr(), {"facts": FACTS, "labels": ["6"]}):
        for column in row:
            assert len(list(Echr().texts(Row("a:1", row | {column: value})))) == 1


@pytest.mark.parametrize(("name", "rows"), [("ECHR_sample.json", 60), ("ecthr2021_sample.jsonl", 54)])
def test_the_real_shapes(tmp_path: Path, name: str, rows: int) -> None:
    if not (RAW / name).exists():
        pytest.skip("the shared data is not there")
    done = prepared(Echr, RAW / name, tmp_path)
    assert done.report.rows == rows
    assert done.report.kept >= rows - 2
    assert done.counts["articles"] >= 10
    for document in done.documents:
        assert document["meta"]["title"] not in document["text"]
    assert done.report.labelled["violated_article"] >= 30
