"""A shop with a running daemon, for the situations that `trace` tells of."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner

from cdc_daemon.cli import main
from tests.receivers.http import Request, Script, Target, answer, serving
from tests.support.command import DEADLINE_SECONDS, Feed, Running, eventually
from tests.support.synced import Synced

SCHEMA = """
CREATE TABLE product (
    id int PRIMARY KEY, sku text NOT NULL, stock int NOT NULL DEFAULT 0, divisor int NOT NULL DEFAULT 1
);
CREATE TABLE price (product_id int PRIMARY KEY, amount numeric(10, 2) NOT NULL);
CREATE TABLE sale (id int PRIMARY KEY, starts_at timestamptz NOT NULL);
CREATE TABLE code (id int PRIMARY KEY, code text NOT NULL);
CREATE TABLE heavy (id int PRIMARY KEY, n int NOT NULL);
INSERT INTO product SELECT n, 'sku-' || n FROM generate_series(1, 60) AS n;
INSERT INTO price SELECT n, n + 0.50 FROM generate_series(1, 60) AS n;
INSERT INTO sale SELECT n, now() + interval '1 hour' FROM generate_series(1, 3) AS n;
INSERT INTO code SELECT n, 'code ' || n FROM generate_series(1, 3) AS n;
INSERT INTO heavy SELECT n, 0 FROM generate_series(1, 600) AS n;
CREATE FUNCTION slowly(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
'BEGIN PERFORM pg_catalog.pg_sleep(0.01 * $1); RETURN $1; END';
"""

FEEDS = {
    "products": Feed(
        "SELECT p.sku, p.id, p.stock > 0 AS in_stock, pr.amount AS price"
        " FROM product AS p LEFT JOIN price AS pr ON pr.product_id = p.id",
        ("sku",),
        'sinks = ["file", "web"]',
    ),
    "ratios": Feed("SELECT id, 100 / divisor AS ratio FROM product", options='sinks = ["file"]'),
    "sales": Feed(
        "SELECT id, starts_at <= now() AS active,"
        " CASE WHEN starts_at > now() THEN starts_at END AS _refresh_at FROM sale",
        options="sinks = []",
    ),
    "codes": Feed("SELECT code, id FROM code", ("code",), 'sinks = ["file"]'),
    "strict": Feed("SELECT sku, stock FROM product", ("sku",), 'sinks = ["strict"]'),
    "heavy": Feed("SELECT id, slowly(n) AS n FROM heavy", options="sinks = []"),
}

SINKS = """
[sinks.file]
type = "file"
path = "out/{{feed}}.ndjson"
[sinks.web]
type = "http"
url = "{url}"
batch_records = 1
[sinks.strict]
type = "http"
url = "{url}"
max_attempts = 1
batch_records = 1
"""


class TracedShop(Synced):
    """A shop with a running daemon.

    Attributes:
        target: the receiver of the sinks `web` and `strict`.
        refused: parts of bodies that the receiver refuses.
        hold: set to None, or to an event for which each request waits.
    """

    def __init__(self, folder: Path, dsn: str, target: Target) -> None:
        self.target = target
        self.refused: set[str] = set()
        self.hold: threading.Event | None = None
        self.started: list[Running] = []
        target.admit = self._admit
        super().__init__(
            folder,
            dsn,
            schema=SCHEMA,
            feeds=FEEDS,
            sinks=SINKS.format(url=target.url),
            daemon="max_pass_entities = 100\nbatch_entities = 50",
        )

    def _admit(self, request: Request, _under_way: int) -> Script | None:
        body = request.body.decode()
        if any(part in body for part in self.refused):
            return answer(422, b"price must be positive")
        hold = self.hold
        if hold is None:
            return None

        def wait(handler: BaseHTTPRequestHandler) -> None:
            hold.wait(30)
            answer(204)(handler)

        return wait

    def ask(self, *arguments: str) -> dict[str, Any]:
        """`trace --json`."""
        found: dict[str, Any] = json.loads(self.say(*arguments, "--json"))
        return found

    def say(self, *arguments: str, code: int = 0) -> str:
        """`trace`, for people."""
        return self.line("trace", *arguments, code=code)

    def line(self, *arguments: str, code: int = 0) -> str:
        """Any command, in this process."""
        done = CliRunner().invoke(main, ["--config", str(self.config), *arguments])
        assert done.exit_code == code, f"{done.output}\n{done.exception}"
        return done.output if code else done.stdout

    def ask_until(self, verdict: str, *arguments: str, seconds: float = DEADLINE_SECONDS) -> dict[str, Any]:
        """Ask until the answer has this verdict; it tells the last one if it never has."""
        found: dict[str, Any] = {}

        def is_so() -> bool:
            found.update(self.ask(*arguments))
            return bool(found["verdict"] == verdict)

        try:
            eventually(f"{arguments} is {verdict}", is_so, seconds=seconds)
        except pytest.fail.Exception as error:
            raise AssertionError(f"{error}: {json.dumps(found, indent=1)}") from error
        return found

    @contextmanager
    def transaction(self, *statements: str) -> Generator[psycopg.Connection[Any]]:
        """An open transaction of somebody else, rolled back at the end."""
        with psycopg.connect(self.dsn, application_name="a migration") as connection:
            for text in statements:
                connection.execute(text.encode())
            yield connection
            connection.rollback()

    def without_passes(self, feed: str) -> Any:
        """No daemon gets hold of the feed meanwhile."""
        return self.transaction(f"SELECT FROM cdc.feed_state WHERE feed = '{feed}' FOR UPDATE")


@contextmanager
def receiving() -> Generator[Target]:
    """A receiver for it."""
    yield from serving(None)
