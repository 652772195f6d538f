"""The place of a benchmark: one durable server, with a database for each shop."""

from __future__ import annotations

import shutil
import time
import tomllib
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import psycopg
from psycopg import sql

from bench import shop
from bench.daemon import Installed
from bench.queries import FOLDER, query
from cdc_daemon.pg.binaries import find_binaries
from cdc_daemon.pg.embedded import EmbeddedServer
from cdc_daemon.pg.session import Connection, connect

# Durable (the defaults), with memory for the larger shop. Both sides of every ratio have these settings.
SETTINGS = {"shared_buffers": "1GB", "max_wal_size": "8GB"}


@dataclass(frozen=True)
class Shop:
    """A shop in a database of its own, and the command configured for it.

    Attributes:
        out: folder of the file sink.
    """

    products: int
    dsn: str
    cdc: Installed
    out: Path

    def connect(self) -> Connection:
        """Open a session with the settings that the daemon pins, because documents are compared as text.

        Unlike the daemon's sessions, it may use the server's parallel workers.
        """
        connection = connect(self.dsn, search_path="public", purpose="bench")
        connection.execute("RESET max_parallel_workers_per_gather")
        return connection


@dataclass(frozen=True)
class Place:
    """The server and the choices of this run.

    Attributes:
        products: value of `--scale`; None for the default of each measurement.
        quick: fewer rounds and smaller shops, to test the benchmark itself. Its figures mean nothing.
    """

    server: EmbeddedServer
    folder: Path
    products: int | None
    quick: bool

    def rounds(self, full: int, quick: int) -> int:
        """Return the number of rounds: `quick` in a quick run, else `full`."""
        return quick if self.quick else full

    def scale(self, full: int, quick: int) -> int:
        """Return the number of products of the shop to make."""
        return self.products or (quick if self.quick else full)

    def program(self, name: str) -> str:
        """Return the path of a client program of the server."""
        return str((self.server.binaries or find_binaries()) / name)

    @contextmanager
    def shop(
        self,
        name: str,
        products: int,
        feeds: Sequence[str],
        *,
        own: Mapping[str, str] = MappingProxyType({}),
        delivering: bool = True,
        more: str = "",
    ) -> Generator[Shop]:
        """Make a filled shop without capture. The end of the block drops it.

        Args:
            feeds: names of feeds of `bench/shop/` to configure.
            own: feeds with queries in `bench/sql/`, each with its key column.
            delivering: whether there is a file sink.
            more: further tables of the configuration.
        """
        dsn = self.server.create_database(name)
        folder = self.folder / name
        folder.mkdir(parents=True)
        try:
            with connect(dsn, search_path="public", purpose="bench") as connection:
                shop.load(connection, products=products)
                connection.execute("VACUUM ANALYZE")
            configuration = folder / "cdc.toml"
            text = _configuration(folder, feeds, own, delivering=delivering)
            configuration.write_text(text + more, "utf-8")
            yield Shop(products, dsn, Installed(configuration, dsn), folder / "out")
        finally:
            shutil.rmtree(folder)
            drop = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
            with psycopg.connect(self.server.dsn(), autocommit=True) as connection:
                connection.execute(drop)


def settled(connection: Connection) -> None:
    """Write dirty pages of earlier measurements to disk, so that this one does not pay for them."""
    connection.execute("CHECKPOINT")


def seconds_of(connection: Connection, name: str) -> float:
    """Return the seconds that a statement of `bench/sql/` takes, measured at the client."""
    started = time.monotonic()
    connection.execute(query(name))
    return time.monotonic() - started


def _configuration(folder: Path, feeds: Sequence[str], own: Mapping[str, str], *, delivering: bool) -> str:
    """Return the shop's configuration with some of its feeds and others, with absolute paths."""
    configured = tomllib.loads((shop.FOLDER / "cdc.toml").read_text("utf-8"))["feeds"]
    lines = ["[daemon]", f"state_dir = {_text(folder / 'state')}"]
    for feed in feeds:
        settings = configured[feed]
        lines += [f"[feeds.{feed}]", f"query = {_text(shop.FOLDER / settings['query'])}"]
        lines += [f"{name} = {settings[name]!r}" for name in ("key", "entity")]
        lines += [] if delivering else ["sinks = []"]
    for feed, key in own.items():
        lines += [f"[feeds.{feed}]", f"query = {_text(FOLDER / f'{feed}.sql')}", f"key = [{key!r}]"]
        lines += [] if delivering else ["sinks = []"]
    if delivering:
        lines += ["[sinks.file]", 'type = "file"', f"path = {_text(folder / 'out' / '{feed}.ndjson')}"]
    return "\n".join(lines) + "\n"


def _text(path: Path) -> str:
    return f"'{path}'"  # a literal string of TOML has no escapes
