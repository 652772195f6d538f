"""The feed that a question is about: its plan, or at least its stored table."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg

from cdc_daemon.analysis.model.catalogue import Output
from cdc_daemon.errors import CdcError, FeedError
from cdc_daemon.feeds.definition import FeedDefinition
from cdc_daemon.pg.session import Connection, first_line
from cdc_daemon.pg.statements import statement
from cdc_daemon.settings import Settings
from cdc_daemon.workers.planning import FeedPlan, plan_feed


@dataclass(frozen=True)
class Subject:
    """A feed.

    Attributes:
        definition: without a plan, it knows the key and entity columns alone.
        plan: None if the query can't be planned now.
        unplanned: why not.
    """

    definition: FeedDefinition
    plan: FeedPlan | None
    unplanned: str | None = None


def read_subject(connection: Connection, settings: Settings, feed: str) -> Subject:
    """Plan a feed. If that fails, read its stored table instead.

    Args:
        connection: session in autocommit mode, outside of a transaction.

    Raises:
        CdcError: the feed can't be planned and is not installed.
    """
    try:
        plan = plan_feed(connection, settings, feed)
    except (CdcError, psycopg.Error) as error:
        if connection.closed:
            raise
        told = error.message_for(feed) if isinstance(error, FeedError) else first_line(error)
        stored = stored_definition(connection, settings, feed)
        if stored is None:
            raise
        return Subject(stored, None, told)
    return Subject(plan.definition, plan)


def stored_definition(connection: Connection, settings: Settings, feed: str) -> FeedDefinition | None:
    """Return what the stored table of a feed tells of its definition; None if the feed is not installed.

    It knows the key and entity columns alone, and takes two short questions. A plan takes an analysis.

    Raises:
        FeedError: the stored table has other key or entity columns than the configuration names.
    """
    outputs = _stored_outputs(connection, feed)
    return _definition(settings, feed, outputs) if outputs else None


def _stored_outputs(connection: Connection, feed: str) -> tuple[Output, ...]:
    row = connection.execute(statement("trace.stored_relation"), {"table": f"feed_{feed}"}).fetchone()
    if row is None or row[0] is None:
        return ()
    query = statement("catalogue.outputs", collation=statement("catalogue.collation"))
    return tuple(Output(*column) for column in connection.execute(query, {"view": row[0]}))


def _definition(settings: Settings, feed: str, outputs: tuple[Output, ...]) -> FeedDefinition:
    configured = settings.feeds[feed]
    stored = {output.name: output for output in outputs}
    identity = dict.fromkeys((*configured.key, *configured.entity))
    if not identity.keys() <= stored.keys():
        raise FeedError(
            "its stored documents have another key or entity than the configuration names",
            where=f"feed {feed}",
            hint="run `cdc-daemon check`, then `cdc-daemon install`",
        )
    return FeedDefinition(
        feed,
        "",
        tuple(stored[name] for name in identity),
        configured.key,
        configured.entity,
        search_path=settings.database.search_path,
    )
