"""Times as the project records them: ISO 8601 in UTC, so that they compare as text."""

from __future__ import annotations

import datetime


def now() -> str:
    """The present second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def in_utc(moment: str) -> str:
    """A time of any offset; one without is UTC already. Raises ValueError, or OverflowError at the edges."""
    at = datetime.datetime.fromisoformat(moment)
    return (at if at.tzinfo else at.replace(tzinfo=datetime.UTC)).astimezone(datetime.UTC).isoformat()
