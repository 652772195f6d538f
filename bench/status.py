"""What `status` costs the database: with a hundred documents, and with a million."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from statistics import median

import psycopg

from bench.daemon import Installed
from bench.figure import Aim, Figure
from bench.idle import configured
from bench.place import Place
from cdc_daemon.insight.status import read_objects, read_status
from cdc_daemon.pg.session import Connection, connect
from cdc_daemon.settings import load

_FEW = 100
_FORMER = "SELECT count(*) FILTER (WHERE NOT deleted), count(*) FILTER (WHERE deleted) FROM cdc.feed_items_0"
_MOST_MILLISECONDS = Aim(50)
_FILL = """
INSERT INTO cdc.feed_items_0 (id, document, hash, revision, deleted, captured_at, modified_at)
SELECT n, json_build_object('id', n, 'name', repeat('a', 200)), sha256(n::text::bytea),
       nextval('cdc.feed_items_0_revision'), false, now(), now()
FROM generate_series(1001, 1000 + {documents}) AS n;
INSERT INTO cdc.feed_items_0_log (revision, previous, id, changed)
SELECT f.revision, NULL, f.id, '{{}}' FROM cdc.feed_items_0 AS f WHERE f.id > {delivered};
INSERT INTO cdc.{changelog} (rows, id) SELECT 1, ARRAY[n] FROM generate_series(1, {unread}) AS n;
UPDATE cdc.feed_state
SET revision = (SELECT max(revision) FROM cdc.feed_items_0), documents = documents + {documents},
    counted_revision = (SELECT max(revision) FROM cdc.feed_items_0);
ANALYZE
"""


def measure(place: Place) -> Iterator[Figure]:
    """Store documents and log lines by SQL: how they came there makes no difference to a question."""
    rounds = place.rounds(20, 2)
    for documents in (_FEW, place.scale(1_000_000, 10_000)):
        dsn = place.server.create_database(f"status_{documents}")
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("CREATE TABLE item_0 (id int PRIMARY KEY, name text)")
        configuration = configured(place.folder / f"status_{documents}", 1)
        cdc = Installed(configuration, dsn)
        cdc.call("install")
        cdc.call("run", "--once")
        with psycopg.connect(dsn) as connection:
            source = connection.execute("SELECT changelog FROM cdc.source").fetchone()
        fill = _FILL.format(
            changelog=source[0] if source else "",
            documents=documents,
            delivered=1000 + documents // 2,
            unread=documents // 10 if documents > _FEW else 1,
        )
        with psycopg.connect(dsn, autocommit=True) as connection:
            for statement in fill.split(";"):
                connection.execute(statement.encode())
        with connect(dsn, purpose="bench") as session:
            yield from _figures(session, configuration, documents, rounds)


def _figures(session: Connection, configuration: Path, documents: int, rounds: int) -> Iterator[Figure]:
    settings = load(configuration, {"CDC_DATABASE_DSN": session.info.dsn})
    objects = read_objects(session, settings)
    asked: Mapping[str, Callable[[], object]] = {
        "`status`": lambda: read_status(session, settings),
        "`status --watch`, without planning and comparing objects": lambda: read_status(
            session, settings, objects=objects
        ),
        "counting the rows, as `status` did before": lambda: session.execute(_FORMER),
    }
    for ask in asked.values():
        ask()  # once, to fill the caches
    values = {name: [0.0] * rounds for name in asked}
    for number in range(rounds):
        for name, ask in asked.items():
            before = _processor_milliseconds(session)
            ask()
            values[name][number] = _processor_milliseconds(session) - before
    for name, each in values.items():
        yield Figure(
            f"{documents:,} documents: database time of {name}",
            median(each),
            "ms",
            min(each),
            max(each),
            None if "counting" in name else _MOST_MILLISECONDS,
            f"{rounds} rounds; processor time of the session's server process; half of them undelivered",
        )


def _processor_milliseconds(session: Connection) -> float:
    """Return the processor time of a session's server process: waits behind other programs don't count."""
    told = Path(f"/proc/{session.info.backend_pid}/schedstat").read_text("ascii")
    return int(told.split()[0]) / 1_000_000
