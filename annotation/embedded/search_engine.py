"""A search engine for argilla-server that answers from the server's own SQL database.

The server commits every record, answer and suggestion there before it tells its search engine. So there is no second
index: what is written is found, and the calls that would keep an index in step do nothing. A text query reads the
records that the filters leave and that can hold its words, which is fast enough for some ten thousands of them. How
rare a word is, which the ranking weighs, is told among the records that are read.

Importing this module registers the engine under the name in ENGINE. SQLite only.
"""

from __future__ import annotations

import asyncio
from abc import ABC
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from uuid import UUID

import numpy as np
from argilla_server.database import AsyncSessionLocal, async_engine
from argilla_server.enums import MetadataPropertyType, SimilarityOrder
from argilla_server.models import (
    Dataset,
    MetadataProperty,
    Record,
    Response,
    Suggestion,
    User,
    Vector,
    VectorSettings,
)
from argilla_server.search_engine.base import (
    Filter,
    FloatMetadataMetrics,
    IntegerMetadataMetrics,
    MetadataMetrics,
    Order,
    SearchEngine,
    SearchResponseItem,
    SearchResponses,
    TermsMetrics,
    TextQuery,
)
from sqlalchemy import ColumnElement, Select, String, and_, cast, func, or_, select, text, true

from .filters import condition, json_values, ordering
from .text_query import needed, parse, search

ENGINE = "database"
_MOST_TELLING = 8


class _NoIndex(SearchEngine, ABC):
    """The half of a search engine that writes: the database is the index already."""

    async def create_index(self, dataset: Dataset) -> None: ...

    async def delete_index(self, dataset: Dataset) -> None: ...

    async def configure_metadata_property(self, dataset: Dataset, metadata_property: MetadataProperty) -> None: ...

    async def configure_index_vectors(self, vector_settings: VectorSettings) -> None: ...

    async def index_records(self, dataset: Dataset, records: Iterable[Record]) -> None: ...

    async def partial_record_update(self, record: Record, **update: Any) -> None: ...

    async def delete_records(self, dataset: Dataset, records: Iterable[Record]) -> None: ...

    async def update_record_response(self, response: Response) -> None: ...

    async def delete_record_response(self, response: Response) -> None: ...

    async def update_record_suggestion(self, suggestion: Suggestion) -> None: ...

    async def delete_record_suggestion(self, suggestion: Suggestion) -> None: ...


@SearchEngine.register(engine_name=ENGINE)
class DatabaseSearchEngine(_NoIndex):
    """The half that reads. Records keep the order in which they came; Elasticsearch shuffles them for every user."""

    @classmethod
    async def new_instance(cls) -> DatabaseSearchEngine:
        if async_engine.dialect.name != "sqlite":
            raise ValueError(f"the search engine {ENGINE!r} reads SQLite, not {async_engine.dialect.name}")
        return cls()

    async def close(self) -> None: ...

    async def ping(self) -> bool:
        async with AsyncSessionLocal() as session:
            return await session.scalar(select(1)) == 1

    async def info(self) -> dict[str, Any]:
        async with AsyncSessionLocal() as session:
            version = await session.scalar(text("select sqlite_version()"))
        return {"name": ENGINE, "version": {"distribution": "sqlite", "number": version}}

    async def get_dataset_progress(self, dataset: Dataset) -> dict[str, int]:
        query = select(Record.status, func.count()).where(Record.dataset_id == dataset.id).group_by(Record.status)
        return await self._progress(dataset, query)

    async def get_dataset_user_progress(self, dataset: Dataset, user: User) -> dict[str, int]:
        own = select(Response.status, func.count()).join(Record, Response.record_id == Record.id)
        own = own.where(Record.dataset_id == dataset.id, Response.user_id == user.id)
        return await self._progress(dataset, own.group_by(Response.status))

    async def search(
        self,
        dataset: Dataset,
        query: TextQuery | str | None = None,
        filter: Filter | None = None,
        sort: list[Order] | None = None,
        offset: int = 0,
        limit: int = 100,
        user_id: str | None = None,  # not in the base class, but the server passes it
    ) -> SearchResponses:
        """A page of the records that fit. Best matches come first unless a sort order is asked for."""
        fitting = _fitting(dataset, filter)
        in_order = fitting.order_by(*ordering(sort, dataset))
        if query is None:
            async with AsyncSessionLocal() as session:
                total = await session.scalar(select(func.count()).select_from(fitting.subquery()))
                ids = await session.scalars(in_order.offset(offset).limit(limit))
            return SearchResponses(items=[_item(found, 1.0) for found in ids], total=total or 0)
        found = await _matching(dataset, query, in_order)
        if not sort:
            found.sort(key=lambda item: -(item.score or 0))
        return SearchResponses(items=found[offset : offset + limit], total=len(found))

    async def similarity_search(
        self,
        dataset: Dataset,
        vector_settings: VectorSettings,
        value: list[float] | None = None,
        record: Record | None = None,
        query: TextQuery | str | None = None,
        filter: Filter | None = None,
        max_results: int = 100,
        order: SimilarityOrder = SimilarityOrder.most_similar,  # pyright: ignore[reportArgumentType]
        threshold: float | None = None,
    ) -> SearchResponses:
        """By cosine, exactly. Give a vector, or a record that has one and is left out of what is found."""
        target = value or (record.vector_value_by_vector_settings(vector_settings) if record else None)
        if not target:
            raise ValueError("a similarity search needs a vector, or a record that has one")
        fitting = _fitting(dataset, filter)
        if record is not None:
            fitting = fitting.where(Record.id != record.id)
        stored = select(Vector.record_id, Vector.value).where(Vector.vector_settings_id == vector_settings.id)
        async with AsyncSessionLocal() as session:
            rows = await session.execute(stored.where(Vector.record_id.in_(fitting)))
            vectors = {row.record_id: row.value for row in rows}
        if query is not None:
            matching = await _matching(dataset, query, fitting)
            vectors = {item.record_id: vectors[item.record_id] for item in matching if item.record_id in vectors}
        scores = _similarity([*vectors.values()], target, order)
        ids = [*vectors]
        best = np.argsort(-scores, kind="stable")[:max_results]
        items = [_item(ids[place], float(scores[place])) for place in best if scores[place] >= (threshold or 0)]
        return SearchResponses(items=items, total=len(items))

    async def compute_metrics_for(self, metadata_property: MetadataProperty) -> MetadataMetrics:
        """How often each term occurs, or the smallest and greatest number."""
        each = json_values(Record.metadata_, metadata_property.name)
        given = (Record.dataset_id == metadata_property.dataset_id, each.c.type != "null")
        async with AsyncSessionLocal() as session:
            if metadata_property.type == MetadataPropertyType.terms:
                term, count = cast(each.c.value, String), func.count()
                counted = select(term, count).select_from(Record, each).where(*given).group_by(term)
                rows = (await session.execute(counted.order_by(count.desc(), term))).all()
                terms = [TermsMetrics.TermCount(term=term, count=count) for term, count in rows]
                return TermsMetrics(total=sum(term.count for term in terms), values=terms)
            ends = select(func.min(each.c.value), func.max(each.c.value)).select_from(Record, each).where(*given)
            low, high = (await session.execute(ends)).one()
        kind = MetadataPropertyType(metadata_property.type)
        metrics = IntegerMetadataMetrics if kind == MetadataPropertyType.integer else FloatMetadataMetrics
        return metrics(type=kind, min=low, max=high)

    async def _progress(self, dataset: Dataset, counted: Select[Any]) -> dict[str, int]:
        if dataset.is_draft:
            return {}
        async with AsyncSessionLocal() as session:
            counts = {status.value: count for status, count in await session.execute(counted)}
        return {"total": sum(counts.values()), **counts}


def _fitting(dataset: Dataset, wanted: Filter | None) -> Select[tuple[UUID]]:
    query = select(Record.id).where(Record.dataset_id == dataset.id)
    return query.where(condition(wanted, dataset)) if wanted else query


async def _matching(dataset: Dataset, query: TextQuery | str, fitting: Select[tuple[UUID]]) -> list[SearchResponseItem]:
    """The fitting records that match a text query, in their order, with scores."""
    asked = TextQuery(q=query) if isinstance(query, str) else query
    parsed = parse(asked.q)
    if parsed is None:
        return []
    names = [field.name for field in dataset.fields if not field.is_image and asked.field in (None, field.name)]
    async with AsyncSessionLocal() as session:
        likely = fitting.where(_may_hold(needed(parsed))).add_columns(Record.fields)
        rows = (await session.execute(likely)).all()

    def ranked() -> list[SearchResponseItem]:
        texts = ([text for name in names for text in _texts(fields.get(name))] for _, fields in rows)
        return [_item(rows[hit.place][0], hit.score) for hit in search(parsed, texts)]

    return await asyncio.to_thread(ranked)  # other requests are answered meanwhile


def _may_hold(words: Iterable[str]) -> ColumnElement[bool]:
    """Whether a record's fields can hold the words at all: its JSON has them as plain ASCII, or it has other letters.

    A few long words tell enough. JSON writes other letters as \\u00fc, and what they fold to (a ligature's letters, ss
    for a sharp s) is not seen in SQL.
    """
    content = func.lower(cast(Record.fields, String))
    telling = sorted((word for word in words if word.isascii()), key=len, reverse=True)[:_MOST_TELLING]
    holds = [func.instr(content, word) > 0 for word in telling]
    return or_(and_(true(), *holds), func.instr(content, "\\u") > 0)


def _texts(value: Any) -> Iterator[str]:
    """What can be read in a field: its text, a chat's messages, what a custom field is made of."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)
    elif value is not None:
        yield str(value)


def _similarity(vectors: Sequence[Sequence[float]], target: Sequence[float], order: SimilarityOrder) -> Any:
    """(1 + cosine) / 2 of each vector, as Elasticsearch scores; the least similar are those nearest to the opposite."""
    wanted = np.asarray(target, dtype=float) * (-1 if order == SimilarityOrder.least_similar else 1)
    matrix = np.asarray(vectors, dtype=float).reshape(len(vectors), len(wanted))
    norms = np.linalg.norm(matrix, axis=1) * np.linalg.norm(wanted)
    return (1 + np.divide(matrix @ wanted, norms, out=np.zeros(len(matrix)), where=norms > 0)) / 2


def _item(record: UUID, score: float) -> SearchResponseItem:
    return SearchResponseItem(record_id=record, score=score)
