"""What two labelers' votes say about a taxonomy."""

from cluster_r1.core.check import TaxonomyCheck, check_taxonomy
from cluster_r1.core.consensus import Assignment, Consensus, decide
from cluster_r1.core.settings import TaxonomySettings
from cluster_r1.core.taxonomy import NONE_FITS, Cluster, Taxonomy

TAXONOMY = Taxonomy(task="t", instruction="Cluster.", clusters=tuple(Cluster(name=n) for n in "abcd"))


def votes(*pairs: str) -> list[Consensus]:
    def vote(letter: str, who: str) -> Assignment:
        names = {"-": None, "0": NONE_FITS}
        return Assignment(labeler=who, cluster=names.get(letter, letter))

    return [decide(f"d{n}", vote(pair[0], "labeler_a"), vote(pair[1], "labeler_b")) for n, pair in enumerate(pairs)]


def check(*pairs: str) -> TaxonomyCheck:
    return check_taxonomy(TAXONOMY, votes(*pairs), TaxonomySettings(max_none_fits=0.1, max_confusion=0.25))


def test_clean_votes_pass() -> None:
    found = check("aa", "aa", "bb", "cc", "dd")
    assert found.passed
    assert (found.none_fits, found.findings, found.unused, found.score) == (0, (), (), 0)


def test_a_pair_that_is_often_split_is_an_overlap_with_its_documents() -> None:
    found = check("aa", "ab", "ba", "bb", "cc", "dd")
    (finding,) = found.findings
    assert "'a' and 'b' overlap" in finding.text
    assert finding.document_ids == ("d1", "d2")
    assert not found.passed


def test_one_split_document_is_no_finding() -> None:
    assert check("ab", "cc", "dd").passed


def test_votes_for_nothing_are_missing_coverage() -> None:
    found = check("aa", "00", "b0", "cc", "dd")
    (finding,) = found.findings
    assert found.none_fits == 0.3
    assert finding.document_ids == found.uncovered == ("d1", "d2")


def test_unanswered_documents_count_for_nothing() -> None:
    found = check("aa", "-a", "bb", "cc", "dd", "--")
    assert (found.documents, found.passed) == (4, True)


def test_nobody_voted_is_not_passed() -> None:
    assert not check("--", "a-").passed


def test_unused_clusters_are_named_and_weigh() -> None:
    found = check("aa", "bb")
    assert found.unused == ("c", "d")
    assert found.score > check("aa", "bb", "cc", "dd").score


def test_a_worse_taxonomy_has_a_higher_score() -> None:
    assert check("ab", "ba", "cd", "dd").score > check("aa", "bb", "cd", "dd").score


def test_a_check_survives_its_file() -> None:
    found = check("aa", "ab", "ba", "00", "cc")
    assert TaxonomyCheck.model_validate_json(found.model_dump_json()) == found
