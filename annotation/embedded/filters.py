"""Argilla's filters and sort orders as SQL on its own tables. SQLite only: values inside JSON are read by json_each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from argilla_server.enums import ResponseStatusFilter, SortOrder
from argilla_server.errors.future import UnprocessableEntityError
from argilla_server.models import Dataset, Question, Record, Response, Suggestion
from argilla_server.search_engine.base import (
    AndFilter,
    Filter,
    FilterScope,
    MetadataFilterScope,
    Order,
    RangeFilter,
    RecordFilterScope,
    ResponseFilterScope,
    SuggestionFilterScope,
    TermsFilter,
)
from sqlalchemy import ColumnElement, String, TableValuedAlias, and_, cast, exists, false, func, or_, select, true

_TIMES = ("inserted_at", "updated_at")
_IN_JSON = ("value", "score")
_NUMBERS = ("integer", "real")


def condition(wanted: Filter, dataset: Dataset) -> ColumnElement[bool]:
    """What a record must meet. Raises UnprocessableEntityError, which Argilla answers with 422, for a senseless one."""
    if isinstance(wanted, AndFilter):
        return and_(true(), *(condition(part, dataset) for part in wanted.filters))
    match wanted.scope:
        case RecordFilterScope(property=name):
            return _on_record(wanted, name)
        case MetadataFilterScope(metadata_property=name):
            return _on_json(Record.metadata_, wanted, name)
        case ResponseFilterScope() as scope:
            return _on_responses(wanted, scope)
        case SuggestionFilterScope() as scope:
            return _on_suggestion(wanted, scope, dataset)


def ordering(orders: Sequence[Order] | None, dataset: Dataset) -> list[ColumnElement[Any]]:
    """Sort keys, records without a value last; then the order in which the records came."""
    keys = []
    for order in orders or ():
        descending = order.order == SortOrder.desc
        key = _sort_key(order.scope, descending, dataset)
        keys.append((key.desc() if descending else key.asc()).nulls_last())
    return [*keys, Record.inserted_at.asc(), Record.id.asc()]


def json_values(column: Any, *path: str) -> TableValuedAlias:
    """A JSON column's values at a path, with their types: none, one, or the items of a list."""
    place = "$" + "".join(f'."{key}"' for key in path)
    return func.json_each(column, place).table_valued("value", "type", joins_implicitly=True)


def _on_record(wanted: TermsFilter | RangeFilter, name: str) -> ColumnElement[bool]:
    column = getattr(Record, name)
    if isinstance(wanted, RangeFilter):
        low, high = (_as_stored(name, bound) for bound in (wanted.ge, wanted.le))
        return _between(column, low, high)
    if name in (*_TIMES, "id"):
        return column.in_([_as_stored(name, value) for value in wanted.values])
    return cast(column, String).in_(wanted.values)


def _as_stored(name: str, value: Any) -> Any:
    """A filter's value as the column holds it: times are UTC without saying so, and numbers are milliseconds."""
    if value is None or name not in (*_TIMES, "id"):
        return value
    try:
        if name == "id":
            return UUID(str(value))
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value / 1000, tz=UTC).replace(tzinfo=None)
        moment = datetime.fromisoformat(str(value))
    except (ValueError, OverflowError, OSError):
        raise UnprocessableEntityError(f"{value!r} is no value for a record's {name}") from None
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _on_responses(wanted: TermsFilter | RangeFilter, scope: ResponseFilterScope) -> ColumnElement[bool]:
    """Those of the scope's user, or of anybody. Pending is a record without a response."""
    of_record = _responses_of(scope)
    if scope.question:
        return exists(select(1).where(*of_record, _on_json(Response.values, wanted, scope.question, "value")))
    if isinstance(wanted, RangeFilter):
        raise UnprocessableEntityError("responses have no range but that of a question's values")
    statuses = [value for value in wanted.values if value != ResponseStatusFilter.pending]
    given = exists(select(1).where(*of_record, cast(Response.status, String).in_(statuses)))
    none = ~exists(select(1).where(*of_record))
    return or_(given, none if len(statuses) < len(wanted.values) else false())


def _responses_of(scope: ResponseFilterScope) -> list[ColumnElement[bool]]:
    of_record = [Response.record_id == Record.id]
    return [*of_record, Response.user_id == scope.user.id] if scope.user else of_record


def _on_suggestion(
    wanted: TermsFilter | RangeFilter, scope: SuggestionFilterScope, dataset: Dataset
) -> ColumnElement[bool]:
    column = getattr(Suggestion, scope.property)
    if scope.property in _IN_JSON:
        fits = _on_json(column, wanted)
    elif isinstance(wanted, TermsFilter):
        fits = cast(column, String).in_(wanted.values)
    else:
        fits = _between(column, wanted.ge, wanted.le)
    return exists(select(1).where(*_suggestions_of(scope, dataset), fits))


def _suggestions_of(scope: SuggestionFilterScope, dataset: Dataset) -> list[ColumnElement[bool]]:
    question = select(Question.id).where(Question.dataset_id == dataset.id, Question.name == scope.question)
    return [Suggestion.record_id == Record.id, Suggestion.question_id == question.scalar_subquery()]


def _on_json(column: Any, wanted: TermsFilter | RangeFilter, *path: str) -> ColumnElement[bool]:
    each = json_values(column, *path)
    if isinstance(wanted, TermsFilter):
        fits = and_(each.c.type != "null", cast(each.c.value, String).in_(wanted.values))
    else:  # for SQLite any text is greater than any number
        fits = and_(each.c.type.in_(_NUMBERS), _between(each.c.value, wanted.ge, wanted.le))
    return exists(select(1).select_from(each).where(fits))


def _between(value: Any, low: Any, high: Any) -> ColumnElement[bool]:
    bounds = [value >= low] if low is not None else []
    return and_(true(), *bounds, *([value <= high] if high is not None else []))


def _sort_key(scope: FilterScope, descending: bool, dataset: Dataset) -> Any:
    """A value for each record; of several values the first in the order asked for, of several ratings their mean."""
    pick = func.max if descending else func.min
    match scope:
        case RecordFilterScope(property=name):
            return getattr(Record, name)
        case MetadataFilterScope(metadata_property=name):
            each = json_values(Record.metadata_, name)
            return select(pick(each.c.value)).select_from(each).scalar_subquery()
        case ResponseFilterScope(question=str(question)):
            each = json_values(Response.values, question, "value")
            mean = select(func.avg(each.c.value)).select_from(Response, each)
            return mean.where(*_responses_of(scope)).scalar_subquery()
        case ResponseFilterScope():
            return select(pick(Response.status)).where(*_responses_of(scope)).scalar_subquery()
        case SuggestionFilterScope(property=name) if name in _IN_JSON:
            each = json_values(getattr(Suggestion, name))
            values = select(pick(each.c.value)).select_from(Suggestion, each)
            return values.where(*_suggestions_of(scope, dataset)).scalar_subquery()
        case SuggestionFilterScope(property=name):
            values = select(pick(getattr(Suggestion, name)))
            return values.where(*_suggestions_of(scope, dataset)).scalar_subquery()
