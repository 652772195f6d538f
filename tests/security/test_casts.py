"""Keys of types that users made become text and come back without casts that their owner made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from psycopg import sql

from cdc_daemon.cli import main
from tests.security.attacker import Attacker, Session
from tests.support.command import Feed, execute
from tests.support.helper_session import Helpers, recompute_all
from tests.support.synced import Synced

pytestmark = pytest.mark.any_server

# The type, the columns that are the feed's key, and three values of the entity.
KINDS = {
    "an enum": ("mood", ("kind",), ("calm", "sad", 'an "odd\\ one, {so}')),
    "a domain": ("label", ("kind",), ("calm", "sad", 'an "odd\\ one, {so}')),
    "a composite type": ("place", ("id",), ("(1,a)", '(2,"b ""c"" \\\\ {,}")', "(3,c)")),
}
SCHEMA = """
DROP TABLE product, stock;
DROP TYPE mood;
CREATE TYPE mood AS ENUM ('calm', 'sad', 'an "odd\\ one, {so}');
CREATE DOMAIN label AS text;
CREATE TYPE place AS (x int, y text);
"""
FEED = Feed(
    "SELECT t.id, t.kind, t.amount, 100 / t.amount AS share,"
    " (SELECT sum(p.size) FROM part p WHERE p.kind = t.kind) AS size FROM thing t",
    options='entity = ["kind"]\naccept = ["foreign-code"]',
)


def call(feeds: Synced, *arguments: str) -> str:
    """What a command writes, run in this process: a process of its own takes a second to begin."""
    done = CliRunner().invoke(main, ["--config", str(feeds.config), *arguments])
    assert done.exit_code == 0, f"{arguments}: {done.output}"
    return done.output


@pytest.mark.parametrize("kind", KINDS)
def test_a_feed_lives_on_whatever_casts_the_owner_of_its_keys_type_makes(
    kind: str, database: str, shop: Session, attacker: Attacker, tmp_path: Path
) -> None:
    type_, key, values = KINDS[kind]
    shop.execute(SCHEMA.encode())
    shop.execute(f"CREATE TABLE thing (id int, kind {type_} PRIMARY KEY, amount int)".encode())
    shop.execute(f"CREATE TABLE part (id int PRIMARY KEY, kind {type_}, size int)".encode())
    for number, value in enumerate(values, start=1):
        shop.execute(
            sql.SQL(
                "INSERT INTO thing VALUES ({1}, {0}, {1}); INSERT INTO part VALUES ({1}, {0}, {1})"
            ).format(sql.Literal(value), sql.Literal(number))
        )
    shop.execute(sql.SQL("ALTER TYPE {} OWNER TO {}").format(*map(sql.Identifier, (type_, attacker.role))))
    attacker.plant("told", type_, "text", "'one text for all of them'")
    attacker.plant("told", f"{type_}[]", "text", "'one text for all of them'")
    attacker.plant("read_one", "text", type_, "NULL")
    attacker.plant("read_many", "text", f"{type_}[]", "NULL")
    attacker.session.execute(
        f"CREATE CAST ({type_} AS text) WITH FUNCTION told({type_}) AS ASSIGNMENT;"
        f"CREATE CAST ({type_}[] AS text) WITH FUNCTION told({type_}[]) AS ASSIGNMENT;"
        f"CREATE CAST (text AS {type_}) WITH FUNCTION read_one(text) AS ASSIGNMENT;"
        f"CREATE CAST (text AS {type_}[]) WITH FUNCTION read_many(text) AS ASSIGNMENT".encode()
    )
    feeds = Synced(tmp_path, database, schema="SELECT 1", feeds={"things": replace(FEED, key=key)})
    odd = f"{sql.Literal(values[2]).as_string()}::{type_}"

    feeds.sync()
    feeds.assert_equal_to_the_query()
    assert len(feeds.documents("things")) == 3
    for changes in (
        "UPDATE thing SET amount = amount + 1",
        f"UPDATE part SET size = 50 WHERE kind = {odd}",
        f"DELETE FROM thing WHERE kind = {odd}",
        f"INSERT INTO thing VALUES (3, {odd}, 7)",
    ):
        feeds.sync(changes)
        feeds.assert_equal_to_the_query()

    with Helpers(database) as helpers, feeds.feed_sync("things", helpers=helpers) as sync:
        recompute_all(sync)
    call(feeds, "resync", "things", "--force", "--wait")
    call(feeds, "resync", "things", "--by-key", f"kind={values[2]}", "--force", "--wait")
    feeds.sync()
    before = len(feeds.records("things"))
    call(
        feeds,
        "replay",
        "file",
        "--feed",
        "things",
        "--key",
        f"{key[0]}={values[2] if key == ('kind',) else 3}",
    )
    feeds.sync()
    assert [record["data"]["id"] for record in feeds.records("things")[before:]] == [3]

    feeds.sync(f"UPDATE thing SET amount = 0 WHERE kind = {odd}")
    assert "division by zero" in call(feeds, "failed", "things")
    feeds.sync("UPDATE thing SET amount = amount + 1 WHERE amount > 0")
    execute(
        database, "ALTER TABLE thing DISABLE TRIGGER USER", "UPDATE thing SET amount = 9 WHERE amount = 0"
    )
    execute(database, "ALTER TABLE thing ENABLE ALWAYS TRIGGER cdc_capture_update")
    call(feeds, "retry", "things")
    feeds.install()
    feeds.sync()
    feeds.assert_equal_to_the_query()
    assert call(feeds, "failed", "things").startswith("No failed")
    call(feeds, "plan", "things", "--explain")
    call(feeds, "estimate", "things")
    assert not attacker.ran()
    feeds.end_kept()
    call(feeds, "uninstall", "--yes")
