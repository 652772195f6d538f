"""Names of tables, columns, types, functions, partitions and labels are data: nothing obeys them."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import psycopg
import pytest

from cdc_daemon.pg.binaries import find_binaries
from cdc_daemon.pg.session import connect
from cdc_daemon.workers import installation
from tests.security.hostile_names import SHOPS, Shop, quoted
from tests.support import starts
from tests.support.command import Command, Feed, execute
from tests.support.synced import Synced

pytestmark = pytest.mark.any_server

_GROUPS = [SHOPS[start::8] for start in range(8)]
_FORGING = [shop for shop in SHOPS if not shop.is_printable]


def _script(command: Command) -> Path:
    """`install --script > cdc.sql`, byte for byte."""
    path = command.folder / "cdc.sql"
    with path.open("wb") as file:
        subprocess.run(command.arguments("install", "--script"), stdout=file, timeout=60, check=True)
    return path


def _create(database: str, shops: Sequence[Shop]) -> dict[str, Feed]:
    for shop in shops:
        execute(database, *shop.create)
    return {shop.feed: shop.definition for shop in shops}


@pytest.mark.parametrize("shops", _GROUPS, ids=lambda shops: shops[0].feed)
def test_a_feed_is_kept_in_step_whatever_the_names_are(
    database: str, tmp_path: Path, shops: Sequence[Shop]
) -> None:
    feeds = Synced(tmp_path, database, schema="SELECT 1", feeds=_create(database, shops))
    feeds.sync()
    feeds.sync(*(statement for shop in shops for statement in shop.write))
    feeds.assert_equal_to_the_query()
    assert feeds.resyncs() == len(shops), "only a first sync: no entry was unknown, no route was `all`"
    with connect(database) as connection:
        assert installation.uninstall(connection, database, feeds.settings) == []


def test_the_script_runs_no_command_that_a_name_holds(database: str, tmp_path: Path) -> None:
    shops = SHOPS[::3] + tuple(_FORGING)
    command = Command(tmp_path, database, _create(database, tuple(dict.fromkeys(shops))))
    script = _script(command)
    psql = find_binaries("machine") / "psql"
    done = subprocess.run(
        [psql, "-X", "--quiet", f"--file={script}", database],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert not (tmp_path / "pwned").exists()
    assert "Nothing to do" in command.call("install")


def test_the_script_is_plain_sql_but_for_its_first_line(database: str, tmp_path: Path) -> None:
    command = Command(tmp_path, database, _create(database, _FORGING))
    first, rest = _script(command).read_bytes().split(b"\n", 1)
    assert first == b"\\set ON_ERROR_STOP on"
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(rest)  # one message of the simple protocol, as any client may send it
    assert "Nothing to do" in command.call("install")


@pytest.mark.timeout(300)  # twenty processes
def test_every_command_shows_names_without_a_sign_that_a_terminal_obeys(
    database: str, tmp_path: Path
) -> None:
    shops = [
        shop for shop in _FORGING if shop.name in {"\n\\! touch pwned\n--", "\x1b[2J", "\x9b2J", "\u202eb"}
    ]
    command = Command(tmp_path, database, _create(database, shops))
    first = shops[0]
    calls = [
        ("check",),
        ("plan",),
        ("plan", "--explain"),
        ("plan", "--json"),
        ("plan", "--graph"),
        ("plan", "--graph", "dot"),
        ("estimate",),
        ("install", "--dry-run"),
        ("install",),
        ("--log-format", "console", "run", "--once"),
        ("status",),
        ("status", "--json"),
        ("resync", first.feed),
        ("--log-format", "json", "run", "--once"),
        ("failed",),
        ("failed", "--json"),
        ("retry", first.feed),
        ("replay", "file", "--all"),
        ("pause", "--sink", "file", "--reason", "\x1b[2J"),
        ("resume", "--sink", "file"),
        ("uninstall", "--yes"),
    ]
    for arguments in calls:
        if arguments == ("failed",):
            # A receiver's words, as they were stored by any version.
            execute(
                database,
                "INSERT INTO cdc.failed_item (sink, feed, id, key, revision, reason) VALUES"
                f" ('file', '{first.feed}', '', jsonb_build_object('k', e'\\u009b'), 1,"
                " e'\\x1b[2J\\nTry: this')",
            )
        done = starts.run(command.arguments(*arguments), timeout=60)
        shown = done.stdout + done.stderr
        assert done.returncode == 0, f"{arguments}: {shown}"
        assert all(sign.isprintable() or sign == "\n" for sign in shown), (arguments, shown)
        assert not any(line.startswith("Try: this") for line in shown.splitlines())


def test_a_servers_message_is_one_line_that_prints(database: str, tmp_path: Path) -> None:
    feed = Feed('SELECT id, 1 / 0 + "a\x1b[2J" AS value FROM item')
    command = Command(tmp_path, database, {"items": feed})
    done = starts.run(command.arguments("check"), timeout=60)
    assert done.returncode == 2
    assert "\x1b" not in done.stdout + done.stderr


_LONG = "a_schema_whose_name_is_long_enough_for_it"


@pytest.mark.parametrize(
    ("one", "another"),
    [
        # What a digest of eight digits gave, and a table that is called so.
        (("my_shop", "order"), ("my", "shop_order_8d22097d")),
        (("public", "a"), ("public", "a_0")),
        (("public", "a"), ("public", "a_pkey")),
        (("public", "a"), ("public", "a_0_pkey")),
        (("public", "a"), ("public", "a_version_id_seq")),
        (("a", "b_c"), ("a_b", "c")),
        (("a.b", "c"), ("a", "b.c")),
        # The first eight digits of their digests are the same.
        ((_LONG, "t55956"), (_LONG, "t158192")),
    ],
)
def test_two_tables_never_share_a_changelog(
    database: str, tmp_path: Path, one: tuple[str, str], another: tuple[str, str]
) -> None:
    for schema in {one[0], another[0]}:
        execute(database, f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)}")
    first, second = (".".join(map(quoted, table)) for table in (one, another))
    for number, table in enumerate((first, second)):
        execute(database, f"CREATE TABLE {table} (id int, value text, CONSTRAINT k{number} PRIMARY KEY (id))")
        execute(database, f"INSERT INTO {table} VALUES (1, 'a')")
    query = f"SELECT a.id, a.value, b.value AS other FROM {first} AS a LEFT JOIN {second} AS b USING (id)"
    feeds = Synced(
        tmp_path,
        database,
        schema="SELECT 1",
        feeds={"both": Feed(query), "second": Feed(f"SELECT id, value FROM {second}")},
    )
    feeds.sync()
    assert feeds.value("SELECT count(DISTINCT changelog) FROM cdc.source") == 2
    feeds.sync(f"UPDATE {second} SET value = 'b'")
    feeds.sync(f"UPDATE {first} SET value = 'c'", f"INSERT INTO {second} VALUES (2, 'd')")
    feeds.assert_equal_to_the_query()
