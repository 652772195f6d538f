"""The incarnation of a cursor: a snapshot means nothing in a restored, copied or promoted database."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

import psycopg
from psycopg import sql

from cdc_daemon.pg.session import Session, is_loss
from cdc_daemon.pg.statements import statement

UNKNOWN = "?"
"""Stands for a part that the server does not reveal. It equals everything."""

Difference = Literal["none", "timeline", "other"]


@dataclass(frozen=True)
class Incarnation:
    """The incarnation of a stored feed.

    Attributes:
        system: identifier of the cluster.
        timeline: timeline of the current WAL. It changes with every promotion and restore from an archive.
        database: oid of the database. In a copy within the cluster only this part differs.
        table: oid of the stored feed's table. After `pg_restore --clean` in place only this part differs.
    """

    system: str = UNKNOWN
    timeline: str = UNKNOWN
    database: str = UNKNOWN
    table: str = UNKNOWN

    @classmethod
    def of(cls, system: int | None, timeline: str | None, database: int) -> Incarnation:
        """Return the incarnation from the server's values. `timeline` has hexadecimal digits."""
        return cls(
            UNKNOWN if system is None else str(system),
            UNKNOWN if timeline is None else str(int(timeline, 16)),
            str(database),
        )

    @property
    def identity(self) -> str:
        """Identity of the database, whatever its incarnation."""
        return f"{self.system}/{self.database}"

    @classmethod
    def read(cls, stored: str) -> Incarnation:
        """Return an incarnation from its stored text, made by `str`."""
        return cls(*(*stored.split("/"), UNKNOWN, UNKNOWN, UNKNOWN)[:4])

    def is_upgrade_of(self, former: Incarnation) -> bool:
        """Whether `pg_upgrade` made this cluster: it keeps the oids of tables, unlike a dump."""
        return (
            UNKNOWN not in {self.system, former.system, self.table}
            and self.system != former.system
            and self.table == former.table
        )

    def __str__(self) -> str:
        return "/".join((self.system, self.timeline, self.database, self.table))

    def difference(self, stored: str) -> Difference:
        """Return whether the stored incarnation differs from this one, and if so, only in the timeline."""
        there = Incarnation.read(stored)
        pairs = [(getattr(self, part.name), getattr(there, part.name)) for part in fields(self)]
        differs = [one != other and UNKNOWN not in {one, other} for one, other in pairs]
        if not any(differs):
            return "none"
        return "timeline" if differs == [False, True, False, False] else "other"


@dataclass(frozen=True)
class ReadableParts:
    """The parts of an incarnation that the server reveals.

    Attributes:
        pieces: expressions for `feed_state.snapshot_and_incarnation`.
    """

    pieces: dict[str, sql.Composable]


def readable_parts(connection: Session) -> ReadableParts:
    """Try which functions work: managed servers forbid some of them, and some fail there."""
    return ReadableParts({part: _tried(connection, part) for part in ("system", "timeline")})


def _tried(connection: Session, part: str) -> sql.Composable:
    query = statement(f"incarnation.{part}")
    try:
        connection.execute(query)
    except psycopg.Error as error:
        if is_loss(error):
            raise
        return sql.NULL
    return query
