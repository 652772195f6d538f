"""A receiver that trickles, or never ends its answer, costs one delivery its time limit, and no memory."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from cdc_daemon.errors import CdcError, RecordsRefused, SinkUnavailable
from cdc_daemon.sinks.record import Record
from cdc_daemon.sinks.registry import SINKS
from cdc_daemon.sinks.sink import Sink
from tests.receivers.hostile import TALKS, Talk, hostile

TIMEOUT_SECONDS = 2.0
LEASE_SECONDS = TIMEOUT_SECONDS + 5.0
"""A lease lasts ten seconds longer than the timeout; half of these are for a slow machine."""

MOST_GROWTH = 48 * 1024 * 1024

EVERY = [(kind, name) for kind, talks in TALKS.items() for name in talks]
GOOD_OVER_HTTP = {"a gzip bomb", "a long body", "chunks without an end"}
RECORDS = [
    Record(
        "products", b'{"sku":"p%d"}' % n, "upsert", n, f"{n:064x}", ("name",), "2025-01-01T00:00:00Z", b"{}"
    )
    for n in range(1, 11)
]


def sink(kind: str, port: int) -> Sink:
    place = f"127.0.0.1:{port}"
    settings: dict[str, dict[str, object]] = {
        "http": {"url": f"http://{place}/"},
        "kafka": {"bootstrap_servers": place},
        "nats": {"url": f"nats://{place}"},
        "opensearch": {"url": f"http://{place}"},
        "postgres": {"dsn": f"postgresql://somebody@{place}/shop?sslmode=disable"},
        "rabbitmq": {"url": f"amqp://guest:guest@{place}/"},
        "redis": {"url": f"redis://{place}/0"},
        "s3": {
            "bucket": "records",
            "endpoint_url": f"http://{place}",
            "access_key_id": "somebody",
            "secret_access_key": "of-nobody",
        },
    }
    chosen = {"type": kind, "timeout_seconds": TIMEOUT_SECONDS, **settings[kind]}
    return SINKS[kind].model_validate(chosen).open("target")


@contextmanager
def no_growth() -> Iterator[None]:
    """Fail where the process takes much more memory within, at any moment."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = _memory("VmRSS")
    yield
    assert _memory("VmHWM") - before < MOST_GROWTH


def _memory(name: str) -> int:
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def deliver_in_time(target: Sink) -> None:
    """Hand over records; an error of ours, in time, is what is right."""
    started = time.monotonic()
    with pytest.raises((SinkUnavailable, RecordsRefused)) as raised:
        target.deliver("products", RECORDS)
    assert time.monotonic() - started < LEASE_SECONDS
    assert isinstance(raised.value, CdcError)
    assert "products" in str(raised.value)
    started = time.monotonic()
    target.close()
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_an_answer_without_an_end_is_not_read_to_the_end(kind: str, name: str) -> None:
    if kind == "http" and name in GOOD_OVER_HTTP:
        return  # below: a 2xx says that the records are there, whatever comes behind it
    with hostile(TALKS[kind][name]) as server, no_growth(), closing(sink(kind, server.port)) as target:
        deliver_in_time(target)


@pytest.mark.parametrize("name", sorted(GOOD_OVER_HTTP))
def test_of_a_good_answer_over_http_no_more_is_read_than_is_looked_at(name: str) -> None:
    with hostile(TALKS["http"][name]) as server, no_growth(), closing(sink("http", server.port)) as target:
        started = time.monotonic()
        assert target.deliver("products", RECORDS) == ()
        assert time.monotonic() - started < LEASE_SECONDS


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_a_byte_now_and_then_does_not_hold_a_delivery(kind: str, name: str) -> None:
    talk: Talk = TALKS[kind][name]
    with hostile(talk, pause_seconds=0.1) as server, closing(sink(kind, server.port)) as target:
        deliver_in_time(target)
