"""The verification in the background finds differences, keeps its place, and tells its coverage."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import pytest

from cdc_daemon.cli.status_text import lines
from cdc_daemon.insight.coverage import Coverage, read_coverage
from cdc_daemon.insight.status import Status, read_status
from cdc_daemon.pg.pool import Pool
from cdc_daemon.pg.session import connect
from cdc_daemon.workers.registry import Registry
from cdc_daemon.workers.verifier import Verifier
from tests.support.command import FILE_SINK, eventually, execute
from tests.support.synced import ITEMS, Synced

pytestmark = pytest.mark.any_server

POSTGRES_SINK = '\n[sinks.copy]\ntype = "postgres"\ndsn = "{dsn}"\ntable = "copy_of_{{feed}}"\n'


@pytest.fixture
def feeds(database: str, tmp_path: Path) -> Iterator[Synced]:
    sinks = FILE_SINK + POSTGRES_SINK.format(dsn=database)
    synced = Synced(tmp_path, database, schema=ITEMS.replace("(1, 5)", "(1, 40)"), sinks=sinks)
    synced.sync()
    yield synced
    synced.close()


@contextmanager
def verifying(feeds: Synced, documents_per_second: float) -> Iterator[None]:
    """A verifier at work."""
    settings = feeds.settings
    registry = Registry(settings, feeds.dsn)
    with connect(feeds.dsn) as session:
        registry.plan_and_install(session, "items")
    stop = threading.Event()
    with closing(Pool(partial(connect, feeds.dsn), 2)) as pool:
        verifier = Verifier(
            pool=pool,
            feeds=["items"],
            planned=registry.planned,
            deliveries=[(name, "items", partial(each.open, name)) for name, each in settings.sinks.items()],
            documents_per_second=documents_per_second,
            rest_seconds=0.0,
        )
        thread = threading.Thread(target=verifier.run, args=(stop, lambda: None))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


def coverage(feeds: Synced) -> dict[str | None, Coverage]:
    with connect(feeds.dsn) as session:
        return {each.sink: each for each in read_coverage(session)}


def feeds_status(feeds: Synced) -> Status:
    with connect(feeds.dsn) as session:
        return read_status(session, feeds.settings)


def has_found(feeds: Synced, sink: str | None, differences: int) -> bool:
    found = coverage(feeds).get(sink)
    return found is not None and found.last_documents == 40 and found.last_differences == differences


def test_rounds_over_feeds_and_receivers_find_what_differs(feeds: Synced) -> None:
    with verifying(feeds, 100_000):
        eventually("nothing differs", lambda: has_found(feeds, None, 0) and has_found(feeds, "copy", 0))
        execute(
            feeds.dsn,
            "UPDATE cdc.feed_items SET document = '{}' WHERE id = 3",
            "UPDATE copy_of_items SET document = '{}' WHERE key @> '{\"id\": 7}'",
        )
        # In the copy, 3 differs from what is stored now, and 7 was changed.
        eventually("the stored one", lambda: has_found(feeds, None, 1))
        eventually("those of the receiver", lambda: has_found(feeds, "copy", 2))
    found = coverage(feeds)
    assert set(found) == {None, "copy"}  # the file is a log, which only the command reads
    assert (found[None].last_seconds or 0) > 0
    shown = "\n".join(lines(feeds_status(feeds)))
    assert "all documents of items verified within 0:00:" in shown
    assert "all documents of items in the receiver of copy verified within" in shown


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
