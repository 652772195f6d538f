"""A database of another name on the embedded server."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from cdc_daemon.pg.binaries import find_binaries
from cdc_daemon.pg.embedded import EmbeddedServer
from cdc_daemon.sinks.record import Record
from tests.receivers.receiver import Documents, Receiver, key_of, meaning
from tests.support import servers

OWN_PREFIX = "postgres-"
"""Of the folders of servers that belong to one test."""


class PostgresReceiver(Receiver):
    """A fresh database."""

    kind = "postgres"
    drops_repetitions = True

    def __init__(self, name: str, *, stoppable: bool = False) -> None:
        super().__init__()
        self._stack = ExitStack()
        directory = Path(os.environ[servers.DIRECTORY_VARIABLE])
        if stoppable:
            self._server = EmbeddedServer(directory / f"{OWN_PREFIX}{name}", fast=True)
            self._server.binaries = find_binaries("embedded", only=True)
            self._stack.callback(self._server.remove)
            self._dsn = self._server.start()
        else:
            shared = servers.start("embedded")
            self._dsn = self._stack.enter_context(shared.fresh_database())
        place = conninfo_to_dict(self._dsn)
        self.address = f"{place['host']}/.s.PGSQL.{place['port']}"

    def settings(self, port: int | None = None) -> dict[str, object]:
        return {"dsn": make_conninfo(self._dsn, host="127.0.0.1", port=port) if port else self._dsn}

    def documents(self, feed: str) -> Documents:
        with self.connect() as connection:
            there = connection.execute("SELECT to_regclass(%s)", (feed,)).fetchone()
            if not there or there[0] is None:
                return {}
            rows = connection.execute(f'SELECT key::text, document::text FROM "{feed}"'.encode()).fetchall()
        return {key_of(key): meaning(document) for key, document in rows}

    def losses(self, feed: str) -> Mapping[str, Callable[[], object]]:
        def execute(*statements: str) -> None:
            with self.connect() as connection:
                for statement in statements:
                    connection.execute(statement.encode())

        return {
            "truncated": partial(execute, f'TRUNCATE "{feed}"'),
            "dropped": partial(execute, f'DROP TABLE "{feed}"'),
            "all tables dropped": partial(execute, f'DROP TABLE "{feed}", "{feed}_deleted", cdc_cursor'),
        }

    def refused(self, feed: str) -> Record:
        with self.connect() as connection:
            connection.execute(
                f"ALTER TABLE \"{feed}\" ADD CHECK (document->>'name' <> 'forbidden') NOT VALID".encode()
            )
        return Record(
            feed,
            b'{"sku":"bad"}',
            "upsert",
            1000,
            "00",
            ("name",),
            "2025-01-02T03:04:05Z",
            b'{"name":"forbidden"}',
        )

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(self._dsn, autocommit=True)

    def stop(self) -> None:
        self._server.stop()

    def start(self) -> None:
        self._server.start()

    def close(self) -> None:
        super().close()
        self._stack.close()


def stop_all(directory: Path) -> None:
    """Remove the servers of tests whose worker ended before them."""
    for folder in directory.glob(f"{OWN_PREFIX}*"):
        EmbeddedServer(folder).remove()
