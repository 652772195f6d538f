"""The objects to create, replace or drop for stored feeds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import orjson
from psycopg import sql

from cdc_daemon import __version__
from cdc_daemon.feeds.definition import FeedDefinition, columns
from cdc_daemon.feeds.recompute import text_array
from cdc_daemon.pg import own_schema
from cdc_daemon.pg.ddl import Step
from cdc_daemon.pg.search_path import found_in
from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import rendered, statement


@dataclass(frozen=True)
class WantedFeed:
    """A feed with its source tables as `schema.table` and its used columns as `schema.table.column`.

    Attributes:
        filters: conditions (JSON) by source table, of which a row must fulfil at least one to count for the
            feed. Every row of a table without conditions counts.
        foreign_code: owner and digest of the definition of each object of a foreign owner that it runs.
    """

    definition: FeedDefinition
    sources: tuple[str, ...]
    columns: tuple[str, ...]
    filters: Mapping[str, Sequence[str]]
    foreign_code: Mapping[str, str]


@dataclass(frozen=True)
class InstalledFeed:
    """An installed feed. `layout`: comment on the stored feed's table; None if the table is missing.

    `refreshes`: whether the table has the column for `_refresh_at`. `key`: its key columns."""

    definition: str
    sources: frozenset[str]
    columns: frozenset[str]
    filters: Mapping[str, Sequence[str]]
    foreign_code: Mapping[str, str]
    layout: str | None
    refreshes: bool
    key: tuple[str, ...] = ()


def read_installed(connection: Connection) -> dict[str, InstalledFeed]:
    """Return the feeds that earlier installs registered. The schema must exist."""
    tables: dict[str, tuple[str | None, bool, tuple[str, ...]]] = {
        table: (layout, refreshes, tuple(key))
        for table, layout, refreshes, key in connection.execute(statement("feed_state.layouts"))
    }
    rows = connection.execute(statement("feed_state.installed")).fetchall()
    return {
        feed: InstalledFeed(
            definition,
            frozenset(sources),
            frozenset(used),
            filters,
            foreign_code,
            *tables.get(f"feed_{feed}", (None, False, ())),
        )
        for feed, definition, sources, used, filters, foreign_code in rows
    }


def steps(wanted: Sequence[WantedFeed], installed: Mapping[str, InstalledFeed]) -> Iterator[Step]:
    """Yield steps that create and replace objects that differ from the needed ones.

    `removals` drops others.
    """
    for feed in wanted:
        yield from _feed(feed, installed.get(feed.definition.name))


def removals(installed: Mapping[str, InstalledFeed], *, keep: Sequence[WantedFeed]) -> Iterator[Step]:
    """Yield steps that drop the objects of feeds that are no longer configured."""
    names = {feed.definition.name for feed in keep}
    for name in installed:
        if name not in names:
            yield drop(name)


def drop(name: str) -> Step:
    """Return the step that drops a feed with all its objects."""
    feed = FeedDefinition(name, "", (), (), ())
    literal = sql.Literal(name)
    return Step(
        "drop",
        f"feed {name}",
        (
            _drop_tables(feed),
            rendered("feed.drop_revision", revision=sql.Identifier(feed.revision)),
            statement("feed_state.forget_sinks_of", feed=literal),
            statement("feed_state.forget_failures_of", feed=literal),
            statement("feed_state.forget_delivered_of", feed=literal),
            statement("feed_state.forget_former_sinks_of", feed=literal),
            statement("feed_state.forget_obsolete_keys_of", feed=literal),
            statement("feed_state.forget", feed=literal),
        ),
    )


def _feed(wanted: WantedFeed, installed: InstalledFeed | None) -> Iterator[Step]:
    feed = wanted.definition
    stamp = f"cdc-daemon {__version__} {feed.layout}"
    shown = f"{own_schema.name()}.{feed.table}"
    if installed is None:
        yield Step(
            "create",
            f"feed {shown}",
            (*_create_objects(feed, stamp), _register(wanted)),
        )
    elif installed.layout is None or installed.layout.rsplit(" ", 1)[-1] != feed.layout:
        # With another key or entity, the stored documents can't be kept.
        literal = sql.Literal(feed.name)
        why = "its table is missing" if installed.layout is None else "its key or entity is another"
        yield Step(
            "replace",
            f"feed {shown} ({why})",
            (
                *_remember_obsolete_keys(feed, installed),
                _drop_tables(feed),
                statement("feed_state.forget_sinks_of", feed=literal),
                statement("feed_state.forget_failures_of", feed=literal),
                statement("feed_state.forget_delivered_of", feed=literal),
                statement("feed_state.forget", feed=literal),
                *_create_objects(feed, stamp),
                _register(wanted),
            ),
        )
    elif feed.refreshes and not installed.refreshes:
        yield Step(
            "replace",
            f"feed {shown} (gains refresh_at)",
            (*_refresh_at(feed), _register(wanted)),
        )
    elif (
        installed.definition != feed.digest
        or installed.sources != frozenset(wanted.sources)
        or installed.columns != frozenset(wanted.columns)
        or installed.filters != wanted.filters
        or installed.foreign_code != wanted.foreign_code
    ):
        # The column stays, because a daemon with the older query may still read it. Its times are obsolete.
        lost = installed.refreshes and not feed.refreshes
        forget = [rendered("feed.forget_times", feed=sql.Identifier(feed.table))] if lost else []
        yield Step("replace", f"definition of feed {feed.name}", (*forget, _register(wanted)), rows_only=True)


def _register(wanted: WantedFeed) -> sql.Composed:
    return statement(
        "feed_state.wanted",
        feed=sql.Literal(wanted.definition.name),
        definition=sql.Literal(wanted.definition.digest),
        sources=text_array(wanted.sources),
        columns=text_array(wanted.columns),
        filters=sql.Literal(orjson.dumps(wanted.filters).decode()),
        foreign_code=sql.Literal(orjson.dumps(wanted.foreign_code).decode()),
        revision=sql.Identifier(wanted.definition.revision),
    )


def _remember_obsolete_keys(feed: FeedDefinition, installed: InstalledFeed) -> list[sql.Composed]:
    if installed.layout is None or not installed.key:
        return []
    return [
        rendered(
            "feed.remember_obsolete_keys",
            keys=columns(installed.key, of="f"),
            name=sql.Literal(feed.name),
            feed=sql.Identifier(feed.table),
        )
    ]


def _drop_tables(feed: FeedDefinition) -> sql.Composed:
    return rendered(
        "feed.drop",
        backlog=sql.Identifier(feed.backlog),
        log=sql.Identifier(feed.log),
        feed=sql.Identifier(feed.table),
    )


def _create_objects(feed: FeedDefinition, stamp: str) -> list[sql.Composed]:
    table = sql.Identifier(feed.table)
    log = sql.Identifier(feed.log)
    backlog = sql.Identifier(feed.backlog)
    return [
        *found_in(
            feed.search_path,
            rendered(
                "feed.feed",
                feed=table,
                columns=columns(feed.identity, of="q"),
                query=feed.query(with_parameters=False),
            ),
        ),
        rendered("feed.feed_storage", feed=table),
        *(rendered("feed.feed_not_null", feed=table, column=sql.Identifier(name)) for name in feed.identity),
        rendered("feed.feed_key", feed=table, keys=columns(feed.key)),
        *_entity_index(feed),
        *_refresh_at(feed),
        rendered("capture.comment_table", table=table, comment=sql.Literal(stamp)),
        rendered("feed.revision", revision=sql.Identifier(feed.revision)),
        rendered(
            "feed.start_revisions",
            revision=sql.Identifier(feed.revision),
            name=sql.Literal(f"{own_schema.name()}.{sql.Identifier(feed.revision).as_string()}"),
        ),
        rendered("feed.log", log=log, feed=table, keys=columns(feed.key, of="q")),
        rendered("feed.log_key", log=log),
        *(
            rendered("feed.log_segment", log=log, segment=sql.Identifier(segment))
            for segment in feed.segments
        ),
        rendered("capture.comment_table", table=log, comment=sql.Literal(stamp)),
        rendered("feed.backlog", backlog=backlog, feed=table, entities=columns(feed.entity, of="q")),
        *(
            rendered("feed.backlog_not_null", backlog=backlog, column=sql.Identifier(name))
            for name in ("position", *feed.entity)
        ),
        rendered("feed.backlog_sequence", backlog=backlog),
        rendered("feed.backlog_key", backlog=backlog),
        rendered("capture.comment_table", table=backlog, comment=sql.Literal(stamp)),
    ]


def _refresh_at(feed: FeedDefinition) -> list[sql.Composed]:
    if not feed.refreshes:
        return []
    table = sql.Identifier(feed.table)
    return [
        rendered("feed.refresh_at", feed=table),
        rendered("feed.refresh_index", feed=table, index=sql.Identifier(f"{feed.table}_refresh_at")),
    ]


def _entity_index(feed: FeedDefinition) -> list[sql.Composed]:
    if feed.key[: len(feed.entity)] == feed.entity:
        return []  # the index of the key serves
    return [
        rendered(
            "feed.feed_entity",
            feed=sql.Identifier(feed.table),
            index=sql.Identifier(f"{feed.table}_entity"),
            entities=columns(feed.entity),
        )
    ]
