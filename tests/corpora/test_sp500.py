"""Items of annual reports: headings, stubs and page rests of planted and of real filings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from cluster_r1.core.errors import SettingsError
from cluster_r1.corpora.prepare import Limits
from cluster_r1.corpora.sp500 import MAX_TOKENS, RULES, Sp500, industry_division, strip_heading, strip_page_rests
from hypothesis import given
from hypothesis import strategies as st
from preparing import RAW, prepared

PLANTS = (
    "We own twelve plants and lease three warehouses in Ohio, Texas and Utah. All of them suit our present needs well."
)
COURT = (
    "In May a competitor sued us in Delaware over a patent for valves. We deny the claim and expect a"
    " trial next spring."
)
STOCK = (
    "Our shares are listed in New York under the symbol VLV. We paid four dividends this year and bought"
    " back no shares."
)


def row(**changed: Any) -> dict[str, Any]:
    return {
        "cik": "1018",
        "sic": "3490",
        "company": "VALVE CO",
        "date": "2018-02-02T00:00:00",
        "item_1": "Item 1. Business\nWe make valves.",
        "item_2": f"ITEM 2.\nPROPERTIES\n{PLANTS}",
        "item_3": f"Item 3. Legal Proceedings.\n{COURT}",
        "item_5": f"Item 5.\nMarket for Registrant's Common Equity, Related Stockholder Matters\n{STOCK}",
        "ret": None,
    } | changed


def test_a_document_an_item(tmp_path: Path) -> None:
    done = prepared(Sp500, [row()], tmp_path)
    assert (done.report.rows, done.report.read, done.report.kept) == (1, 3, 3)
    assert done.texts == [PLANTS, COURT, STOCK]
    assert [document["id"] for document in done.documents] == [f"1018-2018-02-02-item_{item}" for item in (2, 3, 5)]
    assert done.documents[0]["labels"] == {
        "item": "Item 2 Properties",
        "industry_division": "Manufacturing",
        "filing_decade": "2010s",
    }
    assert done.documents[0]["meta"]["company"] == "VALVE CO"
    assert done.counts == {"heading": 3}


def test_the_shape_of_edgar_crawler(tmp_path: Path) -> None:
    filing = {key: value for key, value in row().items() if key != "date"} | {"filing_date": "1999-12-31"}
    assert prepared(Sp500, [filing], tmp_path).documents[0]["labels"]["filing_decade"] == "1990s"


@pytest.mark.parametrize(
    ("item", "heading"),
    [
        ("2", "ITEM 2.\nPROPERTIES\n"),
        ("2", "Item 2. Properties.\n"),
        ("2", "Item 2.PROPERTIES\n"),
        ("2", "Item 2:\nProperties\n"),
        ("2", "Item 2. - Properties.\n"),
        ("2", "PART I\nItem 2. Description of Property\n"),
        ("2", "ITEM\xa02.\nPROPERTIES\n\n"),
        ("3", "Item 3. Legal Proceedings "),
        ("3", "LEGAL PROCEEDINGS\n"),
        (
            "5",
            "Item 5.\nMarket for the Registrants Common Stock, Related Shareholder Matters, and Issuer"
            " Purchases of Equity Securities\n",
        ),
        (
            "5",
            "ITEM 5. MARKET FOR REGISTRANT’S COMMON EQUITY, RELATED STOCKHOLDER MATTERS AND ISSUER PURCHASES"
            " OF EQUITY SECURITIES\n",
        ),
        ("5", "Item 5. Market for Company's Common Equity and Related Stockholder Matters.\n"),
        (
            "5",
            "ITEM 5. Market for the Company’s Common Equity, Related Stockholder Matters and Issuer Purchases"
            " of Equity Securities\n",
        ),
        ("7A", "Item 7A. Quantitative and Qualitative Disclosures About Market Risk\n"),
    ],
)
def test_headings_however_they_are_spelled(item: str, heading: str) -> None:
    assert strip_heading(heading + PLANTS, item) == PLANTS


@pytest.mark.parametrize(
    "text", [PLANTS, "Properties of ours are old.", "Item 20 of the list is a valve.", "Market rents rose."]
)
def test_what_is_no_heading_stays(text: str) -> None:
    assert strip_heading(text, "2") == text


@pytest.mark.parametrize(
    "rest",
    [
        "\nPART II",
        "\nPART III",
        "\n24",
        "\n- 24 -",
        "\nTable of Contents",
        "\nPART I\nItem 3, 4",
        "\n24\nPART II\n",
        "\nPART II Item 6",
    ],
)
def test_rests_of_the_page(rest: str) -> None:
    assert strip_page_rests(PLANTS + rest) == PLANTS


@pytest.mark.parametrize("text", [PLANTS, "We paid\n2018 0.25", "Sales by part\nPART of it is ours."])
def test_what_is_no_rest_stays(text: str) -> None:
    assert strip_page_rests(text) == text


STUBS = [
    "Item 3. Legal Proceedings\nSee Item 8 of Part II, Financial Statements and Supplementary Data-Note 7.",
    "Item 3. Legal Proceedings\nNot applicable.",
    "Item 3. Legal Proceedings\nNone.\nPART II",
    "The information called for by this item is incorporated herein by reference to Note 19 of the Notes to"
    " Statements.",
    "Refer to Note 30 for a description of the Firms material legal proceedings.",
    "See Note 16, “Litigation,” of the Notes to Consolidated Financial Statements included in Item 8 of this report.",
]


@pytest.mark.parametrize("stub", STUBS)
def test_stubs(tmp_path: Path, stub: str) -> None:
    done = prepared(Sp500, [row(item_3=stub)], tmp_path)
    assert done.counts["stub"] == 1
    assert done.texts == [PLANTS, STOCK]
    kept = prepared(Sp500, [row(item_3=stub)], tmp_path, off=["stub"])
    assert kept.report.kept == 3


def test_a_text_that_also_refers_elsewhere_is_no_stub(tmp_path: Path) -> None:
    text = f"{COURT} For more see Note 16 of the Notes to Consolidated Financial Statements in Item 8 of this report."
    assert prepared(Sp500, [row(item_3=text)], tmp_path).texts[1] == text


def test_empty_items_duplicates_long_and_unreadable_ones(tmp_path: Path) -> None:
    long = " ".join(f"Plant {number} in town {number}." for number in range(MAX_TOKENS))
    rows = [
        row(),
        row(date="2019-02-02", item_2=long, item_3="", item_5=None),
        row(date="2020-02-02", item_2=f"PROPERTIES\n{PLANTS.upper()}", item_3=7),
        row(cik=None, company="", date="2021-01-01"),
        row(date=None),
    ]
    done = prepared(Sp500, rows, tmp_path, limits=Limits(max_tokens=MAX_TOKENS))
    assert done.report.read == 15
    assert done.counts == {"heading": 3, "empty": 2, "tokens": 1, "duplicate": 2, "unreadable": 7}


def test_a_company_without_a_number_goes_by_its_name(tmp_path: Path) -> None:
    done = prepared(Sp500, [row(cik=None, company="JOHNSON & JOHNSON")], tmp_path)
    assert done.documents[0]["id"] == "JOHNSON-JOHNSON-2018-02-02-item_2"


def test_other_items(tmp_path: Path) -> None:
    done = prepared(lambda off: Sp500(off, ["item_1", "2"]), [row()], tmp_path, off=["stub"])
    assert [document["meta"]["item"] for document in done.documents] == ["1", "2"]
    with pytest.raises(SettingsError, match=r"'99' is no item.*7A"):
        Sp500(items=["99"])


@pytest.mark.parametrize(
    ("sic", "division"),
    [("3490", "Manufacturing"), ("6021", "Finance, insurance and real estate"), ("", None), ("0", None)],
)
def test_divisions(sic: str, division: str | None) -> None:
    assert industry_division(sic) == division


@given(st.text(), st.sampled_from(["2", "3", "5"]))
def test_stripping_only_takes_away(text: str, item: str) -> None:
    assert strip_heading(text, item).strip() in text
    assert strip_page_rests(text) in text


def test_every_rule_is_known() -> None:
    assert [rule.name for rule in RULES] == [
        "unreadable",
        "heading",
        "page_rests",
        "empty",
        "stub",
        "nul",
        "too_long",
        "duplicate",
        "tokens",
    ]


@pytest.mark.parametrize("name", ["10k_sample.json", "10k_edgar_crawler_sample.json"])
def test_no_real_filing_keeps_its_heading(tmp_path: Path, name: str) -> None:
    if not (RAW / name).exists():
        pytest.skip("the shared data is not there")
    done = prepared(Sp500, RAW / name, tmp_path, limits=Limits(max_tokens=MAX_TOKENS))
    heading = re.compile(
        r"item\s*[235]\b|properties\s*\n|legal proceedings\s*\n|market for (?:the )?registrant", re.IGNORECASE
    )
    assert [text[:80] for text in done.texts if heading.match(text)] == []
    assert not any(re.search(r"\n(?:PART I+|\d{1,3})\s*$", text) for text in done.texts)
    assert done.counts["stub"]
