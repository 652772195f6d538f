"""Standard Webhooks: what a receiver that follows the specification finds right."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time

import pytest
from pydantic import ValidationError

from cdc_daemon.errors import SinkUnavailable
from cdc_daemon.sinks.http import HttpSettings, signature
from tests.receivers.http import Request, Target, answer
from tests.unit.sinks.conftest import Opened
from tests.unit.sinks.target import record

OLD, NEW = (b"o" * 24, b"n" * 32)


def secret(key: bytes) -> str:
    return "whsec_" + base64.b64encode(key).decode()


def verified(request: Request, key: bytes) -> bool:
    """As the specification tells a receiver to do it."""
    message, timestamp = request.headers["webhook-id"], request.headers["webhook-timestamp"]
    signed = f"{message}.{timestamp}.".encode() + request.content
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return f"v1,{expected}" in request.headers["webhook-signature"].split(" ")


def test_the_example_of_the_specification() -> None:
    made = signature.headers(
        signature.keys("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert made["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_a_request_is_signed_over_what_it_says_before_compression(
    opened: Opened, target: Target, compression: str
) -> None:
    opened(target.url, webhook_secret=secret(NEW), compression=compression).deliver("products", [record(1)])
    (request,) = target.requests
    assert verified(request, NEW)
    assert not verified(request, OLD)
    assert abs(int(request.headers["webhook-timestamp"]) - time.time()) < 60


def test_while_secrets_change_either_is_right(opened: Opened, target: Target) -> None:
    sink = opened(target.url, webhook_secret=f"{secret(NEW)}\n{secret(OLD)}")
    sink.deliver("products", [record(1)])
    (request,) = target.requests
    assert verified(request, NEW)
    assert verified(request, OLD)


def test_the_id_is_the_same_over_retries_and_has_no_dot(opened: Opened, target: Target) -> None:
    sink = opened(target.url, webhook_secret=secret(NEW))
    target.script.append(answer(500))
    with pytest.raises(SinkUnavailable):
        sink.deliver("products", [record(1)])
    sink.deliver("products", [record(1)])
    sink.deliver("products", [record(2)])
    first, second, third = (request.headers["webhook-id"] for request in target.requests)
    assert first == second != third
    assert "." not in first


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ("c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", "begin with whsec_"),
        ("whsec_???", "base64"),
        (secret(b"short"), "24 to 64 bytes"),
        (secret(b"x" * 65), "24 to 64 bytes"),
        (f"{secret(NEW)} whsec_?", "secret 2"),
        (" ", "empty"),
    ],
)
def test_what_is_no_secret_is_refused_without_showing_it(given: str, rule: str) -> None:
    with pytest.raises(ValidationError) as raised:
        HttpSettings.model_validate({"url": "https://a/", "webhook_secret": given})
    assert rule in str(raised.value)
    assert not given.strip() or given not in str(raised.value)
