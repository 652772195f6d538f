"""The HTTP sink against a real server on loopback that misbehaves as it is told."""

from __future__ import annotations

import json
import re
import socket
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler

import pytest
from pydantic import SecretStr

from cdc_daemon import __version__
from cdc_daemon.errors import RecordsRefused, SinkUnavailable
from cdc_daemon.sinks.http import HttpSettings, HttpSink
from cdc_daemon.sinks.http.answer import LONGEST_RETRY_AFTER_SECONDS, retry_after
from tests.receivers.http import Target, answer, raw
from tests.receivers.http_faults import never
from tests.unit.sinks.conftest import CERTIFICATE, Opened
from tests.unit.sinks.target import record

SECRET = "s3cret-token-of-nobody"  # noqa: S105 - looked for in errors


@pytest.fixture
def sink(opened: Opened, target: Target) -> HttpSink:
    return opened(target.url, token=SECRET)


def test_a_batch_is_one_json_array_posted_to_the_feeds_own_address(sink: HttpSink, target: Target) -> None:
    sink.deliver("products", [record(1), record(2)])
    (request,) = target.requests
    assert request.path == "/feeds/products"
    assert [r["revision"] for r in json.loads(request.body)] == [1, 2]
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["User-Agent"] == f"cdc-daemon/{__version__}"
    assert request.headers["Authorization"] == f"Bearer {SECRET}"
    assert request.headers["Accept-Encoding"] == "identity"


def test_a_query_in_the_address_is_kept_and_not_shown(opened: Opened, target: Target) -> None:
    sink = opened(target.url + "?to={sink}&key=hidden")
    target.script.append(answer(500))
    with pytest.raises(SinkUnavailable) as raised:
        sink.deliver("products", [record(1)])
    assert target.requests[0].path == "/feeds/products?to=catalog&key=hidden"
    assert "hidden" not in str(raised.value)


def test_batches_share_a_connection(sink: HttpSink, target: Target) -> None:
    for number in range(3):
        sink.deliver("products", [record(number)])
    assert len({request.connection for request in target.requests}) == 1


def test_a_connection_that_the_server_closed_meanwhile_is_replaced(sink: HttpSink, target: Target) -> None:
    target.script.append(answer(200, b"ok", Connection="close"))
    sink.deliver("products", [record(1)])
    target.script.append(raw(b"HTTP/1.1 204 No Content\r\n\r\n"))  # closes without having said so
    sink.deliver("products", [record(2)])
    sink.deliver("products", [record(3)])
    assert len({request.connection for request in target.requests}) == 3


def test_a_kept_connection_that_ends_without_an_answer_is_replaced_at_once(
    sink: HttpSink, target: Target
) -> None:
    sink.deliver("products", [record(1)])
    target.script.append(raw(b""))  # the server had given up waiting when the request came
    sink.deliver("products", [record(2)])
    assert [json.loads(request.body)[0]["revision"] for request in target.requests] == [1, 2, 2]
    assert target.requests[1].headers["Idempotency-Key"] == target.requests[2].headers["Idempotency-Key"]


def test_a_server_that_never_answers_over_any_connection_is_not_asked_without_end(
    sink: HttpSink, target: Target
) -> None:
    sink.deliver("products", [record(1)])
    target.script.extend([raw(b""), raw(b"")])
    with pytest.raises(SinkUnavailable, match="without an answer"):
        sink.deliver("products", [record(2)])
    assert len(target.requests) == 3


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_compression_shrinks_what_is_sent(opened: Opened, target: Target, compression: str) -> None:
    opened(target.url, compression=compression).deliver("products", [record(n) for n in range(100)])
    (request,) = target.requests
    assert request.headers["Content-Encoding"] == compression
    assert len(request.items) == 100
    assert len(request.body) < len(request.content) / 4


def test_lines_are_sent_where_they_are_set(opened: Opened, target: Target) -> None:
    opened(target.url, framing="ndjson").deliver("products", [record(1), record(2)])
    (request,) = target.requests
    assert request.headers["Content-Type"] == "application/x-ndjson"
    assert [json.loads(line)["revision"] for line in request.body.splitlines()] == [1, 2]
    assert request.body.endswith(b"\n")


def test_documents_are_sent_bare_where_they_are_set(opened: Opened, target: Target) -> None:
    opened(target.url, format="documents").deliver("products", [record(1), record(2, None)])
    assert json.loads(target.requests[0].body) == [{"a": 1}, {"sku": "p2", "deleted": True}]


def test_events_are_sent_as_a_batch_of_them(opened: Opened, target: Target) -> None:
    opened(target.url, format="cloudevents", event_source="/{sink}").deliver("products", [record(1)])
    (request,) = target.requests
    assert request.headers["Content-Type"] == "application/cloudevents-batch+json"
    assert [(event["source"], event["id"]) for event in request.items] == [("/catalog", "1")]


def test_only_a_sink_of_patches_wants_what_the_target_has(opened: Opened, target: Target) -> None:
    sink = opened(target.url, format="merge-patch")
    assert sink.wants_previous
    assert not opened(target.url).wants_previous
    sink.deliver("products", [replace(record(2, b'{"a":2,"b":1}'), previous=(b'{"a":1,"b":1}',))])
    (item,) = target.requests[0].items
    assert item["patch"] == {"a": "2"}
    assert "data" not in item


@pytest.mark.parametrize("format_", ["records", "documents"])
def test_the_idempotency_key_is_the_same_over_retries_and_another_for_another_batch(
    opened: Opened, target: Target, format_: str
) -> None:
    first, second = (opened(target.url, format=format_) for _ in range(2))  # the second as after a restart
    target.script.append(answer(503))
    with pytest.raises(SinkUnavailable):
        first.deliver("products", [record(1), record(2)])
    second.deliver("products", [record(1), record(2)])
    second.deliver("products", [record(1)])
    second.deliver("products", [record(1, b'{"a":2}')])
    # Back to what it was, in a later revision; and sent again because a person asked for it.
    second.deliver("products", [replace(record(1), revision=9)])
    second.deliver("products", [replace(record(1), snapshot=10)])
    keys = [request.headers["Idempotency-Key"] for request in target.requests]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 5


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_every_2xx_is_a_delivery(sink: HttpSink, target: Target, status: int) -> None:
    target.script.append(answer(status, b"" if status == 204 else b"thanks"))
    sink.deliver("products", [record(1)])
    sink.deliver("products", [record(2)])
    assert len({request.connection for request in target.requests}) == 1


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_what_passes_by_itself_is_tried_again(sink: HttpSink, target: Target, status: int) -> None:
    target.script.append(answer(status, b"busy"))
    with pytest.raises(SinkUnavailable, match=f"{status}.*busy") as raised:
        sink.deliver("products", [record(1)])
    assert raised.value.retry_after_seconds is None
    sink.deliver("products", [record(1)])


@pytest.mark.parametrize("status", [400, 409, 413, 422, 499])
def test_what_concerns_the_records_is_a_refusal(sink: HttpSink, target: Target, status: int) -> None:
    target.script.append(answer(status, b'{"error":"no sku"}'))
    with pytest.raises(RecordsRefused, match=f"{status}.*no sku") as raised:
        sink.deliver("products", [record(1)])
    assert raised.value.where == f"sink catalog, feed products, {target.url.format(feed='products')}"


@pytest.mark.parametrize(
    ("status", "hint"),
    [(401, "token"), (403, "right"), (404, "url"), (405, "url"), (410, "url"), (415, "format")],
)
def test_what_concerns_the_configuration_holds_the_sink_instead_of_setting_every_record_aside(
    sink: HttpSink, target: Target, status: int, hint: str
) -> None:
    target.script.append(answer(status))
    with pytest.raises(SinkUnavailable, match=str(status)) as raised:
        sink.deliver("products", [record(1)])
    assert hint in str(raised.value.hint)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 304])
def test_a_redirect_is_not_followed(sink: HttpSink, target: Target, status: int) -> None:
    target.script.append(answer(status, Location="http://elsewhere.invalid/\x1b[2J"))
    with pytest.raises(SinkUnavailable, match=str(status)) as raised:
        sink.deliver("products", [record(1)])
    assert "http://elsewhere.invalid/ [2J" in str(raised.value.hint)
    assert len(target.requests) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_the_pause_that_the_target_asks_for_is_handed_on(opened: Opened, target: Target, status: int) -> None:
    later = datetime.now(UTC) + timedelta(seconds=90)
    for asked, low, high in [("7", 7, 7), (format_datetime(later, usegmt=True), 80, 91)]:
        target.script.append(answer(status, Retry_After=asked))
        with pytest.raises(SinkUnavailable) as raised:
            opened(target.url).deliver("products", [record(1)])
        assert raised.value.retry_after_seconds is not None
        assert low <= raised.value.retry_after_seconds <= high


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        (" 12 ", 12),
        ("999999999", LONGEST_RETRY_AFTER_SECONDS),
        ("Wed, 01 Jan 2020 00:01:00 GMT", 60),
        ("Wed, 01 Jan 2020 00:01:00 -0000", 60),
        ("Tue, 31 Dec 2019 00:00:00 GMT", 0),
        ("Fri, 01 Jan 2100 00:00:00 GMT", LONGEST_RETRY_AFTER_SECONDS),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("Wed, 99 Jan 2020 00:00:00 GMT", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_never_more_than_an_hour(
    value: str | None, seconds: float | None
) -> None:
    assert retry_after(value, datetime(2020, 1, 1, tzinfo=UTC)) == seconds


def test_a_server_that_does_not_answer_is_left_after_the_timeout(opened: Opened, target: Target) -> None:
    target.script.append(never(target))
    with pytest.raises(SinkUnavailable, match=r"no whole answer within 0\.3 s") as raised:
        opened(target.url, timeout_seconds=0.3).deliver("products", [record(1)])
    assert "timeout_seconds" in str(raised.value.hint)


@pytest.mark.parametrize(
    "beginning", [b"", b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"]
)
def test_a_server_that_sends_a_byte_now_and_then_is_left_after_the_timeout_too(
    opened: Opened, target: Target, beginning: bytes
) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(beginning)
        while not target.ended.wait(0.02):
            handler.wfile.write(b"x")

    target.script.append(drip)
    sink = opened(target.url, timeout_seconds=0.3)
    with pytest.raises(SinkUnavailable, match="no whole answer within"):
        sink.deliver("products", [record(1)])
    assert target.hung_up.get(timeout=10)  # the server sees that nobody listens any more
    sink.deliver("products", [record(2)])


def test_a_server_that_stops_reading_is_left_after_the_timeout(opened: Opened) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/"
        sink = opened(url, timeout_seconds=0.3)
        large = record(1, b'"%s"' % (b"x" * 20_000_000))
        with pytest.raises(SinkUnavailable, match="no whole answer within"):
            sink.deliver("products", [large])


@pytest.mark.parametrize(
    "content",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"",
        b"\x16\x03\x01\x02\x00garbage\xff\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 " + b"x" * 100_000 + b"\r\n\r\n",
    ],
)
def test_half_an_answer_or_garbage_is_no_delivery(sink: HttpSink, target: Target, content: bytes) -> None:
    target.script.append(raw(content))
    with pytest.raises(SinkUnavailable) as raised:
        sink.deliver("products", [record(1)])
    assert re.search("broke its answer off|without an answer|not HTTP", str(raised.value))
    assert raised.value.hint
    sink.deliver("products", [record(1)])


def test_an_answer_that_does_not_end_is_not_read_to_its_end(opened: Opened, target: Target) -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not target.ended.is_set():
            handler.wfile.write(b"x" * 65536)

    target.script.append(endless)
    sink = opened(target.url)
    sink.deliver("products", [record(1)])
    assert target.hung_up.get(timeout=10)
    sink.deliver("products", [record(2)])


def test_a_large_body_refused_before_it_was_read_is_a_refusal(opened: Opened) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        # The answer is there before the first byte of the request: the client's sending breaks off.
        client = opened(f"http://127.0.0.1:{server.getsockname()[1]}/")

        def refuse() -> None:
            accepted, _ = server.accept()
            accepted.sendall(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")
            accepted.recv(1000)
            accepted.close()

        thread = threading.Thread(target=refuse)
        thread.start()
        with pytest.raises(RecordsRefused, match="413"):
            client.deliver("products", [record(1, b'"%s"' % (b"x" * 8_000_000))])
        thread.join()


def test_nobody_listening_is_tried_again(opened: Opened) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    sink = opened(f"http://127.0.0.1:{port}/")
    with pytest.raises(SinkUnavailable, match="Connection refused") as raised:
        sink.deliver("products", [record(1)])
    assert raised.value.hint


def test_a_name_that_does_not_resolve_is_tried_again(opened: Opened) -> None:
    sink = opened("http://nowhere.invalid/")
    with pytest.raises(SinkUnavailable, match="can't be resolved"):
        sink.deliver("products", [record(1)])


def test_an_answer_is_shown_without_secrets_and_control_signs_and_not_whole(
    opened: Opened, target: Target
) -> None:
    sink = opened(target.url, token=SECRET, headers={"X-Api-Key": "another-secret"})
    body = b"bad token \x1b[31m" + SECRET.encode() + b"\r\nkey another-secret " + b"y" * 5000
    target.script.append(answer(422, body))
    with pytest.raises(RecordsRefused) as raised:
        sink.deliver("products", [record(1)])
    text = str(raised.value)
    assert "bad token [31m*** key *** yyy" in text
    assert len(text) < 700
    assert text.isprintable()
    assert target.requests[0].headers["X-Api-Key"] == "another-secret"


def test_a_secret_at_the_end_of_what_is_shown_is_not_shown_in_part(sink: HttpSink, target: Target) -> None:
    target.script.append(answer(400, b"z" * 490 + SECRET.encode()))
    with pytest.raises(RecordsRefused) as raised:
        sink.deliver("products", [record(1)])
    assert SECRET[:4] not in str(raised.value)


def test_secrets_are_in_no_text_of_settings_or_sink(target: Target) -> None:
    settings = HttpSettings(url=target.url, token=SecretStr(SECRET), headers={"X-Key": SecretStr(SECRET)})
    assert SECRET not in repr(settings) + str(settings) + repr(settings.open("catalog"))


def test_a_certificate_is_verified(opened: Opened, tls_target: Target) -> None:
    trusting = opened(tls_target.url, ca_file=CERTIFICATE)
    trusting.deliver("products", [record(1)])
    trusting.deliver("products", [record(2)])
    assert len(tls_target.requests) == 2
    assert len({request.connection for request in tls_target.requests}) == 1
    assert tls_target.requests[0].headers["Host"] == tls_target.url.split("/")[2]

    wary = opened(tls_target.url)
    with pytest.raises(SinkUnavailable, match="certificate is not trusted") as raised:
        wary.deliver("products", [record(3)])
    assert "ca_file" in str(raised.value.hint)
    misled = opened(tls_target.url.replace("127.0.0.1", "localhost"), ca_file=CERTIFICATE)
    with pytest.raises(SinkUnavailable, match="certificate is not trusted"):
        misled.deliver("products", [record(3)])
    assert len(tls_target.requests) == 2


def test_a_server_that_stalls_over_tls_is_left_after_the_timeout(opened: Opened, tls_target: Target) -> None:
    tls_target.script.append(never(tls_target))
    sink = opened(tls_target.url, ca_file=CERTIFICATE, timeout_seconds=0.5)
    with pytest.raises(SinkUnavailable, match=r"no whole answer within 0\.5 s"):
        sink.deliver("products", [record(1)])


def test_https_to_a_port_that_speaks_http_is_said_so(opened: Opened, target: Target) -> None:
    sink = opened(target.url.replace("http:", "https:"), timeout_seconds=5)
    with pytest.raises(SinkUnavailable, match=r"TLS failed|broke|closed") as raised:
        sink.deliver("products", [record(1)])
    assert raised.value.hint


def test_a_ca_file_that_is_missing_is_said_so(opened: Opened, tls_target: Target) -> None:
    sink = opened(tls_target.url, ca_file=CERTIFICATE.with_name("none.pem"))
    with pytest.raises(SinkUnavailable, match=r"none\.pem can't be read"):
        sink.deliver("products", [record(1)])
