"""JSON schema → an instance that satisfies it; what the instance says comes from a Content.

Covers what pydantic and this project's agents write: types, enum, const, $ref, anyOf, oneOf, allOf, bounds of strings,
numbers and arrays. A schema that needs more (pattern, format, not, if) is refused, never answered wrongly.
"""

from __future__ import annotations

import math
from typing import Any, Protocol

import orjson

_DEEP = 8
_DEEPEST = 40
_USUAL_OBJECTS = 6
_USUAL_OBJECTS_UNBOUNDED = 3
_USUAL_SPAN = 10
_REFUSED = frozenset(
    (
        "contains",
        "dependentRequired",
        "format",
        "if",
        "minProperties",
        "not",
        "pattern",
        "patternProperties",
        "propertyNames",
    )
)
_SIZES = {"null": 0, "array": 2, "object": 3}
_HARMLESS = frozenset(("title", "description", "default", "examples", "$defs", "definitions"))


class UnsupportedSchema(ValueError):
    """A schema that cannot be satisfied, or uses a keyword that this generator does not know."""


class Content(Protocol):
    """Decides what an instance says. `index` is the place in the array around it, 0 outside of arrays."""

    def choose(self, values: list[Any], index: int) -> Any: ...

    def flag(self) -> bool: ...

    def number(self, choices: int, index: int) -> int:
        """One of 0..choices-1."""
        ...

    def text(self, name: str, least: int, most: int | None, index: int) -> str:
        """A string of `least` to `most` characters for the property `name`."""
        ...


def instance_of(schema: dict[str, Any], content: Content) -> Any:
    """Raises UnsupportedSchema."""
    return _Builder(schema, content).build(schema, "", 0, 0)


class _Builder:
    def __init__(self, root: dict[str, Any], content: Content) -> None:
        self._root = root
        self._content = content

    def build(self, schema: Any, name: str, index: int, depth: int) -> Any:
        """Beyond depth `_DEEP` the smallest instance is built, so that recursive schemas come to an end."""
        if depth > _DEEPEST:
            raise UnsupportedSchema(f"the schema of {name!r} nests without end")
        schema = self._resolved(schema)
        if "enum" in schema:
            if not schema["enum"]:
                raise UnsupportedSchema(f"the enum of {name!r} is empty")
            return self._content.choose(schema["enum"], index)
        if "const" in schema:
            return schema["const"]
        branches = schema.get("anyOf") or schema.get("oneOf")
        if branches:
            rest = {key: value for key, value in schema.items() if key not in ("anyOf", "oneOf")}
            return self.build(_merged(rest, self._branch(branches, depth)), name, index, depth + 1)
        if not _REFUSED.isdisjoint(schema):
            raise UnsupportedSchema(f"{sorted(_REFUSED & schema.keys())} of {name!r} is not supported here")
        kind = _kind(schema)
        if kind == "object":
            return self._object(schema, index, depth)
        if kind == "array":
            return self._array(schema, name, depth)
        return self._scalar(kind, schema, name, index)

    def _scalar(self, kind: str, schema: dict[str, Any], name: str, index: int) -> Any:
        if kind == "string":
            least, most = schema.get("minLength", 0), schema.get("maxLength")
            if most is not None and most < least:
                raise UnsupportedSchema(f"{name!r} must have at least {least} and at most {most} characters")
            return self._content.text(name, least, most, index)
        if kind == "integer":
            return self._integer(schema, name, index)
        if kind == "number":
            return self._number(schema, name, index)
        if kind == "boolean":
            return self._content.flag()
        if kind == "null":
            return None
        raise UnsupportedSchema(f"{name!r} has the unknown type {kind!r}")

    def _object(self, schema: dict[str, Any], index: int, depth: int) -> dict[str, Any]:
        properties: dict[str, Any] = schema.get("properties", {})
        required = schema.get("required", ())
        names = [name for name in properties if depth <= _DEEP or name in required]
        instance = {name: self.build(properties[name], name, index, depth + 1) for name in names}
        for name in required:
            if name not in instance:
                instance[name] = self.build(schema.get("additionalProperties", True), name, index, depth + 1)
        return instance

    def _array(self, schema: dict[str, Any], name: str, depth: int) -> list[Any]:
        first: list[Any] = schema.get("prefixItems", [])
        items = schema.get("items", True)
        least, most = schema.get("minItems", 0), schema.get("maxItems")
        if items is False:
            most = len(first) if most is None else min(most, len(first))
        if most is not None and most < least:
            raise UnsupportedSchema(f"{name!r} must have at least {least} and at most {most} items")
        wanted = max(least, len(first) if most is None else min(most, len(first)))
        if depth <= _DEEP and _kind(self._resolved(items)) == "object":
            wanted = max(wanted, _USUAL_OBJECTS_UNBOUNDED if most is None else min(most, _USUAL_OBJECTS))
        built = [
            self.build(first[place] if place < len(first) else items, name, place, depth + 1) for place in range(wanted)
        ]
        return _distinct(built, least, name) if schema.get("uniqueItems") else built

    def _integer(self, schema: dict[str, Any], name: str, index: int) -> int:
        step = schema.get("multipleOf", 1)
        if step != int(step) or step < 1:
            raise UnsupportedSchema(f"multipleOf {step!r} of the integer {name!r} is not supported here")
        step = int(step)
        lows = [math.ceil(schema["minimum"])] if "minimum" in schema else []
        lows += [math.floor(schema["exclusiveMinimum"]) + 1] if "exclusiveMinimum" in schema else []
        highs = [math.floor(schema["maximum"])] if "maximum" in schema else []
        highs += [math.ceil(schema["exclusiveMaximum"]) - 1] if "exclusiveMaximum" in schema else []
        span = _USUAL_SPAN * step
        low = max(lows) if lows else min(0, min(highs, default=span) - span)
        high = min(highs) if highs else low + span
        first, last = -(-low // step), high // step
        if last < first:
            raise UnsupportedSchema(f"no integer {name!r} is within the schema's bounds")
        return step * (first + self._content.number(last - first + 1, index))

    def _number(self, schema: dict[str, Any], name: str, index: int) -> float:
        if "multipleOf" in schema:
            raise UnsupportedSchema(f"multipleOf of the number {name!r} is not supported here")
        lows = [schema[key] for key in ("minimum", "exclusiveMinimum") if key in schema]
        highs = [schema[key] for key in ("maximum", "exclusiveMaximum") if key in schema]
        low = max(lows) if lows else min(0, min(highs, default=0) - 1)
        high = min(highs) if highs else low + 1
        value = low + (high - low) * (0.25 + 0.25 * self._content.number(3, index))
        inside = schema.get("exclusiveMinimum", -math.inf) < value < schema.get("exclusiveMaximum", math.inf)
        if high < low or not inside:
            raise UnsupportedSchema(f"no number {name!r} is within the schema's bounds")
        return value

    def _branch(self, branches: list[Any], depth: int) -> dict[str, Any]:
        """The first branch that is not null; deep down, the one that ends soonest."""
        resolved = [self._resolved(branch) for branch in branches]
        if depth > _DEEP:
            return min(resolved, key=lambda branch: _SIZES.get(_kind(branch), 1))
        return next((branch for branch in resolved if _kind(branch) != "null"), resolved[0])

    def _resolved(self, schema: Any) -> dict[str, Any]:
        """The schema without $ref and allOf at its top."""
        if schema is True:
            return {}
        if not isinstance(schema, dict):
            raise UnsupportedSchema(f"{schema!r} is no schema that something satisfies")
        for _ in range(_DEEPEST):
            if "$ref" in schema:
                rest = {key: value for key, value in schema.items() if key != "$ref"}
                schema = _merged(rest, self._target(schema["$ref"]))
            elif "allOf" in schema:
                parts: list[dict[str, Any]] = schema["allOf"]
                schema = {key: value for key, value in schema.items() if key != "allOf"}
                for part in parts:
                    schema = _merged(schema, self._resolved(part))
            else:
                return schema
        raise UnsupportedSchema("a $ref of the schema leads back to itself")

    def _target(self, reference: str) -> dict[str, Any]:
        target: Any = self._root
        if not reference.startswith("#"):
            raise UnsupportedSchema(f"$ref {reference!r} leads out of the schema")
        for part in reference[1:].split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(target, dict) or key not in target:
                raise UnsupportedSchema(f"$ref {reference!r} leads nowhere")
            target = target[key]
        return target


def _kind(schema: dict[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        return next((each for each in kind if each != "null"), "null")
    if kind is not None:
        return kind
    if "properties" in schema or "required" in schema:
        return "object"
    if "items" in schema or "prefixItems" in schema:
        return "array"
    if "minimum" in schema or "maximum" in schema:
        return "number"
    return "string"


def _merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Both at once. Raises UnsupportedSchema where they say different things by the same keyword."""
    merged = {**one}
    for key, value in other.items():
        if key == "properties":
            merged[key] = {**merged.get(key, {}), **value}
        elif key == "required":
            merged[key] = list(dict.fromkeys([*merged.get(key, ()), *value]))
        elif key not in merged or key in _HARMLESS:
            merged.setdefault(key, value)
        elif merged[key] != value:
            raise UnsupportedSchema(f"two parts of the schema disagree about {key!r}")
    return merged


def _distinct(built: list[Any], least: int, name: str) -> list[Any]:
    unique = {orjson.dumps(item, option=orjson.OPT_SORT_KEYS): item for item in built}
    if len(unique) < least:
        raise UnsupportedSchema(f"only {len(unique)} different items are known for {name!r}, it needs {least}")
    return list(unique.values())
