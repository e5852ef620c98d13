"""What tells the article or the outcome of a case, and what only looks like it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from cluster_r1.corpora.echr_leaks import MASK, redact, states_outcome
from hypothesis import given
from hypothesis import strategies as st
from preparing import RAW

ECHR = ["Article 6 § 1 of the Convention", "Articles 6 § 1 and 13 of the Convention", "Art. 8 of the Convention"]
MENTIONS = [
    ("The applicant relied on {}.", "Article 6 § 1 of the Convention", " of the Convention"),
    ("He complained under {}.", "Articles 6 § 1 and 13 of the Convention", " of the Convention"),
    ("{} was not examined.", "Art. 8 of the Convention", " of the Convention"),
    ("They invoked {}.", "Article 1 of Protocol No. 1 to the Convention", " to the Convention"),
    ("The complaint concerned {}.", "Article 1 of Protocol No. 1", ""),
    ("ALLEGED VIOLATION OF {}", "ARTICLE 3 OF THE CONVENTION", " OF THE CONVENTION"),
    ("VIOLATION OF {}", "ARTICLE 6 OF THE CONVENTION ON ACCOUNT OF IT", " OF THE CONVENTION ON ACCOUNT OF IT"),
    ("{} did not apply.", "Article 8 (art. 8) of the Convention", " of the Convention"),
    ("He cited {}.", "Articles 3, 8 and 14 (art. 3, art. 8, art. 14) of the Convention", " of the Convention"),
    ("by {} of Human Rights", "Article 8 of the European Convention", " of the European Convention"),
    ("by {} on Human Rights", "article 6 of the European Convention", " of the European Convention"),
    ("{} were cited", "Article 5 §§ 1 and 3 of [the Convention]", " of [the Convention]"),
    ("{} does not restrict evidence", "Article 6 para. 2 (art. 6-2) of the Convention", " of the Convention"),
    ("time referred to in {}.", "Article 6 par. 1 (art. 6-1) of the Convention", " of the Convention"),
    ("his {} were weighed", "Article 8 rights", " rights"),
    ("He alleged a breach of {}.", "Article 6 § 1", ""),
    ("He referred to {} in his appeal", "Article 10 ECHR", " ECHR"),
    ("He referred to {} in his appeal", "Article 11 of the ECHR", " of the ECHR"),
    ("He relied on {}", "Articles 2 and 3 of Protocol No. 4 to the Convention", " to the Convention"),
    ("see {} and the judgment", "Article 4 of Protocol No. 7", ""),
    ("see {} there", "P1-1", ""),
    ("within the meaning of {}", "Article 15, paragraph (3) (art. 15-3) of the Convention", " of the Convention"),
    ("sub-paragraph (a) of {}", "Article 5 § 1 of the Convention", " of the Convention"),
    ("the second paragraphs of {} and section 13", "Articles 8 and 9 of the Convention", " of the Convention"),
    ("He cited {}.", "Article 8.2 of the Convention", " of the Convention"),
    ("He cited {}.", "Article 8 of the said Convention", " of the said Convention"),
    ("He cited {}.", "Article 6 § 1 (fairness) of the Convention", " (fairness) of the Convention"),
    ("infringed {} on the ground that", "Article 8 § 1 (art. 8-1) of the Convention", " of the Convention"),
    (
        "He cited {}.",
        "Article 13 of the Convention for the Protection of Human Rights and Fundamental Freedoms",
        " of the Convention for the Protection of Human Rights and Fundamental Freedoms",
    ),
]  # fmt: skip
OTHER_LAW = [
    "Article 6 of the Criminal Code punishes theft.",
    "Article 5 of the Constitution guarantees liberty.",
    "Relying on Articles 1197-1199 and Article 1204 of the Civil Code, he sued.",
    "a violation of Article 3 of the Convention on the Rights of the Child",
    "within the meaning of Article 13 § 1 (b) of the Hague Convention",
    "pursuant to Article 61 of the Minsk Convention",
    "the rule of speciality set forth in Article 14 of the European Convention on Extradition",
    "Article 8 of the Brussels II bis Regulation",
    "Article 47 of the Charter of Fundamental Rights",
    "within the meaning of Article 13 (b) of the Convention of 25 October 1980",
    "Article 51 § 2 of the Protocol Additional to the Geneva Convention",
    "protection under Article 3 of the Refugee Convention",
    "Article 222 § 1 was applied.",
    "a breach of Article 5 of Annex C to the Istanbul Convention",
    "a violation of Article 8 of Law no. 10 of 1991",
    "rights under Article 17 § 1 of the International Covenant on Civil and Political Rights",
    "the Hague Convention applied, and by Article 14 of that Convention the court could look at foreign law",
    "He lived at 8 Article Street and read articles in 3 newspapers.",
]
OUTCOMES = [
    "There has been a violation of Article 8 of the Convention.",
    "There has accordingly been no violation of Article 3 of the Convention.",
    "The Court holds that there has been a breach of Article 6 § 1.",
    "The detention was in breach of Article 5 § 1 of the Convention.",
    "Holds that there has been a violation of Article 8 of the Convention;",
    "Declares the complaints under Article 3 of the Convention admissible;",
    "The Court finds that Article 13 of the Convention has been violated.",
    "It decided that there had been a violation of Article 8 because the search was unlawful.",
    "The Court concluded that his removal violated Article 8 of the Convention.",
    "Article 6 of the Convention (impartial judge) has been violated.",
    "FOR THESE REASONS, THE COURT, UNANIMOUSLY,Declares the application admissible;Holds that it is so;",
    "In its report the Commission expressed the opinion that there had been a violation of Article 8 (eleven"
    " votes to six).",
]
CLAIMS = [
    "The applicant alleged that there had been a violation of Article 8 of the Convention.",
    "He complained that the search was in breach of Article 8 of the Convention.",
    "The court examined whether there had been a violation of Article 8 of the Convention.",
    "His return would expose him to treatment contrary to Article 3 of the Convention.",
    "He asked the Court to hold that there had been a violation of Article 8 of the Convention.",
    "According to the appellant, the order is in breach of Article 8 of the Convention.",
    "He stated that this decision was in breach of Article 5 § 3 of the Convention.",
    "ALLEGED VIOLATION OF ARTICLE 3 OF THE CONVENTION",
]
FACTS = [
    "The High Court holds sessions in public.",
    "There has been a violation of Article 15 of the Criminal Code.",
    "The applicant violated Article 15 of the Traffic Act.",
    "The applicant holds a degree.",
    "Decides To order a search of the office.",
    "The court held that the contract had been breached.",
]


@pytest.mark.parametrize(("sentence", "mention", "rest"), MENTIONS)
def test_articles_of_the_convention_are_masked(sentence: str, mention: str, rest: str) -> None:
    done = redact(sentence.format(mention), outcomes=False)
    assert done.text == sentence.format(MASK + rest)
    assert len(done.mentions) == 1


@pytest.mark.parametrize(
    ("sentence", "masked"),
    [
        ("He relied on Article 14 of the Convention in conjunction with Article 8.", 2),
        ("He referred to Article 2 or Article 3 of the Convention.", 2),
        ("Article 8 taken in conjunction with Article 14 of the Convention was invoked.", 2),
        ("Article 5 § 1 (c) of the Convention; Article 6 § 3 (d) of the Convention", 2),
        ("Article 9 of the Civil Code and Articles 6 and 8 of the Convention", 1),
        ("Article 47 of the Charter and Article 6 § 1 of the Convention", 1),
    ],
)
def test_several_in_a_sentence(sentence: str, masked: int) -> None:
    done = redact(sentence, outcomes=False)
    assert (len(done.mentions), done.text.count(MASK)) == (masked, masked)
    assert ("Civil Code" in done.text, "Charter" in done.text) == ("Civil Code" in sentence, "Charter" in sentence)


@pytest.mark.parametrize("sentence", OTHER_LAW)
def test_articles_of_other_laws_stay(sentence: str) -> None:
    assert redact(sentence).text == sentence


@pytest.mark.parametrize("sentence", OUTCOMES)
def test_sentences_with_the_outcome_go(sentence: str) -> None:
    facts = "5. The applicant was born in 1957. He lives in Split."
    done = redact(f"{facts} {sentence}\n6. He works there.")
    assert done.text == f"{facts}\n6. He works there."
    assert done.sentences == (sentence,)


@pytest.mark.parametrize("sentence", CLAIMS)
def test_what_a_party_claims_stays_without_the_article(sentence: str) -> None:
    done = redact(sentence)
    assert done.sentences == ()
    assert MASK in done.text


@pytest.mark.parametrize("sentence", FACTS)
def test_what_only_looks_like_an_outcome_stays(sentence: str) -> None:
    assert redact(sentence).text == sentence


def test_either_can_be_left_out() -> None:
    text = "He cited Article 8 of the Convention. There has been a violation of Article 8 of the Convention."
    assert redact(text, outcomes=False, mentions=False) == (text, (), ())
    assert redact(text, outcomes=False).text.count(MASK) == 2
    assert redact(text, mentions=False).text == "He cited Article 8 of the Convention."


WORDS = st.sampled_from(
    [
        *ECHR,
        *OTHER_LAW,
        *OUTCOMES,
        *CLAIMS,
        *FACTS,
        "Article",
        "of",
        "the",
        "Convention",
        "8",
        "and",
        ".",
        "\n",
        "Protocol No. 1",
        "(art. 8)",
        "§ 1",
    ]
)


@given(st.lists(WORDS | st.text(max_size=8), max_size=12).map(" ".join))
def test_redaction_is_done_at_once_and_loses_nothing_else(text: str) -> None:
    done = redact(text)
    assert redact(done.text).mentions == ()
    if not done.mentions and not done.sentences:
        assert done.text == text
    kept = redact(text, outcomes=False)
    assert len(kept.text) >= len(text) - sum(map(len, kept.mentions))


@given(st.text())
def test_a_text_without_articles_stays(text: str) -> None:
    assert redact(text) == (text, (), ()) or re.search(
        "art|P[1-9]|protocol|Holds|Declares|violat|breach", text, re.IGNORECASE
    )


def real_texts() -> Iterator[str]:
    for case in json.loads((RAW / "ECHR_sample.json").read_text()):
        yield "\n".join(case["TEXT"])
    for line in (RAW / "ecthr2021_sample.jsonl").read_text().splitlines():
        yield "\n".join(json.loads(line)["facts"])
    for name in ("echr_hudoc_shared", "echr_trusthlt_shared"):
        for line in (RAW.parent / f"{name}.jsonl").read_bytes().splitlines():
            yield json.loads(line)["text"]


@pytest.mark.slow
@pytest.mark.skipif(not RAW.exists(), reason="the shared data is not there")
def test_no_real_case_tells_its_article() -> None:
    """All 662 cases: nothing that names the Convention beside a number is left, and what is left is other law."""
    plain = re.compile(
        r"\barticles? \d+(?: §+ \d+| \(\w\))*(?: \(art\.[^)]*\))? of (?:the|\[the) (?:Convention\b(?! (?:on"
        r"|of|relating|for))|European Convention\b(?! on (?!Human))|ECHR)"
        r"|\barticle \d+ of Protocol No|violation of article (?:[2-9]|1[0-4]) §|there has (?:\w+ )?been (?:a"
        r"|no) violation of article",
        re.IGNORECASE,
    )
    masked = removed = 0
    for text in real_texts():
        done = redact(text)
        masked, removed = masked + len(done.mentions), removed + len(done.sentences)
        assert plain.findall(done.text) == []
        assert redact(done.text) == (done.text, (), ())
        assert not any(states_outcome(line) for line in done.text.split("\n") if line.count(". ") == 0)
    assert masked > 350
    assert removed > 30
