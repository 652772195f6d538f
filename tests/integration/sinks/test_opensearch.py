"""The opensearch sink: what each answer to a bulk request means."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from pydantic import ValidationError

from cdc_daemon.errors import CannotReadBack, RecordsRefused, SinkUnavailable
from cdc_daemon.sinks.opensearch import OpensearchSettings, OpensearchSink
from tests.receivers.http import Request, Target, answer, serving
from tests.receivers.records import FEED, delete, upsert

RECORDS = [upsert("a", 1), upsert("b", 2), delete("c", 3)]


@pytest.fixture
def target() -> Iterator[Target]:
    yield from serving(None)


def opened(target: Target, **settings: object) -> OpensearchSink:
    url = f"http://127.0.0.1:{target.port}"
    return OpensearchSettings.model_validate({"url": url, "timeout_seconds": 5.0, **settings}).open("search")


def bulk(*items: tuple[int, str | None]) -> bytes:
    shown = [
        {"index": {"status": status, **({"error": {"type": kind, "reason": "for a reason"}} if kind else {})}}
        for status, kind in items
    ]
    return json.dumps({"errors": True, "items": shown}).encode()


def deliver(target: Target, status: int, body: bytes, **headers: str) -> Sequence[object]:
    target.script.append(answer(status, body, Content_Type="application/json", **headers))
    sink = opened(target)
    try:
        return [(refusal.key, refusal.status) for refusal in sink.deliver(FEED, RECORDS)]
    finally:
        sink.close()


def headers(request: Request) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


def test_what_is_newer_there_already_or_not_there_counts_as_delivered(target: Target) -> None:
    body = bulk((201, None), (409, "version_conflict_engine_exception"), (404, None))
    assert deliver(target, 200, body) == []


def test_documents_that_do_not_fit_the_mapping_are_refused_each_by_itself(target: Target) -> None:
    body = bulk((201, None), (400, "mapper_parsing_exception"), (200, None))
    assert deliver(target, 200, body) == [(b'{"sku": "b"}', 400)]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (429, "es_rejected_execution_exception"),
        (503, "unavailable_shards_exception"),
        (403, "cluster_block_exception"),
        (404, "index_not_found_exception"),
        (403, "security_exception"),
        (400, "invalid_index_name_exception"),
    ],
)
def test_what_is_busy_or_of_the_index_is_tried_again(target: Target, status: int, kind: str) -> None:
    with pytest.raises(SinkUnavailable, match=f"{status} {kind}: for a reason") as raised:
        deliver(target, 200, bulk((201, None), (400, "mapper_parsing_exception"), (status, kind)))
    assert raised.value.hint


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 502, 503])
def test_an_answer_without_items_is_tried_again(target: Target, status: int) -> None:
    with pytest.raises(SinkUnavailable, match=f"answered {status}") as raised:
        deliver(target, status, b'{"error":{"type":"some_exception","reason":"for a reason"}}')
    assert raised.value.hint


@pytest.mark.parametrize("status", [400, 413])
def test_a_request_that_is_refused_as_a_whole_is_halved_by_the_caller(target: Target, status: int) -> None:
    with pytest.raises(RecordsRefused) as raised:
        deliver(target, status, b"{}")
    assert raised.value.status == status


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"nonsense", b'{"items":[{"index":{"status":201}}]}'])
def test_what_is_no_answer_to_a_bulk_request_is_not_taken_for_one(target: Target, body: bytes) -> None:
    with pytest.raises(SinkUnavailable) as raised:
        deliver(target, 200, body)
    assert raised.value.hint


def test_what_authorizes_is_sent_and_never_shown(target: Target) -> None:
    for settings, sent in (
        ({"user": "me", "password": "hush"}, "Basic bWU6aHVzaA=="),
        ({"api_key": "hush"}, "ApiKey hush"),
    ):
        target.script.append(answer(401, b"{}", Content_Type="application/json"))
        sink = opened(target, **settings)
        with pytest.raises(SinkUnavailable) as raised:
            sink.deliver(FEED, RECORDS)
        sink.close()
        assert headers(target.requests[-1])["authorization"] == sent
        assert "hush" not in f"{raised.value} {sink!r}"


def test_a_batch_is_one_request_of_lines_with_versions(target: Target) -> None:
    target.script.append(
        answer(200, bulk((200, None), (200, None), (200, None)), Content_Type="application/json")
    )
    sink = opened(target, compress=True)
    sink.deliver(FEED, RECORDS)
    sink.close()
    (request,) = target.requests
    assert request.path.startswith("/_bulk?filter_path=")
    assert headers(request)["content-encoding"] == "gzip"
    first, second, *_, last = gzip.decompress(request.body).splitlines()
    assert json.loads(first) == {
        "index": {"_index": "products", "_id": "a", "version": 1, "version_type": "external"}
    }
    assert (second, json.loads(last)["delete"]["version"]) == (b'{"name": "a 1"}', 3)


@pytest.mark.parametrize(
    "settings",
    [
        {"url": "ftp://a"},
        {"url": "https://me:hush@a"},
        {"url": "https://a", "index": "Products"},
        {"url": "https://a", "user": "me"},
        {"url": "https://a", "user": "me", "password": "x", "api_key": "y"},
        {"url": "https://a", "client_key_file": str(Path("key.pem"))},
    ],
)
def test_settings_that_can_not_work_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as raised:
        OpensearchSettings.model_validate(settings)
    assert "hush" not in str(raised.value)


def test_an_index_that_feeds_may_share_is_not_read_back_for_its_documents_do_not_name_their_feed(
    target: Target,
) -> None:
    sink = opened(target, index="everything")
    assert not sink.can_read_back
    with pytest.raises(CannotReadBack, match="several feeds may share this index"):
        next(sink.read_back("items", ["sku"]))
    assert target.requests == []
    assert opened(target, index="{feed}").can_read_back
