"""Counts the documents of a feed's query, and measures size and time of a sample."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import sql

from cdc_daemon.feeds.definition import FeedDefinition, columns
from cdc_daemon.feeds.hashed_documents import Entity, entity_arrays, hashed_documents
from cdc_daemon.feeds.text_form import as_text
from cdc_daemon.pg.search_path import find_names
from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import statement

RUNS = 10
"""Number of sampled runs of neighbouring entities."""

RUN_ENTITIES = 200
"""Largest number of entities of a run. A feed of up to RUNS times as many is sampled as a whole."""

ENOUGH_SECONDS = 10.0
"""Seconds after which no further run is taken, if there are two."""

_COMMA = sql.SQL(", ")


@dataclass(frozen=True)
class Run:
    """Neighbouring entities that were computed together, without storing their documents.

    Attributes:
        sizes: size of each document with its key, in bytes, as `batch_bytes` counts it.
    """

    entities: int
    sizes: tuple[int, ...]
    seconds: float


@dataclass(frozen=True)
class Sample:
    """A feed's query at one moment.

    Attributes:
        documents, entities: exact numbers that the query returns.
        listing_seconds: time to count them, which a first sync needs too.
        runs: sampled runs; empty if there are no entities. If there are few entities, all are in a run.
    """

    documents: int
    entities: int
    listing_seconds: float
    runs: tuple[Run, ...]


def sample(connection: Connection, feed: FeedDefinition) -> Sample:
    """Count the documents of a feed's query and compute some of its entities. Stores nothing.

    Args:
        connection: session in a REPEATABLE READ transaction, so that counted entities still exist.
        feed: definition of the feed.
    """
    find_names(connection, feed.search_path)
    started = time.monotonic()
    rows = connection.execute(_entities(feed), {"runs": RUNS, "run_entities": RUN_ENTITIES}).fetchall()
    listing_seconds = time.monotonic() - started
    documents, entities = rows[0][:2]
    chosen: dict[int, list[Entity]] = {}
    for _, _, run, entity in rows:
        if run is not None:
            chosen.setdefault(run, []).append(tuple(entity))
    query = _documents(feed).as_bytes()
    runs: list[Run] = []
    for run in _scattered(len(chosen)):
        runs.append(_recompute(connection, feed, query, chosen[run]))
        if len(runs) > 1 and sum(each.seconds for each in runs) > ENOUGH_SECONDS:
            break
    return Sample(documents, entities, listing_seconds, tuple(runs))


def _scattered(number: int) -> list[int]:
    """Return the numbers below `number` in an order of which every beginning is spread evenly."""
    return sorted(range(number), key=lambda n: f"{n:08b}"[::-1])


def _recompute(connection: Connection, feed: FeedDefinition, query: bytes, entities: Sequence[Entity]) -> Run:
    parameters = entity_arrays(feed, entities)
    started = time.monotonic()
    ((sizes, _),) = connection.execute(query, parameters).fetchall()
    return Run(len(entities), tuple(sizes), time.monotonic() - started)


def _entities(feed: FeedDefinition) -> sql.Composed:
    # Name them by number: an entity column may have the name of a column of the statement.
    names = [sql.Identifier(f"entity_{n}") for n in range(1, len(feed.entity) + 1)]
    return statement(
        "estimate.entities",
        named=_COMMA.join(
            sql.SQL("{} AS {}").format(sql.Identifier("q", column), name)
            for column, name in zip(feed.entity, names, strict=True)
        ),
        entities=columns(feed.entity, of="q"),
        query=feed.query(with_parameters=True),
        texts=_COMMA.join(
            as_text(feed, column, sql.SQL("e.{}").format(name))
            for column, name in zip(feed.entity, names, strict=True)
        ),
    )


def _documents(feed: FeedDefinition) -> sql.Composed:
    return statement("estimate.documents", hashed_documents=hashed_documents(feed, identity=_key(feed)))


def _key(feed: FeedDefinition) -> sql.Composed:
    return sql.SQL("{} AS key").format(feed.document(feed.key))
