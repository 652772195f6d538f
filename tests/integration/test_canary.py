"""The canary: a change of the daemon's own takes the way of all changes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from cdc_daemon.errors import ConfigurationError
from cdc_daemon.pg.binaries import find_binaries
from cdc_daemon.settings import load
from tests.support.command import Command, Feed, execute
from tests.support.synced import ITEM_FEED, ITEMS

pytestmark = pytest.mark.any_server


@pytest.fixture
def shop(tmp_path: Path, database: str) -> Iterator[Command]:
    execute(database, ITEMS)
    command = Command(tmp_path, database, {"items": ITEM_FEED})
    yield command
    command.close()


def canary(shop: Command, text: str) -> None:
    with shop.config.open("a") as file:
        file.write(f"\n[canary]\n{text}\n")


def test_its_document_reaches_the_sink_again_and_again_and_its_lag_is_known(shop: Command) -> None:
    canary(shop, 'every_seconds = 0.1\nsinks = ["file"]')
    shop.call("install")
    daemon = shop.start()
    seen = daemon.await_event("batch_delivered", feed="canary")
    for _ in range(3):
        seen = daemon.await_event("batch_delivered", feed="canary", after=seen)
    beats = [record["data"]["beats"] for record in shop.records("canary")]
    assert beats == sorted(set(beats))
    assert daemon.end() == 0
    told = "SELECT sum(delivered) FROM cdc.delivery_sample WHERE feed = 'canary' AND seconds = 60"
    with psycopg.connect(shop.dsn) as session:
        [(delivered,)] = session.execute(told).fetchall()
    assert delivered >= 1


def test_one_script_installs_it_with_everything_else(shop: Command) -> None:
    canary(shop, 'every_seconds = 0.1\nsinks = ["file"]')
    shop.call("check")  # no feed is wrong for want of a table that the install makes
    script = shop.call("install", "--script")
    psql = str(find_binaries("machine") / "psql")
    with psycopg.connect(shop.dsn) as session:
        assert session.execute("SELECT to_regnamespace('cdc')").fetchall() == [(None,)]
    command = [psql, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file=-", shop.dsn]
    subprocess.run(command, input=script, capture_output=True, text=True, check=True)
    assert "Nothing to do" in shop.call("install", "--dry-run")
    daemon = shop.start()
    daemon.await_event("batch_delivered", feed="canary")
    assert daemon.end() == 0


def test_a_role_that_may_create_no_schema_is_told_to_print_another_script(shop: Command) -> None:
    canary(shop, 'every_seconds = 0.1\nsinks = ["file"]')
    role = f"printer_{uuid4().hex[:8]}"
    with psycopg.connect(shop.dsn) as session:
        session.execute(
            f"CREATE ROLE {role} LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}".encode()
        )
    try:
        dsn = make_conninfo(shop.dsn, user=role)
        done = subprocess.run(
            shop.arguments("install", "--script"),
            env={**os.environ, "CDC_DATABASE_DSN": dsn},
            capture_output=True,
            text=True,
            check=True,
        )
        assert "Warning: install --script: the script leaves the canary out" in done.stderr
        assert "cdc_capture_update" in done.stdout
    finally:
        with psycopg.connect(shop.dsn) as session:
            session.execute(f"DROP OWNED BY {role}; DROP ROLE {role}".encode())


def test_without_it_there_is_no_such_feed(shop: Command) -> None:
    assert list(load(shop.config, {}).feeds) == ["items"]


@pytest.mark.parametrize(
    ("text", "field", "what"),
    [
        ('every_seconds = 5\nsinks = ["flie"]', "canary.sinks", "flie"),
        ("every_seconds = -1", "canary.every_seconds", "greater than or equal to 0"),
    ],
)
def test_a_wrong_setting_is_told_with_its_place(shop: Command, text: str, field: str, what: str) -> None:
    canary(shop, text)
    with pytest.raises(ConfigurationError) as caught:
        load(shop.config, {})
    [(where, told, _)] = caught.value.faults
    assert where.endswith(field)
    assert what in told


def test_a_feed_of_that_name_is_in_its_way(tmp_path: Path, database: str) -> None:
    shop = Command(tmp_path, database, {"canary": Feed("SELECT 1 AS id")})
    canary(shop, "every_seconds = 5")
    with pytest.raises(ConfigurationError) as caught:
        load(shop.config, {})
    assert [what for _, what, _ in caught.value.faults] == ["needs the name of feed canary"]
