"""A benchmark's licence as catalogues name it: they take a fixed list of identifiers."""

from __future__ import annotations

from ..files import BenchmarkManifest

UNKNOWN = "not stated"

_KNOWN = frozenset(
    (
        *("apache-2.0", "mit", "bsd-3-clause", "gpl-3.0", "mpl-2.0", "odc-by", "cc0-1.0"),
        *("cc-by-2.0", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "cc-by-nc-3.0", "cc-by-nc-4.0"),
        *("cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "cc-by-nc-nd-4.0", "cc-by-nd-4.0"),
    )
)


def known_licence(manifest: BenchmarkManifest) -> str | None:
    """The identifier where all corpora have one and the same licence that the hub and mteb know."""
    stated = {origin.licence.strip().lower().replace(" ", "-") for origin in manifest.origins}
    return next(iter(stated)) if len(stated) == 1 and stated <= _KNOWN else None


def stated_licences(manifest: BenchmarkManifest) -> tuple[str, ...]:
    """Every licence of the corpora, in order, without those that say nothing."""
    return tuple(dict.fromkeys(origin.licence for origin in manifest.origins if origin.licence != UNKNOWN))
