"""Measures the cost of the history of documents: the same work with and without it, in turn."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from bench.daemon import Daemon, Installed
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
        spent: dict[Installed, list[float]] = {without: [], shop.cdc: []}

        def rate(cdc: Installed) -> float:
            documents_a_second, microseconds = _rate(shop, connection, expected, cdc)
            spent[cdc].append(microseconds)
            return documents_a_second

        rates = Pairs.taken(place.rounds(5, 1), below=lambda: rate(without), above=lambda: rate(shop.cdc))
        scale = f"{sum(expected.values()):,} documents of two feeds through to the file sink"
        yield rates.ratio(
            "history: changed documents a second with ÷ without",
            aim=_LEAST_THROUGHPUT,
            unit="a second",
            scale=scale,
        )
        # Other programs on the machine change this ratio less than the one above.
        yield Pairs(spent[without], spent[shop.cdc]).ratio(
            "history: processor time of server and daemon for a changed document, with ÷ without",
            aim=Aim(1.05),
            unit="µs",
            scale=scale,
        )
        seconds = place.rounds(8, 5)
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


def _rate(
    shop: Shop, connection: Connection, expected: dict[str, int], cdc: Installed
) -> tuple[float, float]:
    """Change the whole shop as fast as possible.

    Return documents a second, and microseconds of processor time of the server and the daemon a document. The
    writer's are among them.
    """
    documents = sum(expected.values())
    with cdc.running() as daemon:
        settled(connection)
        started, before = time.monotonic(), _processor_seconds(connection, daemon)
        change_every_price(shop, connection)
        ended = max(daemon.wait_delivered(feed, records) for feed, records in expected.items())
        spent = _processor_seconds(connection, daemon) - before
    return documents / (ended - started), spent / documents * 1e6


def _processor_seconds(connection: Connection, daemon: Daemon) -> float:
    """Return the processor time of the daemon and of all processes of the server, ended ones too."""
    row = connection.execute("SHOW data_directory").fetchone()
    assert row is not None
    postmaster = int((Path(str(row[0])) / "postmaster.pid").read_text("ascii").split()[0])
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            fields = stat.read_text("ascii", errors="replace").rpartition(")")[2].split()
            number, parent = int(stat.parent.name), int(fields[1])
            if number in {daemon.pid, postmaster} or parent == postmaster:
                ticks += sum(map(int, fields[11:15]))  # its own, and that of its ended children
    return ticks / os.sysconf("SC_CLK_TCK")


def _median_milliseconds(shop: Shop, cdc: Installed, *, seconds: float) -> float:
    with cdc.running() as daemon:
        deadline = time.monotonic() + seconds
        found = latencies(shop, daemon, while_=lambda: time.monotonic() < deadline)
    return percentile([value * 1000 for value in found], 50)
