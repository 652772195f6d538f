"""The tables of the PostgreSQL sink: documents, deleted documents, and a cursor for each sink and feed."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import sql

from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import statement
from cdc_daemon.sinks import placeholders


@dataclass(frozen=True)
class Tables:
    """The three tables that one feed needs in the target database.

    Attributes:
        documents, deleted, cursor: schema and table of the documents, of the revisions of deleted documents,
            and of the sinks' cursors.
        document_type: `json` or `jsonb`.
        shown: the table's name as the settings have it, for messages.
    """

    documents: tuple[str, ...]
    deleted: tuple[str, ...]
    cursor: tuple[str, ...]
    document_type: str
    shown: str

    @classmethod
    def of(cls, template: str, document_type: str, *, feed: str, sink: str) -> Tables:
        """Return the tables of a feed.

        Args:
            template: the setting `table`, with placeholders.
        """
        name = placeholders.filled(template, feed=feed, sink=sink)
        schema, _, table = name.rpartition(".")
        # The session's search path has no schema of the user, so the schema is always named.
        schema = schema or "public"
        return cls(
            (schema, table),
            (schema, f"{table}_deleted"),
            (schema, "cdc_cursor"),
            document_type,
            name,
        )

    def statement(self, name: str, **more: sql.Composable) -> sql.Composed:
        """Return a statement of `sql/queries/postgres_sink.sql` for these tables."""
        pieces: dict[str, sql.Composable] = {
            "documents": sql.Identifier(*self.documents),
            "deleted": sql.Identifier(*self.deleted),
            "cursor": sql.Identifier(*self.cursor),
            "document_type": sql.Identifier("pg_catalog", self.document_type),
            **more,
        }
        return statement(f"postgres_sink.{name}", **pieces)

    def file(self, connection: Connection) -> str:
        """Return `oid/file number` of the documents' table, or "" if the table does not exist."""
        name = sql.Identifier(*self.documents).as_string(connection)
        row = connection.execute(statement("postgres_sink.file"), {"table": name}).fetchone()
        return str(row[0]) if row else ""

    @staticmethod
    def oid(file: str) -> str:
        """Return the oid in a result of `file`."""
        return file.partition("/")[0]

    def has_cursor(self, connection: Connection, sink: str, feed: str) -> bool:
        """Whether the sink has delivered the feed to this database before."""
        if not _is_there(connection, sql.Identifier(*self.cursor)):
            return False
        row = connection.execute(self.statement("has_cursor"), {"sink": sink, "feed": feed}).fetchone()
        return bool(row and row[0])

    def has_rows(self, connection: Connection, feed: str) -> bool:
        """Whether the table has a document of the feed."""
        row = connection.execute(self.statement("has_rows"), {"feed": feed}).fetchone()
        return bool(row and row[0])

    def create(self, connection: Connection) -> None:
        """Create missing tables.

        CREATE TABLE IF NOT EXISTS requires the right to create even if the table exists, so look first.
        """
        missing = [
            name
            for name in ("documents", "deleted", "cursor")
            if not _is_there(connection, sql.Identifier(*getattr(self, name)))
        ]
        if missing:
            connection.execute(statement("postgres_sink.lock_creation"))
        for name in missing:
            if not _is_there(connection, sql.Identifier(*getattr(self, name))):
                connection.execute(self.statement(f"create_{name}"))

    def complete(self, connection: Connection, feed: str | None) -> None:
        """Add the columns that tables of an earlier version lack.

        Args:
            feed: the feed of all documents in the table; None if it is unknown.
        """
        documents, deleted = sql.Identifier(*self.documents), sql.Identifier(*self.deleted)
        if not _has_columns(connection, documents, "feed", "snapshot"):
            connection.execute(self.statement("add_feed", feed=sql.Literal(feed)))
            connection.execute(self.statement("drop_feed_default"))
            connection.execute(self.statement("add_snapshot", table=documents))
        if not _has_columns(connection, deleted, "snapshot"):
            connection.execute(self.statement("add_snapshot", table=deleted))


def _has_columns(connection: Connection, table: sql.Identifier, *names: str) -> bool:
    row = connection.execute(
        statement("postgres_sink.has_columns"),
        {"table": table.as_string(connection), "columns": list(names)},
    ).fetchone()
    return bool(row and row[0])


def _is_there(connection: Connection, table: sql.Identifier) -> bool:
    row = connection.execute(
        statement("postgres_sink.is_there"), {"table": table.as_string(connection)}
    ).fetchone()
    return bool(row and row[0])
