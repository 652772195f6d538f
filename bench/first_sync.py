"""Compares the first sync of a feed with the time that the database needs to write the same documents."""

from __future__ import annotations

from collections.abc import Iterator

from bench.figure import Aim, Figure, Pairs
from bench.place import Place, seconds_of, settled
from bench.queries import query
from cdc_daemon.pg.session import Connection

_LONGEST_FIRST_SYNC = Aim(1.5)
_LONGEST_RESYNC = Aim(1.2)


def measure(place: Place) -> Iterator[Figure]:
    """Compare a first sync, and a resync without changes, with the query written by hand.

    The time of the command includes its start, planning and end.
    """
    products = place.scale(100_000, 5_000)
    rounds = place.rounds(3, 1)
    with (
        place.shop("first_sync", products, ("products",), delivering=False) as shop,
        shop.connect() as connection,
    ):
        scale = f"{products:,} products, {_documents(connection):,} documents"

        def by_hand() -> float:
            connection.execute("DROP TABLE IF EXISTS products_by_hand")
            settled(connection)
            return seconds_of(connection, "products_by_hand")

        def first_sync() -> float:
            shop.cdc.call("uninstall", "--yes")
            shop.cdc.call("install")
            settled(connection)
            return shop.cdc.call("run", "--once")

        shop.cdc.call("install")
        pairs = Pairs.taken(rounds, below=by_hand, above=first_sync)
        _assert_same(connection)
        yield pairs.ratio(
            "first sync ÷ CREATE TABLE AS written by hand",
            aim=_LONGEST_FIRST_SYNC,
            unit="s",
            scale=scale,
        )

        with shop.cdc.running():
            shop.cdc.call("resync", "products", "--wait")  # the daemon has started

            def resync() -> float:
                settled(connection)
                return shop.cdc.call("resync", "products", "--wait")

            pairs = Pairs.taken(rounds, below=by_hand, above=resync)
        yield pairs.ratio(
            "resync that finds nothing changed ÷ CREATE TABLE AS written by hand",
            aim=_LONGEST_RESYNC,
            unit="s",
            scale=scale,
        )


def _assert_same(connection: Connection) -> None:
    row = connection.execute(query("differing_documents")).fetchone()
    assert row == (0,), f"{row} documents differ from those written by hand: the two don't do the same work"


def _documents(connection: Connection) -> int:
    row = connection.execute(query("documents")).fetchone()
    assert row is not None
    return int(row[0])
