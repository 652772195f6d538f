"""Compares sinks (all but http) with their client libraries, on the servers of the tests."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aio_pika
import boto3
import nats
import opensearchpy
import psycopg
import redis
from confluent_kafka import Producer
from redis.typing import EncodableT, FieldT

from bench.contest import contest, records
from bench.figure import Figure
from bench.place import Place
from cdc_daemon.sinks.batches import split
from cdc_daemon.sinks.formats import framed
from cdc_daemon.sinks.record import Record
from cdc_daemon.sinks.registry import SINKS
from cdc_daemon.sinks.settings import SinkSettings
from cdc_daemon.sinks.sink import Sink
from tests.receivers import processes
from tests.receivers.kafka import KAFKA
from tests.receivers.nats import NATS
from tests.receivers.opensearch import OPENSEARCH
from tests.receivers.rabbitmq import RABBITMQ
from tests.receivers.redis import REDIS
from tests.receivers.s3 import S3
from tests.support.servers import DIRECTORY_VARIABLE

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

BATCH = 500
_numbers = itertools.count()


@dataclass(frozen=True)
class _Made:
    """Payloads for the bare loops, made beforehand, one list for each batch.

    Attributes:
        records: key, document and revision.
        encoded: records in the format `records`.
        headers: headers of a message with a record.
        lines: records as lines.
    """

    records: Sequence[Sequence[Record]]
    encoded: Sequence[Sequence[bytes]]
    headers: Sequence[Sequence[Mapping[str, str]]]
    lines: Sequence[bytes]

    @classmethod
    def of(cls, documents: Sequence[Record]) -> _Made:
        batches = list(split(documents, BATCH, 1 << 30))
        encoded = [[record.encode() for record in batch] for batch in batches]
        headers = [
            [
                {
                    "Nats-Msg-Id": f"{one.feed}-{one.revision}",
                    "revision": str(one.revision),
                    "op": one.op,
                    "captured_at": one.captured_at,
                }
                for one in batch
            ]
            for batch in batches
        ]
        return cls(batches, encoded, headers, [framed(batch, "ndjson") for batch in encoded])


@dataclass(frozen=True)
class _Contest:
    """A sink and its client library.

    Attributes:
        settings: makes the sink's settings. They contain a new name each time, so that the target is empty.
        bare: sends batches under such a name, one after the other as the sink does.
    """

    kind: str
    settings: Callable[[str], Mapping[str, object]]
    bare: Callable[[str], None]


def measure(place: Place) -> Iterator[Figure]:
    """Yield the figures of every sink except http."""
    documents = records(place.rounds(20_000, 2_000))
    made = _Made.of(documents)
    with _servers(place):
        for one in (
            _file(place, made),
            _postgres(place, made),
            _redis(made),
            _nats(made),
            _kafka(made),
            _rabbitmq(made),
            _opensearch(made),
            _s3(made),
        ):
            kind = SINKS[one.kind]

            def opened(kind: type[SinkSettings] = kind, one: _Contest = one) -> Sink:
                settings = {"type": one.kind, "batch_records": BATCH, **one.settings(_name())}
                return kind.model_validate(settings).open("bench")

            yield from contest(
                place,
                one.kind,
                sink=opened,
                documents=documents,
                bare=lambda one=one: one.bare(_name()),
            )


@contextmanager
def _servers(place: Place) -> Generator[None]:
    folder = place.folder / "servers"
    folder.mkdir()
    os.environ[DIRECTORY_VARIABLE] = str(folder)
    os.environ[processes.OWNER_VARIABLE] = str(os.getpid())
    try:
        yield
    finally:
        processes.stop_all(folder)


def _name() -> str:
    return f"b{next(_numbers)}"


def _file(place: Place, made: _Made) -> _Contest:
    def bare(name: str) -> None:
        descriptor = os.open(place.folder / f"{name}.bare", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        for body in made.lines:
            os.write(descriptor, body)
            os.fsync(descriptor)
        os.close(descriptor)

    return _Contest("file", lambda name: {"path": str(place.folder / f"{name}.ndjson")}, bare)


def _postgres(place: Place, made: _Made) -> _Contest:
    dsn = place.server.create_database("mirror")
    columns = [
        (
            [record.key.decode() for record in batch],
            [(record.data or b"").decode() for record in batch],
            [record.revision for record in batch],
        )
        for batch in made.records
    ]
    insert = (
        'INSERT INTO "{0}" SELECT * FROM unnest(%s::text[]::jsonb[], %s::text[]::json[], %s::int8[])'
        " ON CONFLICT (key) DO UPDATE SET document = EXCLUDED.document, revision = EXCLUDED.revision"
    )

    def bare(name: str) -> None:
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute(
                f'CREATE TABLE "{name}" (key jsonb PRIMARY KEY, document json, revision int8)'.encode()
            )
            for values in columns:
                connection.execute(insert.format(name).encode(), values)

    return _Contest("postgres", lambda name: {"dsn": dsn, "table": name}, bare)


def _redis(made: _Made) -> _Contest:
    port = processes.shared(REDIS).port

    def bare(name: str) -> None:
        with redis.Redis(port=port) as client:
            for batch in made.records:
                pipeline = client.pipeline(transaction=False)
                for record in batch:
                    fields: dict[FieldT, EncodableT] = {
                        "document": record.data or b"",
                        "revision": record.revision,
                    }
                    pipeline.hset(f"{name}:{record.revision}", mapping=fields)
                pipeline.execute()

    return _Contest(
        "redis", lambda name: {"url": f"redis://127.0.0.1:{port}/0", "key": f"{name}:{{key}}"}, bare
    )


def _nats(made: _Made) -> _Contest:
    port = processes.shared(NATS).port

    async def publish(name: str) -> None:
        client = await nats.connect(f"nats://127.0.0.1:{port}")
        stream = client.jetstream()
        await stream.add_stream(name=name, subjects=[name])
        for batch, headers in zip(made.encoded, made.headers, strict=True):
            pairs = zip(batch, headers, strict=True)
            await asyncio.gather(
                *[await stream.publish_async(name, payload, headers=dict(one)) for payload, one in pairs]
            )
        await client.close()

    return _Contest(
        "nats",
        lambda name: {"url": f"nats://127.0.0.1:{port}", "stream": name, "subject": name},
        lambda name: asyncio.run(publish(name)),
    )


def _kafka(made: _Made) -> _Contest:
    servers = f"127.0.0.1:{processes.shared(KAFKA).port}"

    def bare(name: str) -> None:
        producer = Producer(
            {"bootstrap.servers": servers, "enable.idempotence": True, "compression.type": "lz4"}
        )
        failures: list[object] = []

        def report(error: object, _: object) -> None:
            if error is not None:
                failures.append(error)

        for batch, headers in zip(made.records, made.headers, strict=True):
            for record, one in zip(batch, headers, strict=True):
                producer.produce(
                    name, key=record.key, value=record.data, headers=list(one.items()), on_delivery=report
                )
            assert producer.flush(30) == 0
            assert not failures

    return _Contest("kafka", lambda name: {"bootstrap_servers": servers, "topic": name}, bare)


def _rabbitmq(made: _Made) -> _Contest:
    url = f"amqp://guest:guest@127.0.0.1:{processes.shared(RABBITMQ).port}/"

    async def publish(name: str) -> None:
        async with await aio_pika.connect(url) as connection:
            channel = await connection.channel()
            await channel.declare_queue(name, durable=True)
            mode = aio_pika.DeliveryMode.PERSISTENT
            for batch in made.encoded:
                messages = [aio_pika.Message(payload, delivery_mode=mode) for payload in batch]
                await asyncio.gather(*[channel.default_exchange.publish(one, name) for one in messages])

    return _Contest(
        "rabbitmq",
        lambda name: {"url": url, "routing_key": name},
        lambda name: asyncio.run(publish(name)),
    )


def _opensearch(made: _Made) -> _Contest:
    url = f"http://127.0.0.1:{processes.shared(OPENSEARCH).port}"

    bodies = [
        framed(
            itertools.chain.from_iterable(
                (
                    b'{"index":{"_id":"%d","version":1,"version_type":"external"}}' % one.revision,
                    one.data or b"",
                )
                for one in batch
            ),
            "ndjson",
        )
        for batch in made.records
    ]

    def bare(name: str) -> None:
        client = opensearchpy.OpenSearch([url])
        for body in bodies:
            client.bulk(index=name, body=body)
        client.close()

    return _Contest("opensearch", lambda name: {"url": url, "index": name}, bare)


def _s3(made: _Made) -> _Contest:
    endpoint = f"http://127.0.0.1:{processes.shared(S3).port}"
    session = boto3.Session("bench", "bench", region_name="us-east-1")

    def connected() -> S3Client:
        return session.client("s3", endpoint_url=endpoint)

    connected().create_bucket(Bucket="bench")

    def bare(name: str) -> None:
        client = connected()
        for number, body in enumerate(made.lines):
            client.put_object(Bucket="bench", Key=f"{name}/{number}", Body=body)
            client.put_object(Bucket="bench", Key=f"{name}/{number}.manifest", Body=b"{}" * 100)

    return _Contest(
        "s3",
        lambda name: {
            "bucket": "bench",
            "prefix": f"{name}/{{feed}}/",
            "compression": "none",
            "endpoint_url": endpoint,
            "access_key_id": "bench",
            "secret_access_key": "bench",
        },
        bare,
    )
