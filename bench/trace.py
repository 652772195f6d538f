"""Measures the answers of `trace` about a document of a large feed: it must not grow with the feed."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg

from bench.daemon import Installed
from bench.figure import Aim, Figure, percentile
from bench.idle import processor_seconds
from bench.place import Place
from cdc_daemon.insight.trace.read import Reader, daemons_of, one_snapshot, short_waits
from cdc_daemon.insight.trace.subject import read_subject
from cdc_daemon.insight.trace.verdict import judge
from cdc_daemon.pg.session import Connection, connect
from cdc_daemon.settings import Settings, load

_LONGEST_MILLISECONDS = Aim(50.0)

_SCHEMA = (
    "CREATE TABLE item (id int PRIMARY KEY, name text NOT NULL)",
    "CREATE TABLE price (item_id int PRIMARY KEY, amount numeric(10, 2) NOT NULL)",
    "INSERT INTO item SELECT n, 'item ' || n FROM generate_series(1, {items}) AS n",
    "INSERT INTO price SELECT n, n FROM generate_series(1, {items}) AS n",
    "VACUUM ANALYZE",
)
_QUERY = "SELECT i.id, i.name, p.amount FROM public.item AS i LEFT JOIN public.price AS p ON p.item_id = i.id"


def measure(place: Place) -> Iterator[Figure]:
    """Measure the answer about one document at rest, with unread changes, and with a full backlog."""
    items = place.scale(1_000_000, 2_000)
    dsn = place.server.create_database("trace")
    with psycopg.connect(dsn, autocommit=True) as writer:
        for text in _SCHEMA:
            writer.execute(text.format(items=items).encode())
        configuration = _configured(place.folder / "trace")
        cdc = Installed(configuration, dsn)
        cdc.call("install")
        cdc.call("run", "--once")
        settings = load(configuration, {"CDC_DATABASE_DSN": dsn})
        rounds = place.rounds(100, 5)

        def figures(case: str, expected: str) -> Iterator[Figure]:
            with connect(dsn, purpose="bench") as connection:
                before = processor_seconds([connection.info.backend_pid])
                taken, found = _ask(connection, settings, items, rounds)
                used = processor_seconds([connection.info.backend_pid]) - before
            assert found <= {expected, "delivered"}, found
            made_of = f"{rounds} keys at random of {items:,} documents, without planning the query"
            yield Figure(
                f"trace: one document, {case}, p50",
                percentile(taken, 50),
                "ms",
                min(taken),
                max(taken),
                _LONGEST_MILLISECONDS,
                made_of,
            )
            yield Figure(
                f"trace: one document, {case}, processor time of the server",
                1000 * used / rounds,
                "ms",
                aim=_LONGEST_MILLISECONDS,
                made_of=made_of,
            )

        yield from figures("at rest", "delivered")
        for number in range(place.rounds(1_000, 10)):
            writer.execute("UPDATE price SET amount = amount + 1 WHERE item_id = %s", [number + 1])
        yield from figures("1,000 unread changes", "no-daemon")
        cdc.call("run", "--once")
        cdc.call("resync", "items")
        yield from figures("every entity in the backlog", "delivered")
        yield _planning(dsn, settings)


def _ask(
    connection: Connection, settings: Settings, items: int, rounds: int
) -> tuple[Sequence[float], set[str]]:
    """Return the milliseconds of each answer, and the verdicts."""
    chance = random.Random(7)  # noqa: S311 # no secret
    taken: list[float] = []
    found: set[str] = set()
    with short_waits(connection):
        subject = read_subject(connection, settings, "items")
        for _ in range(rounds):
            started = time.monotonic()
            with one_snapshot(connection):
                daemons = daemons_of(connection, settings)
                reader = Reader(connection, subject, settings.feeds["items"].sinks, daemons)
                facts = reader.of_key([str(chance.randint(1, items))])
            taken.append(1000 * (time.monotonic() - started))
            found.add(str(judge(facts).standing))
    return taken, found


def _planning(dsn: str, settings: Settings) -> Figure:
    """Measure what a question costs before: the query is planned, as the daemon does at its start."""
    taken: list[float] = []
    for _ in range(5):
        with connect(dsn, purpose="bench") as connection:
            started = time.monotonic()
            read_subject(connection, settings, "items")
            taken.append(1000 * (time.monotonic() - started))
    return Figure("trace: planning the query", percentile(taken, 50), "ms", min(taken), max(taken))


def _configured(folder: Path) -> Path:
    folder.mkdir()
    (folder / "items.sql").write_text(_QUERY, "utf-8")
    path = folder / "cdc.toml"
    path.write_text(
        f"[database]\ndsn = 'embedded:'\n[daemon]\nstate_dir = '{folder / 'state'}'\n"
        f"[feeds.items]\nquery = '{folder / 'items.sql'}'\nkey = ['id']\n"
        f"[sinks.file]\ntype = 'file'\npath = '{folder / 'out.ndjson'}'\n",
        "utf-8",
    )
    return path
