"""The database holds things of others: a schema of the name, views upon ours, other configurations, Citus."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from click.testing import CliRunner, Result
from psycopg.conninfo import make_conninfo

from cdc_daemon.cli.group import main
from cdc_daemon.errors import FeedError, InstallError
from cdc_daemon.workers import coexistence
from cdc_daemon.workers.coexistence import concerns
from tests.conftest import Connect
from tests.support.bed import Bed
from tests.support.servers import Server

pytestmark = pytest.mark.any_server

SHOP = """
CREATE TABLE product (id int PRIMARY KEY, sku text UNIQUE, price int);
CREATE TABLE stock (product_id int PRIMARY KEY, n int);
INSERT INTO product SELECT n, 'A-' || n, n FROM generate_series(1, 5) AS n;
INSERT INTO stock SELECT n, n FROM generate_series(1, 5) AS n;
"""


RETURNS_NULL = "CREATE FUNCTION mine() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"


@pytest.fixture
def products(database: str, tmp_path: Path, connect: Connect) -> Bed:
    connect().execute(SHOP)
    return configuration(database, tmp_path / "products", "products", "SELECT id, sku, price FROM product")


def configuration(dsn: str, folder: Path, feed: str, query: str, **daemon: str) -> Bed:
    folder.mkdir()
    found = Bed(folder, dsn, daemon=daemon)
    found.add_feed(feed, query, key=["id"])
    return found


def stocks(dsn: str, folder: Path, **daemon: str) -> Bed:
    query = "SELECT product_id AS id, n, price FROM stock JOIN product ON product.id = product_id"
    return configuration(dsn, folder / "stocks", "stocks", query, **daemon)


def cli(daemon: Bed, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--config", str(daemon.config), *arguments])


def exists(connect: Connect, name: str) -> bool:
    row = connect().execute("SELECT to_regclass(%s) IS NOT NULL", [name]).fetchone()
    return bool(row and row[0])


def test_a_schema_of_that_name_that_is_not_ours_is_refused_and_never_dropped(
    products: Bed, connect: Connect
) -> None:
    connect().execute("CREATE SCHEMA cdc; CREATE TABLE cdc.orders (id int PRIMARY KEY)")
    for command in (["check"], ["install"], ["uninstall", "--yes"]):
        result = cli(products, *command)
        assert result.exit_code != 0, command
        assert "schema cdc: exists, and is not cdc-daemon's: it has table cdc.orders" in result.output
        assert "Try: " in result.output
    assert exists(connect, "cdc.orders")


@pytest.mark.parametrize(
    ("made", "named"),
    [
        ("CREATE VIEW public.monitor AS SELECT feed FROM cdc.feed_state", "view public.monitor"),
        ("CREATE VIEW public.monitor AS SELECT * FROM cdc.feed_products", "view public.monitor"),
        ("CREATE TABLE cdc.mine (id int)", "table cdc.mine"),
        ("CREATE TABLE mine (feed text REFERENCES cdc.feed_state)", "table public.mine"),
        ("CREATE FUNCTION cdc.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'", "function cdc.mine()"),
        ("CREATE TYPE cdc.mine AS ENUM ('a')", "type cdc.mine"),
        (
            "CREATE FUNCTION mine(cdc.feed_state) RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "function public.mine(",
        ),
        (
            f"{RETURNS_NULL}; CREATE TRIGGER mine AFTER INSERT ON cdc.feed_products EXECUTE FUNCTION mine()",
            "trigger mine on table cdc.feed_products",
        ),
    ],
)
def test_uninstall_names_what_others_built_on_ours_and_removes_nothing(
    products: Bed, connect: Connect, made: str, named: str
) -> None:
    products.install()
    connect().execute(made.encode())
    result = cli(products, "uninstall", "--yes")
    assert result.exit_code == 1
    assert named in result.output
    assert "Nothing was removed" in result.output
    row = (
        connect().execute("SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'cdc\\_capture\\_%'").fetchone()
    )
    assert row == (4,)
    products.run_once()
    assert not products.difference("products")


def test_uninstall_leaves_nothing_of_ours(products: Bed, connect: Connect) -> None:
    products.install()
    products.run_once()
    assert products.uninstall() == []
    row = connect().execute("SELECT to_regnamespace('cdc') IS NULL").fetchone()
    assert row == (True,)


def test_a_feed_that_the_configuration_names_no_more_is_dropped_only_if_somebody_says_so(
    products: Bed, tmp_path: Path, connect: Connect
) -> None:
    products.install()
    other = stocks(products.dsn, tmp_path)
    refused = cli(other, "install")
    assert refused.exit_code == 1
    assert "would drop products" in refused.output
    assert "--drop-feeds" in refused.output
    assert exists(connect, "cdc.feed_products")
    assert not exists(connect, "cdc.feed_stocks")
    assert cli(other, "install", "--drop-feeds").exit_code == 0
    assert not exists(connect, "cdc.feed_products")


def test_configurations_of_different_names_share_a_database(
    products: Bed, tmp_path: Path, connect: Connect
) -> None:
    products.install()
    products.run_once()
    other = stocks(products.dsn, tmp_path, name="stocks")
    assert cli(other, "install").exit_code == 0
    other.run_once()
    connect().execute(
        "UPDATE product SET price = 99 WHERE id = 1; UPDATE stock SET n = 7 WHERE product_id = 2"
    )
    for each in (products, other):
        each.assert_in_step()
        assert each.wanted() == []
    # A table that both read stays captured, for what the other one needs, when one of them goes.
    other.drop_feeds(*other.feeds)
    assert cli(other, "install", "--drop-feeds").exit_code == 0
    assert not exists(connect, "cdc.changelog_public_stock")
    connect().execute("UPDATE product SET sku = 'B' WHERE id = 1")
    products.assert_in_step()


def test_a_feed_of_another_configuration_is_not_taken_over(products: Bed, tmp_path: Path) -> None:
    products.install()
    other = configuration(
        products.dsn, tmp_path / "other", "products", "SELECT id FROM product", name="another"
    )
    with pytest.raises(FeedError, match="belongs to the configuration 'cdc-daemon'"):
        other.install()


def test_uninstall_keeps_the_feeds_of_other_configurations(
    products: Bed, tmp_path: Path, connect: Connect
) -> None:
    products.install()
    other = stocks(products.dsn, tmp_path, name="stocks")
    other.install()
    with pytest.raises(InstallError, match=r"feeds of other configurations: products \(of cdc-daemon\)"):
        other.uninstall()
    assert exists(connect, "cdc.feed_products")
    assert cli(other, "uninstall", "--yes", "--drop-feeds").exit_code == 0
    assert not exists(connect, "cdc.migration")


def test_a_table_that_citus_has_distributed_is_refused(products: Bed, connect: Connect) -> None:
    session = connect()
    session.execute("SET allow_system_table_mods = on")
    session.execute('CREATE TABLE pg_catalog.pg_dist_partition (logicalrel regclass, partmethod "char")')
    products.install()  # the extension alone is no obstacle
    session.execute("INSERT INTO pg_catalog.pg_dist_partition VALUES ('product', 'n')")
    for command in ("check", "install"):
        result = cli(products, command)
        assert result.exit_code == 2
        assert "reads public.product: distributed or reference tables of Citus" in result.output


@contextmanager
def published(connect: Connect, what: str) -> Iterator[None]:
    connect().execute(f"CREATE PUBLICATION everything {what}".encode())
    yield
    connect().execute("DROP PUBLICATION everything")


def test_a_publication_of_all_tables_is_warned_about_before_anything_is_created(
    products: Bed, connect: Connect
) -> None:
    with published(connect, "FOR ALL TABLES"):
        assert "Warning: publication everything: publishes all tables" in cli(products, "check").output
        shown = cli(products, "install", "--dry-run")
        assert "Warning: publication everything: publishes all tables" in shown.output
        assert not exists(connect, "cdc.migration")
    with published(connect, "FOR TABLE product"):
        assert "publication" not in cli(products, "check").output


def test_a_publication_of_the_daemons_schema_is_warned_about(products: Bed, connect: Connect) -> None:
    products.install()
    with published(connect, "FOR TABLES IN SCHEMA cdc"):
        warning = "Warning: publication everything: publishes the tables in schema cdc"
        assert warning in cli(products, "check").output
    with published(connect, "FOR TABLES IN SCHEMA public"):
        assert "publication" not in cli(products, "check").output


def test_check_tells_which_limit_leaves_the_daemon_too_few_sessions(products: Bed, connect: Connect) -> None:
    settings = products.settings
    assert settings.needed_sessions == 1 + 1 + 1 + 1 + 3
    database = connect().info.dbname
    assert list(concerns(connect(), settings)) == []
    connect().execute(f"ALTER DATABASE {database} CONNECTION LIMIT 5".encode())
    ((where, what, _),) = concerns(connect(), settings)
    assert where == "daemon.sessions"
    assert f"has up to 7 sessions; the limit of database {database} leaves" in what


def test_check_tells_of_a_server_that_is_older_than_those_that_are_supported(
    products: Bed, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coexistence, "OLDEST_MAJOR", 99)
    found = concerns(connect(), products.settings)
    told = [what for where, what, _ in found if where == "database"]
    assert [what.partition(": ")[2] for what in told] == ["cdc-daemon is not tested on it"]


def test_check_and_status_tell_of_a_table_that_a_subscription_fills(products: Bed, connect: Connect) -> None:
    connect().execute(
        "CREATE SUBSCRIPTION shop_copy CONNECTION 'dbname=nowhere' PUBLICATION shop WITH (connect = false)"
    )
    try:
        assert cli(products, "install").exit_code == 0
        connect().execute(
            "INSERT INTO pg_subscription_rel (srsubid, srrelid, srsubstate)"
            " SELECT s.oid, 'product'::regclass, 'r' FROM pg_subscription AS s WHERE s.subname = 'shop_copy'"
        )
        told = "subscription shop_copy fills product, and what replication applies is not captured"
        assert told in cli(products, "check").stderr.replace("public.", "")
        assert told in cli(products, "status").stdout.replace("public.", "")
    finally:
        connect().execute(
            "ALTER SUBSCRIPTION shop_copy DISABLE; ALTER SUBSCRIPTION shop_copy SET (slot_name = NONE);"
        )
        connect().execute("DROP SUBSCRIPTION shop_copy")


def test_check_tells_that_sql_ascii_takes_any_bytes_for_text(server: Server, tmp_path: Path) -> None:
    name = f"ascii_{uuid4().hex[:8]}"
    with psycopg.connect(server.dsn, autocommit=True) as administrator:
        administrator.execute(
            f"CREATE DATABASE {name} TEMPLATE template0"
            " ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'".encode()
        )
        try:
            dsn = make_conninfo(server.dsn, dbname=name)
            with psycopg.connect(dsn, autocommit=True) as connection:
                connection.execute("CREATE TABLE product (id int PRIMARY KEY)")
            daemon = configuration(dsn, tmp_path / "ascii", "products", "SELECT id FROM product")
            assert "its encoding is SQL_ASCII" in cli(daemon, "check").stderr
        finally:
            administrator.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
