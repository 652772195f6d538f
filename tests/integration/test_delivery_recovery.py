"""A recovery is told when something works again, and not before; `last delivered` is when something was."""

from __future__ import annotations

import io
import threading

import pytest

from cdc_daemon.errors import SinkUnavailable
from cdc_daemon.workers import delivery
from tests.support.command import eventually
from tests.support.delivering import Delivering
from tests.support.logged import events, told

pytestmark = [pytest.mark.any_server, pytest.mark.migrated]

__all__ = ["told"]


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "LONGEST_PAUSE_SECONDS", 0.05)


def last_delivered(delivering: Delivering) -> tuple[object, ...]:
    return delivering.rows("SELECT delivered, delivered_at FROM cdc.sink_state")[0]


def superseded_page(delivering: Delivering) -> None:
    """Leave the sink, which is down, a page of which every entry is superseded, and one behind it."""
    delivering.sink.batch_records = 10
    for name in ("b", "c"):
        delivering.execute(f"UPDATE product SET name = '{name}' WHERE id <= 10")
        delivering.feed.catch_up(threading.Event())


def test_a_page_of_superseded_entries_is_neither_a_recovery_nor_a_delivery(
    delivering: Delivering, told: io.StringIO
) -> None:
    delivering.catch_up()
    before = last_delivered(delivering)
    ((delivered,),) = delivering.rows("SELECT revision FROM cdc.sink_state")
    delivering.sink.is_down = True
    superseded_page(delivering)
    worker, stop = delivering.worker(), threading.Event()
    running = threading.Thread(target=worker.run, args=(stop, lambda: None))
    running.start()
    try:
        eventually(
            "it is behind the superseded page",
            lambda: delivering.rows("SELECT revision FROM cdc.sink_state") == [(delivered + 10,)],
        )
        tries = len(delivering.sink.calls)
        eventually("it has tried the page behind it", lambda: len(delivering.sink.calls) > tries + 3)
        assert "sink_failed" in events(told)
        assert "sink_recovered" not in events(told)
        assert last_delivered(delivering) == before
        ((failure, attempts),) = delivering.rows("SELECT failure, attempts FROM cdc.sink_state")
        assert failure == "products: is down"
        assert attempts > 1
        delivering.sink.is_down = False
        eventually("it recovers", lambda: "sink_recovered" in events(told))
        assert last_delivered(delivering) > before
        assert events(told).count("sink_recovered") == 1
    finally:
        stop.set()
        delivering.wake_ups.wake_all()
        running.join(30)
    assert not running.is_alive()


def test_a_failed_item_that_is_taken_at_last_is_a_delivery(delivering: Delivering) -> None:
    delivering.sink.refused = {"sku7"}
    delivering.catch_up()
    count, moment = last_delivered(delivering)
    delivering.sink.refused = set()
    delivering.make_due()
    delivering.deliver()
    again, later = last_delivered(delivering)
    assert (count, again) == (49, 50)
    assert later > moment  # type: ignore[operator] # two moments


def test_a_sink_that_answers_again_and_refuses_has_no_old_failure_any_more(delivering: Delivering) -> None:
    delivering.sink.is_down = True
    with pytest.raises(SinkUnavailable):
        delivering.catch_up()
    delivering.sink.is_down, delivering.sink.refused = False, {f"sku{n}" for n in range(1, 51)}
    delivering.deliver()
    assert delivering.rows("SELECT failure, delivered, delivered_at FROM cdc.sink_state") == [(None, 0, None)]
