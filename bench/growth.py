"""Measures a thousand changes, and the daemon's memory, in a small shop and one a hundred times larger."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

from bench.daemon import Daemon
from bench.figure import Aim, Figure, Pairs
from bench.place import Place, Shop, settled
from bench.queries import query
from cdc_daemon.pg.session import Connection

_CHANGES = 1000
_DOCUMENTS_A_CHANGE = 2  # the main website has two store views
_MOST_APART = Aim(1.3)
_MOST_MEGABYTES = Aim(120)
_FLAT = Aim(1.1)
_FEED = "products"


@dataclass
class _Side:
    """One of the two shops with its daemon."""

    shop: Shop
    connection: Connection
    daemon: Daemon
    chance: random.Random = field(default_factory=lambda: random.Random(1))  # noqa: S311 # the same every run

    def cost(self) -> float:
        """Return the seconds from the COMMIT of a thousand changes until their documents are delivered."""
        settled(self.connection)
        already = self.daemon.delivered(_FEED)
        with self.connection.transaction():
            for product in self.chance.sample(range(1, self.shop.products + 1), _CHANGES):
                self.connection.execute(
                    query("set_price"), {"price": self.chance.randrange(10**6, 10**9), "product": product}
                )
            committed = time.monotonic()
        return self.daemon.wait_delivered(_FEED, already + _CHANGES * _DOCUMENTS_A_CHANGE) - committed


def measure(place: Place) -> Iterator[Figure]:
    """Change two shops in turn, each with its own daemon."""
    larger = place.scale(1_000_000, 20_000)
    smaller = max(_CHANGES, larger // 100)
    with ExitStack() as stack:
        sides = [_side(stack, place, name, size) for name, size in (("small", smaller), ("large", larger))]
        few, many = sides
        for side in sides:
            side.cost()  # make the plans and fill the caches once
        pairs = Pairs.taken(place.rounds(9, 2), below=few.cost, above=many.cost)
        yield pairs.ratio(
            f"{_CHANGES:,} changes with {larger:,} ÷ with {smaller:,} products",
            aim=_MOST_APART,
            unit="s",
            scale=f"{_CHANGES * _DOCUMENTS_A_CHANGE:,} documents, from COMMIT to delivered",
        )
        peaks = [side.daemon.peak_megabytes() for side in sides]
    for side, peak in zip(sides, peaks, strict=True):
        yield Figure(
            f"memory of the daemon, {side.shop.products:,} products",
            peak,
            "MB",
            aim=_MOST_MEGABYTES,
            made_of="peak, resident, first sync with delivery included",
        )
    yield Figure(
        "memory of the daemon, many ÷ few products",
        peaks[1] / peaks[0],
        aim=_FLAT,
        made_of=f"{larger:,} ÷ {smaller:,} products",
    )


def _side(stack: ExitStack, place: Place, name: str, products: int) -> _Side:
    """Make a shop. The daemon itself does the first sync, so that its peak memory counts."""
    shop = stack.enter_context(place.shop(name, products, (_FEED,)))
    connection = stack.enter_context(shop.connect())
    shop.cdc.call("install")
    row = connection.execute(query("documents")).fetchone()
    assert row is not None
    daemon = stack.enter_context(shop.cdc.running())
    daemon.wait_delivered(_FEED, int(row[0]), seconds=7200)
    connection.execute("VACUUM ANALYZE")
    return _Side(shop, connection, daemon)
