"""Measures the time from a commit to the receiver's disk: single changes, 20 a second."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import orjson

from bench.daemon import Daemon
from bench.figure import Aim, Figure, percentile
from bench.place import Place, Shop
from bench.queries import query

_CHANGES_A_SECOND = 20
_DOCUMENTS_A_CHANGE = 2  # the main website has two store views

_FEED = "products"


def measure(place: Place) -> Iterator[Figure]:
    """Measure the latency of an idle daemon, and of a daemon that recomputes the whole feed meanwhile."""
    products = place.scale(100_000, 10_000)
    seconds = place.rounds(30, 5)
    with place.shop("latency", products, ("products", "prices", "categories")) as shop:
        shop.cdc.call("install")
        shop.cdc.call("run", "--once")
        with shop.cdc.running() as daemon:
            scale = f"{products:,} products, three feeds, {_CHANGES_A_SECOND} changes/s"
            deadline = time.monotonic() + seconds
            quiet = latencies(shop, daemon, while_=lambda: time.monotonic() < deadline)
            yield from _figures("commit → delivered", quiet, scale, {50: Aim(30), 99: None})

            for kind, during in (("a resync", _resync), ("`resync --wait`", _resync_and_wait)):
                busy = during(shop, daemon)
                yield from _figures(
                    f"commit → delivered during {kind}", busy, scale, {50: None, 99: Aim(500)}
                )


def _resync(shop: Shop, daemon: Daemon) -> list[float]:
    """Measure while the daemon recomputes the whole feed by itself."""
    finished = _resyncs_finished(daemon)
    shop.cdc.call("resync", _FEED)
    return latencies(shop, daemon, while_=lambda: _resyncs_finished(daemon) == finished)


def _resync_and_wait(shop: Shop, daemon: Daemon) -> list[float]:
    """Measure while a second process recomputes beside the daemon; only the daemon delivers."""
    resync = threading.Thread(target=shop.cdc.call, args=("resync", _FEED, "--wait"))
    resync.start()
    found = latencies(shop, daemon, while_=resync.is_alive)
    resync.join()
    return found


def _resyncs_finished(daemon: Daemon) -> int:
    return sum(event.name == "resync_finished" for event in list(daemon.events))


def _figures(name: str, seconds: list[float], scale: str, aims: dict[int, Aim | None]) -> Iterator[Figure]:
    milliseconds = [value * 1000 for value in seconds]
    for percent, aim in aims.items():
        yield Figure(
            f"{name}, p{percent}",
            percentile(milliseconds, percent),
            "ms",
            min(milliseconds),
            max(milliseconds),
            aim,
            f"{scale}, {len(milliseconds)} changes; fsync by the file sink included",
        )


def latencies(shop: Shop, daemon: Daemon, *, while_: Callable[[], bool]) -> list[float]:
    """Return the seconds from each COMMIT until the log shows the delivery.

    The file tells which documents were delivered, and the log tells when: line n of the file came with the
    delivery at which the sum in the log reached n. Every change has another product, so that no two merge.
    """
    file = shop.out / f"{_FEED}.ndjson"
    lines_before = _lines(file)
    already = daemon.delivered(_FEED)
    committed = _change(shop, while_)
    daemon.wait_delivered(_FEED, already + len(committed) * _DOCUMENTS_A_CHANGE, seconds=120)

    arrivals = _arrivals(daemon, already)
    delivered: dict[int, float] = {}
    with file.open("rb") as lines:
        for number, line in enumerate(lines):
            if number >= lines_before:
                product = orjson.loads(line)["data"]["productId"]
                delivered[product] = arrivals[number - lines_before]  # keep the later one of its documents
    assert delivered.keys() == committed.keys(), "other documents were delivered than were changed"
    return [delivered[product] - at for product, at in committed.items()]


def _change(shop: Shop, while_: Callable[[], bool]) -> dict[int, float]:
    """Change prices at an even pace. Return the time of each COMMIT in monotonic seconds, by product."""
    chance = random.Random(time.monotonic_ns())  # noqa: S311 # prices, no secrets
    products = iter(chance.sample(range(1, shop.products + 1), min(shop.products, 20_000)))
    committed: dict[int, float] = {}
    waiting = threading.Event()
    beat = time.monotonic()
    with shop.connect() as connection:
        while while_() or not committed:
            product = next(products)
            with connection.transaction():
                price = Decimal(chance.randrange(10**8, 10**9)) / 100  # a new price
                connection.execute(query("set_price"), {"price": price, "product": product})
                committed[product] = time.monotonic()
            beat += 1 / _CHANGES_A_SECOND
            waiting.wait(max(0.0, beat - time.monotonic()))
    return committed


def _arrivals(daemon: Daemon, skipped: int) -> list[float]:
    """Return when each record of the feed was delivered, in order, without the first `skipped`."""
    times: list[float] = []
    for event in daemon.events:
        if event.name == "batch_delivered" and event.fields["feed"] == _FEED:
            times += [event.at] * event.fields["records"]
    return times[skipped:]


def _lines(file: Path) -> int:
    with file.open("rb") as lines:
        return sum(1 for _ in lines)
