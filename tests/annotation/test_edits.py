"""Clusters as lines of text: what is proposed comes back as it was, what people type is read or refused."""

import pytest
from cluster_r1.annotation.edits import (
    EditError,
    clusters_as_text,
    clusters_of_text,
    instruction_of_text,
    note_of_text,
)
from cluster_r1.core.taxonomy import NONE_FITS, Cluster
from hypothesis import given
from hypothesis import strategies as st

names = st.text(min_size=1, max_size=40).filter(lambda t: t.split() and t.strip().casefold() != NONE_FITS)
words = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=60)


def cluster_lists(texts: st.SearchStrategy[str]) -> st.SearchStrategy[list[Cluster]]:
    clusters = st.builds(
        Cluster, name=texts.filter(lambda t: t.strip() and t.split() != ["none", "fits"]), description=words
    )
    return st.lists(clusters, min_size=2, max_size=6, unique_by=lambda c: c.name.casefold())


@given(cluster_lists(words))
def test_an_unchanged_proposal_is_the_proposal(clusters: list[Cluster]) -> None:
    assert clusters_of_text(clusters_as_text(clusters), clusters) == tuple(clusters)


@given(st.text(), cluster_lists(words))
def test_any_text_is_read_or_refused(text: str, known: list[Cluster]) -> None:
    try:
        clusters = clusters_of_text(text, known)
    except EditError:
        return
    assert len(clusters) >= 2


def test_descriptions_on_several_lines_stay_when_the_line_is_not_touched() -> None:
    known = [Cluster(name="Fees", description="Charges.\nNot loans."), Cluster(name="Loans")]
    text = clusters_as_text(known).replace("Loans", "Loans and credit")
    assert clusters_of_text(text, known) == (known[0], Cluster(name="Loans and credit"))


@pytest.mark.parametrize(
    ("line", "cluster"),
    [
        ("Fees — all charges", Cluster(name="Fees", description="all charges")),
        ("Fees - all charges", Cluster(name="Fees", description="all charges")),
        ("Fees – all - charges", Cluster(name="Fees", description="all - charges")),
        ("  3. Fees -- all charges  ", Cluster(name="Fees", description="all charges")),
        ("Fees\u00a0—\u00a0all  charges", Cluster(name="Fees", description="all charges")),
        ("* Fees", Cluster(name="Fees")),
        ("Fees —", Cluster(name="Fees")),
        ("10-K filings — annual", Cluster(name="10-K filings", description="annual")),
        ("Self-employed", Cluster(name="Self-employed")),
        ("A — B — new words", Cluster(name="A — B", description="new words")),
        ("<script>alert(1)</script>", Cluster(name="<script>alert(1)</script>")),
    ],
)
def test_a_line_is_read_as_people_write_it(line: str, cluster: Cluster) -> None:
    known = [Cluster(name="A — B", description="old"), Cluster(name="Other")]
    assert clusters_of_text(f"{line}\r\n\nOther", known)[0] == cluster


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "at least 2"),
        ("Only one — cluster", "found 1"),
        ("a\n" * 400_000, "found 400,000 lines"),
        ("a\nb\nA — again", "line 3: 'A' is already in line 1"),
        ("a\n— nameless\nb", "line 2: the name is missing"),
        ("a\nnone fits — rest", "line 2: 'none fits' is reserved"),
        ("a\nb\x1b[31m", "line 2: it holds a control character"),
        ("a\n" + "n" * 121, "line 2: the name has 121 characters, at most 120"),
        ("a\nb — " + "d" * 2001, "line 2: the description has 2,001"),
        ("x" * 1_300_000, "1,300,000 characters"),
        ("\n".join(map(str, range(501))), "at most 500 clusters"),
        ("a\n" + "none fits\n" * 9, "and 4 more"),
    ],
)
def test_a_wrong_edit_says_which_line_and_why(text: str, complaint: str) -> None:
    with pytest.raises(EditError) as caught:
        clusters_of_text(text, ())
    assert complaint in str(caught.value)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    ("text", "complaint"), [(" \n", "empty"), ("x" * 2001, "2,001"), ("a\0b", "control character")]
)
def test_a_wrong_instruction_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(EditError, match=complaint):
        instruction_of_text(text)


def test_instructions_are_one_line_and_notes_stay_as_typed() -> None:
    assert instruction_of_text(" Cluster by\n topic. ") == "Cluster by topic."
    assert note_of_text(" two\nlines ") == "two\nlines"
    with pytest.raises(EditError, match="4,001"):
        note_of_text("x" * 4001)
