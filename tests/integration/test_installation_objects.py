"""Installing, installing again, mending and taking away."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cdc_daemon.errors import InstallError
from cdc_daemon.pg.binaries import find_binaries
from tests.support.bed import Bed

pytestmark = pytest.mark.any_server

Session = psycopg.Connection[tuple[Any, ...]]
Connect = Callable[..., Session]

SHOP = """
CREATE TABLE item (id int PRIMARY KEY, code text, note text) PARTITION BY RANGE (id);
CREATE TABLE item_low PARTITION OF item FOR VALUES FROM (0) TO (100);
CREATE TABLE part (number int PRIMARY KEY, item_id int, label text);
INSERT INTO item VALUES (1, 'a'), (2, 'b');
INSERT INTO part VALUES (1, 1, 'x');
"""
PARTS = "SELECT i.id, (SELECT max(p.label) FROM part AS p WHERE p.item_id = i.id) AS label FROM item AS i"

# Whatever stands in the database or belongs to it, by name.
LISTING = """
SELECT 'schema ' || nspname || coalesce(nspacl::text, '') FROM pg_namespace
WHERE nspname NOT LIKE 'pg\\_t%%temp%%' AND nspname NOT LIKE 'pg\\_temp%%'
UNION ALL SELECT 'relation ' || relnamespace::regnamespace || '.' || relname || relkind::text
    || coalesce(relacl::text, '')
FROM pg_class WHERE relnamespace::regnamespace::text NOT LIKE 'pg\\_%%'
UNION ALL SELECT 'column ' || attrelid::regclass || '.' || attname || atttypid::regtype
FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
WHERE relnamespace::regnamespace::text NOT LIKE 'pg\\_%%'
UNION ALL SELECT 'function ' || oid::regprocedure || md5(prosrc) FROM pg_proc
UNION ALL SELECT 'trigger ' || tgname || tgrelid::regclass FROM pg_trigger
UNION ALL SELECT 'type ' || typnamespace::regnamespace || '.' || typname FROM pg_type
WHERE typnamespace::regnamespace::text NOT LIKE 'pg\\_%%'
UNION ALL SELECT 'comment ' || description FROM pg_description WHERE objoid >= 16384
UNION ALL SELECT 'default rights ' || defaclacl::text FROM pg_default_acl
UNION ALL SELECT 'event trigger ' || evtname FROM pg_event_trigger
UNION ALL SELECT 'role ' || rolname FROM pg_roles WHERE rolname LIKE '%%' || %s || '%%'
ORDER BY 1
"""


@pytest.fixture
def shop(connect: Connect) -> Session:
    connection = connect()
    connection.execute(SHOP)
    return connection


@pytest.fixture
def daemon(shop: Session, database: str, tmp_path: Path) -> Iterator[Bed]:
    daemon = Bed(tmp_path, database, database={"lock_timeout_seconds": 0.01, "install_attempts": 1})
    daemon.add_feed("items", "SELECT id, code FROM item", key=["id"])
    daemon.add_feed("parts", PARTS, key=["id"])
    yield daemon
    shop.rollback()
    assert daemon.uninstall() == []  # the owner role belongs to the server, not to the test's database


def listing(session: Session) -> list[str]:
    return [row[0] for row in session.execute(LISTING.encode(), (session.info.dbname,)).fetchall()]


def test_a_second_install_does_nothing(daemon: Bed, shop: Session) -> None:
    assert daemon.install()
    before = listing(shop)
    assert daemon.install() == []
    assert listing(shop) == before
    daemon.assert_in_step()
    assert daemon.install() == []
    assert daemon.read_status().drift == []


def test_asking_what_would_be_done_changes_nothing(daemon: Bed, shop: Session) -> None:
    before = listing(shop)
    wanted = [step.what for step in daemon.wanted()]
    assert daemon.script()
    assert listing(shop) == before
    assert [step.what for step in daemon.install()] == wanted


def test_the_script_run_by_psql_is_the_same_as_an_install(daemon: Bed, shop: Session) -> None:
    psql = find_binaries("machine") / "psql"
    run = subprocess.run(
        [psql, "--no-psqlrc", "--quiet", "--file=-", daemon.dsn],
        input=daemon.script(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    acts = shop.execute("SELECT act, role, arguments ->> 'script' FROM cdc.audit").fetchall()
    assert acts == [("install", shop.info.user, "true")]
    assert daemon.install() == []
    daemon.assert_in_step()
    shop.execute("UPDATE item_low SET code = 'changed'")
    daemon.assert_in_step()


def test_uninstall_leaves_nothing(daemon: Bed, shop: Session) -> None:
    before = listing(shop)
    daemon.install()
    daemon.assert_in_step()
    assert listing(shop) != before
    assert daemon.uninstall() == []
    assert listing(shop) == before
    shop.execute("UPDATE item SET code = 'nobody listens'")
    daemon.install()
    (daemon.folder / "out" / "items.ndjson").unlink()
    (daemon.folder / "out" / "parts.ndjson").unlink()
    daemon.assert_in_step()


def test_an_install_names_who_holds_a_table_and_succeeds_after_that(
    daemon: Bed, shop: Session, connect: Connect
) -> None:
    writer = connect(autocommit=False)
    writer.execute("UPDATE item SET code = 'late' WHERE id = 1")
    with pytest.raises(
        InstallError, match=rf"could not lock public\.item\w* .*pid {writer.info.backend_pid}\b"
    ):
        daemon.install()
    # What was installed before the table that is held is no harm to anybody.
    shop.execute("UPDATE part SET label = 'y'")
    writer.commit()
    assert daemon.install()
    assert daemon.install() == []
    daemon.assert_in_step()
    shop.execute("UPDATE item SET code = 'later' WHERE id = 2")
    daemon.assert_in_step()


def test_two_installers_at_once_do_no_harm(daemon: Bed, shop: Session) -> None:
    daemon.configure()
    ready = threading.Barrier(2)
    settings = daemon.settings

    def install_one() -> None:
        ready.wait(timeout=30)
        daemon.install_with(settings)

    with ThreadPoolExecutor(2) as both:
        for done in [both.submit(install_one), both.submit(install_one)]:
            done.result(timeout=60)
    assert daemon.install() == []
    daemon.assert_in_step()
    shop.execute("UPDATE item SET code = 'changed'")
    daemon.assert_in_step()


NOBODYS_BODY = (
    "CREATE OR REPLACE FUNCTION cdc.capture_public_item() RETURNS trigger LANGUAGE plpgsql"
    " AS 'BEGIN RETURN NULL; END'"
)


@pytest.mark.parametrize(
    "damage",
    [
        "DROP TRIGGER cdc_capture_update ON item",
        "DROP TRIGGER cdc_capture_update ON item_low",
        "ALTER TABLE item ENABLE TRIGGER cdc_capture_insert",
        "ALTER TABLE part DISABLE TRIGGER ALL",
        NOBODYS_BODY,
    ],
)
def test_what_was_damaged_by_hand_shows_as_drift_and_an_install_mends_it(
    damage: str, daemon: Bed, shop: Session
) -> None:
    daemon.install()
    daemon.assert_in_step()
    shop.execute(damage.encode())
    shop.execute("UPDATE item SET code = 'unseen' WHERE id = 2; UPDATE part SET label = 'unseen'")
    assert daemon.read_status().drift
    assert daemon.install()
    assert daemon.read_status().drift == []
    daemon.assert_in_step()
    shop.execute("UPDATE item SET code = 'seen' WHERE id = 1; INSERT INTO item VALUES (3, 'new')")
    daemon.assert_in_step()


@pytest.mark.parametrize(
    "damage",
    [
        "REVOKE INSERT ON cdc.changelog_public_item_0 FROM {owner}",
        "REVOKE USAGE ON SEQUENCE cdc.changelog_public_item_version_id_seq FROM {owner}",
        "REVOKE USAGE ON SCHEMA cdc FROM {owner}",
        "ALTER FUNCTION cdc.capture_public_item() OWNER TO CURRENT_USER",
    ],
)
def test_rights_that_a_restored_dump_lacks_show_as_drift_and_an_install_gives_them(
    daemon: Bed, shop: Session, damage: str
) -> None:
    daemon.install()
    [owner] = shop.execute(
        "SELECT proowner::regrole::text FROM pg_proc WHERE proname = 'capture_public_item'"
    ).fetchone() or ("",)
    shop.execute(damage.format(owner=owner).encode())
    assert daemon.wanted()
    daemon.install()
    assert not daemon.wanted()
    writer = f"writer_{shop.info.dbname}"
    shop.execute(f"CREATE ROLE {writer}".encode())
    try:
        shop.execute(f"GRANT SELECT, UPDATE ON item TO {writer}; SET ROLE {writer}".encode())
        shop.execute("UPDATE item SET code = 'written' WHERE id = 1")
    finally:
        shop.execute("RESET ROLE")
        shop.execute(f"DROP OWNED BY {writer}; DROP ROLE {writer}".encode())
    daemon.assert_in_step()


def test_a_feed_that_is_no_longer_configured_goes_with_the_triggers_that_only_it_needed(
    daemon: Bed, shop: Session
) -> None:
    daemon.install()
    daemon.assert_in_step()
    daemon.drop_feeds("parts")
    dropped = {step.what for step in daemon.install() if step.action == "drop"}
    assert "triggers on public.part" in dropped
    left = listing(shop)
    assert not [line for line in left if "feed_parts" in line or "public_part" in line]
    assert not [line for line in left if line.startswith("trigger cdc_capture") and line.endswith("part")]
    assert daemon.install() == []
    shop.execute("UPDATE item SET code = 'changed'; UPDATE part SET label = 'changed'")
    daemon.assert_in_step()
