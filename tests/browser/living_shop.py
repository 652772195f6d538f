"""A shop as an operator meets it on a bad morning: a daemon at work, and one of each trouble.

What users of the shop wrote (names, answers, reasons) is hostile: a page that shows it as markup is broken.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg

from cdc_daemon.dashboard.access.users import UsersFile
from cdc_daemon.dashboard.access.viewer import Right
from cdc_daemon.workers import control
from cdc_daemon.workers.resync import Resync
from tests.receivers.http import Request, Script, Target, answer
from tests.receivers.web import free_port
from tests.support.bed import Bed
from tests.support.command import Feed, Running, eventually, execute


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


HOSTILE = "</script></title><script>hacked=1</script><img src=x onerror=hacked=1>\"'{{7*7}}\u202e&amp;"
"""Ends what it may stand in, and sets `hacked` where a browser obeys it."""

HOSTILE_TABLE = "<b>shelf</b>\"'"

SECRET = "a-secret-of-the-warehouse"  # noqa: S105 # of a test

LONG_FEED = "a_feed_with_a_name_of_forty_letters_here"

PAGES = 300
"""Documents of the feed whose resync runs: each of them takes PAGE_SECONDS while it does."""

PAGE_SECONDS = 0.5

_LOCK = 4711

_SCHEMA = f"""
CREATE TABLE brand (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE product (
    id int PRIMARY KEY, sku text NOT NULL UNIQUE, name text NOT NULL, brand_id int, price numeric NOT NULL,
    email text, attributes jsonb NOT NULL DEFAULT '{{}}'
);
CREATE INDEX ON product (brand_id);
CREATE TABLE stock (product_id int, place int, quantity int NOT NULL, PRIMARY KEY (product_id, place));
CREATE TABLE listing (id int PRIMARY KEY, code text NOT NULL);
CREATE TABLE page (id int PRIMARY KEY, url text NOT NULL);
CREATE TABLE coupon (id int PRIMARY KEY, code text NOT NULL);
CREATE TABLE {_quoted(HOSTILE_TABLE)} (id int PRIMARY KEY, "<i>label</i>" text NOT NULL);
INSERT INTO brand SELECT n, 'Brand ' || n FROM generate_series(1, 8) AS n;
INSERT INTO product SELECT n, 'sku-' || n, 'Product ' || n, 1 + n % 8, n + 0.50,
    'person' || n || '@shop.example',
    jsonb_build_object('colours', jsonb_build_array('red', 'green'), 'size', jsonb_build_object('cm', n))
FROM generate_series(1, 120) AS n;
INSERT INTO stock SELECT n, 1, n FROM generate_series(1, 120) AS n;
INSERT INTO listing SELECT n, 'L' || n FROM generate_series(1, 20) AS n;
INSERT INTO page SELECT n, '/page/' || n FROM generate_series(1, {PAGES}) AS n;
CREATE FUNCTION paced(url text) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    -- Other tests use this lock in their own databases of the same server.
    IF EXISTS (
        SELECT FROM pg_catalog.pg_locks AS l JOIN pg_catalog.pg_database AS d ON d.oid = l.database
        WHERE l.locktype = 'advisory' AND l.objid = {_LOCK} AND d.datname = pg_catalog.current_database()
    ) THEN
        PERFORM pg_catalog.pg_sleep({PAGE_SECONDS});
    END IF;
    RETURN url;
END $$
"""

FEEDS = {
    "products": Feed(
        """SELECT p.sku, p.name, p.price, p.email, p.attributes, b.name AS brand,
       (SELECT sum(s.quantity) FROM stock AS s WHERE s.product_id = p.id) AS quantity,
       1 / p.price AS per_coin
FROM product AS p
LEFT JOIN brand AS b ON b.id = p.brand_id""",
        ("sku",),
        'sinks = ["catalog", "warehouse", "archive"]',
    ),
    "brands": Feed(
        """SELECT b.id, b.name, count(p.id) AS products
FROM brand AS b
LEFT JOIN product AS p ON p.brand_id = b.id
GROUP BY b.id""",
        ("id",),
        'sinks = ["catalog", "archive"]',
    ),
    "listings": Feed("SELECT l.code FROM listing AS l", ("code",), 'sinks = ["archive"]'),
    "pages": Feed(
        "SELECT p.id, paced(p.url) AS url FROM page AS p", ("id",), 'sinks = ["archive"]\nreads = []'
    ),
    "coupons": Feed("SELECT c.id, c.code FROM coupon AS c", ("id",), 'sinks = ["archive"]'),
    LONG_FEED: Feed(
        f"""SELECT s."<i>label</i>" FROM {_quoted(HOSTILE_TABLE)} AS s""",
        ("<i>label</i>",),
        'sinks = ["archive"]',
    ),
}

RIGHTS = {"operator": frozenset(Right), "reader": frozenset[Right]()}
"""The users: one with every right, and one who sees states and counts."""

PASSWORDS = {name: f"the password of {name}" for name in RIGHTS}

STATES = {
    "products": "live",
    "brands": "live",
    "listings": "stopped",
    "pages": "syncing",
    "coupons": "live",
    LONG_FEED: "live",
}


class LivingShop(Bed):
    """The shop, its daemon and its receivers.

    Attributes:
        catalog: a receiver that refuses products below a price of one, with a hostile answer.
        daemon: the process.
        port: of the daemon's server.
    """

    catalog: Target
    daemon: Running
    port: int

    def await_value(self, what: str, wanted: object, query: str) -> None:
        """Wait until a query yields this one value."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:

            def is_so() -> bool:
                return connection.execute(query.encode()).fetchall() == [(wanted,)]

            eventually(what, is_so, seconds=60)

    @property
    def address(self) -> str:
        """Where a browser finds the daemon."""
        return f"http://127.0.0.1:{self.port}"

    def other_faults(self) -> list[str]:
        """Warnings and errors in the daemon's log that none of the shop's troubles makes."""
        events = list(self.daemon.events)
        return [str(each) for each in events if each["level"] in _FAULTS and not _is_trouble(each)]

    def keep_resync(self) -> None:
        """Let a resync of the feed `pages` run: on a busy machine, the tests outlast the first one."""
        if not self.value("SELECT count(*) FROM cdc.resync WHERE feed = 'pages' AND finished_at IS NULL"):
            with self.session() as session:
                Resync(session, self.settings, "pages", where={}, force=False).request(threading.Event())

    def execute(self, *statements: str) -> None:
        """Each statement committed by itself."""
        execute(self.dsn, *statements)

    def rows(self, query: str, *values: object) -> list[tuple[object, ...]]:
        """The rows of a query over the shop and the daemon's schema."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            return connection.execute(query.encode(), values or None).fetchall()

    def value(self, query: str, *values: object) -> object:
        """The one value of a query."""
        ((value,),) = self.rows(query, *values)
        return value


_FAULTS = frozenset({"warning", "error", "critical"})

_TROUBLES: Mapping[str, tuple[str, object]] = {
    "sink_failed": ("sink", "warehouse"),
    "feed_stopped": ("feed", "listings"),
    "entity_failed": ("entity", {"sku": "sku-5"}),
    "record_parked": ("sink", "catalog"),
    # The slow passes of the resync hold the lock for which the verification waits.
    "worker_failed": ("error", "LockNotAvailable"),
}
"""The event of each trouble, and a field that says that it is this one."""


def _is_trouble(event: Mapping[str, object]) -> bool:
    name, value = _TROUBLES.get(str(event["event"]), ("event", None))
    return event.get(name) == value


def _refuse_cheap(request: Request, _under_way: int) -> Script | None:
    if b"cheap" in request.content:
        return answer(422, f"too cheap: {HOSTILE}".encode())
    return None


@contextmanager
def living_shop(folder: Path, dsn: str) -> Generator[LivingShop]:
    """The shop, when each trouble has come.

    Args:
        folder: for configuration and files.
        dsn: of an empty database.
    """
    execute(dsn, _SCHEMA)
    catalog = Target()
    catalog.admit = _refuse_cheap
    catalog.start()
    shop = LivingShop(folder, dsn, FEEDS)
    shop.catalog, shop.port = catalog, free_port()
    shop.configure(
        sinks=_sinks(catalog, down=free_port(), listen=f"127.0.0.1:{shop.port}"),
        daemon={"batch_entities": 10},
    )
    users = UsersFile(folder / "users.json")
    for name, rights in RIGHTS.items():
        users.add(name, PASSWORDS[name], rights)
    try:
        shop.install()
        with shop.session() as session:
            control.pause(session, "archive", "products", reason=f"moves to another disk {HOSTILE}")
        shop.daemon = shop.start()
        shop.daemon.await_event("http_started")
        shop.await_value("every feed has its first sync", len(FEEDS), _SYNCED)
        with _slow_pages(dsn):
            _bring_trouble(shop)
            yield shop
    finally:
        shop.close()
        catalog.stop()


_SYNCED = (
    "SELECT count(*) FROM cdc.feed_state WHERE cursor IS NOT NULL AND"
    f" (SELECT count(*) FROM cdc.feed_pages) = {PAGES} AND NOT EXISTS (SELECT FROM cdc.backlog_pages)"
)


_FOLLOWED = f"""
SELECT (SELECT count(*) FROM cdc.feed_products WHERE document::jsonb ->> 'brand' = {_literal(HOSTILE)})
     + (SELECT count(*) FROM cdc.feed_products WHERE document::jsonb ->> 'name' = {_literal(HOSTILE)})
     + (SELECT count(*) FROM cdc.feed_{LONG_FEED})
"""
"""Their revisions are the newest ones, so they come first in a list of documents."""


def _bring_trouble(shop: LivingShop) -> None:
    shop.execute(
        "UPDATE product SET name = 'cheap, ' || name WHERE id IN (1, 2, 3)",
        f"UPDATE product SET name = {_literal(HOSTILE)} WHERE id = 4",
        "UPDATE product SET price = 0 WHERE id = 5",
        f"UPDATE brand SET name = {_literal(HOSTILE)} WHERE id = 1",
        "INSERT INTO listing VALUES (21, 'L1')",
        f"INSERT INTO {_quoted(HOSTILE_TABLE)} VALUES (1, {_literal(HOSTILE)}), (2, 'a/b?c#d%2F e'), (3, '')",
    )
    shop.await_value("a query that fails", 1, "SELECT count(*) FROM cdc.failed_entity")
    shop.await_value("documents that follow the changes", 15 + 1 + 3, _FOLLOWED)
    shop.await_value("items that were refused", 3, "SELECT count(*) FROM cdc.failed_item")
    shop.await_value(
        "a feed that stopped", "listings", "SELECT feed FROM cdc.feed_state WHERE stopped_reason <> ''"
    )
    shop.await_value(
        "a sink that is down",
        "warehouse",
        "SELECT sink FROM cdc.sink_state WHERE failure IS NOT NULL AND feed = 'products'",
    )
    shop.keep_resync()


@contextmanager
def _slow_pages(dsn: str) -> Generator[None]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        yield


def _sinks(catalog: Target, *, down: int, listen: str) -> str:
    return f"""
[sinks.catalog]
type = "http"
url = {json.dumps(catalog.url)}
max_attempts = 1

[sinks.warehouse]
type = "http"
url = "http://127.0.0.1:{down}/{{feed}}"
headers = {{ X-Token = "{SECRET}" }}

[sinks.archive]
type = "file"
path = "out/{{feed}}.ndjson"

[http]
listen = "{listen}"
users = "users.json"
"""
