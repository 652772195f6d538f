"""An entity that can't be computed is set aside with its key and PostgreSQL's words; all others go on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from cdc_daemon.errors import FeedError
from cdc_daemon.feeds import isolation
from cdc_daemon.pg.session import connect
from cdc_daemon.workers import control
from tests.support.command import Feed, execute
from tests.support.synced import Synced

pytestmark = [pytest.mark.any_server, pytest.mark.migrated]

ITEMS = """
CREATE TABLE item (id int PRIMARY KEY, value text, other int NOT NULL DEFAULT 0);
INSERT INTO item SELECT n, n::text FROM generate_series(1, 300) AS n;
"""
AS_NUMBER = Feed("SELECT id, value::numeric AS value, other FROM item")


@dataclass(frozen=True)
class Kind:
    """A way in which one row makes the query fail.

    Attributes:
        more: made beside the table.
        expression: of `value`, which fails for the text `poison`.
    """

    status: str
    expression: str
    poison: str
    more: str = ""


RAISING = """
CREATE FUNCTION strict_value(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF $1 LIKE 'bad%' THEN RAISE EXCEPTION E'no value:\\n%', $1; END IF;
    RETURN $1;
END $$;
"""
DEEP = """
CREATE FUNCTION depth(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN CASE WHEN n > 0 THEN depth(n - 1) + 1 ELSE 0 END;
END $$;
"""
MANY = """
CREATE TABLE many (id int PRIMARY KEY, item text, v int);
INSERT INTO many VALUES (1, '9999', 1), (2, '9999', 2);
"""
CODED = """
CREATE FUNCTION coded(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF $1 = 'bad' THEN RAISE EXCEPTION 'mine' USING ERRCODE = 'ABC01'; END IF;
    RETURN $1;
END $$;
"""

KINDS = {
    "a cast": Kind("22P02", "value::int", "12 kg"),
    "a division by zero": Kind("22012", "100 / value::int", "0"),
    "a number out of range": Kind("22003", "value::int2", "70000"),
    "a numeric overflow": Kind("22003", "10::numeric ^ value::numeric", "200000"),
    "a date out of range": Kind("22008", "value::int + date '2000-01-01'", "2147483000"),
    "a regular expression": Kind("2201B", "'x' ~ value", "("),
    "half a surrogate pair that is decoded": Kind("22P02", "('\"' || value || '\"')::jsonb", r"\ud800"),
    "a NUL that is decoded": Kind("22P05", "('\"' || value || '\"')::jsonb", r"\u0000"),
    "a record from jsonb": Kind(
        "22P02", "(jsonb_populate_record(NULL::item, jsonb_build_object('other', value))).other", "x"
    ),
    "an array's dimensions": Kind("54000", "array_fill(0, ARRAY[value::int - 1])", "0"),
    "a function that raises": Kind("P0001", "strict_value(value)", "bad", RAISING),
    "an error code of one's own": Kind("ABC01", "coded(value)", "bad", CODED),
    "too deep a recursion": Kind("54001", "depth(value::int)", "10000000", DEEP),
    "a subquery of two rows": Kind(
        "21000", "(SELECT m.v FROM many AS m WHERE m.item = i.value)", "9999", MANY
    ),
    "a domain's check": Kind("23514", "value::low", "9999", "CREATE DOMAIN low AS int CHECK (VALUE < 1000);"),
    "a domain that is not null": Kind(
        "23502", "NULLIF(value, 'none')::there", "none", "CREATE DOMAIN there AS text NOT NULL;"
    ),
}


def failed(feeds: Synced) -> dict[str, str]:
    """Status by entity."""
    with connect(feeds.dsn) as connection:
        found = control.failed_entities(connection, list(feeds.feeds))
    return {",".join(each.entity or ()): str(each.status) for each in found}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_one_entity_that_fails_is_set_aside_and_recovers(database: str, tmp_path: Path, kind: Kind) -> None:
    feed = Feed(f"SELECT id, {kind.expression} AS made, other FROM item AS i", options="reads = []")
    feeds = Synced(tmp_path, database, schema=ITEMS + kind.more, feeds={"items": feed})
    feeds.sync()
    before = feeds.documents("items")
    poison = kind.poison.replace("'", "''")
    feeds.sync(f"UPDATE item SET value = CASE WHEN id = 77 THEN '{poison}' ELSE value END, other = 1")
    assert failed(feeds) == {"77": kind.status}
    found = feeds.documents("items")
    assert found[77,] == before[77,], "the last good document stays"
    assert {document["other"] for key, document in found.items() if key != (77,)} == {1}
    # What fails already keeps nothing back, alone or with others, and is no news.
    feeds.sync("UPDATE item SET other = 2 WHERE id IN (76, 77, 78)")
    assert [feeds.documents("items")[key,]["other"] for key in (76, 77, 78)] == [2, 0, 2]
    assert failed(feeds) == {"77": kind.status}
    feeds.sync("UPDATE item SET value = '77' WHERE id = 77")
    assert failed(feeds) == {}
    feeds.assert_equal_to_the_query()


def test_a_first_sync_and_a_resync_go_on_past_entities_that_fail(database: str, tmp_path: Path) -> None:
    bad = "UPDATE item SET value = 'x' WHERE id IN (1, 100, 101, 300)"
    feeds = Synced(
        tmp_path, database, schema=ITEMS + bad, feeds={"items": AS_NUMBER}, daemon="batch_entities = 50"
    )
    feeds.sync()
    assert set(failed(feeds)) == {"1", "100", "101", "300"}
    assert len(feeds.documents("items")) == 296
    feeds.call("resync", "items", "--force", "--wait")
    assert set(failed(feeds)) == {"1", "100", "101", "300"}
    feeds.sync("UPDATE item SET value = '0' WHERE value = 'x'")
    assert failed(feeds) == {}
    feeds.assert_equal_to_the_query()


def test_retry_tries_what_failed_and_nothing_else(database: str, tmp_path: Path) -> None:
    limit = "CREATE FUNCTION lim() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 250'"
    checked = Feed(
        "SELECT id, 1 / GREATEST(lim() - id, 0) AS made FROM item WHERE id IN (249, 250, 260)",
        options="reads = []",
    )
    feeds = Synced(tmp_path, database, schema=f"{ITEMS}{limit};", feeds={"items": checked})
    feeds.sync()
    assert failed(feeds) == {"250": "22012", "260": "22012"}
    assert feeds.call("retry", "items", "--key", "id=250") == "1 failed entity is due now.\n"
    feeds.sync()
    attempts = "SELECT string_agg(entity[1] || ' ' || attempts, ', ' ORDER BY id) FROM cdc.failed_entity"
    assert sorted(str(feeds.value(attempts)).split(", ")) == ["250 2", "260 1"]
    feeds.call("retry", "items", "--key", "id=3", code=1)


def test_a_resync_recovers_what_can_be_computed_again(database: str, tmp_path: Path) -> None:
    feeds = Synced(tmp_path, database, schema=ITEMS, feeds={"items": AS_NUMBER})
    feeds.sync("UPDATE item SET value = 'x' WHERE id IN (5, 6)")
    assert failed(feeds) == {"5": "22P02", "6": "22P02"}
    execute(database, "UPDATE item SET value = '5' WHERE id = 5")
    feeds.call("resync", "items", "--wait")
    assert failed(feeds) == {"6": "22P02"}


def test_status_counts_them_and_the_log_names_them(database: str, tmp_path: Path) -> None:
    feeds = Synced(tmp_path, database, schema=ITEMS, feeds={"items": AS_NUMBER})
    execute(database, "UPDATE item SET value = '12 kg' WHERE id = 77")
    running = feeds.start("run", "--once")
    place = running.await_event("entity_failed")
    event = running.events[place - 1]
    running.await_event("daemon_stopped")
    running.end()
    assert (event["entity"], event["status"]) == ({"id": "77"}, "22P02")
    assert event["reason"] == 'invalid input syntax for type numeric: "12 kg"'
    assert "failed entities 1" in feeds.call("status")
    assert feeds.status()["items"]["failed_entities"] == 1
    assert 'entity {"id":"77"}' in feeds.call("failed")
    [item] = json.loads(feeds.call("failed", "--json"))
    assert (item["sink"], item["key"], item["status"]) == (None, {"id": "77"}, "22P02")


def test_a_key_that_no_index_holds_is_set_aside(database: str, tmp_path: Path) -> None:
    by_value = Feed("SELECT value, other FROM item", ("value",))
    feeds = Synced(tmp_path, database, schema=ITEMS, feeds={"items": by_value})
    feeds.sync()
    long = "(SELECT string_agg(md5(n::text), '') FROM generate_series(1, 300) AS n)"
    feeds.sync(f"UPDATE item SET value = {long} WHERE id = 7", "UPDATE item SET other = 1 WHERE id = 8")
    assert list(failed(feeds).values()) == ["54000"]
    assert feeds.documents("items")["8",]["other"] == 1
    assert len(feeds.call("failed")) < 1000
    feeds.sync("UPDATE item SET value = 'short' WHERE id = 7")
    feeds.assert_equal_to_the_query()


def test_a_row_that_is_gone_is_no_failed_entity(database: str, tmp_path: Path) -> None:
    feeds = Synced(tmp_path, database, schema=ITEMS, feeds={"items": AS_NUMBER})
    feeds.sync("UPDATE item SET value = 'x' WHERE id = 5")
    feeds.sync("DELETE FROM item WHERE id = 5")
    assert failed(feeds) == {}
    feeds.assert_equal_to_the_query()


def test_a_query_that_fails_for_everything_stops_the_feed(database: str, tmp_path: Path) -> None:
    setting = "CREATE TABLE setting (id int PRIMARY KEY, divisor int); INSERT INTO setting VALUES (1, 1);"
    divided = Feed("SELECT i.id, i.other / s.divisor AS share FROM item i CROSS JOIN setting s")
    feeds = Synced(tmp_path, database, schema=ITEMS + setting, feeds={"items": divided})
    feeds.sync()
    with pytest.raises(FeedError, match=r"fails for every entity.*division by zero"):
        feeds.sync("UPDATE setting SET divisor = 0")
    assert failed(feeds) == {}
    feeds.sync("UPDATE setting SET divisor = 2")
    feeds.assert_equal_to_the_query()


def test_many_rows_that_fail_are_set_aside_while_others_can_be_computed(
    database: str, tmp_path: Path
) -> None:
    feeds = Synced(tmp_path, database, schema=ITEMS, feeds={"items": AS_NUMBER})
    feeds.sync()
    assert isolation.MANY_ALIKE < 150
    feeds.sync("UPDATE item SET value = 'x', other = 1 WHERE id <= 150")
    assert len(failed(feeds)) == 150
    feeds.sync("UPDATE item SET value = '1' WHERE id <= 150")
    assert failed(feeds) == {}
    feeds.assert_equal_to_the_query()


def test_an_error_that_is_of_no_row_blames_none(database: str, tmp_path: Path) -> None:
    feeds = Synced(tmp_path, database, schema=ITEMS, feeds={"items": AS_NUMBER})
    feeds.sync()
    with pytest.raises(FeedError):
        feeds.sync("UPDATE item SET other = 3 WHERE id = 3", "ALTER TABLE item DROP COLUMN value")
    assert feeds.value("SELECT count(*) FROM cdc.failed_entity") == 0


def test_an_entity_that_fails_holds_back_one_that_takes_its_key(database: str, tmp_path: Path) -> None:
    keyed = Feed("SELECT id, value, 1 / (5 - other) AS made FROM item", ("value",), 'entity = ["id"]')
    feeds = Synced(tmp_path, database, schema=ITEMS, feeds={"items": keyed})
    feeds.sync()
    # 1 fails, so nobody knows that it has given its key away; 2 wants the key.
    feeds.sync("UPDATE item SET value = 'new', other = 5 WHERE id = 1")
    feeds.sync("UPDATE item SET value = '1' WHERE id = 2")
    assert failed(feeds) == {"1": "22012", "2": "22012"}
    feeds.sync("UPDATE item SET other = 0 WHERE id = 1")
    assert failed(feeds) == {}
    feeds.assert_equal_to_the_query()
