"""Measures changed documents a second, from the commit to the file sink's disk."""

from __future__ import annotations

import time
from collections.abc import Iterator

from bench.figure import Figure, spread
from bench.place import Place, Shop, settled
from bench.queries import query
from cdc_daemon.pg.session import Connection

_ROWS_A_TRANSACTION = 500


def measure(place: Place) -> Iterator[Figure]:
    """Change the whole shop as fast as possible. The clock stops at the last delivery."""
    products = place.scale(50_000, 5_000)
    with (
        place.shop("throughput", products, ("products", "prices")) as shop,
        shop.connect() as connection,
        # The first sync is not part of the measurement.
    ):
        shop.cdc.call("install")
        shop.cdc.call("run", "--once")
        row = connection.execute(query("affected_by_prices")).fetchone()
        assert row is not None
        expected = {"products": int(row[0]), "prices": int(row[1])}
        rates: list[float] = []
        written: list[float] = []
        with shop.cdc.running() as daemon:
            for _ in range(place.rounds(3, 1)):
                settled(connection)
                already = {feed: daemon.delivered(feed) for feed in expected}
                started = time.monotonic()
                change_every_price(shop, connection)
                written.append(time.monotonic() - started)
                ended = max(
                    daemon.wait_delivered(feed, already[feed] + records) for feed, records in expected.items()
                )
                rates.append(sum(expected.values()) / (ended - started))
    yield spread(
        "changed documents through to the file sink, sustained",
        rates,
        unit="a second",
        made_of=f"{sum(expected.values()):,} documents of two feeds, {products:,} rows in transactions "
        f"of {_ROWS_A_TRANSACTION}; the writer alone took {max(written):.1f} s",
    )


def change_every_price(shop: Shop, connection: Connection) -> None:
    for first in range(1, shop.products + 1, _ROWS_A_TRANSACTION):
        connection.execute(query("raise_prices"), {"first": first, "last": first + _ROWS_A_TRANSACTION - 1})
