"""Which receivers the tests of all sinks run on, and how they are made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from tests.receivers.files import ArchiveReceiver, FileReceiver, StdoutReceiver
from tests.receivers.http import HttpReceiver
from tests.receivers.kafka import KAFKA, KafkaReceiver
from tests.receivers.nats import NATS, NatsReceiver
from tests.receivers.opensearch import OPENSEARCH, OpensearchReceiver
from tests.receivers.postgres import PostgresReceiver
from tests.receivers.processes import own, shared
from tests.receivers.rabbitmq import RABBITMQ, RabbitmqReceiver, RabbitmqTopicReceiver
from tests.receivers.receiver import Receiver
from tests.receivers.redis import REDIS, RedisReceiver, RedisStreamReceiver
from tests.receivers.s3 import S3, S3Receiver


def _folder(request: pytest.FixtureRequest) -> Path:
    factory: pytest.TempPathFactory = request.getfixturevalue("tmp_path_factory")
    return factory.mktemp("receiver")


def _stdout(request: pytest.FixtureRequest) -> StdoutReceiver:
    capture: pytest.CaptureFixture[bytes] = request.getfixturevalue("capfdbinary")
    return StdoutReceiver(lambda: capture.readouterr().out)


RECEIVERS: dict[str, Callable[[pytest.FixtureRequest], Receiver]] = {
    "archive": lambda request: ArchiveReceiver(_folder(request)),
    "http": lambda _: HttpReceiver(),
    "http-parallel": lambda _: HttpReceiver(
        in_flight=4, batch_records=3, framing="ndjson", format="merge-patch"
    ),
    "file": lambda request: FileReceiver(_folder(request)),
    "kafka": lambda _: KafkaReceiver(shared(KAFKA), unique()),
    "nats": lambda _: NatsReceiver(shared(NATS), unique()),
    "opensearch": lambda _: OpensearchReceiver(shared(OPENSEARCH), unique()),
    "postgres": lambda _: PostgresReceiver(unique()),
    "rabbitmq": lambda _: RabbitmqReceiver(shared(RABBITMQ), unique()),
    "rabbitmq-topic": lambda _: RabbitmqTopicReceiver(shared(RABBITMQ), unique()),
    "redis": lambda _: RedisReceiver(shared(REDIS), unique()),
    "redis-stream": lambda _: RedisStreamReceiver(shared(REDIS), unique()),
    "s3": lambda _: S3Receiver(shared(S3), unique()),
    "stdout": _stdout,
}
"""By name: what gives a test a receiver of its own, on a server that tests share."""

STOPPABLE: dict[str, Callable[[], Receiver]] = {
    "http": HttpReceiver,
    "kafka": lambda: KafkaReceiver(own(KAFKA, unique()), unique()),
    "nats": lambda: NatsReceiver(own(NATS, unique()), unique()),
    "opensearch": lambda: OpensearchReceiver(own(OPENSEARCH, unique()), unique()),
    "postgres": lambda: PostgresReceiver(unique(), stoppable=True),
    "rabbitmq": lambda: RabbitmqReceiver(own(RABBITMQ, unique()), unique()),
    "redis": lambda: RedisReceiver(own(REDIS, unique()), unique()),
    "s3": lambda: S3Receiver(own(S3, unique()), unique()),
    "redis-stream": lambda: RedisStreamReceiver(own(REDIS, unique()), unique()),
}
"""The same with a server of the test's own, which it may stop."""


def unique() -> str:
    """A name that no other test uses."""
    return f"t{uuid4().hex[:12]}"


WITHOUT_SERVER = frozenset({"archive", "file", "stdout"})

PAST_A_PROXY = frozenset({"kafka"})
"""Kinds whose client asks the server for its address, and goes there."""
