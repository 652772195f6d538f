"""The events that docs/operating.md calls worth an alert come when their condition is made, and only then."""

from __future__ import annotations

import re
import threading
from io import StringIO
from pathlib import Path

import pytest

from cdc_daemon.errors import FeedError, SinkUnavailable
from cdc_daemon.insight.status import read_status
from tests.support.delivering import Delivering
from tests.support.logged import events, told

pytestmark = [pytest.mark.any_server, pytest.mark.migrated]

__all__ = ["told"]

ELSEWHERE = {
    "worker_given_up": "tests/unit/test_supervisor.py",
    "entity_failed": "tests/integration/test_sync_failed_entities.py",
    "feed_fell_behind": "tests/integration/test_sync_rotation.py",
    "database_lost": "tests/acceptance/test_faults.py",
    "database_reconnected": "tests/acceptance/test_faults.py",
    "target_lost": "tests/acceptance/test_rebirth.py",
    "sink_recovered": "tests/integration/test_delivery_recovery.py",
}
"""Alerts whose condition other tests make."""


def test_every_alert_that_is_documented_has_a_test_that_makes_its_condition() -> None:
    text = Path("docs/operating.md").read_text()
    paragraph = text[text.index("Events in the log worth an alert") :].split("\n\n", 1)[0]
    alerts = set(re.findall(r"`(\w+_\w+)`", paragraph.partition("for long")[0]))
    here = Path(__file__).read_text()
    for alert in alerts:
        assert f'"{alert}" in ' in here or alert in Path(ELSEWHERE[alert]).read_text(), alert


def test_a_document_that_is_refused_for_the_last_time_is_told(delivering: Delivering, told: StringIO) -> None:
    delivering.max_attempts = 1
    delivering.catch_up()
    assert "record_parked" not in events(told)
    delivering.sink.refused = {"sku7"}
    delivering.catch_up("UPDATE product SET name = 'b' WHERE id IN (7, 8)")
    assert "record_parked" in events(told)


def test_a_sink_that_takes_nothing_is_told_and_does_not_recover(
    delivering: Delivering, told: StringIO
) -> None:
    delivering.sink.is_down = True
    delivering.feed.catch_up(threading.Event())
    for worker in [delivering.worker()] * 4:
        with pytest.raises(SinkUnavailable):
            worker.catch_up(delivering.stop, patience_seconds=0)
    assert "sink_failed" in events(told)
    assert "sink_recovered" not in events(told)
    with delivering.session() as session:
        (sink,) = read_status(session, delivering.settings).feeds[0].sinks
    assert sink.attempts == 4
    assert sink.failed_at is not None
    assert sink.retry_at is not None
    assert sink.retry_at > sink.failed_at


def test_a_feed_whose_column_is_gone_is_told(delivering: Delivering, told: StringIO) -> None:
    delivering.catch_up()
    assert "feed_stopped" not in events(told)
    with pytest.raises(FeedError):
        delivering.catch_up("ALTER TABLE product RENAME COLUMN name TO title")
    assert "feed_stopped" in events(told)
