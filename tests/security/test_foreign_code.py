"""A role that owns code which a feed runs can't have it run with the daemon's rights unseen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from cdc_daemon.errors import CdcError
from tests.support.command import Feed, execute
from tests.support.synced import Synced

# What the stranger's code does: it leaves the name of the role that ran it.
SCHEMA = """
CREATE TABLE item (id int PRIMARY KEY, code text, price numeric);
INSERT INTO item VALUES (1, 'a', 1), (2, 'b', 2);
CREATE SCHEMA stranger AUTHORIZATION {stranger};
GRANT SELECT ON item TO {stranger};
SET ROLE {stranger};
CREATE TABLE stranger.ran (by text);
GRANT USAGE ON SCHEMA stranger TO PUBLIC;
GRANT INSERT ON stranger.ran TO PUBLIC;
CREATE FUNCTION stranger.attack(text) RETURNS text LANGUAGE plpgsql IMMUTABLE
    AS 'BEGIN INSERT INTO stranger.ran VALUES (current_user); RETURN $1; END';
CREATE FUNCTION stranger.checked(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE
    AS 'BEGIN PERFORM stranger.attack($1); RETURN true; END';
CREATE VIEW stranger.goods AS SELECT i.id, i.code, i.price FROM public.item AS i;
CREATE FUNCTION stranger.shown(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE TYPE stranger.mood AS ENUM ('good', 'bad');
CREATE DOMAIN stranger.name AS text;
RESET ROLE;
CREATE TABLE felt (id int PRIMARY KEY, mood stranger.mood, name stranger.name);
INSERT INTO felt VALUES (1, 'good', 'a'), (2, 'bad', 'b');
CREATE VIEW goods AS SELECT i.id, i.code, i.price FROM item AS i;
CREATE FUNCTION shown(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE FUNCTION outer_shown(text) RETURNS text LANGUAGE plpgsql IMMUTABLE
    AS 'BEGIN RETURN public.shown($1); END';
"""


@pytest.fixture
def stranger(database: str) -> Iterator[str]:
    """A role that may do nothing but in a schema of its own, which `SCHEMA` makes."""
    role = f"stranger_{uuid4().hex[:8]}"  # roles are the server's
    with psycopg.connect(database, autocommit=True) as connection:
        name = sql.Identifier(role)
        connection.execute(sql.SQL("CREATE ROLE {}").format(name))
        connection.execute(SCHEMA.format(stranger=role).encode())
        yield role
        connection.execute(sql.SQL("DROP OWNED BY {} CASCADE; DROP ROLE {}").format(name, name))


ACCEPTED = 'accept = ["foreign-code", "star"]'

# What the feed is, what is made of it, as the stranger if that is told, and what the message names.
CASES = {
    "a view that is given to the stranger, who replaces it": (
        Feed("SELECT id, code FROM goods"),
        (
            "ALTER VIEW goods OWNER TO {stranger}; SET ROLE {stranger};"
            "CREATE OR REPLACE VIEW goods AS"
            " SELECT i.id, stranger.attack(i.code) AS code, i.price FROM public.item AS i"
        ),
        "view public.goods",
    ),
    "a function that is given to the stranger, who replaces it": (
        Feed("SELECT id, shown(code) AS code FROM item"),
        (
            "ALTER FUNCTION shown OWNER TO {stranger}; SET ROLE {stranger};"
            "CREATE OR REPLACE FUNCTION shown(text) RETURNS text LANGUAGE sql AS 'SELECT stranger.attack($1)'"
        ),
        "function public.shown(text)",
    ),
    "a function that a function of the query calls": (
        Feed("SELECT id, outer_shown(code) AS code FROM item"),
        (
            "ALTER FUNCTION shown OWNER TO {stranger}; SET ROLE {stranger};"
            "CREATE OR REPLACE FUNCTION shown(text) RETURNS text LANGUAGE sql AS 'SELECT stranger.attack($1)'"
        ),
        "function public.shown(text)",
    ),
    "a cast of the stranger's type": (
        Feed("SELECT id, mood FROM felt"),
        (
            "SET ROLE {stranger};"
            "CREATE FUNCTION stranger.as_json(stranger.mood) RETURNS json LANGUAGE sql"
            " AS 'SELECT to_json(stranger.attack(''x''))';"
            "CREATE CAST (stranger.mood AS json) WITH FUNCTION stranger.as_json(stranger.mood)"
        ),
        "function stranger.as_json(stranger.mood)",
    ),
    "a CHECK of the stranger's domain": (
        Feed("SELECT id, name, code::stranger.name AS code FROM felt JOIN item USING (id)"),
        (
            "SET ROLE {stranger};"
            "ALTER DOMAIN stranger.name ADD CONSTRAINT c CHECK (stranger.checked(VALUE)) NOT VALID"
        ),
        "domain stranger.name",
    ),
    "a view that was accepted and is replaced": (
        Feed("SELECT id, code FROM stranger.goods", options=ACCEPTED),
        (
            "SET ROLE {stranger}; CREATE OR REPLACE VIEW stranger.goods AS"
            " SELECT i.id, stranger.attack(i.code) AS code, i.price FROM public.item AS i"
        ),
        "view stranger.goods",
    ),
    "a function that was accepted and is replaced": (
        Feed("SELECT id, stranger.shown(code) AS code FROM item", options=ACCEPTED),
        (
            "SET ROLE {stranger}; CREATE OR REPLACE FUNCTION stranger.shown(text) RETURNS text LANGUAGE sql"
            " IMMUTABLE AS 'SELECT stranger.attack($1)'"
        ),
        "function stranger.shown(text)",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_change_by_a_stranger_stops_the_feed_before_it_runs(
    database: str, tmp_path: Path, stranger: str, case: str
) -> None:
    feed, attack, named = CASES[case]
    feeds = Synced(tmp_path, database, schema="SELECT 1", feeds={"items": feed})
    feeds.sync()
    before = feeds.records("items")
    # Replacing a view takes CREATE on its schema. If that stayed, the search path would be refused.
    execute(
        database,
        f"GRANT CREATE ON SCHEMA public TO {stranger}; {attack.format(stranger=stranger)}; RESET ROLE;"
        f"REVOKE CREATE ON SCHEMA public FROM {stranger}",
    )
    writes = ("UPDATE item SET price = price + 1, code = code || '!'", "UPDATE felt SET mood = 'good'")
    with pytest.raises(CdcError) as stopped:
        feeds.sync(*writes)
    assert named in str(stopped.value)
    assert stranger in str(stopped.value)
    assert named in str(feeds.reason("items"))
    assert feeds.records("items") == before
    assert feeds.value("SELECT count(*) FROM stranger.ran") == 0


def test_an_install_takes_the_accepted_code_as_it_is_now(
    database: str, tmp_path: Path, stranger: str
) -> None:
    feed = Feed("SELECT id, stranger.shown(code) AS code FROM item", options=ACCEPTED)
    feeds = Synced(tmp_path, database, schema="SELECT 1", feeds={"items": feed})
    feeds.sync()
    replaced = (
        f"SET ROLE {stranger}; CREATE OR REPLACE FUNCTION stranger.shown(text) RETURNS text LANGUAGE sql"
        " IMMUTABLE AS 'SELECT upper($1)'; RESET ROLE"
    )
    with pytest.raises(CdcError, match="cdc-daemon install"):
        feeds.sync(replaced)
    feeds.install()
    feeds.sync()
    feeds.assert_equal_to_the_query()
    assert [record["data"]["code"] for record in feeds.records("items")] == ["a", "b", "A", "B"]


def test_code_of_a_role_that_may_act_as_the_owner_of_a_source_table_is_no_strangers(
    database: str, tmp_path: Path, stranger: str
) -> None:
    execute(database, f"ALTER TABLE item OWNER TO {stranger}")
    feed = Feed("SELECT id, stranger.shown(code) AS code FROM item")
    feeds = Synced(tmp_path, database, schema="SELECT 1", feeds={"items": feed})
    feeds.sync(
        f"SET ROLE {stranger}; CREATE OR REPLACE FUNCTION stranger.shown(text) RETURNS text LANGUAGE sql"
        " IMMUTABLE AS 'SELECT upper($1)'; RESET ROLE"
    )
    feeds.assert_equal_to_the_query()


def test_a_capture_function_that_code_names_is_no_strangers(
    database: str, tmp_path: Path, stranger: str
) -> None:
    execute(
        database,
        f"SET ROLE {stranger}; CREATE OR REPLACE FUNCTION stranger.shown(text) RETURNS text LANGUAGE plpgsql"
        " IMMUTABLE AS 'BEGIN IF false THEN PERFORM cdc.capture_public_item(); END IF; RETURN $1; END'",
    )
    feed = Feed("SELECT id, stranger.shown(code) AS code FROM item", options=ACCEPTED)
    feeds = Synced(tmp_path, database, schema="SELECT 1", feeds={"items": feed})
    feeds.sync()
    # Another feed of the table replaces the capture function.
    feeds.feeds["prices"] = Feed("SELECT id, price FROM item")
    feeds.configure()
    feeds.install()
    feeds.sync("UPDATE item SET code = code || '!', price = price + 1")
    feeds.assert_equal_to_the_query()
