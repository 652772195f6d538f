"""What is written into the changelog, and what a statement pays for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support.bed import Bed

pytestmark = [pytest.mark.any_server, pytest.mark.migrated]

Session = psycopg.Connection[tuple[Any, ...]]
Connect = Callable[..., Session]


@pytest.fixture
def shop(connect: Connect) -> Session:
    connection = connect()
    connection.execute(
        "CREATE TABLE item (id int PRIMARY KEY, code text, note text);"
        " INSERT INTO item SELECT n, 'c' || n FROM generate_series(1, 2500) AS n"
    )
    return connection


@pytest.fixture
def daemon(shop: Session, database: str, tmp_path: Path) -> Bed:
    daemon = Bed(tmp_path, database)
    daemon.add_feed("items", "SELECT id, code FROM item", key=["id"])
    daemon.install()
    return daemon


def entries(session: Session) -> list[tuple[Any, ...]]:
    """Rows, and how many links there are."""
    return session.execute(
        "SELECT rows, cardinality(id) FROM cdc.changelog_public_item ORDER BY version_id"
    ).fetchall()


def test_a_statement_writes_one_entry_however_many_rows_it_changes(daemon: Bed, shop: Session) -> None:
    shop.execute("UPDATE item SET code = code || '!' WHERE id <= 700")
    assert entries(shop) == [(700, 700)]
    daemon.assert_in_step()


def test_an_entry_never_holds_more_than_a_thousand_rows(daemon: Bed, shop: Session) -> None:
    shop.execute("UPDATE item SET code = code || '!'")
    assert entries(shop) == [(1000, 1000), (1000, 1000), (500, 500)]
    daemon.assert_in_step()


def test_changed_keys_are_logged_by_their_old_and_by_their_new_value(daemon: Bed, shop: Session) -> None:
    shop.execute("UPDATE item SET id = id + 5000 WHERE id <= 2")
    rows = shop.execute("SELECT unnest(id) FROM cdc.changelog_public_item").fetchall()
    assert sorted(rows) == [(1,), (2,), (5001,), (5002,)]
    daemon.assert_in_step()


def test_one_changed_key_is_logged_by_its_old_and_by_its_new_value(daemon: Bed, shop: Session) -> None:
    shop.execute("UPDATE item SET id = 5001 WHERE id = 1")
    assert shop.execute("SELECT rows, id FROM cdc.changelog_public_item").fetchall() == [(2, [1, 5001])]
    daemon.assert_in_step()


def test_an_update_of_one_row_is_pruned_also_without_a_primary_key(daemon: Bed, shop: Session) -> None:
    shop.execute("ALTER TABLE item DROP CONSTRAINT item_pkey")
    daemon.install()
    shop.execute("UPDATE item SET note = 'seen' WHERE id = 1")
    assert entries(shop) == []
    shop.execute("UPDATE item SET code = 'new' WHERE id = 1")
    assert entries(shop) == [(1, 1)]
    shop.execute("UPDATE item SET note = 'seen' WHERE id <= 2")
    assert entries(shop)[1:] == [(4, 4)]  # many can't be paired: old and new ones both
    daemon.assert_in_step()


def test_an_update_of_columns_that_no_feed_uses_writes_no_entry(daemon: Bed, shop: Session) -> None:
    shop.execute("UPDATE item SET note = 'seen'")
    assert entries(shop) == []
    shop.execute("UPDATE item SET note = 'seen', code = CASE id WHEN 7 THEN 'new' ELSE code END")
    assert entries(shop) == [(1, 1)]
    daemon.assert_in_step()


@pytest.mark.parametrize(
    "write",
    [
        "UPDATE item SET code = 'x' WHERE id < 0",
        "DELETE FROM item WHERE id < 0",
        "INSERT INTO item SELECT 1 WHERE false",
        "INSERT INTO item VALUES (1) ON CONFLICT DO NOTHING",
    ],
)
def test_a_statement_that_touches_no_row_writes_no_entry_and_its_trigger_takes_no_xid(
    write: str, daemon: Bed, shop: Session
) -> None:
    with shop.transaction():
        shop.execute(write.encode())
        xid = shop.execute("SELECT pg_current_xact_id_if_assigned()").fetchone()
    conflicting = "ON CONFLICT" in write  # speculative insertion: the statement itself may take one
    assert conflicting or xid == (None,)
    assert entries(shop) == []
    daemon.assert_in_step()


def test_no_statement_takes_a_subtransaction_of_its_own(daemon: Bed, shop: Session) -> None:
    def next_xid() -> int:
        row = shop.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint").fetchone()
        assert row is not None
        return int(row[0])

    # Others on this server take xids too: with one subtransaction a statement each of the ten rounds would
    # take 101, without them the quietest takes one or a few.
    taken: list[int] = []
    for round_ in range(10):
        before = next_xid()
        with shop.transaction():
            for number in range(100):
                shop.execute("UPDATE item SET code = %s WHERE id = 1", (f"{round_}-{number}",))
        taken.append(next_xid() - before)
    assert min(taken) < 100
    daemon.assert_in_step()


def test_truncate_writes_an_unknown_entry(daemon: Bed, shop: Session) -> None:
    daemon.assert_in_step()
    shop.execute("TRUNCATE item")
    assert entries(shop) == [(None, None)]
    daemon.assert_in_step()
    assert daemon.delivered_texts("items") == {}


@pytest.mark.parametrize(
    ("break_", "repair"),
    [
        ("ALTER TABLE item RENAME code TO label", "ALTER TABLE item RENAME label TO code"),
        ("ALTER TABLE item DROP COLUMN code", "ALTER TABLE item ADD COLUMN code text DEFAULT 'again'"),
        ("ALTER TABLE item RENAME id TO number", "ALTER TABLE item RENAME number TO id"),
    ],
)
def test_a_used_column_that_is_renamed_or_dropped_fails_no_write_and_leaves_an_unknown_entry(
    break_: str, repair: str, daemon: Bed, shop: Session
) -> None:
    daemon.assert_in_step()
    shop.execute(break_.encode())
    shop.execute("UPDATE item SET note = 'written' WHERE note IS NULL")
    assert entries(shop) == [(None, None)]
    shop.execute(repair.encode())
    daemon.assert_in_step()


def test_a_link_whose_type_grows_fails_no_write(daemon: Bed, shop: Session) -> None:
    daemon.assert_in_step()
    shop.execute("ALTER TABLE item ALTER COLUMN id TYPE bigint")
    shop.execute("INSERT INTO item VALUES (5000000000, 'large')")
    shop.execute("UPDATE item SET code = 'larger' WHERE id = 5000000000")
    assert (None, None) in entries(shop)
    # The stored feed keeps keys of the old type: the feed stops, or is made anew; writers notice nothing.
    shop.execute("DELETE FROM item WHERE id = 5000000000")
    shop.execute("UPDATE item SET code = 'small' WHERE id = 1")
    daemon.assert_in_step()
