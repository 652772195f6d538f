"""What `estimate` tells of a real database: exact counts, sampled sizes, requests and times."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cdc_daemon.cli.plans import plan_feeds
from cdc_daemon.estimate import Estimate, estimate
from cdc_daemon.estimate.arithmetic import Range
from cdc_daemon.feeds import sample
from tests.support.bed import Bed
from tests.support.command import toml

pytestmark = pytest.mark.any_server

Connect = Callable[..., psycopg.Connection[tuple[Any, ...]]]


class Shop(Bed):
    """A bed with sinks that nothing is sent to."""

    def add_sink(self, name: str, **options: Any) -> None:
        values = {"type": "http", "url": "http://127.0.0.1:9/{feed}", **options}
        self.configure(sinks=f"{self.tables['sinks']}\n[sinks.{name}]\n{toml(values)}\n")

    def estimate(self, *feeds: str) -> Estimate:
        settings = self.settings
        with self.session() as session:
            plans = plan_feeds(session, settings, feeds or list(settings.feeds))
            return estimate(session, settings, [plan.definition for plan in plans])


@pytest.fixture
def shop(tmp_path: Path, database: str) -> Shop:
    return Shop(tmp_path, database, sinks="")


PUBLISHED_SHOP = """
CREATE TABLE product (id integer PRIMARY KEY);
CREATE TABLE category (id integer PRIMARY KEY);
CREATE TABLE store_view (id integer PRIMARY KEY);
CREATE TABLE website (id integer PRIMARY KEY);
CREATE TABLE customer_group (id integer PRIMARY KEY);
CREATE TABLE stock (id integer PRIMARY KEY);
CREATE TABLE super_link (parent integer, child integer REFERENCES product, PRIMARY KEY (parent, child));
CREATE TABLE permission (id integer PRIMARY KEY);
CREATE TABLE sales_order (id integer PRIMARY KEY);
INSERT INTO product SELECT generate_series(1, 10000);
INSERT INTO category SELECT generate_series(1, 500);
INSERT INTO store_view SELECT generate_series(1, 4);
INSERT INTO website SELECT generate_series(1, 2);
INSERT INTO customer_group SELECT generate_series(1, 6);
INSERT INTO stock SELECT generate_series(1, 5);
INSERT INTO super_link
SELECT p.n, c.n FROM generate_series(1, 10) AS p (n), generate_series(1, 10000) AS c (n);
INSERT INTO permission SELECT generate_series(1, 10000);
INSERT INTO sales_order SELECT generate_series(1, 10000);
"""
PUBLISHED: Mapping[str, tuple[str, list[str], int, int, float]] = {
    # feed: tables, key, documents, requests, minutes
    "products": ("product a, store_view b", ["a", "b"], 40_000, 400, 3.3),
    "categories": ("category a, store_view b", ["a", "b"], 2_000, 20, 0.2),
    "prices": ("product a, website b, customer_group c", ["a", "b", "c"], 120_000, 240, 2.0),
    "productoverrides": (
        "product a, website b, customer_group c WHERE c.id < 6",
        ["a", "b", "c"],
        100_000,
        1000,
        8.3,
    ),
    "variants": ("super_link", ["parent", "child"], 100_000, 1000, 8.3),
    "categorypermissions": ("permission a", ["a"], 10_000, 100, 0.8),
    "inventorystockstatus": ("product a, stock b", ["a", "b"], 50_000, 500, 4.2),
    "orders": ("sales_order a", ["a"], 10_000, 100, 0.8),
}
"""What Adobe publishes for its data export: 2 requests a second, 100 documents in each, of prices 500."""


def test_the_published_estimate_comes_out_over_a_shop_of_that_size(shop: Shop, connect: Connect) -> None:
    connect().execute(PUBLISHED_SHOP)
    for feed, (tables, key, *_) in PUBLISHED.items():
        outputs = [name if len(name) > 1 else f"{name}.id AS {name}" for name in key]
        entity = {"entity": ["a"]} if "a" in key else {}
        shop.add_feed(
            feed,
            f"SELECT {', '.join(outputs)} FROM {tables}",
            key=key,
            sinks=["prices" if feed == "prices" else "others"],
            **entity,
        )
    shop.add_sink("others", batch_records=100, requests_per_second=2)
    shop.add_sink("prices", batch_records=500, requests_per_second=2)
    found = shop.estimate()
    told = {
        name: (
            taken.documents,
            taken.requests,
            taken.delivery_seconds and round(taken.delivery_seconds.likely / 60, 1),
        )
        for name, feed in found.feeds.items()
        for taken in feed.sinks.values()
    }
    assert told == {
        feed: (documents, Range.exactly(number + 1), minutes)  # and one that ends the full snapshot
        for feed, (_, _, documents, number, minutes) in PUBLISHED.items()
    }
    # The rate holds over all feeds of a sink: what the table leaves to its reader.
    assert found.sinks["others"].requests == Range.exactly(3127)
    assert found.sinks["others"].delivery_seconds == Range.exactly(1563.5)


PRODUCTS = """
CREATE TABLE product (id integer PRIMARY KEY, name text);
INSERT INTO product
SELECT n, repeat('x', 100 + (n * 7919) % 400 + n / 100) FROM generate_series(1, {products}) AS n;
"""
QUERY = "SELECT p.id, p.name, v.view FROM product AS p CROSS JOIN (VALUES ('en'), ('de')) AS v (view)"


def test_of_few_entities_all_are_measured_and_the_bytes_are_those_that_are_delivered(
    shop: Shop, connect: Connect, tmp_path: Path
) -> None:
    connect().execute(PRODUCTS.format(products=1234).encode())
    shop.add_feed("products", QUERY, key=["id", "view"], entity=["id"])
    (found,) = shop.estimate().feeds.values()
    (tmp_path / "daemon").mkdir()
    daemon = Bed(tmp_path / "daemon", shop.dsn)
    daemon.add_feed("products", QUERY, key=["id", "view"], entity=["id"])
    daemon.install()
    daemon.run_once()
    *lines, end = (daemon.folder / "out" / "products.ndjson").read_bytes().splitlines()
    # The full snapshot ends with a line of its own, which is no document.
    assert json.loads(end)["op"] == "snapshot_end"
    assert {json.loads(line)["op"] for line in lines} == {"upsert"}
    keys = [line[line.index(b'"key":') + 6 : line.index(b',"op":')] for line in lines]
    documents = [line[line.index(b'"data":') + 7 : -1] for line in lines]
    assert (found.documents, found.entities, found.sampled_entities) == (2468, 1234, 1234)
    assert found.bytes == Range.exactly(sum(map(len, keys)) + sum(map(len, documents)))
    sizes = [len(key) + len(document) for key, document in zip(keys, documents, strict=True)]
    assert found.document_bytes is not None
    assert (found.document_bytes.least, found.document_bytes.most) == (min(sizes), max(sizes))


def test_of_many_entities_some_are_measured_spread_over_all_and_the_truth_is_in_the_range(
    shop: Shop, connect: Connect
) -> None:
    connect().execute(PRODUCTS.format(products=30_000).encode())
    shop.add_feed("products", QUERY, key=["id", "view"], entity=["id"])
    (found,) = shop.estimate().feeds.values()
    query = f"""
        SELECT sum(length(row_to_json(q)::text) + length(row_to_json(k)::text))
        FROM ({QUERY}) AS q CROSS JOIN LATERAL (SELECT q.id, q.view) AS k
    """
    ((truth,),) = connect().execute(query.encode()).fetchall()
    assert (found.documents, found.entities) == (60_000, 30_000)
    assert found.sampled_entities == sample.RUNS * sample.RUN_ENTITIES
    # Products grow from the first to the last: a sample of either end would be far off.
    assert found.bytes.low < truth < found.bytes.high
    assert found.bytes.likely == pytest.approx(truth, rel=0.02)


def test_a_sample_that_takes_long_ends_early_and_is_spread_all_the_same(
    shop: Shop, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample, "ENOUGH_SECONDS", 0.0)
    connect().execute(PRODUCTS.format(products=30_000).encode())
    shop.add_feed("products", QUERY, key=["id", "view"], entity=["id"])
    (found,) = shop.estimate().feeds.values()
    assert found.documents == 60_000
    assert found.sampled_entities == 2 * sample.RUN_ENTITIES
    assert found.document_bytes is not None
    # Products grow from the first to the last, by 300 letters.
    assert found.document_bytes.most - found.document_bytes.least > 500


def test_an_estimate_needs_no_installation_and_leaves_nothing_behind(shop: Shop, connect: Connect) -> None:
    observer = connect()
    observer.execute(PRODUCTS.format(products=10).encode())
    objects = """
        SELECT oid, xmin::text FROM pg_class UNION ALL SELECT oid, xmin::text FROM pg_namespace ORDER BY 1, 2
    """
    before = observer.execute(objects).fetchall()
    shop.add_feed("products", QUERY, key=["id", "view"])
    shop.estimate()
    assert observer.execute(objects).fetchall() == before


def test_the_server_refuses_a_query_that_would_write(shop: Shop, connect: Connect) -> None:
    connect().execute(
        """
        CREATE TABLE product (id integer PRIMARY KEY);
        INSERT INTO product VALUES (1);
        CREATE TABLE seen (id integer);
        CREATE FUNCTION see(integer) RETURNS integer LANGUAGE sql
        AS 'INSERT INTO seen VALUES ($1) RETURNING id';
        """
    )
    shop.add_feed(
        "products",
        "SELECT p.id, see(p.id) AS seen FROM product AS p WHERE see(p.id) > 0",
        key=["id"],
        accept=["volatile-function", "function-reads"],
    )
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        shop.estimate()
    assert connect().execute("SELECT FROM seen").fetchall() == []


def test_documents_are_those_of_the_query_now_and_not_those_that_are_stored(
    shop: Shop, connect: Connect, tmp_path: Path
) -> None:
    connect().execute(PRODUCTS.format(products=10).encode())
    daemon = Bed(tmp_path, shop.dsn)
    daemon.add_feed("products", QUERY, key=["id", "view"])
    daemon.install()
    daemon.run_once()
    connect().execute("DELETE FROM product WHERE id > 7")
    shop.add_feed("products", QUERY, key=["id", "view"])
    assert shop.estimate().feeds["products"].documents == 14


def test_a_feed_without_documents_has_nothing_to_deliver(shop: Shop, connect: Connect) -> None:
    connect().execute(PRODUCTS.format(products=0).encode())
    shop.add_feed("products", QUERY, key=["id", "view"])
    shop.add_sink("catalog", requests_per_second=2)
    found = shop.estimate().feeds["products"]
    assert (found.documents, found.document_bytes, found.bytes) == (0, None, Range.exactly(0))
    assert found.sinks["catalog"].requests == Range.exactly(1)  # the end of the full snapshot


def test_entity_columns_may_be_called_as_anything_in_the_statement(shop: Shop, connect: Connect) -> None:
    connect().execute(PRODUCTS.format(products=300).encode())
    shop.add_feed(
        "products",
        "SELECT p.id AS place, p.id % 3 AS documents, p.name AS key, p.id % 7 AS entity_1 FROM product AS p",
        key=["place", "documents"],
        entity=["documents", "place", "entity_1"],
        hash_exclude=["key"],
    )
    found = shop.estimate().feeds["products"]
    assert (found.documents, found.entities, found.sampled_entities) == (300, 300, 300)


def test_a_feed_is_delivered_when_it_is_computed(shop: Shop, connect: Connect) -> None:
    connect().execute(PRODUCTS.format(products=1000).encode())
    shop.add_feed("products", QUERY, key=["id", "view"])
    shop.add_sink("slow", batch_records=100, requests_per_second=0.1)
    shop.add_sink("fast", batch_records=100, requests_per_second=1e6)
    found = shop.estimate().feeds["products"]
    slow, fast = found.sinks["slow"], found.sinks["fast"]
    assert slow.requests == fast.requests == Range.exactly(21)
    assert slow.delivery_seconds == Range.exactly(210)
    assert slow.seconds.likely == pytest.approx(210 + found.recompute_seconds.likely, abs=0.01)
    assert fast.seconds.likely == pytest.approx(found.recompute_seconds.likely, abs=0.01)
