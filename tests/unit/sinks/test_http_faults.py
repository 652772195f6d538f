"""Whatever a server does for a while, and wherever the way to it is cut: in the end it has the feed."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdc_daemon.errors import SinkUnavailable
from cdc_daemon.sinks.http import HttpSettings, HttpSink
from cdc_daemon.sinks.record import Record
from tests.receivers.http import Target, answer
from tests.receivers.http_faults import BROKEN, FAULTS, NOT_NOW, TALKATIVE, UNTIMELY
from tests.receivers.proxy import Proxy, proxied
from tests.unit.sinks.conftest import Opened
from tests.unit.sinks.delivery import deliver_all
from tests.unit.sinks.target import record

SHORT = 0.3  # seconds: a fault that is ended by the time limit costs that


def changes(keys: int, rounds: int) -> list[list[Record]]:
    """Rounds of changes of the same keys, in revisions that grow; every third key is deleted in the last."""
    revision = 0
    made: list[list[Record]] = []
    for number in range(rounds):
        batch: list[Record] = []
        for key in range(keys):
            revision += 1
            gone = number == rounds - 1 and key % 3 == 0
            data = None if gone else b'{"round":%d,"price":%d.10}' % (number, key)
            op = "delete" if gone else "upsert"
            batch.append(
                Record("products", b'{"sku":"p%d"}' % key, op, revision, None, (), "t", data)  # type: ignore[arg-type]
            )
        made.append(batch)
    return made


def feed_of(rounds: list[list[Record]]) -> dict[str, object]:
    """What the last change of each key left, as a target has it."""
    return {
        json.dumps(json.loads(one.key)): json.loads(one.data, parse_float=str, parse_int=str)
        for one in rounds[-1]
        if one.data is not None
    }


def delivered(sink: HttpSink, rounds: list[list[Record]]) -> None:
    for batch in rounds:
        refused = deliver_all(sink, "products", batch)
        while refused:  # failed items come again
            refused = deliver_all(sink, "products", [one for one in batch if one.key in refused])


@pytest.mark.parametrize("in_flight", [1, 4])
@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_the_target_ends_with_the_feed_after_every_fault(
    opened: Opened, target: Target, fault: str, in_flight: int
) -> None:
    sink = opened(target.url, batch_records=5, in_flight=in_flight, timeout_seconds=SHORT)
    rounds = changes(keys=20, rounds=2)
    deliver_all(sink, "products", rounds[0][:5])  # so that a kept connection meets it
    target.script.extend([FAULTS[fault](target)] * 2)
    delivered(sink, rounds)
    assert target.documents() == feed_of(rounds)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(st.sampled_from(["well", *sorted(set(FAULTS) - set(UNTIMELY))]), max_size=12),
    st.integers(min_value=1, max_value=4),
    st.integers(min_value=1, max_value=7),
    st.sampled_from(["array", "ndjson"]),
    st.sampled_from(["none", "gzip", "zstd"]),
)
def test_the_target_ends_with_the_feed_after_any_sequence_of_faults(
    target: Target, faults: list[str], in_flight: int, batch: int, framing: str, compression: str
) -> None:
    target.requests.clear()
    target.script.clear()
    target.script.extend(answer(204) if fault == "well" else FAULTS[fault](target) for fault in faults)
    given = {"batch_records": batch, "in_flight": in_flight, "framing": framing, "compression": compression}
    sink = HttpSettings.model_validate({"url": target.url, "timeout_seconds": 5, **given}).open("catalog")
    rounds = changes(keys=9, rounds=3)
    try:
        delivered(sink, rounds)
    finally:
        sink.close()
    assert target.documents() == feed_of(rounds)


@pytest.mark.parametrize("fault", sorted(BROKEN))
def test_what_is_no_whole_answer_is_no_delivery(opened: Opened, target: Target, fault: str) -> None:
    target.script.append(BROKEN[fault](target))
    with pytest.raises(SinkUnavailable) as raised:
        opened(target.url).deliver("products", [record(1)])
    assert raised.value.hint


@pytest.mark.parametrize("fault", sorted(TALKATIVE))
def test_a_good_answer_with_more_around_it_is_one_delivery(
    opened: Opened, target: Target, fault: str
) -> None:
    target.script.append(TALKATIVE[fault](target))
    sink = opened(target.url)
    assert sink.deliver("products", [record(1)]) == ()
    target.script.append(answer(500))  # which must not be taken for the rest of the answer before
    with pytest.raises(SinkUnavailable, match="500"):
        sink.deliver("products", [record(2)])


@pytest.mark.parametrize("fault", sorted(NOT_NOW))
def test_an_answer_that_holds_the_sink_refuses_no_record(opened: Opened, target: Target, fault: str) -> None:
    target.script.append(NOT_NOW[fault](target))
    with pytest.raises(SinkUnavailable) as raised:
        opened(target.url).deliver("products", [record(1), record(2)])
    assert raised.value.hint


def through(opened: Opened, target: Target, proxy: Proxy, **given: object) -> HttpSink:
    url = target.url.replace(f":{target.port}", f":{proxy.port}")
    return opened(url, **{"batch_records": 5, "timeout_seconds": SHORT, **given})


CUTS: dict[str, Callable[[Proxy], None]] = {
    "before the first byte": lambda proxy: proxy.cut_after(0),
    "within the headers": lambda proxy: proxy.cut_after(40),
    "within the body": lambda proxy: proxy.cut_after(600),
    "within a later request": lambda proxy: proxy.cut_after(2500),
    "before the answer": lambda proxy: proxy.cut_answers_after(0),
    "within the answer's status line": lambda proxy: proxy.cut_answers_after(10),
    "within the answer's headers": lambda proxy: proxy.cut_answers_after(30),
    "within a later answer": lambda proxy: proxy.cut_answers_after(200),
    "silence": Proxy.be_silent,
}


@pytest.mark.parametrize("is_kept", [False, True])
@pytest.mark.parametrize("in_flight", [1, 4])
@pytest.mark.parametrize("cut", sorted(CUTS))
def test_the_target_ends_with_the_feed_wherever_a_connection_is_cut(
    opened: Opened, target: Target, cut: str, in_flight: int, is_kept: bool
) -> None:
    rounds = changes(keys=20, rounds=2)
    with proxied(target.port) as proxy:
        sink = through(opened, target, proxy, in_flight=in_flight)
        if is_kept:
            sink.deliver("products", rounds[0])
        CUTS[cut](proxy)
        failures: list[int] = []

        def failed() -> None:
            failures.append(1)
            proxy.heal()

        for batch in rounds:
            assert deliver_all(sink, "products", batch, failed=failed) == []
        sink.close()
    assert failures
    assert target.documents() == feed_of(rounds)


@pytest.mark.parametrize("in_flight", [1, 4])
def test_a_slow_way_is_only_slow(opened: Opened, target: Target, in_flight: int) -> None:
    rounds = changes(keys=20, rounds=2)
    with proxied(target.port) as proxy:
        proxy.delay_seconds = 0.002
        url = target.url.replace(f":{target.port}", f":{proxy.port}")
        sink = opened(url, batch_records=5, in_flight=in_flight)
        for batch in rounds:
            assert deliver_all(sink, "products", batch, tries=0) == []
        sink.close()
    assert target.documents() == feed_of(rounds)


def test_kept_connections_that_are_cut_are_replaced_without_a_failure(opened: Opened, target: Target) -> None:
    with proxied(target.port) as proxy:
        sink = through(opened, target, proxy, in_flight=4, timeout_seconds=30)
        first, second = changes(keys=20, rounds=2)
        sink.deliver("products", first)
        before = proxy.connections
        assert 1 <= before <= 4
        proxy.cut_now()
        sink.deliver("products", second)
        assert proxy.connections > before
        sink.close()
    assert target.documents() == feed_of([first, second])
