"""Measures the cost of a sink that is down during a million changes, and its catch-up."""

from __future__ import annotations

import time
from collections.abc import Iterator

from bench.counting_target import CountingTarget, counting
from bench.daemon import Daemon
from bench.figure import Aim, Figure
from bench.place import Place, Shop, settled
from bench.queries import query
from cdc_daemon.pg.session import Connection

_FEED = "products"
_FLAT = Aim(1.1)
ROUNDS = 2
"""Number of changes of each document while the sink is down."""
_ROWS_A_TRANSACTION = 500
_WORKS, _DIES = "file", "catalog"
_SINK = """
[sinks.{name}]
type = "http"
framing = "ndjson"
url = "http://127.0.0.1:{port}/feeds/{{feed}}"
"""


def measure(place: Place) -> Iterator[Figure]:
    """Deliver the feed to two sinks, stop one of them, change every price twice, and start it again."""
    products = place.scale(260_000, 5_000)
    with (
        counting() as target,
        place.shop("dead_sink", products, (_FEED,), more=_SINK.format(name=_DIES, port=target.port)) as shop,
        shop.connect() as connection,
    ):
        shop.cdc.call("install")
        with shop.cdc.running() as daemon:
            yield from _measured(shop, connection, daemon, target)


def _measured(shop: Shop, connection: Connection, daemon: Daemon, target: CountingTarget) -> Iterator[Figure]:
    documents = _number(connection, "documents")
    changing = _number(connection, "affected_by_prices")
    for sink in (_WORKS, _DIES):
        daemon.wait_delivered(_FEED, documents, sink=sink)
    # Make the same changes while both sinks work, so that their cost is not counted as the dead sink's.
    _change_every_price(shop, connection)
    for sink in (_WORKS, _DIES):
        daemon.wait_delivered(_FEED, documents + changing, sink=sink)
    while _number(connection, "lacks", sink=_DIES):
        time.sleep(0.1)
    had = daemon.delivered(_FEED, _DIES)
    connection.execute("VACUUM ANALYZE")
    settled(connection)
    peak_before = daemon.peak_megabytes()
    bytes_before, logs_before = _sizes(connection)
    revision = _number(connection, "last_revision")
    target.die()

    peaks: list[float] = []
    started = ended = time.monotonic()
    for _ in range(ROUNDS):
        daemon.forget_peak()
        already = daemon.delivered(_FEED, _WORKS)
        _change_every_price(shop, connection)
        ended = daemon.wait_delivered(_FEED, already + changing, sink=_WORKS)
        peaks.append(daemon.peak_megabytes())
    assert daemon.delivered(_FEED, _DIES) == had, "the sink that was down has taken something"
    bytes_after, logs_after = _sizes(connection)
    scale = f"{ROUNDS * changing:,} changes of {changing:,} documents, {documents:,} stored"
    yield Figure(
        "memory of the daemon while a sink is down ÷ before, peaks",
        max(peaks) / peak_before,
        aim=_FLAT,
        made_of=f"{scale}; {', '.join(f'{peak:.1f}' for peak in peaks)} MB round by round, before, with a "
        f"first sync and one such round to both sinks, {peak_before:.1f} MB",
    )
    yield Figure(
        "changed documents to the other sink meanwhile",
        ROUNDS * changing / (ended - started),
        "a second",
        made_of=scale,
    )
    yield Figure(
        "schema cdc after ÷ before, a sink being down",
        bytes_after / bytes_before,
        made_of=f"{bytes_after / 1e6:,.0f} ÷ {bytes_before / 1e6:,.0f} MB; its logs "
        f"{logs_after / 1e6:,.1f} MB, before {logs_before / 1e6:,.1f} MB",
    )
    yield from _returned(connection, daemon, target.port, had, revision)


def _returned(connection: Connection, daemon: Daemon, port: int, had: int, revision: int) -> Iterator[Figure]:
    """Start the sink again on its port, and measure the catch-up."""
    row = connection.execute(query("last_change"), {"since": revision}).fetchone()
    assert row is not None
    changed, revisions = int(row[0]), int(row[1])
    with counting(port) as target:
        back = time.monotonic()
        found = daemon.wait(
            lambda one: one.delivered(_FEED, _DIES) > had,
            seconds=120,
            awaited="the sink to be found back",
        )
        daemon.wait_delivered(_FEED, had + changed, sink=_DIES)
        # A page may come twice: delivery is at least once.
        while _number(connection, "lacks", sink=_DIES):
            time.sleep(0.1)
        whole = time.monotonic()
        target.die()
        assert target.revisions == (changed, revisions), (
            f"{target.revisions} is not {changed, revisions}: it has not the last revision of each document"
        )
    yield Figure(
        "a sink that is back has the latest state",
        whole - found,
        "s",
        made_of=f"{changed:,} documents, {changed / (whole - found):,.0f} a second; it was found back after "
        f"{found - back:.1f} s (pauses between tries grow to a minute)",
    )
    yield Figure(
        "records that a sink gets when it is back ÷ documents that changed",
        target.records / changed,
        made_of=f"{target.records:,} records, among them the last revision of each; {ROUNDS} changes each",
    )


def _change_every_price(shop: Shop, connection: Connection) -> None:
    for first in range(1, shop.products + 1, _ROWS_A_TRANSACTION):
        connection.execute(query("raise_prices"), {"first": first, "last": first + _ROWS_A_TRANSACTION - 1})


def _number(connection: Connection, name: str, **values: object) -> int:
    row = connection.execute(query(name), values).fetchone()
    assert row is not None
    return int(row[0])


def _sizes(connection: Connection) -> tuple[int, int]:
    """Return the bytes of the schema, and of its logs."""
    row = connection.execute(query("schema_bytes")).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])
