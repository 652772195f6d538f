"""A lease that ends in mid-send, as when the server's clock jumps: what is learnt then doesn't count."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from cdc_daemon.errors import SinkUnavailable
from cdc_daemon.workers import lease
from tests.support.delivering import Delivering, SelectiveSink

pytestmark = pytest.mark.any_server


@pytest.fixture
def taken_over(delivering: Delivering, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the lease end during the next send, and another daemon deliver what these statements change too."""
    receiver = delivering.sink.taken

    def take_over(*statements: str) -> None:
        delivering.sink.during = lambda: None
        delivering.execute("UPDATE cdc.sink_state SET leased_until = now() - interval '1 second'")
        other = Delivering(
            delivering.folder, delivering.dsn, delivering.feeds["products"], SelectiveSink(taken=receiver)
        )
        other.sink.wants_previous = delivering.sink.wants_previous
        with monkeypatch.context() as patch:
            patch.setattr(lease, "this_process", lambda: "another daemon")
            other.catch_up(*statements)

    def set_up(*statements: str) -> None:
        delivering.sink.during = lambda: take_over(*statements)

    return set_up


def _held_by_the_receiver(delivering: Delivering) -> dict[str, tuple[int, str | None]]:
    """What a receiver holds that drops a record whose revision is not above the one that it has."""
    held: dict[str, tuple[int, str | None]] = {}
    for record in delivering.sink.taken:
        key = record.key.decode()
        if key not in held or held[key][0] < record.revision:
            held[key] = (record.revision, record.data.decode() if record.data is not None else None)
    return held


def _stored(delivering: Delivering) -> dict[str, tuple[int, str | None]]:
    rows = delivering.rows("SELECT sku, revision, document::text FROM cdc.feed_products")
    return {f'{{"sku":"{sku}"}}': (revision, document) for sku, revision, document in rows}


def test_nothing_counts_that_the_first_delivery_learns_after_another_one_took_over(
    delivering: Delivering, taken_over: Callable[..., None]
) -> None:
    delivering.sink.named = {"sku7"}
    taken_over("UPDATE product SET name = 'b' WHERE id <= 10", "DELETE FROM product WHERE id = 50")
    with capture_logs() as log:
        delivering.catch_up()
    assert [line["event"] for line in log].count("lease_lost") == 1
    assert delivering.failed() == []
    assert delivering.rows("SELECT delivered FROM cdc.sink_state") == [(50,)]
    assert delivering.rows(
        "SELECT s.revision = f.revision FROM cdc.sink_state AS s JOIN cdc.feed_state AS f USING (feed)"
    ) == [(True,)]
    delivering.sink.named = set()
    delivering.catch_up("UPDATE product SET name = 'c' WHERE id = 7")
    assert _held_by_the_receiver(delivering) == _stored(delivering)


def test_a_patch_is_made_against_what_the_last_holder_of_the_lease_delivered(
    delivering: Delivering, taken_over: Callable[..., None]
) -> None:
    delivering.sink.wants_previous = True
    delivering.catch_up()
    taken_over("UPDATE product SET name = 'c' WHERE id = 7")
    delivering.catch_up("UPDATE product SET name = 'b' WHERE id = 7")
    delivering.catch_up("UPDATE product SET name = 'd' WHERE id = 7")
    (before,) = delivering.sink.taken[-1].previous
    assert b'"name":"c"' in before.replace(b'": "', b'":"')


def test_the_first_delivery_sends_nothing_more(
    delivering: Delivering, taken_over: Callable[..., None]
) -> None:
    delivering.sink.refused = {"sku7", "sku8", "sku9"}
    delivering.catch_up()
    delivering.make_due()
    delivering.sink.refused = set()
    delivering.sink.calls.clear()
    taken_over()
    delivering.deliver()
    assert len(delivering.sink.calls) == 1
    assert delivering.failed() == []


def test_a_failure_of_the_first_delivery_is_none_of_the_other_one(
    delivering: Delivering, taken_over: Callable[..., None]
) -> None:
    taken_over()
    take_over = delivering.sink.during

    def fail() -> None:
        take_over()
        raise SinkUnavailable("is down", where="target")

    delivering.sink.during = fail
    with pytest.raises(SinkUnavailable):
        delivering.catch_up()
    assert delivering.rows("SELECT failure, attempts FROM cdc.sink_state") == [(None, 0)]
    delivering.catch_up()
    assert _held_by_the_receiver(delivering) == _stored(delivering)
