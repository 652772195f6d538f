"""What the query's names and types mean, and which keys hold, is noticed in the catalogue when it changes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from cdc_daemon.errors import DefinitionDiffers
from tests.support.command import Feed, execute
from tests.support.synced import Synced

pytestmark = [pytest.mark.any_server, pytest.mark.migrated]

ITEM = """
CREATE SCHEMA shop;
CREATE TABLE shop.item (id int PRIMARY KEY, code text);
INSERT INTO shop.item SELECT n, 'c' || n FROM generate_series(1, 5) AS n;
"""


@dataclass(frozen=True)
class Move:
    """A change of the catalogue that no trigger tells of.

    Attributes:
        query: the feed's, over `schema`.
        change: what happens while the daemon runs.
        told: how the log names it.
    """

    schema: str
    query: str
    change: str
    told: str


MOVES = {
    "a function overloaded by one that fits better": Move(
        ITEM + "CREATE FUNCTION shown(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT $1 $$;"
        "ALTER TABLE shop.item ALTER code TYPE varchar",
        "SELECT id, shown(code) AS code FROM shop.item",
        "CREATE FUNCTION shown(varchar) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT upper($1) $$",
        r"function public\.shown\(character varying\) is new",
    ),
    "a built-in function overloaded": Move(
        ITEM + "ALTER TABLE shop.item ALTER code TYPE varchar",
        "SELECT id, upper(code) AS code FROM shop.item",
        "CREATE FUNCTION upper(varchar) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT $1 || '!' $$",
        r"function public\.upper\(character varying\) is new",
    ),
    "an operator overloaded": Move(
        ITEM + "ALTER TABLE shop.item ALTER code TYPE varchar;"
        "CREATE FUNCTION joined(varchar, varchar) RETURNS text "
        "LANGUAGE sql IMMUTABLE AS $$ SELECT upper($1) $$",
        "SELECT id, code || code AS code FROM shop.item",
        "CREATE OPERATOR || (FUNCTION = joined, LEFTARG = varchar, RIGHTARG = varchar)",
        r"operator public\.\|\|",
    ),
    "a function replaced that another one calls": Move(
        ITEM + "CREATE FUNCTION deep(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT $1 $$;"
        "CREATE FUNCTION middle(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS "
        "$$ BEGIN RETURN public.deep($1); END $$;"
        "CREATE FUNCTION outer_(text) RETURNS text "
        "LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT middle($1); END;"
        "CREATE VIEW seen AS SELECT id, outer_(code) AS code FROM shop.item",
        "SELECT id, code FROM seen",
        "CREATE OR REPLACE FUNCTION deep(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT $1 || '!' $$",
        r"function public\.deep\(text\) was changed",
    ),
    "a function replaced that an operator's function calls": Move(
        ITEM + "CREATE FUNCTION inner_(text, text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT $1 $$;"
        "CREATE FUNCTION joined(text, text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS "
        "$$ BEGIN RETURN public.inner_($1,$2); END $$;"
        "CREATE OPERATOR <%> (FUNCTION = joined, LEFTARG = text, RIGHTARG = text)",
        "SELECT id, code <%> 'x' AS code FROM shop.item",
        "CREATE OR REPLACE FUNCTION inner_(text, text) RETURNS text LANGUAGE sql IMMUTABLE "
        "AS $$ SELECT $2 $$",
        r"function public\.inner_\(text,text\) was changed",
    ),
    "a text search configuration that takes another dictionary": Move(
        ITEM + "CREATE TEXT SEARCH CONFIGURATION words (COPY = simple);"
        "UPDATE shop.item SET code = 'running dogs'",
        "SELECT id, to_tsvector('public.words', code)::text AS words FROM shop.item",
        "ALTER TEXT SEARCH CONFIGURATION words ALTER MAPPING FOR asciiword WITH english_stem",
        r"text search configuration public\.words was changed",
    ),
    "an enum label renamed behind an array": Move(
        "CREATE TYPE mood AS ENUM ('good', 'bad');"
        "CREATE TABLE item (id int PRIMARY KEY, moods mood[]);"
        "INSERT INTO item SELECT n, '{good,bad}' FROM generate_series(1, 5) AS n",
        "SELECT id, moods FROM item",
        "ALTER TYPE mood RENAME VALUE 'good' TO 'fine'",
        r"type public\.mood was changed",
    ),
    "an enum label renamed behind a domain over an array": Move(
        "CREATE TYPE mood AS ENUM ('good', 'bad'); CREATE DOMAIN moods AS mood[];"
        "CREATE TABLE item (id int PRIMARY KEY, moods moods);"
        "INSERT INTO item SELECT n, '{good,bad}' FROM generate_series(1, 5) AS n",
        "SELECT id, moods FROM item",
        "ALTER TYPE mood RENAME VALUE 'good' TO 'fine'",
        r"type public\.mood was changed",
    ),
    "an attribute of a composite type renamed": Move(
        "CREATE TYPE size AS (width int, height int);"
        "CREATE TABLE item (id int PRIMARY KEY, size size);"
        "INSERT INTO item SELECT n, (n, n)::size FROM generate_series(1, 5) AS n",
        "SELECT id, size FROM item",
        "ALTER TYPE size RENAME ATTRIBUTE width TO breadth",
        r"type public\.size was changed",
    ),
    "an attribute added to a composite in an array in a composite": Move(
        "CREATE TYPE size AS (width int, height int); CREATE DOMAIN sized AS size;"
        "CREATE TYPE crate AS (name text, sizes sized[]);"
        "CREATE TABLE item (id int PRIMARY KEY, box crate);"
        "INSERT INTO item SELECT n, ('b', ARRAY[(n, n)::sized])::crate FROM generate_series(1, 5) AS n",
        "SELECT id, box FROM item",
        "ALTER TYPE size RENAME ATTRIBUTE height TO depth",
        r"type public\.size was changed",
    ),
    "an enum label renamed in the bounds of a range": Move(
        "CREATE TYPE mood AS ENUM ('good', 'bad'); CREATE TYPE moods AS RANGE (subtype = mood);"
        "CREATE TABLE item (id int PRIMARY KEY, moods moods);"
        "INSERT INTO item SELECT n, '[good,bad]' FROM generate_series(1, 5) AS n",
        "SELECT id, moods FROM item",
        "ALTER TYPE mood RENAME VALUE 'good' TO 'fine'",
        r"type public\.mood was changed",
    ),
    "a composite type that a function returns": Move(
        ITEM + "CREATE TYPE size AS (width int, height int);"
        "CREATE FUNCTION sized(int) RETURNS size LANGUAGE sql IMMUTABLE AS $$ SELECT $1, $1 $$",
        "SELECT id, sized(id) AS size FROM shop.item",
        "ALTER TYPE size RENAME ATTRIBUTE width TO breadth",
        r"type public\.size was changed",
    ),
    "a label renamed of an enum that is the key": Move(
        "CREATE TYPE mood AS ENUM ('good', 'bad');"
        "CREATE TABLE item (id mood PRIMARY KEY, note text);"
        "INSERT INTO item VALUES ('good', ''), ('bad', '\\u0000 is no escape \\')",
        "SELECT id, to_json(note) AS note FROM item",
        "ALTER TYPE mood RENAME VALUE 'good' TO 'fine'; ALTER TYPE mood RENAME VALUE 'bad' TO 'w\"orse'",
        r"type public\.mood was changed",
    ),
    "a label renamed of an enum below the domain that is the key": Move(
        "CREATE TYPE mood AS ENUM ('good', 'bad');"
        "CREATE DOMAIN feeling AS mood; CREATE DOMAIN felt AS feeling;"
        "CREATE TABLE item (id int PRIMARY KEY, felt felt, n int);"
        "INSERT INTO item VALUES (1, 'good', 1), (2, 'bad', 2), (3, 'good', 3)",
        "SELECT felt AS id, sum(n) AS n FROM item GROUP BY felt",
        "ALTER TYPE mood RENAME VALUE 'good' TO 'fine'",
        r"type public\.mood was changed",
    ),
    "a column added to a table whose row is a value": Move(
        "CREATE TABLE size (width int, height int);"
        "CREATE TABLE item (id int PRIMARY KEY, sizes size[]);"
        "INSERT INTO item SELECT n, ARRAY[(n, n)::size] FROM generate_series(1, 5) AS n",
        "SELECT id, sizes FROM item",
        "ALTER TABLE size ADD COLUMN depth int",
        r"type public\.size was changed",
    ),
}


@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES.keys())
def test_what_the_query_means_is_noticed_at_the_next_pass_and_healed_by_a_restart(
    database: str, tmp_path: Path, move: Move
) -> None:
    feeds = Synced(tmp_path, database, schema=move.schema, feeds={"items": Feed(move.query)})
    feeds.sync()
    with feeds.feed_sync() as running:
        execute(database, move.change)
        with pytest.raises(DefinitionDiffers, match=move.told):
            running.run_pass()
    assert feeds.delivered_by()
    feeds.assert_equal_to_the_query()


@pytest.mark.parametrize("early", ["early", '"Early, too"'])
def test_a_new_table_that_shadows_one_of_the_query_is_noticed_though_its_schema_is_new(
    database: str, tmp_path: Path, early: str
) -> None:
    feeds = Synced(
        tmp_path,
        database,
        schema=ITEM,
        feeds={"items": Feed("SELECT id, code FROM item")},
        database=f"search_path = '{early}, shop'",
    )
    feeds.sync()
    with feeds.feed_sync() as running:
        execute(
            database,
            f"CREATE SCHEMA {early}",
            f"CREATE TABLE {early}.item AS SELECT id, code || '!' AS code FROM shop.item",
        )
        with pytest.raises(DefinitionDiffers, match=r"relation .*\.item is new"):
            running.run_pass()


KEYED = """
CREATE TABLE maker (code text UNIQUE, note text, label text NOT NULL, PRIMARY KEY (label));
CREATE TABLE item (id int PRIMARY KEY, maker text REFERENCES maker (code), label text);
INSERT INTO maker SELECT 'm' || n, '', 'l' || n FROM generate_series(1, 3) AS n;
INSERT INTO item SELECT n, 'm' || n, 'l' || n FROM generate_series(1, 3) AS n;
"""
JOINED = Feed("SELECT i.id, m.note FROM item AS i LEFT JOIN maker AS m ON m.code = i.maker")


@pytest.mark.parametrize(
    ("drop", "told"),
    [
        ("ALTER TABLE item DROP CONSTRAINT item_maker_fkey", r"foreign key of table public\.item"),
        ("ALTER TABLE maker DROP CONSTRAINT maker_code_key CASCADE", r"unique key of table public\.maker"),
        ("ALTER TABLE item DROP CONSTRAINT item_pkey", "table public.item"),
    ],
)
def test_a_key_that_was_dropped_is_noticed(database: str, tmp_path: Path, drop: str, told: str) -> None:
    feeds = Synced(tmp_path, database, schema=KEYED, feeds={"items": JOINED})
    feeds.sync()
    with feeds.feed_sync() as running:
        execute(database, drop)
        with pytest.raises(DefinitionDiffers, match=told):
            running.run_pass()


def test_a_key_that_is_new_or_built_anew_causes_no_resync(database: str, tmp_path: Path) -> None:
    feeds = Synced(tmp_path, database, schema=KEYED, feeds={"items": JOINED})
    feeds.sync()
    before = feeds.resyncs()
    with feeds.feed_sync() as running:
        execute(database, "CREATE UNIQUE INDEX ON maker (note, code)")
        execute(database, "REINDEX INDEX CONCURRENTLY maker_code_key")
        assert running.run_pass() is not None
    feeds.sync()
    assert feeds.resyncs() == before


def test_the_log_names_what_was_changed_renamed_and_dropped(database: str, tmp_path: Path) -> None:
    feeds = Synced(tmp_path, database)
    feeds.sync()
    with feeds.feed_sync() as running:
        execute(
            database,
            "CREATE TABLE item_new (LIKE item INCLUDING ALL)",
            "ALTER TABLE item RENAME TO item_old",
            "ALTER TABLE item_new RENAME TO item",
        )
        with pytest.raises(DefinitionDiffers) as raised:
            running.run_pass()
    assert "table public.item is now public.item_old" in str(raised.value)
    assert "relation public.item is new" in str(raised.value)


def test_an_install_that_replaces_a_capture_function_changes_no_code_of_the_query(
    database: str, tmp_path: Path
) -> None:
    feeds = Synced(tmp_path, database)
    feeds.sync()
    assert (
        feeds.value(
            "SELECT count(*) FROM jsonb_object_keys((SELECT fingerprint_parts FROM cdc.feed_state)) k"
            " WHERE k LIKE 'function %'"
        )
        == 0
    )
