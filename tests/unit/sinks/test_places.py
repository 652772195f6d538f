"""Which settings of a sink say where its documents go: one that changes gives the new target everything."""

from __future__ import annotations

from typing import Any

import pytest

from cdc_daemon.sinks.registry import SINKS
from cdc_daemon.sinks.settings import SinkSettings

SETTINGS: dict[str, dict[str, Any]] = {
    "file": {"path": "/out/{feed}.ndjson"},
    "http": {"url": "https://one.example/feeds/{feed}"},
    "kafka": {"bootstrap_servers": "one.example:9092,two.example:9092"},
    "nats": {"url": "tls://user:password@one.example,tls://two.example"},
    "opensearch": {"url": "https://one.example:9200,https://two.example:9200"},
    "postgres": {"dsn": "host=one.example user=cdc dbname=shop"},
    "rabbitmq": {"url": "amqps://user:password@one.example/shop"},
    "redis": {"url": "rediss://user:password@one.example/0"},
    "s3": {"bucket": "shop"},
}
MOVED: list[tuple[str, dict[str, Any]]] = [
    ("file", {"path": "/out/{sink}/{feed}.ndjson"}),
    ("http", {"url": "https://two.example/feeds/{feed}"}),
    ("http", {"url": "https://one.example/other/{feed}"}),
    ("http", {"url": "https://one.example/feeds/{feed}?into=other"}),
    ("kafka", {"bootstrap_servers": "three.example:9092"}),
    ("kafka", {"topic": "other.{feed}"}),
    ("nats", {"url": "tls://three.example"}),
    ("nats", {"stream": "other"}),
    ("nats", {"subject": "other.{feed}.{key}"}),
    ("opensearch", {"url": "https://three.example:9200"}),
    ("opensearch", {"index": "other-{feed}"}),
    ("postgres", {"dsn": "host=two.example user=cdc dbname=shop"}),
    ("postgres", {"dsn": "host=one.example port=5433 user=cdc dbname=shop"}),
    ("postgres", {"dsn": "host=one.example user=cdc dbname=other"}),
    ("postgres", {"dsn": "host=one.example user=other"}),  # the database has the user's name
    ("postgres", {"dsn": "service=other"}),
    ("postgres", {"table": "other.{feed}"}),
    ("rabbitmq", {"url": "amqps://user:password@two.example/shop"}),
    ("rabbitmq", {"url": "amqps://user:password@one.example/other"}),
    ("rabbitmq", {"exchange": "other"}),
    ("rabbitmq", {"routing_key": "other.{feed}"}),
    ("redis", {"url": "rediss://user:password@two.example/0"}),
    ("redis", {"url": "rediss://user:password@one.example/1"}),
    ("redis", {"url": "rediss://user:password@one.example/?db=1"}),
    ("redis", {"key": "other:{feed}:{key}"}),
    ("redis", {"mode": "stream"}),
    ("redis", {"mode": "stream", "stream": "other:{feed}"}),
    ("s3", {"bucket": "other"}),
    ("s3", {"prefix": "other/{feed}/"}),
    ("s3", {"endpoint_url": "https://one.example"}),
]
STAYED: list[tuple[str, dict[str, Any]]] = [
    ("file", {"rotate_bytes": 1000}),
    ("http", {"token": "other", "in_flight": 2}),
    ("kafka", {"bootstrap_servers": "two.example:9092, one.example"}),
    ("kafka", {"sasl_mechanism": "PLAIN", "user": "other", "password": "other", "security": "tls"}),
    ("nats", {"url": "tls://two.example,tls://other:password@one.example"}),
    ("opensearch", {"url": "https://two.example:9200, https://one.example:9200", "api_key": "other"}),
    ("postgres", {"dsn": "host=one.example user=other password=other dbname=shop sslmode=verify-full"}),
    ("rabbitmq", {"url": "amqps://other:other@one.example/shop?heartbeat=5"}),
    ("redis", {"url": "rediss://other:other@one.example/0?client_name=other"}),
    ("s3", {"access_key_id": "other", "secret_access_key": "other", "compression": "none"}),
]


def settings(kind: str, **more: Any) -> SinkSettings:
    return SINKS[kind].model_validate({"type": kind, **SETTINGS[kind], **more})


def test_every_kind_but_the_output_of_the_daemon_says_where_documents_go() -> None:
    assert set(SETTINGS) == set(SINKS) - {"stdout"}
    assert all(settings(kind).target for kind in SETTINGS)


@pytest.mark.parametrize(("kind", "changed"), MOVED, ids=str)
def test_a_setting_that_names_another_target_is_noticed(kind: str, changed: dict[str, Any]) -> None:
    assert settings(kind, **changed).target != settings(kind).target


@pytest.mark.parametrize(("kind", "changed"), STAYED, ids=str)
def test_a_setting_that_leaves_the_target_what_it_was_moves_nothing(
    kind: str, changed: dict[str, Any]
) -> None:
    assert settings(kind, **changed).target == settings(kind).target
