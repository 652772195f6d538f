"""`_refresh_at` and a running daemon: it wakes for what is due, and tells how long that has been so."""

from __future__ import annotations

import time

import pytest

from cdc_daemon.workers import watcher
from tests.support.command import eventually, execute
from tests.support.synced import Synced
from tests.support.timed_shop import let_an_hour_pass, price, rule, shop, times, watching

__all__ = ["shop"]

pytestmark = [pytest.mark.any_server, pytest.mark.migrated]


def test_a_watcher_at_rest_wakes_for_the_next_that_is_due(
    shop: Synced, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "BUSY_SECONDS", 0.0)
    soon = "UPDATE cdc.feed_products SET refresh_at = clock_timestamp() + interval '500 ms' WHERE id = 1"
    execute(shop.dsn, soon)
    started = time.monotonic()
    with watching(shop, idle_poll_seconds=10.0) as wake_ups:
        assert wake_ups.await_feed("products", 20)
        assert time.monotonic() - started < 5  # and not when its pause of ten seconds is over
        assert shop.value("SELECT clock_timestamp() >= max(refresh_at) FROM cdc.feed_products") is True
        execute(shop.dsn, "UPDATE cdc.feed_products SET refresh_at = NULL")


def test_a_running_daemon_takes_what_is_due_within_a_second(shop: Synced) -> None:
    daemon = shop.start()
    position = daemon.await_event("feed_planned")
    late: list[float] = []
    # A machine so loaded that it sees the rule only after its start gets more time for the next.
    for product, delay in ((1, "400 ms"), (2, "400 ms"), (3, "400 ms"), (4, "2 s"), (5, "8 s")):
        execute(shop.dsn, rule(f"id = {product}", 50, delay))
        position = daemon.await_event("pass_finished", after=position, upserts=1)
        event = daemon.events[position - 1]
        if event["due"]:
            late.append(event["lag_seconds"])
        if len(late) == 3:
            break
    assert min(late) < 1
    assert daemon.end() == 0
    shop.sync()
    shop.assert_equal_to_the_query()


def test_what_came_due_while_a_killed_daemon_was_away_is_taken_by_the_next(shop: Synced) -> None:
    first = shop.start()
    first.await_event("feed_planned")
    execute(shop.dsn, rule("id = 4", 50, "59 minutes"))
    eventually("the time is stored", lambda: times(shop) == 1)
    first.kill()
    let_an_hour_pass(shop)
    second = shop.start()
    second.await_event("pass_finished", due=1, upserts=1)
    second.await_event("batch_delivered")
    assert second.end() == 0
    assert price(shop, 4) == 50
    shop.assert_equal_to_the_query()


def test_status_tells_how_long_documents_have_been_due(shop: Synced) -> None:
    def told() -> tuple[int, bool]:
        products = shop.status()["products"]
        return products["due"], products["lag_seconds"] > 60

    shop.sync(rule("id <= 3", 50, "58 minutes"))
    assert told() == (0, False)
    let_an_hour_pass(shop)
    assert told() == (3, True)
    assert "due 3" in shop.call("status")
    shop.sync()
    assert told() == (0, False)
