"""What is read of a reasoning: counts, groups and placements in the forms that models write, and what is none."""

from __future__ import annotations

import pytest
from answer_texts import anything
from cluster_r1.core.statements import last_count, read_statements
from hypothesis import given
from hypothesis import strategies as st

Groups = dict[str, set[int]]


def stated(text: str, n: int = 7) -> Groups:
    """Items by group, of all statements."""
    groups: Groups = {}
    for statement in read_statements(text, n):
        members = {item for item in range(1, n + 1) if statement.items >> item & 1}
        groups[statement.group] = groups.get(statement.group, set()) | members
    return groups


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("So there are 5 clusters.", 5),
        ("I see five groups", 5),
        ("Total clusters: [5]", 5),
        ("**Total clusters:** 5", 5),
        ("total number of clusters is 5", 5),
        ("The number of categories should be 5.", 5),
        ("K = 5", 5),
        ("a total of 5 distinct groups", 5),
        ("4 clusters? No, 5 clusters. Merge these two clusters? The first two clusters differ.", 5),
        ("5 clusters; put the rest in one cluster", 5),
        ("there is only one cluster", 1),
        ("Total clusters: [1]", 1),
        ("0 clusters", 0),
        ("4-6 clusters", None),
        ("4 or 5 clusters", None),
        ("between 4 and 6 clusters", None),
        ("two of four clusters", None),
        ("3.5 clusters", None),
        ("Total clusters: ５", None),
        ("Total clusters: " + "5" * 10**6, None),
        ("clusters of 5 texts", None),
        ("text 3 clusters with text 4", None),
        ("", None),
    ],
)
def test_the_last_count(text: str, count: int | None) -> None:
    assert last_count(text) == count


ABC: Groups = {"children": {1, 4, 7}, "elderly": {2, 3}, "other": {5, 6}}
NUMBERED: Groups = {"#1": {1, 4, 7}, "#2": {2, 3}, "#3": {5, 6}}


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("cluster1: [1, 4, 7]\ncluster2: [2, 3]\ncluster3: [5, 6]", NUMBERED),
        ("Cluster 1 (Children): texts 1, 4 and 7\nCluster 2: texts 2-3\nGroup 3 - Other: texts 5, and 6.", NUMBERED),
        ("Cluster 1 contains texts 1, 4 and 7. Cluster 2 holds 2 & 3. Cluster 3 is 5 6.", NUMBERED),
        ("1: [1, 4, 7]\n2: [2, 3]\n3: 5, 6", NUMBERED),
        ("1: 1\n2: 2\n3: 2\n4: 1\n5: 3\n6: 3\n7: 1", NUMBERED),
        ("- **Children**: 1, 4, 7\n- **Elderly**: 2, 3 (both retired)\n* Other: #5, #6 - neither", ABC),
        ("1. Children: 1, 4, 7\n2. Elderly: 2, 3\n3) Other: 5, 6", ABC),
        ("So we have Children (1, 4, 7), Elderly (2, 3), Other (5, 6).", {**ABC, "we have children": {1, 4, 7}}),
        ("Children: 1, 4, 7; Elderly: 2, 3; Other: 5, 6", ABC),
        ("Finally: Children: 1, 4, 7, Elderly: 2, 3, Other: 5, 6", ABC),
        ('{"Children": [1, 4, 7], "Elderly": [2, 3], "Other": [5, 6]}', ABC),
        ("| Children | 1, 4, 7 |\n| Elderly | 2, 3 |\n|Other|5, 6|", ABC),
        ("| 1 | Children |\n|2|Elderly|\n|3|Elderly|\n| 4 | Children |\n|5|Other|\n|6|Other|\n|7|Children|", ABC),
        (
            "Text 1 -> Children\nText 4: a boy → Children\nItem 7 belongs to the Children cluster.",
            {"children": {1, 4, 7}},
        ),
        ("Texts 1, 4 and 7 go to Children. Document 2 is in Elderly. Move text 3 to Elderly.", {**ABC, "other": set()}),
        ("1 children\n2 elderly\n3 elderly\n4 children\n5 other\n6 other\n7 children", ABC),
        ("1 young boys\n2 very old men\n3 very old men", {"young boys": {1}, "very old men": {2, 3}}),
        ("1 apple A\n2 car B\n3 apple A", {"apple": {1, 3}, "car b": {2}}),
        (
            "Text 1: a boy\nText 2: a man\nText 1 belongs to cluster 1, because of 2 facts.\n"
            "Text 2 belongs to cluster 2, because he is 70.",
            {"boy": {1}, "man": {2}, "#1": {1}, "#2": {2}},
        ),
        ("1 children 2 elderly 3 elderly, 4 children 5 other 6 other 7 children", ABC),
        ("### Cluster 1: Children\n- Text 1: a boy\n- Text 4: x, y\n- Text 7\n\n### Cluster 2\nTexts: 2, 3", None),
        ("Cluster 1: Children\nCluster 2: Elderly\n\nText 1: Children\nText 2: cluster 2\nText 3: Elderly", None),
    ],
)
def test_groups_and_placements(text: str, groups: Groups | None) -> None:
    found = stated(text)
    if groups is None:
        assert found["#2"] == {2, 3}
        assert 1 in found["#1"]
        assert set(found) == {"#1", "#2"}
    elif "we have children" in groups:
        assert {frozenset(members) for members in found.values()} == {frozenset(members) for members in ABC.values()}
    else:
        assert found == {name: members for name, members in groups.items() if members}


@pytest.mark.parametrize(
    "text",
    [
        "Total clusters: [3]",
        "Articles 3, 5 and 6 are invoked",
        "Articles: 3, 5",
        "Years: 1999, 2001",
        "Children: 1, 4, 8",
        "Children: 3 of the texts",
        "Children: 3.5",
        "Children: １, ２",
        "All items: 1, 2, 3, 4, 5, 6, 7",
        "Check: 1, 2, 3, 4, 5, 6, 7, nothing is missing",
        "The 5 clusters",
        "3. Children",
        "Text 3 mentions a prison",
        "text 4 in this batch mentions a prison of 1999",
        "Children: 0, 1",
        "Children: 4-1",
        "Children: " + "1" * 10**5,
    ],
)
def test_what_states_nothing(text: str) -> None:
    assert stated(text) == {}


def test_a_cluster_that_is_mentioned_is_no_heading() -> None:
    assert stated("Cluster 3 seems right.\nText 4: Children") == {"children": {4}}
    assert stated("Cluster 3\nText 4: a long story of a boy in custody, and more") == {"#3": {4}}


def test_a_number_that_gets_another_name_leaves_the_first() -> None:
    assert stated("Cluster 1 (Old): 1\nCluster 1 (Young): 2\nText 3 -> Old\nText 4 -> Young") == {
        "#1": {1, 2, 4},
        "old": {3},
    }


@given(anything | st.text("Clusterxt 0123456789:->[](),.;\n|#", max_size=200), st.integers(1, 40))
def test_whatever_the_text_items_are_those_asked_about(text: str, n: int) -> None:
    for statement in read_statements(text, n):
        assert 0 < statement.items < 2 << n
        assert not statement.items & 1
        assert statement.group
    count = last_count(text)
    assert count is None or 0 <= count < 10**6
