"""The PostgreSQL sink: writes documents to tables of another database, effectively exactly once."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pydantic import AfterValidator, Field, SecretStr

from cdc_daemon.bounds import Bounds
from cdc_daemon.errors import (
    DatabaseUnavailable,
    NotAuthorized,
    RecordsRefused,
    RightMissing,
    SinkUnavailable,
    TargetFault,
)
from cdc_daemon.pg.conninfo import ALLOWING, clear_host
from cdc_daemon.pg.session import Connection, connect, first_line
from cdc_daemon.pg.statements import statement
from cdc_daemon.sinks import placeholders
from cdc_daemon.sinks.cleartext import CleartextSettings
from cdc_daemon.sinks.postgres_probe import not_connected, postgres_probe, shown
from cdc_daemon.sinks.postgres_tables import Tables
from cdc_daemon.sinks.probe import probed
from cdc_daemon.sinks.read_back import PAGE, Held, HeldEnd, ReadBack, canonical
from cdc_daemon.sinks.record import Record, SnapshotEnd
from cdc_daemon.sinks.sink import ProbeStep, Refusal, Sink
from cdc_daemon.sinks.unreachable import Names, unreachable

FORGET_EVERY_SECONDS = 3600.0
SWEPT_AT_ONCE = 10_000
"""Number of rows that one transaction removes at the end of a full snapshot."""
# 63 less "_deleted". PostgreSQL cuts longer names, so that two tables would have one name.
_LONGEST_TABLE_BYTES = 55

# Errors of a value, which would fail again. By class: data, integrity, WITH CHECK OPTION, a program limit (an
# index row is too large), an exception of a trigger.
_OF_THE_RECORDS = re.compile(r"22...|23...|44...|54...|P0001")
# Errors of the table, the role or the server: read-only, a missing table or column, no space, a shutdown.
# (57014, a statement that took too long, may be caused by a record.)
_OF_THE_TARGET = re.compile(r"25...|3F...|42...|53...|55...|57P..|58...")

_HINTS: Mapping[str, str] = {
    "42501": "grant the sink's role CREATE on the schema, or all rights on tables that are made before",
    "42P01": "make the table, or set create = true",
    "42703": "the table lacks a column that the sink writes: docs/sinks.md lists them",
    "42P10": "the table needs a primary key (or a unique index) on key alone",
    "42804": "a column of the table has another type: docs/sinks.md lists them",
    "3F000": "make the schema that table names",
    "25006": "the server is read-only: name the primary in dsn (target_session_attrs=read-write)",
    "53100": "the target's disk is full; delivery goes on by itself",
    "53300": "the target has too many connections; delivery goes on by itself",
    "57014": "raise timeout_seconds, or send smaller batches; a lock held over there also delays it",
}


def _checked_dsn(dsn: SecretStr) -> SecretStr:
    if not dsn.get_secret_value().strip():
        raise ValueError("must not be empty")
    try:
        conninfo_to_dict(dsn.get_secret_value())
    except psycopg.ProgrammingError as error:
        # Don't show libpq's message: it repeats the invalid part, perhaps the password.
        raise ValueError("must be a connection string as libpq takes it") from error
    return dsn


def _checked_table(template: str) -> str:
    parts = placeholders.checked(template).split(".")
    if len(parts) > 2 or not all(parts):
        raise ValueError("must be a table, or schema.table")
    if len(placeholders.filled(parts[-1], feed="", sink="").encode()) > _LONGEST_TABLE_BYTES:
        raise ValueError(f"must not be longer than {_LONGEST_TABLE_BYTES} bytes")
    return template


class PostgresSettings(CleartextSettings, frozen=True):
    """`type = "postgres"`."""

    type: Literal["postgres"] = Field(default="postgres", description="Kind of sink.")
    dsn: Annotated[SecretStr, AfterValidator(_checked_dsn)] = Field(
        description="Connection string of the target database: a libpq URL or `key=value` words. It also "
        "sets TLS (`sslmode=verify-full`). A secret: if it holds a password, use `dsn_file`."
    )
    table: Annotated[str, AfterValidator(_checked_table)] = Field(
        default="{feed}",
        description="Table of the documents, exactly as written, optionally with its schema (default: "
        "`public`). `{feed}` and `{sink}` stand for their names. A second table has the same name with "
        "`_deleted` at its end.",
    )
    create: bool = Field(default=True, description="Whether the sink creates missing tables.")
    document_type: Literal["json", "jsonb"] = Field(
        default="json",
        description="Type of the document in a table that the sink creates. `json` keeps every byte. "
        "`jsonb` can be indexed as a whole, but writes numbers in its own way.",
    )
    tombstone_seconds: float = Field(
        default=7 * 86400.0,
        ge=3600,
        description="How long the target remembers the revision of a deleted document, in seconds, so that "
        "a late record does not bring the document back.",
    )

    def in_clear(self) -> Iterator[tuple[str, str]]:
        """Yield the password of `dsn` or of the environment (see `CleartextSettings.in_clear`)."""
        if host := clear_host(self.dsn.get_secret_value()):
            yield f"the password to {host}", ALLOWING

    def address(self) -> tuple[str, ...]:
        """Return server, database and table (see `SinkSettings.address`)."""
        dsn = conninfo_to_dict(self.dsn.get_secret_value())
        server = (str(dsn.get(name, "")) for name in ("host", "hostaddr", "port", "service"))
        # The default name of the database is the user's name.
        return (*server, str(dsn.get("dbname") or dsn.get("user", "")), self.table)

    def open(self, name: str) -> PostgresSink:
        """Return the sink, not yet connected. `name` is its name in the settings."""
        return PostgresSink(
            name,
            self.batch_records,
            self.batch_bytes,
            self.timeout_seconds,
            dsn=self.dsn.get_secret_value(),
            settings=self,
        )


@dataclass
class PostgresSink(Sink, ReadBack):
    """Writes documents as rows with their revisions, and commits a cursor with them.

    A repeated record changes nothing, and a late record is dropped. So no row becomes older.

    Attributes:
        dsn: connection string, with its password.
    """

    name: str
    batch_records: int
    batch_bytes: int
    timeout_seconds: float
    dsn: str = field(repr=False)
    settings: PostgresSettings = field(repr=False)
    _connection: Connection | None = field(default=None, init=False, repr=False)
    _known: set[str] = field(default_factory=set[str], init=False, repr=False)
    _forget_at: float = field(default=0.0, init=False, repr=False)
    # Of the documents' table, when it was last checked.
    _file: str = field(default="", init=False, repr=False)

    def deliver(self, feed: str, records: Sequence[Record]) -> Sequence[Refusal]:
        """Write the records in one transaction (see `Sink.deliver`)."""
        tables = self._tables(feed)
        with self._transaction(tables, feed, discard=not records) as connection:
            ignored = self._write(connection, tables, feed, records)
            if self._file not in {"", tables.file(connection)}:
                # The table was emptied after the check. With the rows of this batch, a later check would not
                # notice.
                self._file = ""
                where = f"sink {self.name}, feed {feed}, table {tables.shown}"
                raise TargetFault(
                    "the table was emptied or written anew at this moment",
                    where=where,
                    hint="nothing is to be done: the batch comes again after another look at the table",
                )
        self.ignored += ignored
        return ()

    def end_snapshot(self, end: SnapshotEnd) -> bool:
        """Delete rows of the feed that the snapshot did not name (see `Sink.end_snapshot`)."""
        tables = self._tables(end.feed)
        with self._transaction(tables, end.feed) as connection:
            self._make_tables(connection, tables, end.feed)
            row = connection.execute(
                tables.statement("sweep"),
                {"feed": end.feed, "snapshot": end.snapshot, "limit": SWEPT_AT_ONCE},
            ).fetchone()
        swept = int(row[0]) if row else 0
        self.removed += swept
        return swept < SWEPT_AT_ONCE

    def read_back(self, feed: str, key: Sequence[str]) -> Iterator[Sequence[Held | HeldEnd]]:  # noqa: ARG002
        """Read the table in the order of its keys; see `ReadBack.read_back`."""
        tables = self._tables(feed)
        after: str | None = None
        shared = "{feed}" not in self.settings.table
        while True:
            with self._transaction(tables, feed) as connection:
                rows = connection.execute(
                    tables.statement("read_back", limit=sql.Literal(PAGE)),
                    {"after": after, "feed": feed if shared else None},
                ).fetchall()
            if not rows:
                return
            yield [
                Held(
                    canonical(row[0]),
                    row[2],
                    (row[1] or "null").encode(),
                    hash=row[3],
                    snapshot=row[4],
                    key=row[0],
                )
                for row in rows
            ]
            after = rows[-1][0]

    def sign(self, feed: str) -> str:
        """Return oid and file number of the documents' table (see `Sink.sign`)."""
        tables = self._tables(feed)
        with self._transaction(tables, feed) as connection:
            return tables.file(connection)

    def recognized(self, feed: str, mark: str) -> str:
        """Compare oid and file number of the table, and look up our cursor (see `Sink.recognized`).

        TRUNCATE gives a table another file. So do VACUUM FULL and other commands, which keep its rows.
        """
        tables = self._tables(feed)
        with self._transaction(tables, feed) as connection:
            self._file = file = tables.file(connection)
            if tables.oid(file) != tables.oid(mark) or not tables.has_cursor(connection, self.name, feed):
                self._known.discard(tables.shown)
                return ""
            return file if file == mark or tables.has_rows(connection, feed) else ""

    def _tables(self, feed: str) -> Tables:
        return Tables.of(self.settings.table, self.settings.document_type, feed=feed, sink=self.name)

    @contextlib.contextmanager
    def _transaction(self, tables: Tables, feed: str, *, discard: bool = False) -> Generator[Connection]:
        """Open a transaction with a time limit. Convert errors to those of the contract."""
        deadline = time.monotonic() + self.timeout_seconds
        where = f"sink {self.name}, feed {feed}, table {tables.shown}"
        try:
            with Bounds(deadline):
                if self._connection is None:
                    self._connection = self._connected()
                with self._connection.transaction(force_rollback=discard):
                    yield self._connection
            if not discard:
                self._known.add(tables.shown)
        except OSError as error:
            self.close()
            raise unreachable(
                error, where=where, timeout_seconds=self.timeout_seconds, names=Names(server="dsn")
            ) from error
        except DatabaseUnavailable as error:
            raise not_connected(error, where) from error
        except psycopg.Error as error:
            raise self._explained(error, deadline, where) from error

    def probe(self, feed: str) -> Iterator[ProbeStep]:
        """Try name, connection, TLS, user and password. Write nothing (see `Sink.probe`)."""
        where = f"sink {self.name}, feed {feed}"
        probe = postgres_probe(self.dsn, where, self.timeout_seconds)
        return probed(probe, shown(self.dsn), lambda: self.deliver(feed, ()))

    def close(self) -> None:
        """Close the connection. The next `deliver` opens one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._known.clear()

    def _connected(self) -> Connection:
        # libpq takes whole seconds, and two at least.
        dsn = make_conninfo(self.dsn, connect_timeout=max(2, int(self.timeout_seconds)))
        connection = connect(dsn, purpose=f"sink {self.name}", lock_timeout_seconds=self.timeout_seconds)
        milliseconds = f"{self.timeout_seconds * 1000:.0f}"
        connection.execute(statement("session.pin"), {"name": "statement_timeout", "value": milliseconds})
        # Behind a pooler, each transaction may have another session, which lacks our prepared statements.
        connection.prepare_threshold = None
        return connection

    def _make_tables(self, connection: Connection, tables: Tables, feed: str) -> None:
        if self.settings.create and tables.shown not in self._known:
            tables.create(connection)
            # If feeds share a table, the feed of an earlier version's rows is unknown.
            tables.complete(connection, feed if "{feed}" in self.settings.table else None)

    def _write(self, connection: Connection, tables: Tables, feed: str, records: Sequence[Record]) -> int:
        """Write a batch. Return the number of its records that are older than the stored documents."""
        self._make_tables(connection, tables, feed)
        latest = max(records, key=lambda record: record.revision, default=None)
        connection.execute(
            tables.statement("advance"),
            {
                "sink": self.name,
                "feed": feed,
                "revision": latest.revision if latest else 0,
                "captured_at": latest.captured_at if latest else None,
            },
        )
        upserts = [record for record in records if record.data is not None]
        deletes = [record for record in records if record.data is None]
        told = {
            "feed": feed,
            "full": any(record.snapshot is not None for record in records),
            "stamp": max((record.stamp for record in records), default=0),
        }
        written = 0
        if upserts or not records:
            parameters = {
                **_keys(upserts),
                **told,
                "documents": [record.data.decode() for record in upserts if record.data is not None],
                "hashes": [record.hash for record in upserts],
                "captured_at": [record.captured_at for record in upserts],
            }
            written += connection.execute(tables.statement("upsert"), parameters).rowcount
            connection.execute(tables.statement("revive"), {**_keys(upserts), **told})
        if deletes or not records:
            written += connection.execute(tables.statement("bury"), {**_keys(deletes), **told}).rowcount
            connection.execute(tables.statement("delete"), {**_keys(deletes), **told})
        if time.monotonic() > self._forget_at:
            connection.execute(tables.statement("forget"), {"seconds": self.settings.tombstone_seconds})
            self._forget_at = time.monotonic() + FORGET_EVERY_SECONDS
        if written == len(records):
            return 0
        row = connection.execute(tables.statement("stale"), _keys(records)).fetchone()
        return int(row[0]) if row else 0

    def _explained(
        self, error: psycopg.Error, deadline: float, where: str
    ) -> SinkUnavailable | RecordsRefused:
        state = error.sqlstate or ""
        what = first_line(error)
        if _OF_THE_RECORDS.fullmatch(state):
            detail = error.diag.message_detail
            return RecordsRefused(f"{what}: {detail}" if detail else what, where=where, status=state)
        self.close()  # the next try begins anew and checks its tables again
        if time.monotonic() >= deadline and not state:
            what = f"nothing came back within {self.timeout_seconds:g} s"
        hint = _HINTS.get(state, "look at the target's log; it is tried again")
        if state == "42501":
            return RightMissing(what, where=where, hint=hint)
        if state.startswith("28"):
            return NotAuthorized(what, where=where, hint=hint)
        kind = TargetFault if _OF_THE_TARGET.fullmatch(state) else SinkUnavailable
        return kind(what or "the connection broke", where=where, hint=hint)


def _keys(records: Sequence[Record]) -> dict[str, Any]:
    return {
        "keys": [record.key.decode() for record in records],
        "revisions": [record.revision for record in records],
    }
