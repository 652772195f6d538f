"""Whatever a server does for a while, and wherever the way to it is cut: in the end it has the feed."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdc_daemon.errors import SinkUnavailable
from cdc_daemon.sinks.http import HttpSettings, HttpSink
from cdc_daemon.sinks.record import Record
from tests.proxy import HEALTHY, Fault, Proxy, proxying
from tests.unit.sinks.conftest import Opened
from tests.unit.sinks.delivery import deliver_all
from tests.unit.sinks.faults import BROKEN, FAULTS, NOT_NOW, UNTIMELY
from tests.unit.sinks.target import Target, answer, record

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


@pytest.mark.parametrize("fault", sorted(NOT_NOW))
def test_an_answer_that_holds_the_sink_refuses_no_record(opened: Opened, target: Target, fault: str) -> None:
    target.script.append(NOT_NOW[fault](target))
    with pytest.raises(SinkUnavailable) as raised:
        opened(target.url).deliver("products", [record(1), record(2)])
    assert raised.value.hint


def through(opened: Opened, target: Target, proxy: Proxy, **given: object) -> HttpSink:
    path = target.url.partition("/feeds")[2]
    return opened(
        f"http://127.0.0.1:{proxy.port}/feeds{path}", batch_records=5, timeout_seconds=SHORT, **given
    )


def upstream(target: Target) -> tuple[str, int]:
    host, _, port = target.url.split("/")[2].partition(":")
    return host, int(port)


CUTS = {
    "before the first byte": Fault(sent=0),
    "within the headers": Fault(sent=40),
    "within the body": Fault(sent=600),
    "before the answer": Fault(answered=0),
    "within the answer's status line": Fault(answered=10),
    "within the answer's headers": Fault(answered=30),
    "dropped within the body": Fault(sent=600, drop=True),
    "dropped before the answer": Fault(answered=0, drop=True),
    "delayed": Fault(delay_seconds=0.02),
}


@pytest.mark.parametrize("in_flight", [1, 4])
@pytest.mark.parametrize("cut", sorted(CUTS))
def test_the_target_ends_with_the_feed_wherever_a_connection_is_cut(
    opened: Opened, target: Target, cut: str, in_flight: int
) -> None:
    rounds = changes(keys=20, rounds=2)
    with proxying(*upstream(target)) as proxy:
        proxy.faults.extend([CUTS[cut]] * 3)
        sink = through(opened, target, proxy, in_flight=in_flight)
        delivered(sink, rounds)
        sink.close()
    assert target.documents() == feed_of(rounds)


def test_kept_connections_that_are_cut_are_replaced_without_a_failure(opened: Opened, target: Target) -> None:
    with proxying(*upstream(target)) as proxy:
        sink = through(opened, target, proxy, in_flight=4)
        first, second = changes(keys=20, rounds=2)
        sink.deliver("products", first)
        assert 1 <= proxy.connections <= 4
        before = proxy.connections
        proxy.cut_all()
        sink.deliver("products", second)
        assert proxy.connections > before
        sink.close()
    assert target.documents() == feed_of([first, second])


def test_a_healthy_proxy_changes_nothing(opened: Opened, target: Target) -> None:
    with proxying(*upstream(target)) as proxy:
        proxy.faults.append(HEALTHY)
        sink = through(opened, target, proxy)
        sink.deliver("products", [record(1)])
        sink.close()
        assert proxy.connections == 1
    assert len(target.requests) == 1
