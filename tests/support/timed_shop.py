"""A shop whose price rules start and end: its documents have a time when they are due."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cdc_daemon.pg.session import connect as pinned
from cdc_daemon.workers.catalogue_watch import CatalogueWatch
from cdc_daemon.workers.wake_ups import WakeUps
from cdc_daemon.workers.watcher import Configured, Watcher
from tests.support.command import Feed, execute
from tests.support.synced import Synced

SHOP = """
CREATE TABLE product (id int PRIMARY KEY, name text, price numeric);
CREATE TABLE price_rule (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, product_id int, price numeric,
    starts_at timestamptz, ends_at timestamptz DEFAULT 'infinity'
);
CREATE INDEX ON price_rule (product_id);
INSERT INTO product SELECT n, 'product ' || n, 100 FROM generate_series(1, 6) AS n;
"""


PRODUCTS = """
SELECT p.id, p.name,
       COALESCE((SELECT min(r.price) FROM price_rule AS r
                 WHERE r.product_id = p.id AND r.starts_at <= now() AND r.ends_at > now()), p.price) AS price,
       (SELECT LEAST(min(r.starts_at) FILTER (WHERE r.starts_at > now()),
                     min(r.ends_at) FILTER (WHERE r.ends_at > now()))
        FROM price_rule AS r WHERE r.product_id = p.id) AS _refresh_at
FROM product AS p
"""


@pytest.fixture
def shop(database: str, tmp_path: Path) -> Iterator[Synced]:
    shop = Synced(tmp_path, database, schema=SHOP, feeds={"products": Feed(PRODUCTS)})
    shop.sync()
    yield shop
    shop.close()


def rule(product: str, price: int, after: str, until: str = "9 hours") -> str:
    """A rule that starts that long from now, for the products of a condition."""
    return (
        "INSERT INTO price_rule (product_id, price, starts_at, ends_at)"
        f" SELECT id, {price}, clock_timestamp() + interval '{after}', clock_timestamp() + interval '{until}'"
        f" FROM product WHERE {product}"
    )


def let_an_hour_pass(shop: Synced) -> None:
    """Everything moves an hour into the past, which is the same, and nobody is told of it."""
    execute(
        shop.dsn,
        "BEGIN; UPDATE cdc.feed_products SET refresh_at = refresh_at - interval '1 hour';"
        " UPDATE price_rule SET starts_at = starts_at - interval '1 hour',"
        " ends_at = ends_at - interval '1 hour';"
        " TRUNCATE cdc.changelog_public_price_rule; COMMIT",
    )


def times(shop: Synced) -> object:
    """How many documents have a time of their own."""
    return shop.value("SELECT count(refresh_at) FROM cdc.feed_products")


def price(shop: Synced, product: int) -> object:
    return shop.documents("products")[product,]["price"]


@contextmanager
def watching(shop: Synced, *, idle_poll_seconds: float) -> Iterator[WakeUps]:
    """A watcher at rest."""
    wake_ups, stop = WakeUps(["products"], []), threading.Event()
    resting = Watcher(
        lambda: pinned(shop.dsn),
        wake_ups,
        show=lambda _: None,
        catalogue=CatalogueWatch(dict),
        changelogs=dict,
        refreshing=lambda: ["products"],
        configured=lambda: Configured((), ()),
        poll_seconds=idle_poll_seconds,
        idle_poll_seconds=idle_poll_seconds,
    )
    thread = threading.Thread(target=resting.run, args=(stop, lambda: None))
    thread.start()
    yield wake_ups
    stop.set()
    thread.join()
