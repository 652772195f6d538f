"""A record that a sink refuses: it stands aside, the others go on, and it is tried again."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cdc_daemon.errors import RecordsRefused, SinkUnavailable
from cdc_daemon.pg.session import connect as session_to
from cdc_daemon.settings import Settings, load
from cdc_daemon.sinks.record import Record
from cdc_daemon.sinks.sink import Refusal, Sink
from cdc_daemon.workers.bells import Bells
from cdc_daemon.workers.delivery import DeliveryWorker
from cdc_daemon.workers.feed_worker import FeedWorker
from cdc_daemon.workers.installation import install
from cdc_daemon.workers.planning import plan_feed
from cdc_daemon.workers.registry import Registry
from tests.conftest import Connect

CONFIGURATION = """
[database]
dsn = "{dsn}"
[feeds.products]
query = "products.sql"
key = ["sku"]
entity = ["id"]
[sinks.target]
type = "stdout"
"""


@dataclass
class Choosy(Sink):
    """A target that refuses some keys, as a receiver with a schema of its own would."""

    refused: set[str]
    name: str = "target"
    batch_records: int = 100
    batch_bytes: int = 1 << 20
    timeout_seconds: float = 1.0
    taken: list[bytes] = field(default_factory=list)
    is_down: bool = False

    def deliver(self, feed: str, records: Sequence[Record]) -> Sequence[Refusal]:
        if self.is_down:
            raise SinkUnavailable("is down", where=feed)
        if any(key.encode() in record.key for record in records for key in self.refused):
            raise RecordsRefused("does not like it", where=feed)
        self.taken += [record.key for record in records]
        return ()

    def close(self) -> None:
        pass


@dataclass
class Shop:
    """One feed with fifty products and its sink, caught up on demand."""

    dsn: str
    sink: Choosy
    feed: FeedWorker
    delivery: DeliveryWorker

    def catch_up(self) -> None:
        stop = threading.Event()
        self.feed.catch_up(stop)
        self.delivery.catch_up(stop, patience_seconds=0)


@pytest.fixture
def shop(database: str, connect: Connect, tmp_path: Path) -> Shop:
    connect().execute(
        "CREATE TABLE product (id bigint PRIMARY KEY, sku text NOT NULL, name text);"
        "INSERT INTO product SELECT n, 'sku' || n || '.', 'a' FROM generate_series(1, 50) AS n"
    )
    (tmp_path / "products.sql").write_text("SELECT id, sku, name FROM product")
    (tmp_path / "cdc.toml").write_text(CONFIGURATION.format(dsn=database))
    settings = load(tmp_path / "cdc.toml", {})
    return _installed(database, settings)


def _installed(dsn: str, settings: Settings) -> Shop:
    with session_to(dsn) as session:
        install(session, dsn, settings, [plan_feed(session, settings, "products")])
    registry, bells, sink = (
        Registry(settings, dsn),
        Bells(["products"], [("target", "products")]),
        Choosy(refused=set()),
    )
    return Shop(
        dsn,
        sink,
        FeedWorker(
            "products",
            connect=lambda: session_to(dsn),
            bells=bells,
            plan_and_install=registry.plan_and_install,
            written=bells.ring_feed,
            batch_entities=1000,
            max_pass_entities=5000,
        ),
        DeliveryWorker(
            "target",
            "products",
            connect=lambda: session_to(dsn),
            bells=bells,
            open_sink=lambda: sink,
            definition=lambda: registry.definition("products"),
            max_attempts=3,
            cleaned=str,
        ),
    )


def test_a_refused_record_stands_aside_and_the_others_arrive(shop: Shop) -> None:
    shop.sink.refused = {"sku7."}
    shop.catch_up()
    assert len(shop.sink.taken) == 49
    with session_to(shop.dsn) as session:
        rows = session.execute("SELECT key ->> 'sku', attempts, reason FROM cdc.failed_item").fetchall()
    assert rows == [("sku7.", 1, "does not like it")]


def test_a_refused_record_is_tried_again_when_its_time_has_come(shop: Shop) -> None:
    shop.sink.refused = {"sku7."}
    shop.catch_up()
    with session_to(shop.dsn) as session:
        session.execute("UPDATE cdc.failed_item SET next_attempt_at = now()")
        shop.catch_up()
        assert session.execute("SELECT attempts FROM cdc.failed_item").fetchall() == [(2,)]
        shop.sink.refused = set()
        session.execute("UPDATE cdc.failed_item SET next_attempt_at = now()")
        shop.catch_up()
        assert session.execute("SELECT count(*) FROM cdc.failed_item").fetchone() == (0,)
    assert shop.sink.taken.count(b'{"sku":"sku7."}') == 1


def test_a_new_revision_supersedes_what_was_refused(shop: Shop) -> None:
    shop.sink.refused = {"sku7."}
    shop.catch_up()
    shop.sink.refused = set()
    with session_to(shop.dsn) as session:
        session.execute("UPDATE product SET name = 'b' WHERE id = 7")
        shop.catch_up()
        assert session.execute("SELECT count(*) FROM cdc.failed_item").fetchone() == (0,)
    assert shop.sink.taken[-1] == b'{"sku":"sku7."}'


def test_a_sink_that_is_down_keeps_its_place_and_says_why(shop: Shop) -> None:
    shop.sink.is_down = True
    with pytest.raises(SinkUnavailable):
        shop.catch_up()
    with session_to(shop.dsn) as session:
        failure = session.execute("SELECT revision, failure FROM cdc.sink_state").fetchone()
    assert failure == (0, "products: is down")
    shop.sink.is_down = False
    shop.catch_up()
    assert len(set(shop.sink.taken)) == len(shop.sink.taken) == 50
