"""`status` shows no lag that nobody has measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdc_daemon.insight.feeds import FeedStatus
from cdc_daemon.insight.status import read_status
from cdc_daemon.pg.session import connect
from tests.support.command import execute
from tests.support.synced import Synced

pytestmark = [pytest.mark.any_server, pytest.mark.migrated]


def status(feeds: Synced) -> FeedStatus:
    with connect(feeds.dsn) as session:
        (found,) = read_status(session, feeds.settings).feeds
    return found


@pytest.fixture
def feeds(database: str, tmp_path: Path) -> Synced:
    found = Synced(tmp_path, database)
    assert status(found).lag_seconds is None
    found.sync()
    assert (status(found).lag_seconds, status(found).lag_unknown) == (0.0, None)
    return found


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE item DISABLE TRIGGER cdc_capture_update",
        "DROP TRIGGER cdc_capture_insert ON item",
        "ALTER TABLE item ALTER COLUMN price TYPE numeric(10, 3) USING price * 2",
        "ALTER TABLE item RENAME TO former; CREATE TABLE item AS SELECT * FROM former",
        "ALTER TABLE item RENAME TO former",
    ],
)
def test_the_lag_is_unknown_after_a_change_that_capture_does_not_see(feeds: Synced, change: str) -> None:
    execute(feeds.dsn, change)
    found = status(feeds)
    assert found.lag_seconds is None
    assert found.lag_unknown


def test_the_lag_is_unknown_while_no_daemon_looks(feeds: Synced) -> None:
    execute(feeds.dsn, "UPDATE cdc.feed_state SET cursor_at = now() - interval '10 minutes'")
    assert "no daemon has looked at the feed for 60" in (status(feeds).lag_unknown or "")
    # Entries that nobody has read tell it all the same.
    execute(feeds.dsn, "UPDATE item SET price = 9 WHERE id = 1")
    assert (status(feeds).lag_seconds or 0) > 0
