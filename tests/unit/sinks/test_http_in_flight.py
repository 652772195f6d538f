"""Several requests at a time: sizes, keys, pushback, and what is said when some of them fail."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler

import pytest

from cdc_daemon.errors import RecordsRefused, SinkUnavailable
from cdc_daemon.sinks.http import HttpSettings
from cdc_daemon.sinks.record import Record
from tests.receivers.http import Script, Target, answer
from tests.receivers.http_faults import never
from tests.unit.sinks.conftest import Opened
from tests.unit.sinks.delivery import deliver_all
from tests.unit.sinks.target import record


def keys(target: Target) -> list[list[str]]:
    return [[item["key"]["sku"] for item in request.items] for request in target.requests]


def held(gate: threading.Barrier, step: Script) -> Script:
    """A step that is taken when as many requests wait as the gate wants."""

    def wait(handler: BaseHTTPRequestHandler) -> None:
        gate.wait(timeout=10)
        step(handler)

    return wait


def test_a_call_takes_as_much_as_all_requests_together(opened: Opened, target: Target) -> None:
    sink = opened(target.url, batch_records=3, batch_bytes=1000, in_flight=4)
    assert (sink.batch_records, sink.batch_bytes) == (12, 4000)


def test_requests_of_a_call_are_under_way_at_the_same_time(opened: Opened, target: Target) -> None:
    sink = opened(target.url, batch_records=3, in_flight=4, timeout_seconds=20)
    gate = threading.Barrier(4)
    target.script.extend([held(gate, answer(204))] * 4)  # none is answered before all four are there
    sink.deliver("products", [record(number) for number in range(12)])
    assert len(target.requests) == 4
    assert sorted(key for request in keys(target) for key in request) == sorted(f"p{n}" for n in range(12))


def test_no_more_are_under_way_than_the_setting_says_over_all_feeds(target: Target) -> None:
    settings = HttpSettings.model_validate({"url": target.url, "batch_records": 1, "in_flight": 3})
    sinks = [settings.open("catalog") for _ in range(4)]
    threads = [
        threading.Thread(target=sink.deliver, args=(f"feed{n}", [record(m) for m in range(20)]))
        for n, sink in enumerate(sinks)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    for sink in sinks:
        sink.close()
    assert len(target.requests) == 80
    assert target.most_under_way <= 3


def test_one_failure_holds_the_call_and_what_has_not_begun_is_not_sent(
    opened: Opened, target: Target
) -> None:
    sink = opened(target.url, batch_records=1, in_flight=2)
    target.script.extend([answer(500)] * 100)
    with pytest.raises(SinkUnavailable, match="500"):
        sink.deliver("products", [record(number) for number in range(50)])
    assert len(target.requests) <= 3


def test_a_refusal_beside_requests_that_were_taken_is_a_refusal_of_the_call(
    opened: Opened, target: Target
) -> None:
    sink = opened(target.url, batch_records=2, in_flight=3)
    target.script.append(answer(422, b"no"))
    with pytest.raises(RecordsRefused, match="422"):
        sink.deliver("products", [record(number) for number in range(6)])


def test_not_now_goes_before_a_refusal(opened: Opened, target: Target) -> None:
    sink = opened(target.url, batch_records=1, in_flight=2)
    gate = threading.Barrier(2)
    target.script.extend([held(gate, answer(422)), held(gate, answer(500))])
    with pytest.raises(SinkUnavailable):
        sink.deliver("products", [record(1), record(2)])


def test_a_record_that_is_refused_for_good_is_found_among_many(opened: Opened, target: Target) -> None:
    sink = opened(target.url, batch_records=4, in_flight=4)
    bad = b'{"sku":"p13"}'

    target.admit = lambda request, _: answer(422, b"p13 is bad") if b'"p13"' in request.body else None
    assert deliver_all(sink, "products", [record(number) for number in range(16)]) == [bad]


def test_a_pushback_within_a_call_is_sat_out_and_only_its_request_is_sent_again(
    opened: Opened, target: Target
) -> None:
    sink = opened(target.url, batch_records=1, in_flight=4)
    gate = threading.Barrier(4)
    target.script.extend([held(gate, answer(429, Retry_After="0"))] + [held(gate, answer(204))] * 3)
    sink.deliver("products", [record(number) for number in range(4)])
    assert len(target.requests) == 5
    assert sorted(target.documents()) == [json.dumps({"sku": f"p{n}"}) for n in range(4)]
    assert sink.batch_records < 4


def test_a_pause_that_is_too_long_to_be_sat_out_is_handed_on(opened: Opened, target: Target) -> None:
    sink = opened(target.url, batch_records=1, in_flight=2)
    target.script.extend([answer(503, Retry_After="60")] * 2)
    with pytest.raises(SinkUnavailable) as raised:
        sink.deliver("products", [record(1), record(2)])
    assert raised.value.retry_after_seconds == pytest.approx(60, abs=1)


def test_a_pause_holds_for_every_feed_of_the_sink(target: Target) -> None:
    settings = HttpSettings.model_validate({"url": target.url})
    first, second = settings.open("catalog"), settings.open("catalog")
    target.script.append(answer(429, Retry_After="600"))
    with pytest.raises(SinkUnavailable):
        first.deliver("products", [record(1)])
    with pytest.raises(SinkUnavailable, match="asked for a pause") as raised:
        second.deliver("prices", [record(2)])
    assert raised.value.retry_after_seconds == pytest.approx(600, abs=5)
    assert len(target.requests) == 1
    first.close()
    second.close()


def test_a_target_that_takes_four_at_once_is_soon_sent_about_four(opened: Opened, target: Target) -> None:
    sink = opened(target.url, batch_records=1, in_flight=32, timeout_seconds=30)

    def busy(handler: BaseHTTPRequestHandler) -> None:
        target.ended.wait(0.005)  # what the work of a request takes it
        answer(204)(handler)

    target.admit = lambda _, under_way: answer(429, Retry_After="0") if under_way > 4 else busy
    number = 0
    pushed_back: list[int] = []
    for _ in range(12):
        before = len(target.requests)
        records = [record(number + n) for n in range(sink.batch_records)]
        number += len(records)
        deliver_all(sink, "products", records)
        pushed_back.append(len(target.requests) - before - len(records))
    assert len(target.documents()) == number
    assert sink.batch_records <= 12
    assert sum(pushed_back[6:]) <= sum(pushed_back[:6])


def test_a_timeout_makes_the_next_call_smaller_until_it_fits(opened: Opened, target: Target) -> None:
    sink = opened(target.url, batch_records=1, in_flight=8, timeout_seconds=0.3)
    target.script.extend([never(target)] * 8)
    with pytest.raises(SinkUnavailable, match="no whole answer within"):
        sink.deliver("products", [record(number) for number in range(8)])
    assert sink.batch_records == 4


def test_requests_a_second_are_kept_to(opened: Opened, target: Target) -> None:
    sink = opened(target.url, batch_records=1, in_flight=8, requests_per_second=50)
    begun = time.monotonic()
    sink.deliver("products", [record(number) for number in range(8)])
    assert time.monotonic() - begun >= 7 / 50
    assert len(target.requests) == 8


def test_what_can_not_begin_in_time_says_so(opened: Opened, target: Target) -> None:
    sink = opened(target.url, batch_records=1, in_flight=8, requests_per_second=1, timeout_seconds=1)
    with pytest.raises(SinkUnavailable, match="no request could begin within 1 s") as raised:
        sink.deliver("products", [record(1), record(2)])
    assert "requests_per_second" in str(raised.value.hint)
    assert sink.batch_records == 1  # so that this does not happen: a call asks for what the rate allows


def test_413_halves_the_batch_and_the_size_is_remembered(opened: Opened, target: Target) -> None:
    sink = opened(target.url, batch_records=100)
    target.admit = lambda request, _: answer(413) if len(request.body) > 3000 else None
    assert sink.deliver("products", [record(number) for number in range(40)]) == []
    assert len(target.documents()) == 40
    refused = sum(not request.taken for request in target.requests)
    assert refused >= 1
    assert deliver_all(sink, "products", [record(number, b'{"a":2}') for number in range(40)]) == []
    assert sum(not request.taken for request in target.requests) == refused, "the smaller size is kept"


def test_one_record_that_is_too_large_by_itself_is_refused(opened: Opened, target: Target) -> None:
    target.script.append(answer(413))
    with pytest.raises(RecordsRefused, match="413"):
        opened(target.url).deliver("products", [record(1)])


def test_the_order_of_a_key_holds_over_calls(opened: Opened, target: Target) -> None:
    sink = opened(target.url, batch_records=2, in_flight=8)
    for revision in range(1, 30):
        data = b'{"n":%d}' % revision
        batch = [
            Record("products", b'{"sku":"p%d"}' % n, "upsert", revision * 100 + n, None, (), "t", data)
            for n in range(16)
        ]
        sink.deliver("products", batch)
    seen: dict[str, int] = {}
    for request in target.requests:
        for item in request.items:
            sku, revision = item["key"]["sku"], int(item["revision"])
            assert revision > seen.get(sku, 0)
            seen[sku] = revision
