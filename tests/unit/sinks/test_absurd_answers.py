"""Answers with absurd values: they are ignored or refused in words, and never an exception of ours."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from cdc_daemon.errors import CdcError, RecordsRefused
from cdc_daemon.sinks import opensearch_bulk
from cdc_daemon.sinks.http.answer import LONGEST_RETRY_AFTER_SECONDS, retry_after
from cdc_daemon.sinks.http.client import Answer
from cdc_daemon.sinks.http.item_errors import ItemErrors
from cdc_daemon.sinks.record import Record
from cdc_daemon.sinks.sink import Refusal

ABSURD = (
    "-1",
    "1e999",
    "9" * 400,
    "NaN",
    "\x00",
    "٣",  # an Arabic-Indic digit, which str.isdigit takes
    "Wed, 01 Jan 99999999 00:00:00 GMT",
    "Wed, 01 Jan 0000 00:00:00 +9999",
    "Mon, 00 Foo 2020 99:99:99 GMT",
)
STATUSES: tuple[object, ...] = (
    None,
    True,
    -1,
    0,
    10**30,
    1.5,
    "200 OK",
    "٢٠٠",
    "",
    [],
    {},
    [[[[]]]],
    "9" * 5000,
)


def records() -> list[Record]:
    return [
        Record("feed", b'{"sku":"%d"}' % n, "upsert", n, "00", (), "2025-01-02T03:04:05Z", b"{}")
        for n in range(1, 3)
    ]


@pytest.mark.parametrize("value", ABSURD)
def test_an_absurd_retry_after_is_no_pause_or_an_hour_at_most(value: str) -> None:
    pause = retry_after(value, datetime(2020, 1, 1, tzinfo=UTC))
    assert pause is None or 0 <= pause <= LONGEST_RETRY_AFTER_SECONDS


def in_json(value: object) -> str:
    """As JSON, also a number that is too large for orjson."""
    return json.dumps(value)


@pytest.mark.parametrize("status", STATUSES, ids=repr)
def test_an_http_item_with_an_absurd_status_is_one_of_an_error(status: object) -> None:
    body = f'[{{"index": 0, "status": {in_json(status)}}}]'.encode()
    [refused] = refusals(body)
    assert refused.key == records()[0].key
    assert refused.status == 207


@pytest.mark.parametrize("index", [-1, 2, 0.5, True, "0", [0]], ids=repr)
def test_a_position_that_is_none_blames_no_record_by_chance(index: object) -> None:
    with pytest.raises(RecordsRefused, match="did not say which"):
        refusals(f'[{{"index": {in_json(index)}, "status": 400}}]'.encode())


def refusals(body: bytes) -> Sequence[Refusal]:
    answer = Answer(207, {}, body, whole=True)
    return ItemErrors().refusals(answer, records(), where="sink", shown=lambda text: text.decode()[:99])


@pytest.mark.parametrize("status", STATUSES, ids=repr)
@pytest.mark.parametrize(
    "error", [None, "", "words", {}, {"type": 7, "reason": []}, {"type": "x"}, 5], ids=repr
)
def test_an_opensearch_item_with_absurd_values_is_taken_or_refused_in_words(
    status: object, error: object
) -> None:
    answer = {"errors": True, "items": [{"index": {"status": status, "error": error}}] * 2}
    refused, ignored = opensearch_bulk.refusals_of(records(), answer, "sink")
    assert len(refused) in (0, 2)
    assert all(each.reason for each in refused)
    assert ignored == 0


@pytest.mark.parametrize(
    "answer", [None, [], "", 7, {"items": 7}, {"items": [1]}, {"items": [{}, {}, {}]}], ids=repr
)
def test_what_is_no_bulk_answer_is_told_as_such(answer: object) -> None:
    with pytest.raises(CdcError, match="something else than a bulk response"):
        opensearch_bulk.refusals_of(records(), answer, "sink")
