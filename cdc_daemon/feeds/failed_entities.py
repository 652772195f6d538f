"""Entities that are set aside because their documents can't be made: `cdc.failed_entity`."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from psycopg import sql

from cdc_daemon.feeds.definition import FeedDefinition
from cdc_daemon.feeds.digested import Entity, affected, entity_arrays
from cdc_daemon.feeds.spelling import from_text, texts
from cdc_daemon.pg.session import Session
from cdc_daemon.pg.statements import statement

LONGEST_VALUE = 100
"""Characters of one value of an entity that are shown."""

Named = dict[str, str]
"""An entity for people: its columns and their values, long ones cut."""

_COMMA = sql.SQL(", ")


@dataclass(frozen=True)
class SetAside:
    """An entity that failed in a pass.

    Attributes:
        entity: None stands for entities that could not be found out.
        status: the SQLSTATE; None where a document is too large.
        attempts: how often it has failed.
    """

    entity: Named | None
    status: str | None
    reason: str
    attempts: int


def named(columns: Sequence[str], entity: Entity) -> Named:
    """An entity for people."""
    return {
        name: value if len(value) <= LONGEST_VALUE else f"{value[: LONGEST_VALUE - 1]}…"
        for name, value in zip(columns, entity, strict=True)
    }


@dataclass(frozen=True)
class FailedEntities:
    """Those of one feed, within a transaction that holds the feed's state row."""

    connection: Session
    feed: FeedDefinition

    def among(self, entities: Sequence[Entity]) -> set[Entity]:
        """Those of these entities that are set aside."""
        by_id = {_id(entity): entity for entity in entities}
        rows = self.connection.execute(
            statement("failed_entity.among"), {"feed": self.feed.name, "ids": list(by_id)}
        )
        return {by_id[bytes(row[0])] for row in rows}

    def add(
        self,
        entity: Entity | None,
        *,
        status: str | None,
        reason: str,
        waits_for: Entity | None = None,
        retry_seconds: float | None = None,
    ) -> SetAside:
        """Set an entity aside, or note that it failed once more.

        Args:
            waits_for: the entity for which it failed.
            retry_seconds: when to try it although nothing changed.
        """
        row = self.connection.execute(
            statement("failed_entity.add"),
            {
                "feed": self.feed.name,
                "id": _id(entity or ()),
                "entity": None if entity is None else list(entity),
                "status": status,
                "reason": reason,
                "waits_for": None if waits_for is None else _id(waits_for),
                "retry_seconds": retry_seconds,
            },
        ).fetchone()
        if self.feed.refreshes and entity is not None:
            self.connection.execute(self._unschedule, entity_arrays(self.feed, [entity]))
        shown = None if entity is None else named(self.feed.entity, entity)
        return SetAside(shown, status, reason, row[0] if row else 1)

    def remove(self, entities: Sequence[Entity]) -> list[Named]:
        """Forget those that were computed; what waited for them is due.

        Returns:
            Those of them that were set aside.
        """
        rows = self.connection.execute(
            self._remove, {"feed": self.feed.name, **entity_arrays(self.feed, entities)}
        ).fetchall()
        if rows:
            self.connection.execute(
                statement("failed_entity.wake"), {"feed": self.feed.name, "ids": [row[0] for row in rows]}
            )
        return [named(self.feed.entity, entity) for _, entity in rows]

    def remove_unknown(self) -> None:
        """Every entity is known."""
        self.connection.execute(statement("failed_entity.remove_unknown"), {"feed": self.feed.name})

    def due(self, *, limit: int) -> list[Entity | None]:
        """Those that are to be tried although nothing changed; None stands for ones that are not known."""
        rows = self.connection.execute(
            statement("failed_entity.due"), {"feed": self.feed.name, "limit": limit}
        )
        return [None if entity is None else tuple(entity) for (entity,) in rows]

    def others(self, *, limit: int) -> list[Entity]:
        """At most so many entities that are not set aside, at random."""
        query = statement(
            "failed_entity.others",
            pending=sql.Identifier(self.feed.pending),
            pending_texts=texts(self.feed, self.feed.entity, of="p"),
            stored=sql.Identifier(self.feed.table),
            stored_texts=texts(self.feed, self.feed.entity, of="s"),
            names=_COMMA.join(sql.Identifier(f"value_{n}") for n, _ in enumerate(self.feed.entity)),
            values=_COMMA.join(sql.Identifier("o", f"value_{n}") for n, _ in enumerate(self.feed.entity)),
            limit=sql.Literal(limit),
        )
        return self.connection.execute(query, {"feed": self.feed.name}).fetchall()

    @cached_property
    def _remove(self) -> bytes:
        return statement(
            "failed_entity.remove",
            typed=_COMMA.join(
                sql.SQL("{} AS {}").format(
                    from_text(self.feed, name, sql.SQL("f.entity[{}]").format(sql.Literal(n))),
                    sql.Identifier(name),
                )
                for n, name in enumerate(self.feed.entity, start=1)
            ),
            affected=affected(self.feed, "t"),
        ).as_bytes()

    @cached_property
    def _unschedule(self) -> bytes:
        return statement(
            "failed_entity.unschedule",
            feed=sql.Identifier(self.feed.table),
            affected=affected(self.feed, "s"),
        ).as_bytes()


def _id(entity: Entity) -> bytes:
    # PostgreSQL's text holds no NUL, so it parts the values.
    return hashlib.sha256("\0".join(entity).encode()).digest()
