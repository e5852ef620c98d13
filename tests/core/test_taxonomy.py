from __future__ import annotations

import re

import pytest
from cluster_r1.core.taxonomy import NONE_FITS, Cluster, Provenance, Taxonomy, TaxonomyDiff, diff_taxonomies
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

BASE = {
    "task": "echr-harm",
    "instruction": "Group the cases by the harm",
    "clusters": [
        {"name": "Detention", "description": "held without ground"},
        {"name": "Long proceedings", "description": "years in court"},
    ],
}
BY_A_PERSON = Provenance(
    author="Ada", kind="human", parent="0" * 16, changes=("split Delay",), at="2026-01-01T00:00:00Z"
)

NAMES = st.text("abcdefgh", min_size=1, max_size=3)
CONTENTS = st.dictionaries(NAMES, st.sampled_from(["", "one", "two"]), min_size=2, max_size=5)


def taxonomy(**changes: object) -> Taxonomy:
    return Taxonomy.model_validate(BASE | changes)


def named(*names: str) -> Taxonomy:
    return taxonomy(clusters=[{"name": name} for name in names])


def of(content: dict[str, str], instruction: str = "Group") -> Taxonomy:
    clusters = [{"name": name, "description": text} for name, text in content.items()]
    return taxonomy(instruction=instruction, clusters=clusters)


def test_names_are_in_order() -> None:
    assert named("b", "a", "c").names == ("b", "a", "c")


@pytest.mark.parametrize(
    "name", [NONE_FITS, "None fits", "NONE FITS", "nOnE fItS", " none  fits\n", "none\u00a0fits", "none \ufb01ts"]
)
def test_none_fits_is_reserved_however_it_is_written(name: str) -> None:
    with pytest.raises(ValidationError, match="reserved"):
        Cluster(name=name)


@pytest.mark.parametrize("name", ["none", "none fits all", "nonefits", "fits"])
def test_names_near_the_reserved_one_are_free(name: str) -> None:
    assert Cluster(name=name).name == name


@pytest.mark.parametrize(
    ("written", "name"),
    [("  Delay ", "Delay"), ("Long\n\tproceedings", "Long proceedings"), ("Cafe\u0301", "Café"), ("a\u2003b", "a b")],
)
def test_a_name_is_one_normalised_line(written: str, name: str) -> None:
    assert Cluster(name=written).name == name


@pytest.mark.parametrize("name", ["", " ", "\n\t", "\u00a0", "x" * 121, None, 3])
def test_an_unusable_name_is_refused(name: object) -> None:
    with pytest.raises(ValidationError, match="name"):
        Cluster.model_validate({"name": name})


@pytest.mark.parametrize(
    "names",
    [
        ("long proceedings", "long proceedings"),
        ("long proceedings", "Long Proceedings"),
        ("long proceedings", "long  proceedings "),
        ("Café", "CAFE\u0301"),
        ("Straße", "STRASSE"),
        ("ab", "c", "AB"),
    ],
)
def test_two_clusters_of_one_name_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError, match="two clusters are called"):
        named(*names)


@pytest.mark.parametrize("name", ["x", "Delay"])
def test_the_very_same_name_twice_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="two clusters are called"):
        named(name, name)


def test_the_very_same_cluster_twice_is_refused() -> None:
    delay = Cluster(name="Delay of the proceedings")
    with pytest.raises(ValidationError, match="two clusters are called"):
        taxonomy(clusters=(delay, delay))


def test_the_very_same_name_twice_in_json_is_refused() -> None:
    text = '{"task": "t", "instruction": "i", "clusters": [{"name": "Delay"}, {"name": "Delay"}]}'
    with pytest.raises(ValidationError, match="two clusters are called"):
        Taxonomy.model_validate_json(text)


@pytest.mark.parametrize("names", [(), ("a",), tuple(f"c{i}" for i in range(501))], ids=len)
def test_the_number_of_clusters_is_bounded(names: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError, match="clusters"):
        named(*names)


@pytest.mark.parametrize("count", [2, 500])
def test_the_bounds_of_the_number_of_clusters_are_allowed(count: int) -> None:
    assert len(named(*(f"c{i}" for i in range(count))).names) == count


@pytest.mark.parametrize("task", ["", "Echr", "-a", ".a", "a b", "a/b", "../a", "a\nb", "é", "a" * 65])
def test_a_task_id_that_is_no_file_name_is_refused(task: str) -> None:
    with pytest.raises(ValidationError, match="task"):
        taxonomy(task=task)


@pytest.mark.parametrize("task", ["a", "0", "echr-harm_2.1", "a" * 64])
def test_task_ids(task: str) -> None:
    assert taxonomy(task=task).task == task


@pytest.mark.parametrize(
    "wrong",
    [
        {"instruction": ""},
        {"instruction": "  "},
        {"instruction": "x" * 2001},
        {"version": 0},
        {"clusters": "Delay, Detention"},
        {"provenance": {"author": "Ada", "kind": "guess"}},
        {"labels": []},
    ],
)
def test_a_wrong_field_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        taxonomy(**wrong)


def test_a_description_is_bounded() -> None:
    with pytest.raises(ValidationError, match="description"):
        Cluster(name="a", description="x" * 2001)


def test_a_taxonomy_is_frozen() -> None:
    one = taxonomy()
    for thing, field in ((one, "version"), (one.clusters[0], "name"), (BY_A_PERSON, "author")):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(thing, field, getattr(thing, field))


def test_a_taxonomy_survives_json() -> None:
    one = taxonomy(version=3, provenance=BY_A_PERSON)
    assert Taxonomy.model_validate_json(one.model_dump_json()) == one


def test_a_fingerprint_is_the_same_on_every_machine() -> None:
    assert taxonomy().fingerprint == "1344bb049adddefa"
    assert re.fullmatch("[0-9a-f]{16}", named("é", "漢字").fingerprint)


@pytest.mark.parametrize(
    "same",
    [
        {"task": "other"},
        {"version": 9},
        {"provenance": BY_A_PERSON},
        {"instruction": "  Group the cases by the harm\n"},
        {"clusters": BASE["clusters"][::-1]},
    ],
    ids=lambda same: next(iter(same)),
)
def test_a_fingerprint_does_not_depend_on_what_is_not_content(same: dict[str, object]) -> None:
    assert taxonomy(**same).fingerprint == taxonomy().fingerprint


@pytest.mark.parametrize(
    "other",
    [
        {"instruction": "Group the cases by the court"},
        {"clusters": [*BASE["clusters"], {"name": "Other"}]},
        {"clusters": [{"name": "Detention"}, {"name": "Long proceedings"}]},
        {"clusters": [{"name": "detention", "description": "held without ground"}, BASE["clusters"][1]]},
    ],
    ids=["instruction", "another cluster", "descriptions", "a name's case"],
)
def test_a_fingerprint_changes_with_the_content(other: dict[str, object]) -> None:
    assert taxonomy(**other).fingerprint != taxonomy().fingerprint


def test_a_fingerprint_keeps_names_and_descriptions_apart() -> None:
    first = taxonomy(clusters=[{"name": "a", "description": "b"}, {"name": "c"}])
    second = taxonomy(clusters=[{"name": "a"}, {"name": "b", "description": "c"}])
    assert first.fingerprint != second.fingerprint


@given(CONTENTS, CONTENTS)
def test_a_diff_tells_what_was_added_removed_and_redescribed(old: dict[str, str], new: dict[str, str]) -> None:
    diff = diff_taxonomies(of(old), of(new))
    before, after = {a for a, _ in diff.renamed}, {b for _, b in diff.renamed}
    assert {*diff.added, *after} == new.keys() - old.keys()
    assert {*diff.removed, *before} == old.keys() - new.keys()
    assert not before & set(diff.removed)
    assert not after & set(diff.added)
    assert set(diff.redescribed) == {name for name in old.keys() & new.keys() if old[name] != new[name]}
    assert diff.empty == (old == new)


@given(CONTENTS, CONTENTS)
def test_a_diff_backwards_swaps_added_and_removed(old: dict[str, str], new: dict[str, str]) -> None:
    forwards, backwards = diff_taxonomies(of(old), of(new)), diff_taxonomies(of(new), of(old))
    assert forwards.added == backwards.removed
    assert forwards.removed == backwards.added
    assert set(forwards.renamed) == {(b, a) for a, b in backwards.renamed}
    assert set(forwards.redescribed) == set(backwards.redescribed)


def test_a_diff_lists_names_in_taxonomy_order() -> None:
    assert diff_taxonomies(named("d", "c"), named("b", "a")) == TaxonomyDiff(("b", "a"), ("d", "c"), (), False)


@pytest.mark.parametrize(
    ("old", "new", "renamed"),
    [
        ({"a": "one", "b": "two"}, {"A": "one", "b": "two"}, (("a", "A"),)),
        ({"a": "one", "b": "two"}, {"c": "two", "d": "one"}, (("a", "d"), ("b", "c"))),
        ({"a": "", "b": "two"}, {"c": "", "b": "two"}, ()),
        ({"a": "one", "b": "two"}, {"c": "one", "d": "one"}, ()),
        ({"a": "one", "b": "one"}, {"c": "one", "d": "two"}, ()),
        ({"a": "one", "b": "two"}, {"a": "two", "b": "one"}, ()),
        ({"a": "one", "b": "two"}, {"b": "one", "c": "two"}, ()),
    ],
    ids=["one", "two", "blank", "two added", "two removed", "swapped", "onto a name that was there"],
)
def test_a_cluster_is_renamed_where_one_description_changed_its_name(
    old: dict[str, str], new: dict[str, str], renamed: tuple[tuple[str, str], ...]
) -> None:
    diff = diff_taxonomies(of(old), of(new))
    assert diff.renamed == renamed
    assert not diff.empty
    assert diff.same_meaning == (len(renamed) == len(new.keys() - old.keys()) and not diff.redescribed)


def test_a_diff_sees_another_instruction() -> None:
    diff = diff_taxonomies(taxonomy(), taxonomy(instruction="Group by court"))
    assert diff == TaxonomyDiff((), (), (), instruction_changed=True)
    assert not diff.empty


def test_a_diff_ignores_version_and_provenance() -> None:
    assert diff_taxonomies(taxonomy(), taxonomy(version=2, provenance=BY_A_PERSON)).empty


@given(CONTENTS, CONTENTS, st.sampled_from(["Group", "Sort"]))
def test_a_diff_is_empty_exactly_for_equal_fingerprints(old: dict[str, str], new: dict[str, str], ask: str) -> None:
    first = of(old)
    for second in (of(new, ask), of(dict(reversed(old.items())), ask)):
        assert diff_taxonomies(first, second).empty == (first.fingerprint == second.fingerprint)
