"""Clusters as text that people edit, one `name — description` a line, and back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pydantic import ValidationError

from ..core.taxonomy import Cluster, Taxonomy
from .shown import has_control_characters, one_line, shown_line

LONGEST_TEXT = 1_200_000
"""Characters of an edit that are looked at; the largest valid taxonomy has fewer."""

_SEPARATORS = (" — ", " – ", " -- ", " - ")
_BULLET = re.compile(r"^(?:[-*•]|\d{1,3}[.)])\s+")
_MOST_PROBLEMS = 5


class EditError(ValueError):
    """An edit that is no taxonomy; the message is for the person who wrote it and names every wrong line."""


def clusters_as_text(clusters: Sequence[Cluster]) -> str:
    return "\n".join(_as_line(cluster) for cluster in clusters)


def clusters_of_text(text: str, known: Sequence[Cluster]) -> tuple[Cluster, ...]:
    """Clusters from lines; empty lines, bullets and numbers are passed over. A line as proposed is the known cluster.

    Raises EditError naming the wrong lines.
    """
    if len(text) > LONGEST_TEXT:
        raise EditError(f"the text has {len(text):,} characters, at most {LONGEST_TEXT:,} can be read")
    lines = list(_lines(text))
    _check_count(len(lines))
    proposed = {_as_line(cluster): cluster for cluster in known}
    names = sorted((shown_line(cluster.name) for cluster in known), key=len, reverse=True)
    problems: list[str] = []
    clusters: list[Cluster] = []
    taken: dict[str, int] = {}
    for number, line in lines:
        try:
            cluster = proposed.get(line) or _cluster(line, names)
        except EditError as error:
            problems.append(f"line {number}: {error}")
            continue
        first = taken.setdefault(cluster.name.casefold(), number)
        if first != number:
            problems.append(f"line {number}: {cluster.name!r} is already in line {first}")
        clusters.append(cluster)
    if problems:
        more = len(problems) - _MOST_PROBLEMS
        raise EditError("; ".join(problems[:_MOST_PROBLEMS]) + (f"; and {more} more" if more > 0 else ""))
    return tuple(clusters)


def instruction_of_text(text: str) -> str:
    """An instruction on one line. Raises EditError when it is empty, too long or has control characters."""
    if not text.strip():
        raise EditError("the instruction is empty")
    _refuse_controls(text, "the instruction")
    instruction, longest = one_line(text), _longest(Taxonomy, "instruction")
    if len(instruction) > longest:
        raise EditError(f"the instruction has {len(instruction):,} characters, at most {longest:,} are allowed")
    return instruction


def note_of_text(text: str, longest: int = 4000) -> str:
    """A comment as it was typed, without the white space around it. Raises EditError when it is too long."""
    _refuse_controls(text, "the comment")
    if len(text.strip()) > longest:
        raise EditError(f"the comment has {len(text.strip()):,} characters, at most {longest:,} are allowed")
    return text.strip()


def _as_line(cluster: Cluster) -> str:
    name, description = (shown_line(text) for text in (cluster.name, cluster.description))
    return f"{name}{_SEPARATORS[0]}{description}" if description else name


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        if line.strip():
            yield number, one_line(line)  # web editors write no-break spaces


def _cluster(line: str, names: Sequence[str]) -> Cluster:
    _refuse_controls(line, "it")
    name, description = _parted(line, names)
    if not name:
        raise EditError("the name is missing before the dash")
    for field, content in (("name", name), ("description", description)):
        if len(content) > (longest := _longest(Cluster, field)):
            raise EditError(f"the {field} has {len(content):,} characters, at most {longest:,} are allowed")
    try:
        return Cluster(name=name, description=description)
    except ValidationError as error:
        raise EditError(error.errors()[0]["msg"].removeprefix("Value error, ")) from None


def _parted(line: str, names: Sequence[str]) -> tuple[str, str]:
    """Name and description; a proposed name may itself hold a dash."""
    for name in names:
        for separator in _SEPARATORS:
            if line.startswith(name + separator):
                return name, line[len(name) + len(separator) :]
    if line in names:
        return line, ""
    line = _BULLET.sub("", line)
    if any(f"{line} ".startswith(separator.lstrip()) for separator in _SEPARATORS):
        return "", line
    places = [(place, separator) for separator in _SEPARATORS if (place := f"{line} ".find(separator)) >= 0]
    if not places:
        return line, ""
    place, separator = min(places)
    return line[:place], line[place + len(separator) :]


def _check_count(count: int) -> None:
    for bound in Taxonomy.model_fields["clusters"].metadata:
        if count < getattr(bound, "min_length", 0):
            raise EditError(f"a taxonomy needs at least {bound.min_length} clusters, a line each; found {count}")
        if count > getattr(bound, "max_length", count):
            raise EditError(f"a taxonomy has at most {bound.max_length} clusters; found {count:,} lines")


def _longest(model: type[Cluster] | type[Taxonomy], field: str) -> int:
    return next(m.max_length for m in model.model_fields[field].metadata if hasattr(m, "max_length"))


def _refuse_controls(text: str, what: str) -> None:
    if has_control_characters(text.replace("\r", "\n")):
        raise EditError(f"{what} holds a control character")
