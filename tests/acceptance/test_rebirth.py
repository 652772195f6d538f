"""A feed's store is made anew, in one way or another: every target ends with the feed and nothing else.

One shop delivers to a target of each kind, and lives through all of it: each test begins with what the last
one left. A test that fails names the kinds that it fails for.
"""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

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
from tests.support.command import Feed, execute, toml
from tests.support.synced import Synced

# The output of the daemon itself is no target that stays, and the parallel receiver takes patches alone.
KINDS = sorted(set(RECEIVERS) - {"stdout", "http-parallel"})
SELECT = "SELECT id, sku, name FROM product"
FEEDS = {"products": Feed(SELECT, key=("sku",))}
ROWS = "INSERT INTO product SELECT n, 'p:' || n, 'Größe ' || n FROM generate_series(1, 30) AS n"
PRODUCTS = f"CREATE TABLE product (id int PRIMARY KEY, sku text UNIQUE, name text); {ROWS}"


Receivers = Mapping[str, Receiver]
"""By the name of the sink."""


@pytest.fixture(scope="module")
def receivers(request: pytest.FixtureRequest) -> Iterator[Receivers]:
    with ExitStack() as opened:
        yield {kind: opened.enter_context(closing(RECEIVERS[kind](request))) for kind in KINDS}


class Shop(Synced):
    """Products that go to one target of each kind."""

    def __init__(self, folder: Path, dsn: str, receivers: Receivers) -> None:
        self.targets = "[sinks]\n" + "".join(_sink(name, each) for name, each in receivers.items())
        self.receivers = receivers
        folder.mkdir(exist_ok=True)
        super().__init__(folder, dsn, schema=PRODUCTS, feeds=FEEDS, sinks=self.targets)

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
        self.configure(sinks=self.targets)
        if others:
            self.call("install", "--drop-feeds")
        elif self.config.read_text() != before:
            self.install()
        self.sync(
            *("DELETE FROM product", ROWS, "UPDATE product SET name = 'b' WHERE id < 4"),
            "UPDATE product SET name = 'c' WHERE id IN (1, 9)",
        )
        assert self.behind() == set()

    def change(self, key: tuple[str, ...], entity: str = "") -> None:
        """Give the feed another key or entity."""
        options = f"entity = [{json.dumps(entity)}]" if entity else ""
        self.feeds["products"] = Feed(SELECT, key=key, options=options)
        self.configure(sinks=self.targets)
        self.install()

    def expected(self) -> Documents:
        key = ", ".join(f"'{name}', q.{name}" for name in self.feeds["products"].key)
        with psycopg.connect(self.dsn) as connection:
            rows = connection.execute(
                f"SELECT json_build_object({key})::text, row_to_json(q)::text FROM ({SELECT}) AS q".encode()
            ).fetchall()
        return {key_of(key): meaning(document) for key, document in rows}

    def behind(self) -> set[str]:
        """The sinks whose targets hold anything else than the feed."""
        expected = self.expected()
        return {name for name, receiver in self.receivers.items() if not _holds(receiver, expected)}

    def ignored(self) -> dict[str, int]:
        """How many records the targets ignored as stale, by sink."""
        with psycopg.connect(self.dsn) as connection:
            return dict(connection.execute("SELECT sink, ignored FROM cdc.sink_state").fetchall())


def _sink(name: str, receiver: Receiver) -> str:
    settings = {"type": receiver.kind, "timeout_seconds": 10.0, "batch_records": 9, **receiver.settings()}
    return f"{name} = {{ {', '.join(toml(settings).splitlines())} }}\n"


def _holds(receiver: Receiver, expected: Documents) -> bool:
    held = receiver.documents("products")
    if isinstance(receiver, KafkaReceiver) and receiver.compacted("products") != expected:
        return False
    if receiver.kind in {"redis", "opensearch"}:
        # The name of a document there holds the key's values and not its columns.
        return sorted(map(str, held.values())) == sorted(map(str, expected.values()))
    return held == expected


def of_sinks(told: list[MutableMapping[str, Any]], event: str, field: str) -> dict[str, list[object]]:
    """What these events of the log say in one field, by sink."""
    found: defaultdict[str, list[object]] = defaultdict(list)
    for each in told:
        if each["event"] == event:
            found[each["sink"]].append(each[field])
    return dict(found)


@pytest.fixture(scope="module")
def lasting_shop(
    server: servers.Server, tmp_path_factory: pytest.TempPathFactory, receivers: Receivers
) -> Iterator[Shop]:
    with server.fresh_database() as dsn:
        yield Shop(tmp_path_factory.mktemp("shop"), dsn, receivers)


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
    assert shop.behind() == set()
    shop.sync("UPDATE product SET name = 'after' WHERE id = 1", "DELETE FROM product WHERE id = 2")
    assert shop.behind() == set()


def test_a_key_that_changes_and_changes_back(shop: Shop) -> None:
    execute(shop.dsn, *CHANGES)  # not delivered yet
    shop.change(("id",))
    shop.sync()
    assert shop.behind() == set()
    shop.change(("sku",), entity="id")
    execute(shop.dsn, "DELETE FROM product WHERE id = 7", "UPDATE product SET sku = 'p:8a' WHERE id = 8")
    shop.sync()
    assert shop.behind() == set()
    shop.sync("INSERT INTO product VALUES (7, 'p:7', 'again')", "DELETE FROM product WHERE id = 1")
    assert shop.behind() == set()


def test_a_sink_that_is_taken_out_and_put_back(shop: Shop) -> None:
    shop.configure(sinks='[sinks.other]\ntype = "file"\npath = "other.ndjson"\n')
    shop.install()
    shop.sync(*CHANGES)
    shop.change(("id",))  # which puts it back
    shop.sync()
    assert shop.behind() == set()


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
    shop.configure(sinks=shop.targets)
    shop.call("install", "--drop-feeds", "--keep-delivered")
    held = {name: len(receiver.documents("products")) for name, receiver in shop.receivers.items()}
    assert held == dict.fromkeys(shop.receivers, 30)
    shop.feeds = kept
    shop.configure(sinks=shop.targets)
    shop.call("install", "--drop-feeds")
    shop.sync(*CHANGES)
    assert shop.behind() == set()
    shop.feeds = other
    shop.configure(sinks=shop.targets)
    said = shop.call("install", "--drop-feeds")
    for name, receiver in shop.receivers.items():
        assert f"feed products: sink {name} took" in said
        assert receiver.documents("products") == {}, name


def test_another_database_with_the_same_target(shop: Shop, tmp_path: Path) -> None:
    with servers.start("embedded").fresh_database() as other:
        second = Shop(tmp_path / "second", other, shop.receivers)
        second.sync(*CHANGES)
        assert second.behind() == set()
    shop.sync("UPDATE product SET name = 'back' WHERE id = 1")
    # Two databases that deliver to one target at a time can't both be right.
    assert shop.behind() == shop.receivers.keys()
    assert shop.uninstall() == []
    shop.install()
    shop.sync()
    assert shop.behind() == set()


def test_a_delivery_that_the_target_ignores_as_stale_is_told_and_counted(shop: Shop) -> None:
    names = {"opensearch", "postgres", "redis", "redis-stream"}
    newer = Record(
        *("products", b'{"sku":"p:1"}', "upsert", 1 << 52, "0" * 64, ()),
        captured_at="2099-01-02T03:04:05Z",
        data=b'{"id":1,"sku":"p:1","name":"of another database"}',
    )
    before = shop.ignored()
    for name in names:
        with closing(shop.receivers[name].sink()) as other:
            other.deliver("products", [newer])
    with capture_logs() as told:
        shop.sync("UPDATE product SET name = 'b' WHERE id = 1")
        shop.sync("UPDATE product SET name = 'c' WHERE id < 3")
    for name in names:
        ignored = [(e["event"], e.get("ignored")) for e in told if "records" in e and e.get("sink") == name]
        assert ignored == [("batch_delivered", 1), ("records_ignored", None), ("batch_delivered", 1)], name
    assert shop.ignored() == {name: count + 2 * (name in names) for name, count in before.items()}
    assert shop.behind() == names
    shop.receivers["opensearch"].losses("products")["index dropped"]()  # versions there never go down
    for name in names - {"opensearch"}:
        shop.call("replay", name, "--all")
    shop.sync()
    assert shop.behind() == set()


def test_a_target_that_is_lost_gets_everything_back(shop: Shop) -> None:
    """By itself where the loss can be noticed, else by a replay."""
    losses = {name: [*receiver.losses("products").values()] for name, receiver in shop.receivers.items()}
    for number in range(max(map(len, losses.values()))):
        lost = {name: shop.receivers[name] for name, ways in losses.items() if number < len(ways)}
        for name in lost:
            losses[name][number]()
        with capture_logs() as told:
            shop.sync(f"UPDATE product SET name = 'change {number}' WHERE id = 1")
        assert of_sinks(told, "target_lost", "refilled") == {
            name: [receiver.loss_is == "refilled"]
            for name, receiver in lost.items()
            if receiver.loss_is != "unnoticed"
        }
        unhealed = {name for name, receiver in lost.items() if receiver.loss_is != "refilled"}
        assert shop.behind() == unhealed
        for name in unhealed:
            shop.call("replay", name, "--all")
        shop.sync()
        assert shop.behind() == set()
        with capture_logs() as told:
            shop.sync(f"UPDATE product SET name = 'after {number}' WHERE id = 2")
        assert of_sinks(told, "batch_delivered", "records") == {name: [1] for name in shop.receivers}
        assert shop.behind() == set()


def test_a_target_that_is_lost_while_nothing_changes_is_noticed_too(shop: Shop) -> None:
    """And one that has everything gets nothing again when the daemon is restarted."""
    for receiver in shop.receivers.values():
        if receiver.loss_is == "refilled" and (losses := receiver.losses("products")):
            next(iter(losses.values()))()
    shop.sync()
    assert shop.behind() == set()
    with capture_logs() as told:
        shop.sync()
    assert not [event for event in told if event["event"] in {"batch_delivered", "snapshot_ended"}]


def test_a_target_that_lost_everything_gets_it_back_by_a_replay(shop: Shop) -> None:
    """With the same documents as before, twice: whatever drops repetitions must not drop these."""
    for _ in range(2):
        shop.sync("UPDATE cdc.sink_state SET snapshot_wanted = true")
        assert shop.behind() == set()
