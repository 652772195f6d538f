"""What the dashboard costs: a page of a million documents, open pages, the daemon's latency and memory."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import psycopg

from bench.daemon import Daemon, Installed
from bench.figure import Aim, Figure, Pairs, percentile, spread
from bench.idle import configured
from bench.latency import latencies
from bench.place import Place, Shop
from cdc_daemon.dashboard.routes import VIEWS

_FEW = 100
_PAGE_MILLISECONDS = Aim(100)
_DATABASE_MILLISECONDS = Aim(10)
_MEMORY_MEGABYTES = Aim(40)
_UNCHANGED = Aim(1.1)
_OPEN = 10
_FEEDS = ("products", "prices", "categories")
_KEY = quote(json.dumps({"id": 5}, separators=(",", ":")), safe="")
_PART = re.compile(r"\{\w+(?::\w+)?\}")
_FILL = """
INSERT INTO cdc.feed_items_0 (id, document, hash, revision, deleted, captured_at, modified_at)
SELECT n, json_build_object('id', n, 'name', repeat('a', 200)), sha256(n::text::bytea),
       nextval('cdc.feed_items_0_revision'), false, now(), now()
FROM generate_series(1001, 1000 + {documents}) AS n;
UPDATE cdc.feed_state
SET revision = (SELECT max(revision) FROM cdc.feed_items_0), documents = documents + {documents},
    counted_revision = (SELECT max(revision) FROM cdc.feed_items_0);
UPDATE cdc.sink_state SET revision = (SELECT max(revision) FROM cdc.feed_items_0);
ANALYZE
"""
_CHEAP = [view for view in VIEWS if view.name not in {"resync_preview", "feed_estimate"}]
"""Views that compute no documents."""

_TICKS = os.sysconf("SC_CLK_TCK")


def measure(place: Place) -> Iterator[Figure]:
    """Measure pages of a small and of a large feed, then a changing shop with open dashboards and without."""
    for documents in (_FEW, place.scale(1_000_000, 10_000)):
        yield from _pages(place, documents)
    with place.shop("dashboard", place.rounds(20_000, 5_000), _FEEDS, more=_HTTP) as shop:
        shop.cdc.call("install")
        shop.cdc.call("run", "--once")
        yield from _memory(place, shop)
        yield from _latency(place, shop)


_HTTP = '\n[http]\nlisten = "127.0.0.1:0"\nactions = true\n'


def _pages(place: Place, documents: int) -> Iterator[Figure]:
    dsn = place.server.create_database(f"dashboard_{documents}")
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE item_0 (id int PRIMARY KEY, name text)")
        connection.execute("INSERT INTO item_0 SELECT n, 'a' FROM generate_series(1, 50) AS n")
    configuration = configured(place.folder / f"dashboard_{documents}", 1)
    with configuration.open("a", encoding="utf-8") as file:
        file.write(_HTTP)
    cdc = Installed(configuration, dsn)
    cdc.call("install")
    cdc.call("run", "--once")
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in _FILL.format(documents=documents).split(";"):
            connection.execute(statement.encode())
    with cdc.running() as daemon:
        port = _port(daemon)
        rounds = place.rounds(30, 3)
        postmaster = _postmaster(dsn)
        for view in _CHEAP:
            path = _filled(view.path, feed="items_0", sink="file")
            _asked(port, path, 1)  # the first one plans the feed
            used = _processor_seconds(daemon.pid), _family_seconds(postmaster)
            seconds = _asked(port, path, rounds)
            yield spread(
                f"{documents:,} documents: page `{view.path}`, from the request to the last byte",
                [1000 * each for each in seconds],
                unit="ms",
                aim=_PAGE_MILLISECONDS,
                made_of=f"{rounds} requests on one connection; processor time of a request, with other work "
                f"meanwhile: daemon {_per(rounds, _processor_seconds(daemon.pid) - used[0])}, "
                f"database {_per(rounds, _family_seconds(postmaster) - used[1])}",
            )
        if documents > _FEW:
            yield _database_time(place, postmaster, port, documents)


def _per(rounds: int, seconds: float) -> str:
    return f"{1000 * seconds / (rounds + 1):.1f} ms"


def _filled(path: str, *, feed: str, sink: str) -> str:
    """Return the address of a page: of this feed and its fifth document, or of this sink."""
    values = {"feeds": (feed, _KEY), "sinks": (sink,)}
    return _PART.sub("{}", path).format(*values.get(path.split("/")[1], ()))


def _asked(port: int, path: str, rounds: int) -> list[float]:
    """Return the seconds of each request; the first one, which fills caches, is not among them."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    seconds: list[float] = []
    try:
        for _ in range(rounds + 1):
            began = time.monotonic()
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            seconds.append(time.monotonic() - began)
            assert answer.status == 200, f"{path} answered {answer.status}"
    finally:
        connection.close()
    return seconds[1:]


def _database_time(place: Place, postmaster: int, port: int, documents: int) -> Figure:
    """Compare the database's processor time with an open overview and without, in turn."""
    seconds = place.rounds(15, 2)

    def used() -> float:
        before = _family_seconds(postmaster)
        time.sleep(seconds)
        return 1000 * (_family_seconds(postmaster) - before) / seconds

    def used_while_open() -> float:
        with _open_pages(port, ["/"]):
            return used()

    return Pairs.taken(place.rounds(4, 1), used, used_while_open).difference(
        f"{documents:,} documents: processor time of the database for an open overview",
        aim=_DATABASE_MILLISECONDS,
        unit="ms a second",
        scale=f"spans of {seconds} s with it and without, the whole server",
    )


def _postmaster(dsn: str) -> int:
    """Return the pid of the server's first process."""
    with psycopg.connect(dsn) as connection:
        return int(_fields(connection.info.backend_pid)[1])


def _processor_seconds(pid: int) -> float:
    return sum(int(each) for each in _fields(pid)[11:13]) / _TICKS


def _family_seconds(postmaster: int) -> float:
    """Return the processor time of the server's processes, with those that have ended."""
    # Of the postmaster, fields 13 to 16 count the processes that it has waited for.
    used = sum(int(each) for each in _fields(postmaster)[11:15])
    listed = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text("ascii").split()
    for child in listed:
        try:
            used += sum(int(each) for each in _fields(int(child))[11:13])
        except FileNotFoundError:
            continue  # it ended meanwhile: the next look finds it with the postmaster
    return used / _TICKS


def _fields(pid: int) -> Sequence[str]:
    """Return the fields of a process behind its name, which may hold spaces."""
    return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()


@contextmanager
def _open_pages(port: int, paths: Sequence[str]) -> Generator[None]:
    """Keep pages open, as browsers do: each is loaded, and its stream is read."""
    streams: list[tuple[http.client.HTTPConnection, socket.socket, threading.Thread]] = []
    try:
        for path in paths:
            _asked(port, path, 0)
            stream = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            stream.request("GET", f"/live{path}")
            connection = stream.sock
            assert isinstance(connection, socket.socket)
            answer = stream.getresponse()
            assert answer.status == 200, f"/live{path} answered {answer.status}"
            reader = threading.Thread(target=_read_to_its_end, args=(answer,))
            reader.start()
            streams.append((stream, connection, reader))
        yield
    finally:
        for stream, connection, reader in streams:
            connection.shutdown(socket.SHUT_RDWR)
            reader.join()
            stream.close()


def _read_to_its_end(answer: http.client.HTTPResponse) -> None:
    try:
        while answer.readline():
            pass
    except (OSError, http.client.HTTPException):
        return  # the page was closed


def _dashboards() -> list[str]:
    """Return the pages that ten people have open: one of each kind, and the overview again and again."""
    pages = [
        _filled(view.path, feed=_FEEDS[number % len(_FEEDS)], sink="file")
        for number, view in enumerate(_CHEAP)
        if view.path.count("{") < 2
    ]
    return [*pages, *["/"] * _OPEN][:_OPEN]


def _memory(place: Place, shop: Shop) -> Iterator[Figure]:
    """Compare the memory of a daemon without dashboard with that of one of which ten are open."""
    seconds = place.rounds(20, 2)

    def resident(cdc: Installed, pages: Sequence[str]) -> float:
        with cdc.running() as daemon, _open_pages(port := _port(daemon), pages):
            _asked(port, "/status.json", 1)
            time.sleep(seconds)
            return _resident_megabytes(daemon)

    without = replace(shop.cdc, settings={"CDC_HTTP_DASHBOARD": "false"})
    yield Pairs.taken(
        place.rounds(2, 1), lambda: resident(without, ()), lambda: resident(shop.cdc, _dashboards())
    ).difference(
        "memory of the daemon with ten open dashboards − without the dashboard",
        aim=_MEMORY_MEGABYTES,
        unit="MB",
        scale=f"resident after {seconds} s; without it, the daemon still serves /metrics",
    )


def _resident_megabytes(daemon: Daemon) -> float:
    status = Path(f"/proc/{daemon.pid}/status").read_text("ascii")
    kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(kilobytes) * 1024 / 1e6


def _latency(place: Place, shop: Shop) -> Iterator[Figure]:
    """Compare the daemon's latency with ten open dashboards and without, in turn."""
    seconds, rounds = place.rounds(15, 2), place.rounds(4, 1)
    with shop.cdc.running() as daemon:
        port = _port(daemon)

        def taken() -> list[float]:
            deadline = time.monotonic() + seconds
            return [
                1000 * each for each in latencies(shop, daemon, while_=lambda: time.monotonic() < deadline)
            ]

        def taken_while_open() -> list[float]:
            with _open_pages(port, _dashboards()):
                return taken()

        pairs = _in_turn(rounds, taken, taken_while_open)
    for percent in (50, 99):
        below, above = ([percentile(each, percent) for each in side] for side in pairs)
        yield Pairs(below, above).ratio(
            f"commit → delivered, p{percent}: ten open dashboards ÷ none",
            aim=_UNCHANGED if percent == 50 else None,
            unit="ms",
            scale=f"{shop.products:,} products, {len(_FEEDS)} feeds, 20 changes/s, spans of {seconds} s",
        )


def _in_turn(
    rounds: int, below: Callable[[], list[float]], above: Callable[[], list[float]]
) -> tuple[list[list[float]], list[list[float]]]:
    """Take both measurements `rounds` times. Each goes first in every other round."""
    found: tuple[list[list[float]], list[list[float]]] = ([], [])
    for number in range(rounds):
        for which in (0, 1) if number % 2 == 0 else (1, 0):
            found[which].append((below, above)[which]())
    return found


def _port(daemon: Daemon) -> int:
    daemon.wait(
        lambda each: any(event.name == "http_started" for event in each.events),
        seconds=60,
        awaited="its server",
    )
    event = next(event for event in list(daemon.events) if event.name == "http_started")
    return int(str(event.fields["address"]).rpartition(":")[2])
