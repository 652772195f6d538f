"""Measures the cost of capture for a writer: the same UPDATE with and without the trigger."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace

from bench.figure import Aim, Figure, Pairs
from bench.place import Place, Shop, seconds_of, settled
from bench.queries import FOLDER, query
from cdc_daemon.pg.session import Connection

_FEEDS = ("products", "prices", "categories")
_LEAST_THROUGHPUT = Aim(0.80, at_least=True)
_LEAST_THROUGHPUT_UNWANTED = Aim(0.80, at_least=True)
_LONGEST_STATEMENT = Aim(1.8)


def measure(place: Place) -> Iterator[Figure]:
    """Measure single-row UPDATEs, one UPDATE of every product's price, and the space of the entries.

    Then measure single-row UPDATEs of rows that no feed needs, by the constants in its query, and of others.
    """
    products = place.scale(200_000, 10_000)
    with place.shop("capture", products, _FEEDS) as shop, shop.connect() as connection:
        shop.cdc.call("install")
        yield from _single_rows(place, shop, connection)
        yield from _one_statement(place, shop, connection)
        yield _context(place, shop, connection)
        yield _operation(place, shop, connection)
    own = {"colors": "product_id"}
    with place.shop("filters", products, (), own=own, delivering=False) as shop, shop.connect() as connection:
        shop.cdc.call("install")
        yield from _filtered(place, shop, connection)


def _context(place: Place, shop: Shop, connection: Connection) -> Figure:
    """Measure what the application_name and the session user of the writer cost a single-row UPDATE."""
    seconds = place.rounds(2, 1)
    connection.execute(query("enable_capture"))

    def throughput(context: str) -> float:
        replace(shop.cdc, settings={"CDC_CAPTURE_CONTEXT": context}).call("install")
        settled(connection)
        return _pgbench(place, shop, "update_price", clients=1, seconds=seconds, synchronous="off")[1]

    pairs = Pairs.taken(
        place.rounds(7, 2), below=lambda: throughput("false"), above=lambda: throughput("true")
    )
    return pairs.ratio(
        "capture: throughput of single-row UPDATEs with ÷ without [capture] context, synchronous_commit off",
        aim=None,
        unit="a second",
        scale=f"{shop.products:,} products, {seconds} s each",
    )


def _operation(place: Place, shop: Shop, connection: Connection) -> Figure:
    """Measure what the operation in an entry costs a single-row UPDATE, beside entries without it."""
    seconds = place.rounds(2, 1)
    connection.execute(query("enable_capture"))

    def throughput() -> float:
        settled(connection)
        return _pgbench(place, shop, "update_price", clients=1, seconds=seconds, synchronous="off")[1]

    def with_operation() -> float:
        shop.cdc.call("install")  # it replaces the function if its body differs
        return throughput()

    def without() -> float:
        shop.cdc.call("install")  # two rounds without it may follow each other
        connection.execute(query("capture_without_operation"))
        return throughput()

    return Pairs.taken(place.rounds(7, 2), below=without, above=with_operation).ratio(
        "capture: throughput of single-row UPDATEs with ÷ without the operation, synchronous_commit off",
        aim=None,
        unit="a second",
        scale=f"{shop.products:,} products, {seconds} s each",
    )


def _filtered(place: Place, shop: Shop, connection: Connection) -> Iterator[Figure]:
    """Measure rows of an EAV table: of the attribute that a feed reads, and of another attribute."""
    seconds = place.rounds(2, 1)
    for kind, script, aim in (
        ("that no feed wants", "update_season", _LEAST_THROUGHPUT_UNWANTED),
        ("beside them", "update_color", None),
    ):

        def throughput(script: str = script) -> float:
            settled(connection)
            return _pgbench(place, shop, script, clients=1, seconds=seconds, synchronous="off")[1]

        def captured(run: Callable[[], float] = throughput) -> float:
            connection.execute(query("enable_capture_of_attributes"))
            return run()

        def plain(run: Callable[[], float] = throughput) -> float:
            connection.execute(query("disable_capture_of_attributes"))
            return run()

        connection.execute("VACUUM attribute_value")
        yield Pairs.taken(place.rounds(7, 2), below=plain, above=captured).ratio(
            f"capture: throughput of single-row UPDATEs of rows {kind}, synchronous_commit off",
            aim=aim,
            unit="a second",
            scale=f"{shop.products:,} products, {seconds} s each",
        )


def _single_rows(place: Place, shop: Shop, connection: Connection) -> Iterator[Figure]:
    """Measure single-row UPDATEs, each its own transaction, by pgbench with prepared statements."""
    seconds = place.rounds(2, 1)
    scale = f"{shop.products:,} products, {seconds} s each"
    kinds = (
        ("1 client", 1, "on"),
        ("4 clients", 4, "on"),
        # Without the wait for the disk the ratio shows the trigger's whole cost. This figure has no aim.
        ("1 client, synchronous_commit off", 1, "off"),
    )
    for kind, clients, synchronous in kinds:
        transactions: list[int] = []
        bytes_before = _changelog_bytes(connection)

        def throughput(clients: int = clients, synchronous: str = synchronous) -> tuple[int, float]:
            return _pgbench(
                place, shop, "update_price", clients=clients, seconds=seconds, synchronous=synchronous
            )

        def captured(
            run: Callable[[], tuple[int, float]] = throughput, counts: list[int] = transactions
        ) -> float:
            connection.execute(query("enable_capture"))
            settled(connection)
            count, rate = run()
            counts.append(count)
            return rate

        def plain(run: Callable[[], tuple[int, float]] = throughput) -> float:
            connection.execute(query("disable_capture"))
            settled(connection)
            return run()[1]

        connection.execute("VACUUM price")
        pairs = Pairs.taken(place.rounds(7, 2), below=plain, above=captured)
        yield pairs.ratio(
            f"capture: throughput of single-row UPDATEs with ÷ without triggers, {kind}",
            aim=_LEAST_THROUGHPUT if synchronous == "on" else None,
            unit="a second",
            scale=scale,
        )
        if kind == "1 client":
            taken = (_changelog_bytes(connection) - bytes_before) / sum(transactions)
            yield Figure(
                "capture: changelog per changed row, single-row UPDATEs",
                taken,
                "bytes",
                made_of=f"with index; {sum(transactions):,} statements",
            )


def _one_statement(place: Place, shop: Shop, connection: Connection) -> Iterator[Figure]:
    grown: list[int] = []

    def captured() -> float:
        connection.execute(query("enable_capture"))
        bytes_before = _changelog_bytes(connection)
        seconds = _raise_all(connection)
        grown.append(_changelog_bytes(connection) - bytes_before)
        return seconds

    def plain() -> float:
        connection.execute(query("disable_capture"))
        return _raise_all(connection)

    plain()  # the first UPDATE doubles the size of the table; the next ones reuse the space
    pairs = Pairs.taken(place.rounds(5, 2), below=plain, above=captured)
    scale = f"{shop.products:,} rows"
    yield pairs.ratio(
        f"capture: one UPDATE of {scale} with ÷ without triggers",
        aim=_LONGEST_STATEMENT,
        unit="s",
        scale=scale,
    )
    yield Figure(
        f"capture: changelog per changed row, one UPDATE of {scale}",
        sum(grown) / len(grown) / shop.products,
        "bytes",
        made_of="with index",
    )


def _raise_all(connection: Connection) -> float:
    connection.execute("VACUUM price")
    settled(connection)
    return seconds_of(connection, "raise_all_prices")


def _changelog_bytes(connection: Connection) -> int:
    row = connection.execute(query("changelog_bytes")).fetchone()
    assert row is not None
    return int(row[0])


def _pgbench(
    place: Place, shop: Shop, script: str, *, clients: int, seconds: int, synchronous: str
) -> tuple[int, float]:
    """Run a script of `bench/sql/`. Return the number of transactions, and the number a second."""
    command = [
        place.program("pgbench"),
        "--no-vacuum",
        "--protocol=prepared",
        f"--file={FOLDER}/{script}.pgbench",
    ]
    command += [f"--client={clients}", f"--jobs={min(clients, 2)}", f"--time={seconds}"]
    command += [f"--define=products={shop.products}", shop.dsn]
    environment = {**os.environ, "PGOPTIONS": f"-c synchronous_commit={synchronous}"}
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    count = re.search(r"transactions actually processed: (\d+)", said)
    rate = re.search(r"tps = ([0-9.]+)", said)
    assert count, said
    assert rate, said
    return int(count[1]), float(rate[1])
