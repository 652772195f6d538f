"""Entities that are set aside because the query fails for them: `cdc.failed_entity`."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from psycopg import sql

from cdc_daemon.feeds.definition import FeedDefinition
from cdc_daemon.feeds.hashed_documents import Entity, affected, entity_arrays
from cdc_daemon.feeds.text_form import from_text, texts
from cdc_daemon.pg.session import Session
from cdc_daemon.pg.statements import statement

LONGEST_VALUE = 100
"""Largest number of characters of an entity's value in messages."""

Named = dict[str, str]
"""An entity for messages: its columns and values, with long values cut."""

_COMMA = sql.SQL(", ")


@dataclass(frozen=True)
class SetAside:
    """An entity that failed in a pass.

    Attributes:
        entity: None stands for unknown entities, which the query can't list.
        status: the SQLSTATE; None if a document is too large.
        attempts: number of failures.
    """

    entity: Named | None
    status: str | None
    reason: str
    attempts: int


def named(columns: Sequence[str], entity: Entity) -> Named:
    """Return an entity for messages."""
    return {
        name: value if len(value) <= LONGEST_VALUE else f"{value[: LONGEST_VALUE - 1]}…"
        for name, value in zip(columns, entity, strict=True)
    }


@dataclass(frozen=True)
class FailedEntities:
    """The failed entities of one feed, in a transaction that holds the feed's state row."""

    connection: Session
    feed: FeedDefinition

    def among(self, entities: Sequence[Entity]) -> set[Entity]:
        """Return those of `entities` that are set aside."""
        by_id = {entity_id(entity): entity for entity in entities}
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
        """Set an entity aside, or record that it failed again.

        Args:
            waits_for: the entity because of which it failed, or None.
            retry_seconds: pause before it is tried without a change, or None.
        """
        row = self.connection.execute(
            statement("failed_entity.add"),
            {
                "feed": self.feed.name,
                "id": entity_id(entity or ()),
                "entity": None if entity is None else list(entity),
                "status": status,
                "reason": reason,
                "waits_for": None if waits_for is None else entity_id(waits_for),
                "retry_seconds": retry_seconds,
            },
        ).fetchone()
        if self.feed.refreshes and entity is not None:
            self.connection.execute(self._unschedule, entity_arrays(self.feed, [entity]))
        shown = None if entity is None else named(self.feed.entity, entity)
        return SetAside(shown, status, reason, row[0] if row else 1)

    def remove(self, entities: Sequence[Entity]) -> list[Named]:
        """Remove entities that were computed. Entities that waited for them become due.

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

    def remove_unknown(self) -> bool:
        """Remove the item of unknown entities: every entity is known again. Return whether it was there."""
        done = self.connection.execute(statement("failed_entity.remove_unknown"), {"feed": self.feed.name})
        return done.rowcount > 0

    def due(self, *, limit: int) -> list[Entity | None]:
        """Return entities that are due without a change. None stands for unknown entities."""
        rows = self.connection.execute(
            statement("failed_entity.due"), {"feed": self.feed.name, "limit": limit}
        )
        return [None if entity is None else tuple(entity) for (entity,) in rows]

    def others(self, *, limit: int) -> list[Entity]:
        """Return at most `limit` random entities that are not set aside."""
        query = statement(
            "failed_entity.others",
            backlog=sql.Identifier(self.feed.backlog),
            backlog_texts=texts(self.feed, self.feed.entity, of="p"),
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


def entity_id(entity: Entity) -> bytes:
    """Return the `id` of an entity in `cdc.failed_entity`; that of `()` stands for unknown entities."""
    # PostgreSQL's text contains no NUL, so NUL can separate the values.
    return hashlib.sha256("\0".join(entity).encode()).digest()
