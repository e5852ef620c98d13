"""Taxonomy: an instruction and the clusters made for it, versioned by content (paper §4.1)."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections import Counter
from collections.abc import Mapping
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, field_validator

NONE_FITS = "none fits"
"""What a labeler answers for a document that belongs to no cluster; no cluster may be called so."""


class Cluster(BaseModel):
    """A cluster's name and the description that decides what belongs in it."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    name: str = Field(min_length=1, max_length=120)
    description: str = Field(default="", max_length=2000)

    @field_validator("name")
    @classmethod
    def _one_line(cls, name: str) -> str:
        name = " ".join(unicodedata.normalize("NFC", name).split())
        if not name:
            raise ValueError("a cluster's name is blank")
        if name.casefold() == NONE_FITS:
            raise ValueError(f"{name!r} is reserved for documents that fit no cluster")
        return name


class Provenance(BaseModel):
    """Where a taxonomy version came from: who made it, out of what, and why it changed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    author: str = Field(description="an agent's role, a person's name, or 'file' for one given by the user")
    kind: Literal["model", "human", "given"]
    model: str | None = None
    prompt: str | None = Field(default=None, description="hash of the prompt template")
    parent: str | None = Field(default=None, description="fingerprint of the version this one was made from")
    changes: tuple[str, ...] = ()
    at: str | None = Field(default=None, description="ISO 8601, UTC")


class Taxonomy(BaseModel):
    """Clusters for one instruction; `fingerprint` depends on the content alone, never on provenance."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    task: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$", description="id of the task it belongs to")
    instruction: str = Field(min_length=1, max_length=2000)
    clusters: tuple[Cluster, ...] = Field(min_length=2, max_length=500)
    version: int = Field(default=1, ge=1)
    provenance: Provenance | None = None

    @field_validator("clusters")
    @classmethod
    def _unique_names(cls, clusters: tuple[Cluster, ...]) -> tuple[Cluster, ...]:
        seen: set[str] = set()
        for cluster in clusters:
            if cluster.name.casefold() in seen:
                raise ValueError(f"two clusters are called {cluster.name!r}")
            seen.add(cluster.name.casefold())
        return clusters

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(cluster.name for cluster in self.clusters)

    @property
    def fingerprint(self) -> str:
        """16 hex digits of the instruction's and the clusters' content, whatever the clusters' order."""
        content = [self.instruction, sorted([c.name, c.description] for c in self.clusters)]
        return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()[:16]


class TaxonomyDiff(NamedTuple):
    """What changed from one version to the next, by cluster name; `renamed` holds (old name, new name).

    A cluster is renamed where exactly one removed and one added cluster have the same description, which is not blank.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    redescribed: tuple[str, ...]
    instruction_changed: bool
    renamed: tuple[tuple[str, str], ...] = ()

    @property
    def empty(self) -> bool:
        return self.same_meaning and not self.renamed

    @property
    def same_meaning(self) -> bool:
        """Nothing but names changed."""
        return not (self.added or self.removed or self.redescribed or self.instruction_changed)


def diff_taxonomies(old: Taxonomy, new: Taxonomy) -> TaxonomyDiff:
    before = {c.name: c.description for c in old.clusters}
    after = {c.name: c.description for c in new.clusters}
    removed = {name: before[name] for name in before if name not in after}
    added = {name: after[name] for name in after if name not in before}
    renamed = _renamed(removed, added)
    return TaxonomyDiff(
        added=tuple(name for name in added if name not in renamed.values()),
        removed=tuple(name for name in removed if name not in renamed),
        redescribed=tuple(name for name in after if name in before and after[name] != before[name]),
        instruction_changed=old.instruction != new.instruction,
        renamed=tuple(renamed.items()),
    )


def _renamed(removed: Mapping[str, str], added: Mapping[str, str]) -> dict[str, str]:
    """New names by old ones; the mappings are name: description."""
    gone, come = Counter(removed.values()), Counter(added.values())
    by_description = {description: name for name, description in added.items()}
    return {
        name: by_description[description]
        for name, description in removed.items()
        if description and gone[description] == come[description] == 1
    }
