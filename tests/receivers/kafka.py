"""Kafka, as librdkafka's mock cluster plays it: no broker can be had from Debian or PyPI."""

from __future__ import annotations

import sys
from pathlib import Path

from confluent_kafka import Consumer, Message, TopicPartition

from cdc_daemon.sinks.record import Record
from tests.receivers.processes import Kind, Server
from tests.receivers.receiver import Documents, Receiver, Seen, folded, key_of, meaning


class Kafka(Kind):
    """A cluster of one broker, which chooses its port."""

    name = "kafka"
    ports = 0

    def command(self, folder: Path, ports: list[int]) -> list[str]:
        (folder / "port").unlink(missing_ok=True)
        return [sys.executable, "-P", str(Path(__file__).with_name("kafka_broker.py")), str(folder / "port")]

    def is_ready(self, ports: list[int]) -> bool:
        return bool(ports)

    def chosen_ports(self, folder: Path) -> list[int]:
        file = folder / "port"
        return [int(file.read_text())] if file.exists() else []


KAFKA = Kafka()


class KafkaReceiver(Receiver):
    """A topic of the test's own for each feed."""

    kind = "kafka"
    keeps_history = True

    def __init__(self, server: Server, name: str) -> None:
        super().__init__()
        self._server = server
        self._name = name
        self.address = server.port

    def settings(self, port: int | None = None) -> dict[str, object]:
        servers = f"127.0.0.1:{port or self.address}"
        return {"bootstrap_servers": servers, "topic": f"{self._name}.{{feed}}"}

    def messages(self, feed: str) -> list[Message]:
        consumer = Consumer(
            {
                "bootstrap.servers": f"127.0.0.1:{self.address}",
                "group.id": self._name,
                "enable.partition.eof": True,
                "fetch.message.max.bytes": 10_000_000,
            }
        )
        topic = f"{self._name}.{feed}"
        try:
            known = consumer.list_topics(topic, timeout=10).topics[topic].partitions
            consumer.assign([TopicPartition(topic, number, 0) for number in known])
            found: list[Message] = []
            open_partitions = set(known)
            while open_partitions:
                message = consumer.poll(10)
                assert message is not None, "the broker is silent"
                if message.error():
                    open_partitions.discard(message.partition())
                else:
                    found.append(message)
            return found
        finally:
            consumer.close()

    def documents(self, feed: str) -> Documents:
        by_partition: dict[int, list[Seen]] = {}
        for message in self.messages(feed):
            by_partition.setdefault(message.partition() or 0, []).append(_seen(message))
        return {
            key: document for records in by_partition.values() for key, document in folded(records).items()
        }

    def compacted(self, feed: str) -> Documents:
        """What a compacted topic comes to, for a reader who knows nothing of full snapshots."""
        values = {message.key(): message.value() for message in self.messages(feed)}
        return {key_of(key or b""): meaning(value) for key, value in values.items() if value is not None}

    def history(self, feed: str) -> list[tuple[str, int]]:
        return [(record.key, record.revision) for record in map(_seen, self.messages(feed))]

    def refused(self, feed: str) -> Record | None:
        large = b'{"t":"%s"}' % (b"x" * 1_100_000)
        return Record(feed, b'{"sku":"bad"}', "upsert", 1000, "00", (), "2025-01-02T03:04:05Z", large)

    def stop(self) -> None:
        self._server.pause()

    def start(self) -> None:
        self._server.go_on()


def _seen(message: Message) -> Seen:
    headers = dict(message.headers() or [])
    return Seen(
        key_of(message.key() or b""),
        int(headers["revision"] or 0),
        None if message.value() is None else meaning(message.value() or b""),
        int(headers["snapshot"] or 0) if "snapshot" in headers else None,
        headers["op"] == b"snapshot_end",
    )
