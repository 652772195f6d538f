"""The version of a document that a target has. The daemon keeps it for sinks that get patches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from psycopg import sql

from cdc_daemon.feeds.definition import FeedDefinition
from cdc_daemon.feeds.key_id import key_id
from cdc_daemon.insight.trace.documents import differences
from cdc_daemon.insight.trace.facts import Difference
from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import statement


@dataclass(frozen=True)
class HeldVersion:
    """A version of a document that differs from the stored one.

    Attributes:
        certain: whether the target has it. Otherwise a send got no answer: it has this one or a later one.
        differences: the fields that differ. `stored` is this version's value, `now` the stored document's.
    """

    sink: str
    certain: bool
    differences: Sequence[Difference]


def held_versions(
    connection: Connection, feed: FeedDefinition, sinks: Sequence[str], key: str, stored: str | None
) -> Iterator[HeldVersion]:
    """Yield the last version that each target acknowledged, if it differs from the stored document.

    Args:
        key: the key as a JSON object.
        stored: the stored document; None for a tombstone.
    """
    query = statement("delivered_document.of_key", id=key_id(sql.SQL("w.key::pg_catalog.jsonb")))
    rows = connection.execute(query, {"sinks": list(sinks), "feed": feed.name, "key": key}).fetchall()
    held: dict[str, Sequence[str | None]] = dict(rows)
    for sink in sinks:
        versions = held.get(sink)
        # The version that the target acknowledged last comes first; None if nobody knows it.
        if versions and versions[0] is not None and versions[0] != stored:
            found = tuple(differences(feed, versions[0], stored))
            yield HeldVersion(sink, len(versions) == 1, found)
