"""The verification in the background finds differences, keeps its place, and tells its coverage."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from cdc_daemon import log
from cdc_daemon.cli.status_text import lines
from cdc_daemon.insight.status import Status, read_status
from cdc_daemon.pg.session import connect
from tests.support.command import FILE_SINK, eventually, execute
from tests.support.logged import events, told
from tests.support.synced import ITEMS, Synced
from tests.support.verifying import coverage, has_found, verifying

__all__ = ["told"]

pytestmark = [pytest.mark.any_server, pytest.mark.migrated]

POSTGRES_SINK = '\n[sinks.copy]\ntype = "postgres"\ndsn = "{dsn}"\ntable = "copy_of_{{feed}}"\n'


@pytest.fixture
def feeds(database: str, tmp_path: Path) -> Iterator[Synced]:
    sinks = FILE_SINK + POSTGRES_SINK.format(dsn=database)
    synced = Synced(tmp_path, database, schema=ITEMS.replace("(1, 5)", "(1, 40)"), sinks=sinks)
    synced.sync()
    yield synced
    synced.close()


def feeds_status(feeds: Synced) -> Status:
    with connect(feeds.dsn) as session:
        return read_status(session, feeds.settings)


def test_rounds_over_feeds_and_receivers_find_what_differs(feeds: Synced) -> None:
    with verifying(feeds, 100_000):
        eventually(
            "nothing differs", lambda: all(has_found(feeds, each, 0) for each in (None, "copy", "file"))
        )
        execute(
            feeds.dsn,
            "UPDATE cdc.feed_items SET document = '{}' WHERE id = 3",
            "UPDATE copy_of_items SET document = '{}' WHERE key @> '{\"id\": 7}'",
        )
        # In the copy, 3 differs from what is stored now, and 7 was changed.
        eventually("the stored one", lambda: has_found(feeds, None, 1))
        eventually("those of the receiver", lambda: has_found(feeds, "copy", 2))
    found = coverage(feeds)
    assert set(found) == {None, "copy", "file"}
    assert (found[None].last_seconds or 0) > 0
    shown = "\n".join(lines(feeds_status(feeds)))
    assert "all documents of items verified within 0:00:" in shown
    assert "all documents of items in the receiver of copy verified within" in shown


def test_a_log_is_verified_while_it_grows_and_no_document_differs(feeds: Synced, told: io.StringIO) -> None:
    with verifying(feeds, 400):  # a round over the file takes longer than a delivery
        for number in range(8):
            some = f"id % 7 = {number % 7}"
            feeds.sync(
                f"UPDATE item SET code = '{number}' WHERE {some}", f"DELETE FROM item WHERE id = {number}"
            )
        eventually("the last state", lambda: has_found(feeds, "file", 0, documents=33))
    assert "documents_verified" in events(told)
    assert "documents_differ" not in events(told)


def test_a_file_without_its_beginning_misses_nothing(feeds: Synced, tmp_path: Path) -> None:
    """As after logrotate with `olddir`, or when old files were removed."""
    file = next(tmp_path.rglob("items*.ndjson"))
    with verifying(feeds, 100_000):
        eventually("nothing differs", lambda: has_found(feeds, "file", 0))
        file.rename(file.with_suffix(".1"))
        feeds.sync("UPDATE item SET code = 'new' WHERE id = 1")
        rounds = coverage(feeds)["file"].finished_at
        eventually("another round", lambda: coverage(feeds)["file"].finished_at != rounds)
        eventually("nothing differs", lambda: has_found(feeds, "file", 0))


def test_a_locked_table_is_no_failure_and_its_turn_comes(feeds: Synced, told: io.StringIO) -> None:
    log.configure("debug", "json", told)
    with psycopg.connect(feeds.dsn) as writer, verifying(feeds, 100_000):
        eventually("nothing differs", lambda: has_found(feeds, None, 0))
        writer.execute("LOCK TABLE item IN ACCESS EXCLUSIVE MODE")
        eventually("it waits", lambda: "verification_waits" in events(told), seconds=60)
        assert coverage(feeds)[None].failure is None
        writer.rollback()
        rounds = coverage(feeds)[None].finished_at
        eventually("its turn", lambda: coverage(feeds)[None].finished_at != rounds)
    assert "verification_failed" not in events(told)


def test_status_says_what_is_not_verified_and_why(feeds: Synced) -> None:
    with feeds.config.open("a") as file:
        file.write("\n[verify]\ndocuments_per_second = 5\nrecords_per_second = 0\n")
    found = coverage(feeds)
    assert found["file"].not_covered == "[verify] records_per_second is 0"
    assert "copy" not in found
    shown = "\n".join(lines(feeds_status(feeds)))
    assert (
        "documents of items in the receiver of file are not verified in the background: "
        "[verify] records_per_second is 0"
    ) in shown


def test_a_round_goes_on_after_a_restart(feeds: Synced) -> None:
    with verifying(feeds, 10):
        eventually("some documents", lambda: bool(coverage(feeds) and coverage(feeds)[None].documents >= 10))
    before = coverage(feeds)[None]
    assert before.finished_at is None
    assert before.began_at is not None
    with verifying(feeds, 100_000):
        eventually("the rest", lambda: has_found(feeds, None, 0))
    # Without a place of its own the round would have counted the first documents twice.
    assert coverage(feeds)[None].last_documents == 40


def test_a_receiver_that_can_not_be_read_keeps_no_feed_from_it(feeds: Synced) -> None:
    execute(feeds.dsn, "ALTER TABLE copy_of_items RENAME COLUMN document TO other")
    with verifying(feeds, 100_000):
        eventually("the reason", lambda: "copy" in coverage(feeds) and bool(coverage(feeds)["copy"].failure))
        eventually("the feed", lambda: has_found(feeds, None, 0))
        execute(feeds.dsn, "ALTER TABLE copy_of_items RENAME COLUMN other TO document")
        eventually("the receiver", lambda: has_found(feeds, "copy", 0))
    assert coverage(feeds)["copy"].failure is None
