"""Measures the thirteen feeds of the commerce pack: first sync, traffic, and a comparison of all documents.

The shop has 100,000 products, four store views, two websites and six customer groups. The traffic of an hour
at 20 edits a second takes six minutes.
"""

from __future__ import annotations

import random
import re
import shutil
import subprocess
import threading
import time
import tomllib
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from bench.daemon import Daemon, Installed
from bench.figure import Aim, Figure, percentile
from bench.place import Place, settled
from bench.queries import query
from cdc_daemon.pg.session import Connection, connect
from demo.proof import compare, fold, query_documents

CONFIG = Path(__file__).parents[1] / "config"

_EDITS_A_SECOND = 200
_PROBES_A_SECOND = 10
_MOST_LOST = 0.01
"""Largest share of probes that later edits of the same product may replace before they are sent."""

# The column that a probe changes, so that its record differs from those of all other edits, and its feed.
_PROBES = {
    "products": ("probe_name", re.compile(rb'"name":"Probe (\d+)"')),
    "prices": ("probe_price", re.compile(rb'"regular":9(\d{7})\.25')),
}


@dataclass(frozen=True)
class _Shop:
    dsn: str
    cdc: Installed
    out: Path
    feeds: Mapping[str, Mapping[str, Any]]

    def connect(self) -> Connection:
        return connect(self.dsn, search_path="public", purpose="bench")


def measure(place: Place) -> Iterator[Figure]:
    """Measure one shop, from an empty database to the comparison of every document."""
    products = place.scale(100_000, 1_000)
    seconds = place.rounds(360, 10)
    with _shop(place, products) as shop, shop.connect() as connection:
        settled(connection)
        shop.cdc.call("install")
        expected = _documents(connection, shop)
        scale = f"{products:,} products, {sum(expected.values()):,} documents of {len(expected)} feeds"
        started = time.monotonic()
        with shop.cdc.running() as daemon:
            ended = max(daemon.wait_delivered(feed, count) for feed, count in expected.items())
            yield Figure(
                "commerce: first sync of all feeds through to the file sink",
                sum(expected.values()) / (ended - started),
                "documents/s",
                aim=Aim(10_000, at_least=True),
                made_of=f"{scale} in {ended - started:.0f} s, with the start of the daemon",
            )
            for feed in ("products", "prices"):
                rate = expected[feed] / (_through(daemon, feed) - started)
                yield Figure(
                    f"commerce: of these, {feed}",
                    rate * 60,
                    "documents/min",
                    made_of=f"{expected[feed]:,} documents, beside the other feeds",
                )
            connection.execute("VACUUM ANALYZE")
            yield from _traffic(shop, connection, daemon, seconds)
        yield _proof(shop, connection)


def _traffic(shop: _Shop, connection: Connection, daemon: Daemon, seconds: int) -> Iterator[Figure]:
    """Make edits of every kind. Measure probes among them, from COMMIT to the file."""
    already = sum(daemon.delivered(feed) for feed in shop.feeds)
    arrivals = {feed: _Arrivals(shop.out / f"{feed}.ndjson", probe[1]) for feed, probe in _PROBES.items()}
    traffic = subprocess.Popen(
        [*shop.cdc.command("commerce", "traffic"), "--rate", str(_EDITS_A_SECOND), "--seconds", str(seconds)],
        env=shop.cdc.environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    started = time.monotonic()
    try:
        committed = _probe(connection, traffic)
        said, _ = traffic.communicate(timeout=seconds)
    finally:
        traffic.kill()
    assert traffic.returncode == 0, "the traffic ended with an error"
    passed = time.monotonic() - started
    shop.cdc.call("run", "--once")  # returns when every edit is delivered
    lags: list[float] = []
    lost = 0
    for feed, sent in committed.items():
        found = arrivals[feed].end()
        lags += [found[number] - at for number, at in sent.items() if number in found]
        lost += len(sent.keys() - found.keys())
    assert lost <= _MOST_LOST * (lost + len(lags)), f"{lost} probes never arrived"
    edits = re.search(r"([\d,]+)  edits in", said)
    assert edits is not None
    delivered = sum(daemon.delivered(feed) for feed in shop.feeds) - already
    made_of = (
        f"{edits[1]} edits in {passed:.0f} s, beside {len(lags):,} probes of two feeds; {delivered:,} records"
    )
    for percent, aim in ((50, None), (99, Aim(1000))):
        yield Figure(
            f"commerce: commit → delivered at {_EDITS_A_SECOND} edits/s, p{percent}",
            percentile(lags, percent) * 1000,
            "ms",
            min(lags) * 1000,
            max(lags) * 1000,
            aim,
            made_of,
        )


def _probe(connection: Connection, traffic: subprocess.Popen[str]) -> dict[str, dict[int, float]]:
    """Send probes at an even pace during the traffic. Return the time of each COMMIT, by feed and number."""
    chance = random.Random(1)  # noqa: S311 # prices, no secrets
    products = [product for (product,) in connection.execute(query("probed_products"))]
    committed: dict[str, dict[int, float]] = {feed: {} for feed in _PROBES}
    waiting = threading.Event()
    beat = time.monotonic()
    number = 0
    while traffic.poll() is None:
        for feed, (name, _) in _PROBES.items():
            number += 1
            with connection.transaction():
                probe = {"number": f"{number:07}", "product": chance.choice(products)}
                connection.execute(query(name), probe)
                committed[feed][number] = time.monotonic()
        beat += len(_PROBES) / _PROBES_A_SECOND
        waiting.wait(max(0.0, beat - time.monotonic()))
    return committed


class _Arrivals:
    """Follows a growing file and notes when each probe first appears in it, in monotonic seconds."""

    def __init__(self, path: Path, probe: re.Pattern[bytes]) -> None:
        self._path = path
        self._probe = probe
        self._seen: dict[int, float] = {}
        self._ended = threading.Event()
        self._position = path.stat().st_size
        self._reader = threading.Thread(target=self._follow, daemon=True)
        self._reader.start()

    def end(self) -> dict[int, float]:
        """Stop, and return the arrivals so far."""
        self._ended.set()
        self._reader.join()
        return self._seen

    def _follow(self) -> None:
        with self._path.open("rb") as file:
            file.seek(self._position)
            rest = b""
            while True:
                ended = self._ended.is_set()
                read = file.read()
                at = time.monotonic()
                whole, _, rest = (rest + read).rpartition(b"\n")
                for found in self._probe.finditer(whole):
                    self._seen.setdefault(int(found[1]), at)
                if ended and not read:
                    return
                self._ended.wait(0.005)


def _proof(shop: _Shop, connection: Connection) -> Figure:
    """Compare every document that a receiver of the files would have with the queries."""
    compared = 0
    for feed, settings in shop.feeds.items():
        wanted = query_documents(connection, (CONFIG / settings["query"]).read_text("utf-8"), settings["key"])
        held = fold(shop.out / f"{feed}.ndjson", settings["key"])
        difference = compare(held, wanted, without=settings.get("hash_exclude", ()))
        assert not difference, f"{feed} is not what its query says: {difference}"
        compared += len(wanted)
    return Figure(
        "commerce: documents compared with their queries after the traffic",
        compared,
        made_of=f"all {len(shop.feeds)} feeds: none missing, none too many, none different",
    )


def _documents(connection: Connection, shop: _Shop) -> dict[str, int]:
    """Return the number of documents of each feed's query."""
    counts: dict[str, int] = {}
    for feed, settings in shop.feeds.items():
        text = (CONFIG / settings["query"]).read_text("utf-8")
        own = sql.SQL(text)  # pyright: ignore[reportArgumentType] # the pack's own, executed as it is
        row = connection.execute(sql.SQL("SELECT count(*) FROM (\n{}\n) AS q").format(own)).fetchone()
        assert row is not None
        counts[feed] = row[0]
    return counts


def _through(daemon: Daemon, feed: str) -> float:
    """Return when the last record of a feed was delivered, in seconds of the monotonic clock."""
    return max(
        event.at
        for event in daemon.events
        if event.name == "batch_delivered" and event.fields["feed"] == feed
    )


@contextmanager
def _shop(place: Place, products: int) -> Generator[_Shop]:
    dsn = place.server.create_database("commerce")
    folder = place.folder / "commerce"
    folder.mkdir(parents=True)
    try:
        shutil.copytree(CONFIG / "feeds" / "commerce", folder / "feeds" / "commerce")
        configuration = folder / "commerce.toml"
        shutil.copy(CONFIG / "commerce.toml", configuration)
        with configuration.open("a", encoding="utf-8") as file:
            file.write(f"\n[daemon]\nstate_dir = '{folder / 'state'}'\n")
        cdc = Installed(configuration, dsn)
        size = {"products": products, "store-views": 4, "websites": 2, "customer-groups": 6}
        options = [f"--{name}={number}" for name, number in size.items()]
        cdc.call("commerce", "seed", *options, f"--orders={products // 5}")
        with connect(dsn, purpose="bench") as connection:
            connection.execute("VACUUM ANALYZE")
        feeds = tomllib.loads(configuration.read_text("utf-8"))["feeds"]
        yield _Shop(dsn, cdc, folder / "out", feeds)
    finally:
        shutil.rmtree(folder)
        drop = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier("commerce"))
        with psycopg.connect(place.server.dsn(), autocommit=True) as connection:
            connection.execute(drop)
