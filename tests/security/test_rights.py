"""The rights that `install` and its script give: enough for a feed's whole life, and no more."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from cdc_daemon.cli import main
from cdc_daemon.errors import InstallError
from cdc_daemon.pg.session import connect
from cdc_daemon.workers.history_segments import HistoryBounds
from cdc_daemon.workers.owner_role import default_owner
from cdc_daemon.workers.registry import Registry
from cdc_daemon.workers.rotation import Rotator
from tests.conftest import Connect
from tests.security.attacker import Attacker, Session
from tests.support.bed import Bed

RIGHTS = """
SELECT c.relname, array_agg(DISTINCT a.privilege_type ORDER BY a.privilege_type)
FROM pg_class AS c CROSS JOIN aclexplode(c.relacl) AS a
WHERE c.relnamespace = 'cdc'::regnamespace AND a.grantee = %s::regrole AND c.relkind = ANY (%s)
GROUP BY c.relname
"""


@pytest.fixture
def keeper(shop: Session, database: str) -> Iterator[str]:
    """The connection string of a role that may read the shop and owns nothing."""
    role = f"keeper_{shop.info.dbname}"
    name = sql.Identifier(role)
    shop.execute(
        sql.SQL("CREATE ROLE {0} LOGIN PASSWORD 'k'; GRANT SELECT ON product, stock TO {0}").format(name)
    )
    yield make_conninfo(database, user=role, password="k")  # noqa: S106 # of a role that ends with the test
    shop.execute(sql.SQL("DROP OWNED BY {0} CASCADE; DROP ROLE {0}").format(name))


@pytest.fixture
def kept(keeper: str, shop: Session, database: str, tmp_path: Path) -> Iterator[Bed]:
    """A daemon as that role, installed by a DBA from the script."""
    daemon = Bed(tmp_path, keeper)
    daemon.add_feed("products", "SELECT id, sku, price FROM product", key=["id"])
    daemon.add_feed(
        "stock", "SELECT product_sku AS sku, sum(quantity) AS n FROM stock GROUP BY 1", key=["sku"]
    )
    (tmp_path / "install.sql").write_text(daemon.script())
    run_script(shop, (tmp_path / "install.sql").read_text())
    yield daemon
    daemon.dsn = database
    assert daemon.uninstall() == []


def run_script(session: Session, script: str) -> None:
    """What psql would send, a transaction each."""
    for block in script.split("BEGIN;\n")[1:]:
        session.execute(block.split("COMMIT;")[0].encode())


COMMANDS = (
    ("check",),
    ("status",),
    ("install",),
    ("pause", "--feed", "products"),
    ("resume", "--feed", "products"),
    ("resync", "products", "--wait"),
    ("resync", "products", "--by-key", "id=1", "--force", "--wait"),
    ("replay", "file", "--all"),
    ("failed",),
    ("retry", "--all"),
    ("plan", "stock"),
    ("estimate",),
)


def test_a_role_that_owns_nothing_lives_a_feeds_whole_life(
    kept: Bed, shop: Session, attacker: Attacker
) -> None:
    kept.assert_in_step()
    for write in (
        "UPDATE product SET price = 2",
        "INSERT INTO stock VALUES ('sku9', 'sad', 7)",
        "DELETE FROM product WHERE id = 2",
        "TRUNCATE stock",
    ):
        attacker.session.execute(write.encode())
        kept.assert_in_step()
    assert kept.read_status().drift == []
    for command in COMMANDS:
        done = CliRunner().invoke(main, ["--config", str(kept.config), *command])
        assert done.exit_code == 0, f"{command}: {done.output}"
        if command[0] != "pause":
            kept.assert_in_step()
    shop.execute("UPDATE product SET price = 3")
    kept.assert_in_step()


def test_it_empties_changelogs_and_logs(kept: Bed, shop: Session) -> None:
    shop.execute("UPDATE product SET price = 2")
    kept.assert_in_step()
    registry = Registry(kept.settings, kept.dsn)
    with connect(kept.dsn) as session:
        for feed in kept.settings.feeds:
            registry.plan_and_install(session, feed)
        rotator = Rotator(
            lambda: connect(kept.dsn),
            sources=registry.sources,
            feeds=registry.feeds,
            every_seconds=1,
            changelog_limit_bytes=1 << 30,
            log_limit_rows=1 << 30,
        )
        for segment in (0, 1):
            rotator.rotate(session, segment, threading.Event())
    for table in ("changelog_public_product", "feed_products_log"):
        assert shop.execute(f"SELECT FROM cdc.{table}".encode()).rowcount == 0
    shop.execute("UPDATE product SET price = 3")
    kept.assert_in_step()


def test_it_empties_segments_of_the_history(kept: Bed, shop: Session) -> None:
    kept.assert_in_step()
    assert shop.execute("SELECT FROM cdc.history_pass_0").rowcount
    bounds = HistoryBounds(days=7, max_bytes=1 << 30)
    with connect(kept.dsn) as session:
        for days in (2, 8):
            shop.execute(
                "UPDATE cdc.history_segment SET began_at = began_at - make_interval(days => %s)", (days,)
            )
            bounds.keep(session)
    assert not shop.execute("SELECT FROM cdc.history_pass_0").rowcount
    shop.execute("UPDATE product SET price = 3")
    kept.assert_in_step()


def test_it_holds_no_right_that_it_does_not_need(kept: Bed, shop: Session, keeper: str) -> None:
    role = str(conninfo_to_dict(keeper)["user"])
    rights: dict[str, list[str]] = dict(shop.execute(RIGHTS, (role, ["r", "v", "p"])).fetchall())
    assert not [name for name, held in rights.items() if {"TRIGGER", "REFERENCES", "MAINTAIN"} & set(held)]
    read_only = {"migration", "applied_migration", "source", "former_sink"}
    assert all(rights[name] == ["SELECT"] for name in read_only)
    for name, held in rights.items():
        if name.startswith("changelog_"):
            assert held == (["SELECT", "TRUNCATE"] if name[-2:] in {"_0", "_1"} else ["SELECT"])
        elif name.startswith(("backlog_", "feed_products_log", "feed_stock_log")):
            assert held == ["INSERT", "SELECT", "TRUNCATE"]
        elif name == "history_segment":
            assert held == ["SELECT", "UPDATE"]
        elif name == "audit":
            assert held == ["DELETE", "INSERT", "SELECT"]
        elif name.startswith("history_"):
            assert held == (["SELECT", "TRUNCATE"] if name[-1].isdigit() else ["INSERT", "SELECT"])
        elif name not in read_only | {"delivery"}:
            assert held == ["DELETE", "INSERT", "SELECT", "UPDATE"]
    tables = {
        name
        for (name,) in shop.execute(
            "SELECT relname FROM pg_class"
            " WHERE relnamespace = 'cdc'::regnamespace AND relkind IN ('r', 'p', 'v')"
        ).fetchall()
    }
    assert set(rights) == tables
    for attempt in (
        "CREATE TRIGGER t AFTER INSERT ON cdc.feed_state EXECUTE FUNCTION pg_catalog.RI_FKey_check_ins()",
        "CREATE TABLE cdc.mine (id int)",
        "INSERT INTO cdc.changelog_public_product_0 (rows) VALUES (1)",
        "UPDATE cdc.source SET body = ''",
    ):
        with connect(keeper) as session, pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute(attempt.encode())


def test_a_later_script_takes_away_what_an_earlier_version_granted(
    kept: Bed, shop: Session, keeper: str
) -> None:
    role = str(conninfo_to_dict(keeper)["user"])
    assert role is not None
    owner = sql.Identifier(default_owner(shop))
    shop.execute(
        sql.SQL("GRANT ALL ON ALL TABLES IN SCHEMA cdc TO {}; GRANT CREATE ON SCHEMA cdc TO {}").format(
            sql.Identifier(role), owner
        )
    )
    run_script(shop, kept.script())
    rights: dict[str, list[str]] = dict(shop.execute(RIGHTS, (role, ["r"])).fetchall())
    assert not [name for name, held in rights.items() if {"TRIGGER", "REFERENCES"} & set(held)]
    assert shop.execute(
        "SELECT has_schema_privilege(%s, 'cdc', 'CREATE')", (default_owner(shop),)
    ).fetchone() == (False,)


def test_the_script_runs_again_after_the_schema_was_dropped(kept: Bed, shop: Session) -> None:
    shop.execute("DROP SCHEMA cdc CASCADE")
    script = kept.script()
    assert "CREATE ROLE" not in script.replace("        CREATE ROLE", "")  # only where the role is missing
    run_script(shop, script)
    kept.assert_in_step()
    shop.execute("DROP SCHEMA cdc CASCADE")
    run_script(shop, (kept.folder / "install.sql").read_text())  # the one that made the role
    (kept.folder / "out" / "products.ndjson").unlink()
    (kept.folder / "out" / "stock.ndjson").unlink()
    kept.assert_in_step()


def test_install_works_after_somebody_dropped_the_schema(daemon: Bed, shop: Session) -> None:
    daemon.add_feed("products", "SELECT id, sku FROM product", key=["id"])
    daemon.install()
    shop.execute("DROP SCHEMA cdc CASCADE")
    assert daemon.install()
    assert daemon.install() == []
    daemon.assert_in_step()


def test_a_configured_owner_role_stays_after_uninstall(daemon: Bed, shop: Session) -> None:
    role = f"given_{shop.info.dbname}"
    shop.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))
    try:
        daemon.configure(database={"owner_role": role})
        daemon.add_feed("products", "SELECT id, sku FROM product", key=["id"])
        daemon.install()
        daemon.assert_in_step()
        assert daemon.install() == []
        assert daemon.uninstall() == []
        assert shop.execute("SELECT FROM pg_roles WHERE rolname = %s", (role,)).rowcount == 1
    finally:
        shop.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


def test_a_foreign_trigger_with_our_name_on_another_table_stays_and_blocks_nothing(
    daemon: Bed, shop: Session
) -> None:
    shop.execute(
        "CREATE TABLE other (id int);"
        "CREATE FUNCTION public.capture_other() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
        "CREATE TRIGGER cdc_capture_insert AFTER INSERT ON other EXECUTE FUNCTION public.capture_other();"
        "CREATE TRIGGER cdc_capture_mine AFTER INSERT ON product EXECUTE FUNCTION public.capture_other()"
    )
    daemon.add_feed("products", "SELECT id, sku FROM product", key=["id"])
    daemon.install()
    assert daemon.install() == []
    daemon.assert_in_step()
    assert daemon.uninstall() == []
    kept = shop.execute(
        "SELECT tgname FROM pg_trigger WHERE tgfoid = 'public.capture_other'::regproc ORDER BY 1"
    ).fetchall()
    assert kept == [("cdc_capture_insert",), ("cdc_capture_mine",)]


def test_a_foreign_trigger_in_the_place_of_ours_is_named(daemon: Bed, shop: Session) -> None:
    shop.execute(
        "CREATE FUNCTION theirs() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
        "CREATE TRIGGER cdc_capture_insert AFTER INSERT ON product EXECUTE FUNCTION theirs()"
    )
    daemon.add_feed("products", "SELECT id, sku FROM product", key=["id"])
    with pytest.raises(InstallError, match=r"cdc_capture_insert.*not cdc-daemon's") as refused:
        daemon.install()
    assert "RENAME TO" in str(refused.value.hint)
    shop.execute("ALTER TRIGGER cdc_capture_insert ON product RENAME TO theirs")
    daemon.install()
    daemon.assert_in_step()


def test_a_stranger_who_holds_the_installers_lock_is_named(
    daemon: Bed, attacker: Attacker, connect: Connect
) -> None:
    daemon.add_feed("products", "SELECT id, sku FROM product", key=["id"])
    daemon.configure(database={"lock_timeout_seconds": 0.01, "install_attempts": 2})
    attacker.session.execute("SELECT pg_advisory_lock(hashtext('cdc-daemon install'))")
    pid = attacker.session.info.backend_pid
    with pytest.raises(InstallError, match=rf"pid {pid} of role \w+") as refused:
        daemon.install()
    assert "pg_terminate_backend" in str(refused.value.hint)
    with pytest.raises(InstallError, match=rf"pid {pid}\b"):
        daemon.uninstall()
    attacker.session.execute("SELECT pg_advisory_unlock_all()")
    daemon.install()


def test_a_stranger_with_the_installers_lock_stops_no_feed_that_is_installed(
    daemon: Bed, shop: Session, attacker: Attacker
) -> None:
    daemon.configure(database={"lock_timeout_seconds": 0.2})
    daemon.add_feed("products", "SELECT id, price FROM product", key=["id"])
    daemon.install()
    attacker.session.execute("SELECT pg_advisory_lock(hashtext('cdc-daemon install'))")
    shop.execute("UPDATE product SET price = 7")
    daemon.assert_in_step()
    # What is missing has to be installed: until then the feed is partial, and names the session in the way.
    shop.execute("ALTER TABLE product DISABLE TRIGGER cdc_capture_update; UPDATE product SET price = 8")
    daemon.run_once()
    (feed,) = daemon.read_status().feeds
    assert feed.state == "partial"
    assert f"pid {attacker.session.info.backend_pid} " in str(feed.reason)
    attacker.session.execute("SELECT pg_advisory_unlock_all()")
    daemon.run_anew()  # the former one waits before it tries again
    daemon.assert_in_step()


def test_a_database_that_was_renamed_keeps_its_owner_role_until_uninstall(
    daemon: Bed, shop: Session, connect: Connect
) -> None:
    daemon.add_feed("products", "SELECT id, price FROM product", key=["id"])
    daemon.install()
    role, name = default_owner(shop), shop.info.dbname
    with connect(make_conninfo(daemon.dsn, dbname="postgres")) as other:
        _rename(other, name, f"{name}_renamed")
        try:
            renamed = Bed(daemon.folder, make_conninfo(daemon.dsn, dbname=f"{name}_renamed"), daemon.feeds)
            assert renamed.wanted() == []
            renamed.assert_in_step()
            assert renamed.uninstall() == []
            left = other.execute("SELECT FROM pg_roles WHERE rolname IN (%s, %s)", (role, f"{role}_renamed"))
            assert left.fetchall() == []
        finally:
            _rename(other, f"{name}_renamed", name)


def _rename(session: Session, name: str, to: str) -> None:
    session.execute(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s", (name,)
    )
    session.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(*map(sql.Identifier, (name, to))))
