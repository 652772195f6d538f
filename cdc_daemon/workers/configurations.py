"""The configuration that owns each feed of a database. All configurations share capture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from psycopg import sql

from cdc_daemon.analysis.model.catalogue import TableName
from cdc_daemon.capture.catalogue import Captured, Installed
from cdc_daemon.errors import FeedError
from cdc_daemon.pg.ddl import Step
from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import statement
from cdc_daemon.settings import Settings


@dataclass(frozen=True)
class Ownership:
    """The stored feeds, as one configuration sees them.

    Attributes:
        name: name of the configuration ([daemon] name).
        own: its feeds.
        others: name of the other configuration, by feed.
        tables: source tables of the others' feeds, as `schema.table`.
    """

    name: str
    own: frozenset[str]
    others: Mapping[str, str]
    tables: frozenset[str]

    def require_own(self, feeds: Iterable[str]) -> None:
        """Check that no other configuration owns one of these feeds.

        Raises:
            FeedError: another configuration owns one.
        """
        for feed in feeds:
            if feed in self.others:
                raise FeedError(
                    f"belongs to the configuration {self.others[feed]!r}, and this one is {self.name!r}",
                    where=f"feed {feed}",
                    hint="give the feed another name; or set [daemon] name, if this is that configuration",
                )

    def sources_of_others(self, installed: Installed) -> dict[TableName, Captured]:
        """Return the capture of the others' source tables.

        It may include parts that only an own feed needs.
        """
        return {table: captured for table, captured in installed.sources.items() if str(table) in self.tables}

    def steps(self, feeds: Iterable[str]) -> Iterator[Step]:
        """Yield steps that record this configuration as the owner of feeds which it will store."""
        for feed in feeds:
            if feed not in self.own and self.name != UNNAMED:
                yield Step(
                    "create",
                    f"record that feed {feed} is of {self.name}",
                    (statement("feed_state.own", feed=sql.Literal(feed), daemon=sql.Literal(self.name)),),
                    rows_only=True,
                )

    def told(self) -> str:
        """Return the others' feeds for messages."""
        return ", ".join(f"{feed} (of {name})" for feed, name in sorted(self.others.items()))


UNNAMED = "cdc-daemon"
"""Name of a configuration without a name, and the column's default."""


def read_ownership(connection: Connection, settings: Settings, installed: Installed) -> Ownership:
    """Return the stored feeds, split into this configuration's and others'."""
    rows = connection.execute(statement("feed_state.owners")).fetchall() if installed.schema else []
    name = settings.daemon.name
    return Ownership(
        name,
        frozenset(feed for feed, owner, _ in rows if owner == name),
        {feed: owner for feed, owner, _ in rows if owner != name},
        frozenset(table for _, owner, tables in rows if owner != name for table in tables),
    )
