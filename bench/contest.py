"""Compares a sink with its client library in a tight loop, which sends prepared payloads."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import orjson

from bench.figure import Aim, Figure, Pairs
from bench.place import Place
from cdc_daemon.sinks.batches import split
from cdc_daemon.sinks.record import Record
from cdc_daemon.sinks.sink import Sink

AIM = Aim(0.7, at_least=True)

FEED = "products"


def records(count: int) -> list[Record]:
    """Return `count` documents of some 500 bytes, the size of a product, each with another key."""
    made: list[Record] = []
    for number in range(count):
        document = {
            "sku": f"P-{number:08}",
            "name": f"Product {number} of the catalogue",
            "description": "A thing of everyday use, well made, in several colours. " * 4,
            "price": f"{number % 1000}.90",
            "categories": [{"id": number % 50 + n, "path": f"all/group-{n}"} for n in range(3)],
            "stock": {"quantity": number % 77, "in_stock": number % 7 > 0},
        }
        made.append(
            Record(
                feed=FEED,
                key=b'{"sku":"P-%08d"}' % number,
                op="upsert",
                revision=number + 1,
                hash=f"{number:064x}",
                changed=("price", "stock"),
                captured_at="2025-01-02T03:04:05.678901Z",
                data=orjson.dumps(document),
            )
        )
    return made


def contest(
    place: Place,
    name: str,
    *,
    sink: Callable[[], Sink],
    documents: Sequence[Record],
    bare: Callable[[], None],
) -> Iterator[Figure]:
    """Measure documents a second, and a CPU-second of this process, through the sink ÷ by the library alone.

    Args:
        name: name of the sink and its variant.
        sink: opens the sink, which is closed after each round.
        bare: sends the same documents, prepared, and returns when the target has all of them.
    """
    spent: dict[str, list[float]] = {"sink": [], "bare": []}

    def through_sink() -> float:
        opened = sink()
        try:
            return _rate(spent["sink"], len(documents), lambda: _deliver(opened, documents))
        finally:
            opened.close()

    def alone() -> float:
        return _rate(spent["bare"], len(documents), bare)

    rounds = place.rounds(5, 1)
    through_sink()  # connections, imports and caches are not part of the measurement
    alone()
    for taken in spent.values():
        taken.clear()
    pairs = Pairs.taken(rounds, below=alone, above=through_sink)
    scale = f"{len(documents):,} documents of {sum(one.size for one in documents) // len(documents)} bytes"
    yield pairs.ratio(
        f"{name}: documents a second ÷ the library alone", aim=AIM, unit="a second", scale=scale
    )
    yield Pairs(spent["bare"], spent["sink"]).ratio(
        f"{name}: documents a CPU-second ÷ the library alone", aim=AIM, unit="a CPU-second", scale=scale
    )


def _deliver(sink: Sink, documents: Sequence[Record]) -> None:
    """Deliver in calls of the size that the sink asks for at the moment, as the daemon does."""
    at = 0
    while at < len(documents):
        batch = next(split(documents[at : at + sink.batch_records], sink.batch_records, sink.batch_bytes))
        refusals = sink.deliver(FEED, batch)
        assert not refusals
        at += len(batch)


def _rate(spent: list[float], documents: int, act: Callable[[], None]) -> float:
    """Return the documents a second of `act`. Append its documents a CPU-second of all threads to `spent`."""
    cpu, wall = time.process_time(), time.monotonic()
    act()
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    spent.append(documents / cpu)
    return documents / wall
