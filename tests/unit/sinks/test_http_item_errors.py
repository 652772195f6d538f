"""Refusals of single records that stand in the body of a good answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cdc_daemon.errors import RecordsRefused, SinkUnavailable
from cdc_daemon.sinks.sink import Refusal
from tests.receivers.http import Target, answer
from tests.unit.sinks.conftest import Opened
from tests.unit.sinks.delivery import deliver_all
from tests.unit.sinks.target import record

RECORDS = [record(number) for number in range(4)]


def said(value: Any, status: int = 200) -> Any:
    return answer(status, json.dumps(value).encode())


def keys(refusals: Any) -> list[str]:
    return [json.loads(refusal.key)["sku"] for refusal in refusals]


@pytest.mark.parametrize(
    ("path", "body", "refused"),
    [
        ("errors", {"errors": [{"index": 2, "message": "no name"}]}, ["p2"]),
        ("errors", {"errors": [{"index": 1}, {"index": 3}, {"index": 1}]}, ["p1", "p3"]),
        ("errors", {"errors": [{"key": {"sku": "p3"}, "message": "x"}]}, ["p3"]),
        ("errors", {"errors": [{"key": "p3", "message": "x"}]}, ["p3"]),
        ("errors", {"errors": [{"index": 0, "status": 200}, {"index": 1, "status": 422}]}, ["p1"]),
        ("errors", {"errors": [{"index": 0, "status": "422"}]}, ["p0"]),
        ("errors", {"errors": [None, "no price", None, None]}, ["p1"]),
        ("result.failed", {"result": {"failed": [{"index": 0}]}}, ["p0"]),
        ("items", {"items": [{"status": s} for s in (201, 409, 200, 500)]}, ["p1", "p3"]),
        ("", [{"index": 2}], ["p2"]),
        ("errors", {"errors": []}, []),
        ("errors", {"errors": None}, []),
        ("errors", {"errors": {}}, []),
        ("errors", {"errors": False}, []),
        ("errors", {"taken": 4}, []),
        ("result.failed", {"result": 4}, []),
        ("errors", [], []),
    ],
)
def test_the_records_that_an_answer_names_are_refused_and_the_others_taken(
    opened: Opened, target: Target, path: str, body: Any, refused: list[str]
) -> None:
    target.script.append(said(body))
    assert keys(opened(target.url, errors_path=path).deliver("products", RECORDS)) == refused


def test_a_refusal_has_the_targets_words_and_its_status(opened: Opened, target: Target) -> None:
    target.script.append(said({"errors": [{"index": 2, "status": 422, "message": "no name"}]}))
    (refusal,) = opened(target.url, errors_path="errors").deliver("products", RECORDS)
    assert refusal == Refusal(b'{"sku":"p2"}', '{"index":2,"status":422,"message":"no name"}', 422)


def test_its_words_are_cut_and_without_secrets(opened: Opened, target: Target) -> None:
    target.script.append(said({"errors": [{"index": 2, "message": "token-of-nobody " + "x" * 2000}]}))
    sink = opened(target.url, errors_path="errors", token="token-of-nobody")  # noqa: S106 # of nobody
    (refusal,) = sink.deliver("products", RECORDS)
    assert "***" in refusal.reason
    assert "nobody" not in refusal.reason
    assert len(refusal.reason) <= 500


def test_the_members_that_identify_a_record_may_have_other_names(opened: Opened, target: Target) -> None:
    body = {"failed": [{"pos": 1}, {"id": "p3"}]}
    target.script.append(said(body))
    sink = opened(target.url, errors_path="failed", errors_index="pos", errors_key="id")
    assert keys(sink.deliver("products", RECORDS)) == ["p1", "p3"]


@pytest.mark.parametrize(
    "item", [{"message": "one is bad"}, {"index": 9}, {"index": -1}, {"key": "p9"}, {"index": True}]
)
def test_an_error_that_names_no_record_of_the_request_is_looked_for_by_halving(
    opened: Opened, target: Target, item: dict[str, Any]
) -> None:
    sink = opened(target.url, errors_path="errors")
    target.admit = lambda request, _: said({"errors": [item]}) if b'"p2"' in request.body else None
    with pytest.raises(RecordsRefused, match="did not say which"):
        sink.deliver("products", RECORDS)
    assert deliver_all(sink, "products", RECORDS) == [b'{"sku":"p2"}']


def test_207_is_read_as_a_list_without_a_setting(opened: Opened, target: Target) -> None:
    target.script.append(said([{"status": 200}, {"status": 200}, {"status": 400}, {"status": 204}], 207))
    assert keys(opened(target.url).deliver("products", RECORDS)) == ["p2"]


def test_207_that_is_no_list_holds_the_sink_until_it_is_said_where_errors_stand(
    opened: Opened, target: Target
) -> None:
    body = {"results": [{"status": 200}, {"status": 400}, {"status": 200}, {"status": 200}]}
    target.script.extend([said(body, 207), said(body, 207)])
    with pytest.raises(SinkUnavailable, match="207") as raised:
        opened(target.url).deliver("products", RECORDS)
    assert "errors_path" in str(raised.value.hint)
    assert keys(opened(target.url, errors_path="results").deliver("products", RECORDS)) == ["p1"]


def test_other_good_answers_are_not_read_without_a_setting(opened: Opened, target: Target) -> None:
    target.script.append(said([{"status": 400}] * 4))
    assert opened(target.url).deliver("products", RECORDS) == ()


def test_an_answer_without_a_body_is_a_good_one(opened: Opened, target: Target) -> None:
    target.script.extend([answer(204), answer(200, b" \n")])
    sink = opened(target.url, errors_path="errors")
    assert sink.deliver("products", RECORDS) == ()
    assert sink.deliver("products", RECORDS) == ()


def test_a_page_of_a_proxy_is_no_good_answer_where_answers_are_read(opened: Opened, target: Target) -> None:
    target.script.append(answer(200, b"<html>please log in</html>"))
    with pytest.raises(SinkUnavailable, match=r"not JSON.*log in"):
        opened(target.url, errors_path="errors").deliver("products", RECORDS)


def test_an_answer_that_is_too_long_to_be_read_is_looked_into_by_halving(
    opened: Opened, target: Target
) -> None:
    long = {"errors": [{"index": 0, "message": "x" * 2_000_000}]}
    target.script.append(said(long))
    with pytest.raises(RecordsRefused, match="more than can be read"):
        opened(target.url, errors_path="errors").deliver("products", RECORDS)


def test_an_error_in_the_answer_to_one_record_is_of_that_one(opened: Opened, target: Target) -> None:
    target.script.append(said({"errors": ["bad"]}))
    assert keys(opened(target.url, errors_path="errors").deliver("products", [record(7)])) == ["p7"]


@pytest.mark.parametrize("key", [{"sku": "a", "store": 1}, {"store": 1, "sku": "a"}])
def test_a_key_of_several_columns_is_named_by_all_of_them(
    opened: Opened, target: Target, key: dict[str, Any]
) -> None:
    from dataclasses import replace

    records = [replace(record(n), key=b'{"sku":"%c", "store":1}' % (97 + n)) for n in range(3)]
    target.script.append(said({"errors": [{"key": key}]}))
    (refusal,) = opened(target.url, errors_path="errors").deliver("products", records)
    assert refusal.key == records[0].key


def test_what_is_in_flight_together_is_refused_together(opened: Opened, target: Target) -> None:
    sink = opened(target.url, errors_path="errors", batch_records=2, in_flight=2)
    target.script.extend([said({"errors": [{"index": 1}]})] * 2)
    assert sorted(keys(sink.deliver("products", RECORDS))) == ["p1", "p3"]
