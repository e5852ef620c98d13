"""The archive: versions are never overwritten, an edit by hand is a new version, hand-written files are read kindly."""

from pathlib import Path

import pytest
from cluster_r1.core.archive import TaxonomyArchive, read_taxonomy
from cluster_r1.core.errors import TaxonomyError
from cluster_r1.core.taxonomy import Cluster, Taxonomy


def taxonomy(*names: str, **changes: object) -> Taxonomy:
    clusters = tuple(Cluster(name=name, description=f"About {name}.") for name in names or ("wear", "misuse"))
    content = {"task": "cause", "instruction": "Cluster by cause.", "clusters": clusters, **changes}
    return Taxonomy.model_validate(content)


@pytest.fixture
def archive(tmp_path: Path) -> TaxonomyArchive:
    return TaxonomyArchive(tmp_path)


def test_versions_are_numbered_and_come_back_in_order(archive: TaxonomyArchive) -> None:
    for n in range(12):
        archive.add(taxonomy("wear", f"cause {n}"))
    assert [t.version for t in archive.history("cause")] == list(range(1, 13))


def test_the_same_content_is_the_same_version(archive: TaxonomyArchive) -> None:
    first = archive.add(taxonomy())
    archive.add(taxonomy("wear", "age"))
    assert archive.add(taxonomy()).version == first.version
    assert len(archive.history("cause")) == 2


def test_a_version_is_never_overwritten(archive: TaxonomyArchive) -> None:
    archive.put(taxonomy())
    with pytest.raises(TaxonomyError, match="version 1 of 'cause' is taken"):
        archive.put(taxonomy("other", "names"))


def test_an_edit_of_the_current_file_is_a_new_version_by_a_person(archive: TaxonomyArchive) -> None:
    archive.accept(archive.add(taxonomy()))
    path = archive.current_file("cause")
    path.write_text(path.read_text().replace("About wear.", "Parts that wore out."))
    edited = archive.current("cause")
    assert edited is not None
    assert (edited.version, edited.clusters[0].description) == (2, "Parts that wore out.")
    assert edited.provenance is not None
    assert edited.provenance.kind == "human"
    assert edited.provenance.parent == archive.version("cause", 1).fingerprint
    assert archive.current("cause") == edited
    assert len(archive.history("cause")) == 2


def test_looking_records_nothing(archive: TaxonomyArchive) -> None:
    archive.accept(archive.add(taxonomy()))
    path = archive.current_file("cause")
    path.write_text(path.read_text().replace("About wear.", "Parts that wore out."))
    found = archive.accepted("cause")
    assert found is not None
    assert found.clusters[0].description == "Parts that wore out."
    assert len(archive.history("cause")) == 1


def test_an_edit_that_is_taken_back_finds_its_old_version(archive: TaxonomyArchive) -> None:
    archive.accept(archive.add(taxonomy()))
    archive.add(taxonomy("wear", "age"))
    archive.accept(taxonomy())
    current = archive.current("cause")
    assert current is not None
    assert current.version == 1


def test_no_file_is_no_taxonomy(archive: TaxonomyArchive) -> None:
    assert archive.current("cause") is None
    assert archive.tasks() == []


@pytest.mark.parametrize(
    "clusters",
    [
        "[wear, misuse]",
        "{wear: Parts that wore out., misuse: Used wrongly.}",
        "{wear: , misuse: }",
        "[{name: wear, description: Parts.}, {name: misuse}]",
        "[2019, 2020]",
    ],
)
def test_hand_written_clusters_in_several_shapes(tmp_path: Path, clusters: str) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(f"clusters: {clusters}\n")
    found = read_taxonomy(path, "cause", "Cluster by cause.")
    assert len(found.clusters) == 2
    assert (found.task, found.instruction) == ("cause", "Cluster by cause.")


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("clusters: [wear]", "clusters"),
        ("clusters: [wear, Wear]", "two clusters are called"),
        ("clusters: [wear, none fits]", "reserved"),
        ("clusters: {wear: [1]}", "description"),
        ("cluster: [a, b]", "cluster"),
        ("[a, b]", "mapping"),
        ("clusters: [a", "YAML"),
        ("", "mapping"),
    ],
)
def test_a_wrong_file_is_refused_by_name(tmp_path: Path, content: str, named: str) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(content)
    with pytest.raises(TaxonomyError, match=named) as raised:
        read_taxonomy(path, "cause", "Cluster by cause.")
    assert "t.yaml" in str(raised.value)
