"""A house with forty feeds and a week of samples, for pictures: all is well, and there is much of it."""

from __future__ import annotations

import json
import math
import random
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from cdc_daemon.workers import control
from cdc_daemon.workers.samples import LIMITS_SECONDS
from tests.browser.living_shop import LivingShop
from tests.receivers.web import free_port
from tests.support.command import Feed, execute

NAMES = (
    *("products", "prices", "stock", "categories", "brands", "reviews", "customers", "orders", "order_lines"),
    *("invoices", "returns", "shipments", "carriers", "warehouses", "suppliers", "purchase_orders"),
    *(
        "promotions",
        "coupons",
        "gift_cards",
        "wish_lists",
        "carts",
        "store_views",
        "landing_pages",
        "banners",
    ),
    *(
        "blog_articles",
        "redirects",
        "attributes",
        "bundles",
        "price_lists_of_business_customers",
        "tax_rates",
    ),
    *("payment_terms", "credit_limits", "sales_representatives", "contracts", "service_tickets"),
    *("loyalty_points", "delivery_time_windows", "pick_up_stations", "recommendations_of_similar_goods"),
    "availability_in_regional_warehouses",
)

_SINKS = ("search", "storefront-cache", "analytics", "partner-feed-of-the-marketplaces")

_ROWS = 200

_FILL = """
INSERT INTO cdc.feed_products (id, document, hash, revision, deleted, captured_at, modified_at)
SELECT n, json_build_object('id', n, 'name', 'products ' || n, 'note', 'as good as new'),
       sha256(n::text::bytea), nextval('cdc.feed_products_revision'), false, now(), now()
FROM generate_series({first}, {documents}) AS n;
UPDATE cdc.feed_state
SET revision = (SELECT max(revision) FROM cdc.feed_products), documents = {documents},
    counted_revision = (SELECT max(revision) FROM cdc.feed_products)
WHERE feed = 'products';
UPDATE cdc.sink_state SET revision = (SELECT max(revision) FROM cdc.feed_products) WHERE feed = 'products';
ANALYZE cdc.feed_products
"""


@contextmanager
def crowded_shop(
    folder: Path, dsn: str, *, documents: int, names: Sequence[str] = NAMES
) -> Generator[LivingShop]:
    """The house with its daemon, and a writer who changes some rows a second.

    Args:
        documents: how many the largest feed has.
        names: of the feeds; the fifth one is joined by others.
    """
    for name in names:
        execute(
            dsn,
            f"CREATE TABLE {name} (id int PRIMARY KEY, name text, note text, brand int);"
            f"INSERT INTO {name} SELECT n, '{name} ' || n, 'as good as new', n % 7"
            f" FROM generate_series(1, {_ROWS}) AS n",
        )
    shop = LivingShop(folder, dsn, {name: _feed(number, name) for number, name in enumerate(names)})
    shop.port = free_port()
    shop.configure(
        sinks=(
            "\n".join(
                f'[sinks.{name}]\ntype = "file"\npath = "out/{name}/{{feed}}.ndjson"' for name in _SINKS
            )
            + f'\n[http]\nlisten = "127.0.0.1:{shop.port}"\nactions = true\n'
            # Its documents are filled in behind the daemon's back.
            + "[verify]\ndocuments_per_second = 0\nrecords_per_second = 0\n"
        )
    )
    stop = threading.Event()
    writer = threading.Thread(target=_write, args=(dsn, names[:12], stop), daemon=True)
    try:
        shop.install()
        shop.run_once()
        execute(dsn, *_FILL.format(first=_ROWS + 1, documents=documents).split(";"))
        store_samples(dsn, names)
        with shop.session() as session:
            control.pause(session, "analytics", "stock", reason="moves to another cluster")
        shop.daemon = shop.start()
        shop.daemon.await_event("http_started")
        writer.start()
        shop.daemon.await_event("batch_delivered")
        yield shop
    finally:
        stop.set()
        if writer.ident is not None:
            writer.join()
        shop.close()


def _feed(number: int, name: str) -> Feed:
    # Each third one reads a second table, so that the picture of the flow has crossing lines.
    joined = number % 3 == 1
    query = f"SELECT t.id, t.name, t.note FROM {name} AS t"
    if joined:
        query = (
            f"SELECT t.id, t.name, t.note, b.name AS brand\nFROM {name} AS t\n"
            "LEFT JOIN brands AS b ON b.id = t.brand"
        )
    sinks = sorted({_SINKS[number % 4], _SINKS[number * 7 % 3]})
    return Feed(query, ("id",), f"sinks = {json.dumps(sinks)}")


def _write(dsn: str, names: Sequence[str], stop: threading.Event) -> None:
    chance = random.Random(4)  # noqa: S311 # chooses rows
    with psycopg.connect(dsn, autocommit=True) as connection:
        while not stop.wait(0.1):
            name = chance.choice(names)
            connection.execute(
                f"UPDATE {name} SET note = 'changed ' || clock_timestamp() WHERE id = %s".encode(),
                (chance.randint(1, _ROWS),),
            )


_COPY_PASSES = """
COPY cdc.feed_sample
(feed, seconds, began_at, passes, captured, recomputed, unchanged, changed, lag, pass_time) FROM STDIN
"""

_COPY_DELIVERIES = """
COPY cdc.delivery_sample
(sink, feed, seconds, began_at, batches, delivered, bytes, failures, lag, send_time) FROM STDIN
"""


def store_samples(dsn: str, feeds: Sequence[str]) -> None:
    """A week of samples as a daemon keeps them, with days and nights, and a gap of an hour."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("TRUNCATE cdc.feed_sample, cdc.delivery_sample")
        pairs = connection.execute("SELECT sink, feed FROM cdc.sink_state").fetchall()
        with connection.cursor().copy(_COPY_PASSES) as copy:
            for number, feed in enumerate(feeds):
                for seconds, at, load in _times(number):
                    changed = int(load * 40)
                    copy.write_row(
                        (
                            *(feed, seconds, at, max(1, changed // 3), changed * 2, changed * 3),
                            *(changed * 2, changed, _classes(changed, 0.03), _classes(changed, 0.008)),
                        )
                    )
        with connection.cursor().copy(_COPY_DELIVERIES) as copy:
            for number, (sink, feed) in enumerate(pairs):
                for seconds, at, load in _times(number):
                    changed = int(load * 40)
                    copy.write_row(
                        (
                            *(sink, feed, seconds, at, max(1, changed // 5), changed, changed * 480, 0),
                            *(_classes(changed, 0.05), _classes(changed, 0.02)),
                        )
                    )


def _times(number: int) -> Iterator[tuple[int, datetime, float]]:
    """Width and beginning of each sample, and how busy that time was."""
    chance = random.Random(number)  # noqa: S311 # makes a picture
    now = datetime.now(UTC)
    for seconds, count in ((60, 1440), (600, 1008)):
        last = datetime.fromtimestamp(now.timestamp() // seconds * seconds, UTC)
        for step in range(1, count):
            at = last - timedelta(seconds=step * seconds)
            if timedelta(hours=7) < now - at < timedelta(hours=8):
                continue
            daily = 1.1 + math.sin((at.hour + at.minute / 60 - 9) / 24 * 2 * math.pi)
            yield seconds, at, daily * chance.uniform(0.7, 1.3) * (1 + number % 5) * seconds / 60


def _classes(count: int, seconds: float) -> list[int]:
    """So many times around `seconds`, counted in the classes of samples."""
    middle = next(place for place, limit in enumerate(LIMITS_SECONDS) if limit >= seconds)
    found = [0] * (len(LIMITS_SECONDS) + 1)
    for offset, share in ((-1, 0.25), (0, 0.5), (1, 0.2), (2, 0.05)):
        found[middle + offset] = int(count * share)
    found[middle] += count - sum(found)
    return found
