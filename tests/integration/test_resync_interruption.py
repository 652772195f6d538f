"""A requested resync can be paused, resumed and cancelled; a dry run tells what it would change."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from cdc_daemon.errors import FeedError
from cdc_daemon.insight.audit import read_acts
from cdc_daemon.insight.resyncs import ResyncPreview, ResyncStatus, preview_resync, read_resyncs
from cdc_daemon.pg.session import connect
from cdc_daemon.workers.planning import plan_feed
from cdc_daemon.workers.resync import Resync
from cdc_daemon.workers.resync_interruption import Interrupted, ResyncInterruption
from cdc_daemon.workers.sync import FeedSync
from tests.support.command import execute, key_of
from tests.support.synced import ITEMS, Synced

pytestmark = pytest.mark.migrated

STOP = threading.Event()
MANY = ITEMS + "INSERT INTO item SELECT n, 'c' || n, n, '' FROM generate_series(6, 300) AS n;"
FIFTY = "batch_entities = 50\nmax_pass_entities = 100"


@pytest.fixture
def feeds(database: str, tmp_path: Path) -> Synced:
    feeds = Synced(tmp_path, database, schema=MANY, daemon=FIFTY)
    feeds.sync()
    return feeds


def request(feeds: Synced, *, force: bool = True, where: dict[str, str] | None = None) -> int:
    with feeds.session() as session:
        return Resync(session, feeds.settings, "items", where=where or {}, force=force).request(STOP)


def interrupt(feeds: Synced, act: str, number: int | None = None) -> Interrupted:
    with connect(feeds.dsn) as session:
        interruption = ResyncInterruption(session, "items", number=number, web_user="ada")
        (done,) = getattr(interruption, act)(STOP)
    assert isinstance(done, Interrupted)
    return done


def latest(feeds: Synced) -> ResyncStatus:
    return resyncs(feeds)[0]


def resyncs(feeds: Synced) -> list[ResyncStatus]:
    with connect(feeds.dsn) as session:
        return read_resyncs(session, "items")


def preview(feeds: Synced, *, force: bool = False, sample: int | None = None, **where: str) -> ResyncPreview:
    with feeds.session() as session:
        plan = plan_feed(session, feeds.settings, "items")
        return preview_resync(session, feeds.settings, plan, where=where, force=force, sample=sample)


def drain(sync: FeedSync) -> int:
    """Recompute one chunk. Return its number of entities."""
    done = sync.drain()
    assert done is not None
    return done.entities


def delivered_again(feeds: Synced, before: int) -> set[object]:
    feeds.run_once()
    return {key_of(record)[0] for record in feeds.records("items")[before:]}


def test_a_paused_resync_is_left_out_until_it_is_resumed(feeds: Synced) -> None:
    before = len(feeds.records("items"))
    request(feeds)
    number = latest(feeds).number
    with feeds.feed_sync() as sync:
        assert drain(sync) == 50
    paused = interrupt(feeds, "pause")
    assert (paused.done, paused.entities) == (50, 300)
    assert (latest(feeds).state, latest(feeds).done, latest(feeds).interruptible) == ("paused", 50, True)
    (status,) = feeds.read_status().feeds
    assert (status.backlog, status.left_out) == (0, 250)
    # Fresh changes and large ones, which go to the backlog, go on.
    feeds.sync("UPDATE item SET price = price + 1 WHERE id > 100", "UPDATE item SET price = 0 WHERE id = 70")
    assert delivered_again(feeds, before) == {*range(1, 51), 70, *range(101, 301)}
    assert latest(feeds).state == "paused"
    again = len(feeds.records("items"))
    resumed = interrupt(feeds, "resume")
    assert (resumed.done, resumed.entities) == (50, 300)
    assert delivered_again(feeds, again) == set(range(51, 301))
    (finished,) = (each for each in resyncs(feeds) if each.number == number)
    assert (finished.state, finished.done, finished.entities) == ("finished", 300, 300)
    assert feeds.value("SELECT count(*) FROM cdc.backlog_items") == 0


def test_a_cancelled_resync_recomputes_nothing_more_and_its_entities_go(feeds: Synced) -> None:
    before = len(feeds.records("items"))
    request(feeds)
    with feeds.feed_sync() as sync:
        drain(sync)
    interrupt(feeds, "cancel")
    assert feeds.value("SELECT count(*) FROM cdc.backlog_items") == 0
    assert delivered_again(feeds, before) == set(range(1, 51))
    assert (latest(feeds).state, latest(feeds).done) == ("cancelled", 50)
    assert not latest(feeds).interruptible
    (status,) = feeds.read_status().feeds
    assert status.backlog == 0
    feeds.sync("UPDATE item SET price = 0")
    feeds.assert_in_step()
    with connect(feeds.dsn) as session:
        acts = read_acts(session, act="resync", user="ada")
    assert [(act.arguments, act.outcome) for act in acts] == [
        ({"cancel": True}, f"resync {latest_asked(feeds)}: 50 of 300 entities")
    ]


def latest_asked(feeds: Synced) -> int:
    return next(each.number for each in resyncs(feeds) if each.reason == "asked for")


def test_a_paused_resync_can_be_cancelled(feeds: Synced) -> None:
    before = len(feeds.records("items"))
    request(feeds)
    interrupt(feeds, "pause")
    assert interrupt(feeds, "cancel").done == 0
    assert delivered_again(feeds, before) == set()
    with pytest.raises(FeedError, match="no requested resync that is paused"):
        interrupt(feeds, "resume")


def test_a_resync_that_waits_behind_another_is_paused_before_its_turn(feeds: Synced) -> None:
    request(feeds, force=False)
    request(feeds, where={"id": "7"})
    request(feeds, where={"id": "8"})
    third, second, first = (each.number for each in resyncs(feeds)[:3])
    assert [each.state for each in resyncs(feeds)[:3]] == ["waiting", "waiting", "running"]
    interrupt(feeds, "pause", second)
    before = len(feeds.records("items"))
    with feeds.feed_sync() as sync:
        while drain(sync) == 50:
            pass
    assert {each.number: each.state for each in resyncs(feeds) if each.number in {first, second}} == {
        first: "running",  # until the daemon looks again
        second: "paused",
    }
    assert delivered_again(feeds, before) == {8}
    assert {each.number: each.state for each in resyncs(feeds)[:3]} == {
        first: "finished",
        second: "paused",
        third: "finished",
    }
    again = len(feeds.records("items"))
    interrupt(feeds, "resume", second)
    assert delivered_again(feeds, again) == {7}


def test_a_resync_that_is_resumed_before_its_turn_keeps_its_place(feeds: Synced) -> None:
    request(feeds, force=False)
    request(feeds, where={"id": "7"})
    second = resyncs(feeds)[0].number
    interrupt(feeds, "pause", second)
    resumed = interrupt(feeds, "resume", second)
    assert (resumed.done, resumed.entities) == (0, 1)
    before = len(feeds.records("items"))
    assert delivered_again(feeds, before) == {7}


def test_what_keeps_a_feed_right_can_not_be_interrupted(feeds: Synced) -> None:
    execute(
        feeds.dsn,
        "INSERT INTO cdc.failed_entity (feed, id, reason) VALUES ('items', sha256('x'), 'division by zero')",
    )
    request(feeds)  # it alone knows the entities that were unknown
    assert latest(feeds).reason == "entities found out"
    assert not latest(feeds).interruptible
    for act in ("pause", "cancel"):
        with pytest.raises(FeedError, match="no requested resync that is not finished"):
            interrupt(feeds, act)
    with connect(feeds.dsn) as session:
        failed = read_acts(session, act="resync", user="ada")[0]
    assert failed.outcome.startswith("failed:")


def test_who_waits_for_a_resync_is_told_that_it_was_cancelled(feeds: Synced) -> None:
    with feeds.session() as session:
        waiting = Resync(session, feeds.settings, "items", where={}, force=True)
        waiting.request(STOP)
        interrupt(feeds, "cancel")
        with pytest.raises(FeedError, match="was cancelled"):
            list(waiting.follow(STOP))


def test_a_running_resync_tells_its_pace_and_its_remaining_time(feeds: Synced) -> None:
    request(feeds)
    found = latest(feeds)
    assert (found.state, found.entities, found.done, found.force) == ("running", 300, 0, True)
    assert found.entities_per_second is not None  # of the first sync, in the last minutes
    assert found.remaining_seconds == pytest.approx(300 / found.entities_per_second, rel=0.1)
    assert [each.reason for each in resyncs(feeds)] == ["asked for", "first sync"]


def test_a_dry_run_tells_how_many_documents_would_differ_and_changes_nothing(feeds: Synced) -> None:
    execute(
        feeds.dsn,
        "UPDATE cdc.feed_items SET hash = 'x' WHERE id <= 3",
        "UPDATE cdc.feed_items SET document = '{}' WHERE id = 4",
        "DELETE FROM cdc.feed_items WHERE id = 5",
    )
    before = feeds.value("SELECT max(generation) FROM cdc.feed_state"), feeds.resyncs()
    found = preview(feeds)
    assert (found.entities, found.documents, found.differ, found.is_sample) == (300, 300, 4, False)
    assert found.kinds == {"different": 1, "missing": 1, "stale": 3}
    assert (found.delivered, preview(feeds, force=True).delivered) == (4, 300)
    assert preview(feeds, id="3").differ == 1
    assert preview(feeds, id="9").differ == 0
    some = preview(feeds, sample=20)
    assert (some.compared, some.documents, some.is_sample) == (20, 20, True)
    assert some.entities > 20
    with pytest.raises(FeedError, match="no document has id=999"):
        preview(feeds, id="999")
    with pytest.raises(FeedError, match="neither a key nor an entity column"):
        preview(feeds, price="1")
    assert (feeds.value("SELECT max(generation) FROM cdc.feed_state"), feeds.resyncs()) == before


def test_the_command_pauses_resumes_cancels_lists_and_previews(feeds: Synced) -> None:
    feeds.call("resync", "items", "--force")
    number = latest(feeds).number
    assert f"resync {number} paused, 0 of 300 entities done" in feeds.call("resync", "items", "--pause")
    assert f"resync {number}, asked for, forced: paused" in feeds.call("resync", "items", "--list")
    assert f"resync {number} resumed" in feeds.call("resync", "items", "--resume", "--number", str(number))
    assert f"resync {number} cancelled" in feeds.call("resync", "items", "--cancel")
    assert "0 documents would differ, of 300 compared" in feeds.call("resync", "items", "--dry-run")
    assert '"delivered": 300' in feeds.call("resync", "items", "--dry-run", "--force", "--json")
    feeds.call("resync", "items", "--cancel", code=2)  # there is none
    feeds.call("resync", "items", "--pause", "--cancel", code=2)
    feeds.call("resync", "items", "--pause", "--force", code=2)


def test_a_resync_that_fails_leaves_a_record_of_it(database: str, tmp_path: Path) -> None:
    feeds = Synced(tmp_path, database, schema=MANY)
    feeds.install()
    with pytest.raises(FeedError, match="had no first sync yet"):
        request(feeds)
    with pytest.raises(FeedError, match="neither a key nor an entity column"):
        request(feeds, where={"note": "x"})
    with feeds.session() as session:
        outcomes = [each.outcome for each in read_acts(session, act="resync", feed="items")]
    assert ["neither a key" in outcomes[0], "had no first sync" in outcomes[1]] == [True, True]
    assert all(outcome.startswith("failed: ") for outcome in outcomes)
