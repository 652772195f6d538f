"""Measures the cost of the history of documents: the same work with and without it, in turn."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from bench.daemon import Installed
from bench.figure import Aim, Figure, Pairs, percentile
from bench.latency import latencies
from bench.place import Place, Shop, settled
from bench.queries import query
from bench.throughput import change_every_price
from cdc_daemon.pg.session import Connection

_LEAST_THROUGHPUT = Aim(0.95, at_least=True)
_LONGEST_DELAY_MILLISECONDS = Aim(1.0)


def measure(place: Place) -> Iterator[Figure]:
    """Measure throughput and latency with and without the history."""
    products = place.scale(50_000, 5_000)
    with place.shop("history", products, ("products", "prices")) as shop, shop.connect() as connection:
        shop.cdc.call("install")
        shop.cdc.call("run", "--once")
        without = replace(shop.cdc, settings={"CDC_HISTORY_ENABLED": "false"})
        row = connection.execute(query("affected_by_prices")).fetchone()
        assert row is not None
        expected = {"products": int(row[0]), "prices": int(row[1])}
        rate = partial(_rate, shop, connection, expected)
        rates = Pairs.taken(place.rounds(7, 1), below=lambda: rate(without), above=lambda: rate(shop.cdc))
        yield rates.ratio(
            "history: changed documents a second with ÷ without",
            aim=_LEAST_THROUGHPUT,
            unit="a second",
            scale=f"{sum(expected.values()):,} documents of two feeds through to the file sink",
        )
        seconds = place.rounds(20, 5)
        median = partial(_median_milliseconds, shop, seconds=seconds)
        delays = Pairs.taken(
            place.rounds(5, 1), below=lambda: median(without), above=lambda: median(shop.cdc)
        )
        yield delays.difference(
            "history: commit → delivered, p50 with − without",
            aim=_LONGEST_DELAY_MILLISECONDS,
            unit="ms",
            scale=f"{products:,} products, 20 changes/s, {seconds} s each",
        )


def _rate(shop: Shop, connection: Connection, expected: dict[str, int], cdc: Installed) -> float:
    """Return documents a second while the whole shop changes as fast as possible."""
    with cdc.running() as daemon:
        settled(connection)
        started = time.monotonic()
        change_every_price(shop, connection)
        ended = max(daemon.wait_delivered(feed, records) for feed, records in expected.items())
    return sum(expected.values()) / (ended - started)


def _median_milliseconds(shop: Shop, cdc: Installed, *, seconds: float) -> float:
    with cdc.running() as daemon:
        deadline = time.monotonic() + seconds
        found = latencies(shop, daemon, while_=lambda: time.monotonic() < deadline)
    return percentile([value * 1000 for value in found], 50)
