"""Measures the verification: its own pace, and what it costs the daemon that does it in the background."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bench.daemon import Daemon
from bench.figure import Figure, percentile
from bench.latency import latencies
from bench.place import Place, Shop

_RATES = ((0, 0), (10, 500), (1000, 500))
"""Documents, and records of the file, a second: none, the defaults, and far more documents."""

_TICKS = os.sysconf("SC_CLK_TCK")


def measure(place: Place) -> Iterator[Figure]:
    """Measure `verify`, then the latency and the processor time with and without verification."""
    products = place.scale(50_000, 5_000)
    seconds = place.rounds(30, 5)
    with place.shop("verification", products, ("products", "prices", "categories")) as shop:
        shop.cdc.call("install")
        shop.cdc.call("run", "--once")
        yield from _commands(shop)
        for documents, records in _RATES:
            yield from _background(shop, documents, records, seconds)


def _commands(shop: Shop) -> Iterator[Figure]:
    documents = 2 * shop.products  # the main website has two store views
    for name, options in (("verify products", ()), ("verify products --sink file", ("--sink", "file"))):
        took = shop.cdc.call("verify", "products", *options)
        made_of = f"{documents:,} documents in {took:.1f} s, the start of the program included"
        yield Figure(f"`{name}`", documents / took, "documents a second", made_of=made_of)


def _background(shop: Shop, documents: int, records: int, seconds: float) -> Iterator[Figure]:
    rates = {
        "CDC_VERIFY_DOCUMENTS_PER_SECOND": str(documents),
        "CDC_VERIFY_RECORDS_PER_SECOND": str(records),
    }
    settings = {**shop.cdc.settings, **rates}
    installed = replace(shop.cdc, settings=settings)
    with installed.running() as daemon:
        before, began = _used(daemon, shop), time.monotonic()
        deadline = time.monotonic() + seconds
        found = latencies(shop, daemon, while_=lambda: time.monotonic() < deadline)
        used = [after - first for after, first in zip(_used(daemon, shop), before, strict=True)]
        passed = time.monotonic() - began
    what = f"{documents:,} documents/s and {records:,} records/s verified in the background"
    milliseconds = [value * 1000 for value in found]
    made_of = f"{shop.products:,} products, three feeds, 20 changes/s, {passed:.0f} s"
    for percent in (50, 99):
        yield Figure(
            f"commit → delivered, {what}, p{percent}",
            percentile(milliseconds, percent),
            "ms",
            made_of=made_of,
        )
    for who, value in zip(("the daemon", "the server for it"), used, strict=True):
        name = f"processor time of {who}, {what}"
        yield Figure(name, 1000 * value / passed, "ms a second", made_of=made_of)


def _used(daemon: Daemon, shop: Shop) -> tuple[float, float]:
    """Processor time of the daemon and of its server processes, in seconds."""
    with shop.connect() as connection:
        query = b"SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'cdc-daemon%'"
        servers = [pid for (pid,) in connection.execute(query).fetchall()]
    return _of(daemon.pid), sum(map(_of, servers))


def _of(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS
