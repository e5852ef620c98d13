"""Text that no page must take for markup."""

from __future__ import annotations


def bad(place: str) -> str:
    """Text that would become an element named after its place, end an attribute, a script and a template."""
    return f"<xss-{place} onclick=\"a('1')\">\"'&amp;</script></style></title>--></textarea>{{{{7*7}}}}"
