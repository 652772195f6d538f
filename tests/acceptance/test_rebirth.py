"""A feed's store is made anew, in one way or another: every target ends with the feed and nothing else.

The target of a kind, and its shop, live through all of it: each test begins with what the last one left.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
import structlog
from click.testing import CliRunner
from structlog.testing import capture_logs

from cdc_daemon.cli import main
from cdc_daemon.sinks.record import Record
from tests.receivers.kafka import KafkaReceiver
from tests.receivers.kinds import RECEIVERS
from tests.receivers.receiver import Documents, Receiver, key_of, meaning
from tests.support import servers
from tests.support.command import Feed, execute
from tests.support.synced import Synced

# The output of the daemon itself is no target that stays, and the parallel receiver takes patches alone.
KINDS = sorted(set(RECEIVERS) - {"stdout", "http-parallel"})
SELECT = "SELECT id, sku, name FROM product"
FEEDS = {"products": Feed(SELECT, key=("sku",))}
ROWS = "INSERT INTO product SELECT n, 'p:' || n, 'Größe ' || n FROM generate_series(1, 30) AS n"
PRODUCTS = f"CREATE TABLE product (id int PRIMARY KEY, sku text UNIQUE, name text); {ROWS}"


@pytest.fixture(scope="module", params=KINDS)
def receiver(request: pytest.FixtureRequest) -> Iterator[Receiver]:
    made = RECEIVERS[request.param](request)
    yield made
    made.close()


class Shop(Synced):
    """Products that go to one target."""

    def __init__(self, folder: Path, dsn: str, receiver: Receiver, *, name: str = "target") -> None:
        settings = {"type": receiver.kind, "timeout_seconds": 10.0, "batch_records": 9}
        of = json.dumps({**settings, **receiver.settings()})[1:-1]
        self.target = f"[sinks]\n{name} = {{ {of.replace(': ', ' = ')} }}\n".replace('" = ', '" = ')
        self.receiver = receiver
        folder.mkdir(exist_ok=True)
        super().__init__(folder, dsn, schema=PRODUCTS, feeds=FEEDS, sinks=self.target)

    def call(self, *arguments: str, code: int = 0) -> str:
        """In this process: to start one takes a second of CPU."""
        root = logging.getLogger()
        handlers, level = root.handlers[:], root.level
        done = CliRunner().invoke(main, ["--config", str(self.config), *arguments])
        root.handlers[:], root.level = handlers, level
        structlog.reset_defaults()  # for `capture_logs`
        assert done.exit_code == code, done.output
        return done.stdout

    def begin_anew(self) -> None:
        """The first feed over rows of which some have changed, whatever was here before."""
        before, others = self.config.read_text(), self.feeds.keys() - FEEDS.keys()
        self.feeds = dict(FEEDS)
        self.configure(sinks=self.target)
        if others:
            self.call("install", "--drop-feeds")
        elif self.config.read_text() != before:
            self.install()
        self.sync(
            *("DELETE FROM product", ROWS, "UPDATE product SET name = 'b' WHERE id < 4"),
            "UPDATE product SET name = 'c' WHERE id IN (1, 9)",
        )
        assert self.is_delivered()

    def change(self, key: tuple[str, ...], entity: str = "") -> None:
        """Give the feed another key or entity."""
        options = f"entity = [{json.dumps(entity)}]" if entity else ""
        self.feeds["products"] = Feed(SELECT, key=key, options=options)
        self.configure(sinks=self.target)
        self.install()

    def expected(self) -> Documents:
        key = ", ".join(f"'{name}', q.{name}" for name in self.feeds["products"].key)
        with psycopg.connect(self.dsn) as connection:
            rows = connection.execute(
                f"SELECT json_build_object({key})::text, row_to_json(q)::text FROM ({SELECT}) AS q".encode()
            ).fetchall()
        return {key_of(key): meaning(document) for key, document in rows}

    def is_delivered(self) -> bool:
        held, expected = self.receiver.documents("products"), self.expected()
        if isinstance(self.receiver, KafkaReceiver) and self.receiver.compacted("products") != expected:
            return False
        if self.receiver.kind in {"redis", "opensearch"}:
            # The name of a document there holds the key's values and not its columns.
            return sorted(map(str, held.values())) == sorted(map(str, expected.values()))
        return held == expected


@pytest.fixture(scope="module")
def lasting_shop(
    server: servers.Server, tmp_path_factory: pytest.TempPathFactory, receiver: Receiver
) -> Iterator[Shop]:
    with server.fresh_database() as dsn:
        yield Shop(tmp_path_factory.mktemp("shop"), dsn, receiver)


@pytest.fixture
def shop(lasting_shop: Shop) -> Shop:
    lasting_shop.begin_anew()
    return lasting_shop


CHANGES = (
    "UPDATE product SET name = name || ' later' WHERE id % 3 = 0",
    "DELETE FROM product WHERE id % 5 = 0",
    "INSERT INTO product VALUES (100, 'p:100', 'new')",
)


def test_uninstalled_and_installed_again(shop: Shop) -> None:
    assert shop.uninstall() == []
    execute(shop.dsn, *CHANGES)
    shop.install()
    shop.sync()
    assert shop.is_delivered()
    shop.sync("UPDATE product SET name = 'after' WHERE id = 1", "DELETE FROM product WHERE id = 2")
    assert shop.is_delivered()


def test_a_key_that_changes_and_changes_back(shop: Shop) -> None:
    execute(shop.dsn, *CHANGES)  # not delivered yet
    shop.change(("id",))
    shop.sync()
    assert shop.is_delivered()
    shop.change(("sku",), entity="id")
    execute(shop.dsn, "DELETE FROM product WHERE id = 7", "UPDATE product SET sku = 'p:8a' WHERE id = 8")
    shop.sync()
    assert shop.is_delivered()
    shop.sync("INSERT INTO product VALUES (7, 'p:7', 'again')", "DELETE FROM product WHERE id = 1")
    assert shop.is_delivered()


def test_a_sink_that_is_taken_out_and_put_back(shop: Shop) -> None:
    shop.configure(sinks='[sinks.other]\ntype = "file"\npath = "other.ndjson"\n')
    shop.install()
    shop.sync(*CHANGES)
    shop.change(("id",))  # which puts it back
    shop.sync()
    assert shop.is_delivered()


def test_a_sink_whose_target_changes_under_the_same_name(database: str, tmp_path: Path) -> None:
    def sink(path: str, more: str = "") -> str:
        return f'[sinks.file]\ntype = "file"\npath = "{path}/{{feed}}.ndjson"\n{more}'

    shop = Synced(tmp_path, database, schema=PRODUCTS, feeds={"products": Feed(SELECT)}, sinks=sink("first"))
    shop.sync()
    shop.configure(sinks=sink("out"))
    shop.sync("UPDATE product SET name = 'b' WHERE id = 1", "DELETE FROM product WHERE id = 2")
    assert shop.documents("products") == shop.query("products")
    before = len(shop.lines("products"))
    shop.configure(sinks=sink("out", "timeout_seconds = 7\n"))
    shop.sync()
    assert len(shop.lines("products")) == before


def test_a_feed_that_is_dropped_is_deleted_at_its_sinks_unless_they_keep_it(shop: Shop) -> None:
    other = {"others": Feed("SELECT id FROM product")}
    kept, shop.feeds = shop.feeds, other
    shop.configure(sinks=shop.target)
    shop.call("install", "--drop-feeds", "--keep-delivered")
    assert len(shop.receiver.documents("products")) == 30
    shop.feeds = kept
    shop.configure(sinks=shop.target)
    shop.call("install", "--drop-feeds")
    shop.sync(*CHANGES)
    assert shop.is_delivered()
    shop.feeds = other
    shop.configure(sinks=shop.target)
    assert "feed products: sink target took" in shop.call("install", "--drop-feeds")
    assert shop.receiver.documents("products") == {}


def test_another_database_with_the_same_target(shop: Shop, tmp_path: Path) -> None:
    with servers.start("embedded").fresh_database() as other:
        second = Shop(tmp_path / "second", other, shop.receiver)
        second.sync(*CHANGES)
        assert second.is_delivered()
    shop.sync("UPDATE product SET name = 'back' WHERE id = 1")
    assert not shop.is_delivered()  # two databases that deliver to one target at a time can't both be right
    assert shop.uninstall() == []
    shop.install()
    shop.sync()
    assert shop.is_delivered()


@pytest.mark.parametrize("receiver", ["opensearch", "postgres", "redis", "redis-stream"], indirect=True)
def test_a_delivery_that_the_target_ignores_as_stale_is_told_and_counted(shop: Shop) -> None:
    newer = Record(
        *("products", b'{"sku":"p:1"}', "upsert", 1 << 52, "0" * 64, ()),
        captured_at="2099-01-02T03:04:05Z",
        data=b'{"id":1,"sku":"p:1","name":"of another database"}',
    )
    before = shop.value("SELECT ignored FROM cdc.sink_state")
    assert isinstance(before, int)
    with closing(shop.receiver.sink()) as other:
        other.deliver("products", [newer])
    with capture_logs() as told:
        shop.sync("UPDATE product SET name = 'b' WHERE id = 1")
        shop.sync("UPDATE product SET name = 'c' WHERE id < 3")
    ignored = [(event["event"], event.get("ignored")) for event in told if "records" in event]
    assert ignored == [("batch_delivered", 1), ("records_ignored", None), ("batch_delivered", 1)]
    assert shop.value("SELECT ignored FROM cdc.sink_state") == before + 2
    if shop.receiver.kind == "opensearch":  # versions there never go down
        shop.receiver.losses("products")["index dropped"]()
    else:
        shop.call("replay", "target", "--all")
    shop.sync()
    assert shop.is_delivered()


def test_a_target_that_is_lost_gets_everything_back(shop: Shop) -> None:
    """By itself where the loss can be noticed, else by a replay."""
    receiver = shop.receiver
    for number, lose in enumerate(receiver.losses("products").values()):
        lose()
        with capture_logs() as told:
            shop.sync(f"UPDATE product SET name = 'change {number}' WHERE id = 1")
        lost = [event["refilled"] for event in told if event["event"] == "target_lost"]
        assert lost == {"refilled": [True], "told": [False], "unnoticed": []}[receiver.loss_is]
        if receiver.loss_is != "refilled":
            assert not shop.is_delivered()
            shop.call("replay", "target", "--all")
            shop.sync()
        assert shop.is_delivered()
        with capture_logs() as told:
            shop.sync(f"UPDATE product SET name = 'after {number}' WHERE id = 2")
        assert [event["records"] for event in told if event["event"] == "batch_delivered"] == [1]
        assert shop.is_delivered()


def test_a_target_that_is_lost_while_nothing_changes_is_noticed_too(shop: Shop) -> None:
    """And one that has everything gets nothing again when the daemon is restarted."""
    if shop.receiver.loss_is == "refilled" and (losses := shop.receiver.losses("products")):
        next(iter(losses.values()))()
        shop.sync()
        assert shop.is_delivered()
    with capture_logs() as told:
        shop.sync()
    assert not [event for event in told if event["event"] in {"batch_delivered", "snapshot_ended"}]


def test_a_target_that_lost_everything_gets_it_back_by_a_replay(shop: Shop) -> None:
    """With the same documents as before, twice: whatever drops repetitions must not drop these."""
    for _ in range(2):
        shop.sync("UPDATE cdc.sink_state SET snapshot_wanted = true")
        assert shop.is_delivered()
