"""The numbers of `status` are exact, and no question reads a whole feed."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from cdc_daemon.insight import feeds as insight_feeds
from cdc_daemon.insight import sinks as insight_sinks
from cdc_daemon.insight.feeds import FeedStatus
from cdc_daemon.insight.sinks import SinkStatus
from cdc_daemon.insight.status import read_status
from cdc_daemon.pg.session import connect
from cdc_daemon.workers import control
from tests.support.command import execute
from tests.support.synced import Synced

pytestmark = [pytest.mark.any_server, pytest.mark.migrated]

SOURCE = """
CREATE TABLE item (id int PRIMARY KEY, code text, price numeric, note text);
INSERT INTO item SELECT n, 'c' || n, n + 0.50, '' FROM generate_series(1, 500) AS n;
"""


def status(feeds: Synced) -> FeedStatus:
    with connect(feeds.dsn) as session:
        (found,) = read_status(session, feeds.settings).feeds
    return found


def undelivered(feeds: Synced) -> tuple[int, bool]:
    """What the sink lacks, and whether this is a lower limit."""
    (sink,) = status(feeds).sinks
    return sink.undelivered, "undelivered" in sink.at_least


def stored(feeds: Synced, condition: str) -> object:
    return feeds.value(f"SELECT count(*) FROM cdc.feed_items WHERE {condition}")


@pytest.fixture
def feeds(database: str, tmp_path: Path) -> Synced:
    found = Synced(tmp_path, database, schema=SOURCE)
    found.sync()
    return found


def pass_without_delivery(feeds: Synced, *statements: str) -> None:
    execute(feeds.dsn, *statements)
    with feeds.feed_sync() as sync:
        sync.run_pass()
        while sync.drain() is not None:
            pass


def test_documents_and_tombstones_are_counted_by_the_passes_that_write_them(feeds: Synced) -> None:
    chance = random.Random(24)  # noqa: S311 # no secret
    for _ in range(8):
        low = chance.randrange(1, 700)
        high = low + chance.randrange(200)
        added = f"INSERT INTO item SELECT n, 'n', 1, '' FROM generate_series({low}, {high}) AS n"
        changes = (
            f"DELETE FROM item WHERE id BETWEEN {low} AND {high}",
            f"{added} ON CONFLICT (id) DO UPDATE SET code = 'm'",
            f"UPDATE item SET id = -id WHERE id BETWEEN {low} AND {high}",
        )
        pass_without_delivery(feeds, chance.choice(changes))
        found = status(feeds)
        assert found.rows == stored(feeds, "NOT deleted")
        assert found.tombstones == stored(feeds, "deleted")


def test_a_forced_resync_and_a_full_snapshot_change_no_count(feeds: Synced) -> None:
    pass_without_delivery(feeds, "DELETE FROM item WHERE id <= 10")
    with feeds.feed_sync() as sync:
        sync.request({}, reason="asked for", force=True)
        while sync.drain() is not None:
            pass
    with connect(feeds.dsn) as session:
        control.replay_all(session, "file", "items")
    feeds.sync()
    assert (status(feeds).rows, status(feeds).tombstones) == (490, 10)
    pass_without_delivery(feeds, "DELETE FROM item WHERE id <= 20")
    assert (status(feeds).rows, status(feeds).tombstones) == (480, 20)


def test_counts_that_an_earlier_version_did_not_keep_are_unknown_until_the_next_pass(feeds: Synced) -> None:
    # It wrote a tombstone and a revision, and left the counts alone.
    execute(
        feeds.dsn,
        "UPDATE cdc.feed_state SET revision = nextval('cdc.feed_items_revision') WHERE feed = 'items'",
        "UPDATE cdc.feed_items SET deleted = true, document = NULL, hash = NULL WHERE id = 1",
    )
    assert status(feeds).rows is None
    pass_without_delivery(feeds)
    assert (status(feeds).rows, status(feeds).tombstones) == (499, 1)


def test_a_restored_database_keeps_its_counts(feeds: Synced) -> None:
    pass_without_delivery(feeds, "DELETE FROM item WHERE id <= 10")
    execute(feeds.dsn, "UPDATE cdc.feed_state SET incarnation = 'another'")
    feeds.sync()
    assert (status(feeds).rows, status(feeds).tombstones) == (490, 10)


def test_a_sink_lacks_each_document_once_however_often_it_changed(feeds: Synced) -> None:
    assert undelivered(feeds) == (0, False)
    for price in (1000, 2000, 3000):
        pass_without_delivery(feeds, f"UPDATE item SET price = {price} WHERE id <= 20")
    pass_without_delivery(feeds, "DELETE FROM item WHERE id IN (20, 21)")
    assert undelivered(feeds) == (21, False)
    feeds.sync()
    assert undelivered(feeds) == (0, False)


def test_what_a_scan_has_still_to_deliver_is_counted(feeds: Synced) -> None:
    pass_without_delivery(feeds, "UPDATE item SET code = 'x' WHERE id <= 300")
    # A sink that has fallen behind scans the stored feed, and has had the documents up to 100.
    execute(
        feeds.dsn,
        "UPDATE cdc.sink_state SET scan_key = '[\"100\"]',"
        " scan_until = (SELECT f.revision FROM cdc.feed_state AS f WHERE f.feed = 'items')",
    )
    pass_without_delivery(feeds, "UPDATE item SET code = 'y' WHERE id IN (50, 400)")
    assert undelivered(feeds) == (202, False)


def test_no_number_is_counted_beyond_a_limit(feeds: Synced, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (insight_feeds, insight_sinks):
        monkeypatch.setattr(module, "MOST_COUNTED", 5)
    pass_without_delivery(feeds, "UPDATE item SET code = 'x' WHERE id <= 300")
    for number in range(8):
        execute(feeds.dsn, f"UPDATE item SET code = 'y' WHERE id = {number}")
    execute(
        feeds.dsn,
        "INSERT INTO cdc.failed_item (sink, feed, id, key, revision, reason)"
        " SELECT 'file', 'items', n::text::bytea, to_jsonb(n), 1, 'x' FROM generate_series(1, 9) AS n",
    )
    found = status(feeds)
    (sink,) = found.sinks
    assert (found.unread, list(found.at_least)) == (5, ["unread"])
    assert found.lag_seconds is not None
    assert found.lag_seconds > 0
    assert sink.undelivered == sink.failed_items == sink.parked == 5
    assert list(sink.at_least) == ["undelivered", "failed_items", "parked"]


def test_a_status_reads_no_stored_feed_as_a_whole(feeds: Synced) -> None:
    pass_without_delivery(feeds, "UPDATE item SET code = 'x' WHERE id <= 3")
    execute(feeds.dsn, "ANALYZE")
    read = (
        "SELECT sum(seq_tup_read)::int8 FROM pg_stat_user_tables"
        " WHERE schemaname = 'cdc' AND relname LIKE 'feed_items%'"
    )
    feeds.await_statistics()
    before = feeds.value(read)
    assert undelivered(feeds) == (3, False)
    feeds.await_statistics()
    assert feeds.value(read) == before


def test_a_sink_that_fails_and_a_feed_that_stopped_tell_since_when_and_when_they_are_tried_again(
    feeds: Synced,
) -> None:
    execute(
        feeds.dsn,
        "UPDATE cdc.sink_state"
        " SET failure = 'down', failed_at = now(), retry_at = now() + interval '1 minute'",
    )
    sink: SinkStatus
    (sink,) = status(feeds).sinks
    assert sink.failed_at is not None
    assert sink.retry_at is not None
    assert (sink.retry_at - sink.failed_at).total_seconds() == 60


def test_a_pause_tells_who_paused_and_why(feeds: Synced) -> None:
    with connect(feeds.dsn) as session:
        control.pause(session, "file", None, reason="a move")
        user = session.info.user
    (pause,) = status(feeds).sinks[0].pauses
    assert (pause.role, pause.reason, pause.feed) == (user, "a move", None)
    assert pause.os_user
