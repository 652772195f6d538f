"""Reads a feed's topic: its extent, and documents that a full snapshot did not name."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from cdc_daemon.sinks.read_back import Held, HeldEnd, canonical

_OF_A_PRODUCER = frozenset(
    {
        "enable.idempotence",
        "partitioner",
        "compression.type",
        "message.timeout.ms",
        "linger.ms",
        "receive.message.max.bytes",
        "error_cb",
    }
)
_MEBIBYTE = 1024 * 1024
_MESSAGES_AT_ONCE = 1000
_PAGE = 500


def reading(client: Mapping[str, object]) -> Consumer:
    """Return a client that reads assigned partitions, joins no group and creates no topic.

    Args:
        client: configuration of the producer.
    """
    largest = client.get("message.max.bytes")
    fetched = (largest if isinstance(largest, int) else _MEBIBYTE) + 4 * _MEBIBYTE
    return Consumer(
        {
            **{name: value for name, value in client.items() if name not in _OF_A_PRODUCER},
            "group.id": "cdc-daemon",  # librdkafka requires one; the client commits nothing
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
            "fetch.max.bytes": fetched,
            "receive.message.max.bytes": fetched + _MEBIBYTE,
            "queued.max.messages.kbytes": 16 * 1024,
        }
    )


@dataclass(frozen=True)
class Extent:
    """The extent of a topic.

    Attributes:
        cluster: identifier of the cluster.
        partitions: first and next offset of each partition.
    """

    cluster: str
    partitions: Mapping[int, tuple[int, int]]

    @classmethod
    def of(cls, consumer: Consumer, topic: str, seconds: float) -> Extent:
        """Read the extent from the cluster.

        Raises:
            KafkaException: an error of the client; `UNKNOWN_TOPIC_OR_PART` if the topic does not exist.
        """
        until = time.monotonic() + seconds
        known = consumer.list_topics(topic, timeout=seconds)
        found = known.topics[topic]
        if found.error is not None:
            raise KafkaException(found.error)
        return cls(
            str(known.cluster_id),
            {
                number: consumer.get_watermark_offsets(
                    TopicPartition(topic, number), timeout=max(0.1, until - time.monotonic())
                )
                for number in found.partitions
            },
        )

    @property
    def messages(self) -> int:
        """Upper limit of the number of messages: compaction leaves gaps."""
        return sum(after - first for first, after in self.partitions.values())

    @property
    def mark(self) -> str:
        """The cluster and the last offset of the longest partition."""
        number, (_, after) = max(self.partitions.items(), key=lambda each: (each[1][1], -each[0]))
        return f"{self.cluster}/{number}/{after - 1}"

    def reaches(self, mark: str) -> bool:
        """Whether the topic is at least as long as at this mark. A topic that was created anew is not."""
        cluster, number, offset = mark.rsplit("/", 2)
        _, after = self.partitions.get(int(number), (0, 0))
        return self.cluster == cluster and after > int(offset)


@dataclass
class Reading:
    """Reads a topic once, to the end that it has at the beginning.

    The end of a full snapshot stands in each partition. It counts when every partition has it. The partitions
    are read in any order, so changes after the snapshot may come before its end in another partition. They
    bear the number of the last snapshot that ended in their own partition, so that this end keeps them.
    """

    feed: str
    topic: str
    consumer: Consumer
    extent: Extent
    _ended: dict[int, set[int]] = field(default_factory=dict[int, set[int]], init=False)
    _last_ended: dict[int, int] = field(default_factory=dict[int, int], init=False)

    def pages(self, seconds: float) -> Iterator[list[Held | HeldEnd]]:
        """Yield documents, and ends of full snapshots.

        Raises:
            KafkaException: as the client does, or if nothing comes for so long.
        """
        unread = {number for number, (first, after) in self.extent.partitions.items() if after > first}
        self.consumer.assign(
            [TopicPartition(self.topic, number, self.extent.partitions[number][0]) for number in unread]
        )
        until = time.monotonic() + seconds
        while unread:
            messages = _consumed(self.consumer, _PAGE, 1.0)
            if not messages:
                if time.monotonic() > until:
                    raise KafkaException(KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001 - as in kafka.py
                continue
            page: list[Held | HeldEnd] = []
            for message in messages:
                number, offset, error = message.partition() or 0, message.offset() or 0, message.error()
                if error is not None and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - as above
                    raise KafkaException(error)
                # The end of a partition comes with its offset. It may come before this consumer sees messages
                # that were there when the reading began.
                reached = offset if error is not None else offset + 1
                if reached >= self.extent.partitions[number][1]:
                    unread.discard(number)
                if error is None and offset < self.extent.partitions[number][1]:
                    page += self._said(number, message)
            yield page
            until = time.monotonic() + seconds  # the caller may have paused

    def _said(self, number: int, message: Message) -> list[Held | HeldEnd]:
        key, headers, value = message.key(), _headers(message), message.value()
        if key is None or headers.get("feed", self.feed.encode()) != self.feed.encode():
            return []
        revision, snapshot = (_number(headers.get(name, b"")) for name in ("revision", "snapshot"))
        if headers.get("op") == b"snapshot_end":
            ended = self._ended.setdefault(snapshot, set())
            ended.add(number)
            self._last_ended[number] = max(snapshot, self._last_ended.get(number, 0))
            return [HeldEnd(snapshot)] if len(ended) == len(self.extent.partitions) else []
        document = None if value is None else _bytes(value)
        text = _bytes(key).decode("utf-8", "replace")
        snapshot = max(snapshot, self._last_ended.get(number, 0))
        return [Held(canonical(text), revision or None, document, value is None, snapshot=snapshot, key=text)]


@dataclass
class Sweep:
    """Reads a topic once for the keys that a full snapshot did not name.

    Attributes:
        snapshot: number of the snapshot.
        left: revision of each document that the snapshot did not name, by partition and key.
    """

    feed: str
    snapshot: int
    topic: str
    consumer: Consumer
    extent: Extent
    left: dict[tuple[int, bytes], int] = field(default_factory=dict[tuple[int, bytes], int], init=False)
    _unread: set[int] = field(default_factory=set[int], init=False)

    def __post_init__(self) -> None:
        self._unread = {number for number, (first, after) in self.extent.partitions.items() if after > first}
        self.consumer.assign(
            [TopicPartition(self.topic, number, self.extent.partitions[number][0]) for number in self._unread]
        )

    def read(self, seconds: float) -> bool:
        """Continue to read for some seconds. Return whether all messages of the beginning were read.

        Raises:
            KafkaException: an error of the client. The sweep must begin anew.
        """
        until = time.monotonic() + seconds
        while self._unread:
            left = until - time.monotonic()
            if left <= 0:
                return False
            for message in _consumed(self.consumer, _MESSAGES_AT_ONCE, min(left, 1.0)):
                self._note(message)
        return True

    def _note(self, message: Message) -> None:
        number, offset, error = message.partition() or 0, message.offset() or 0, message.error()
        if error is not None and error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - as in kafka.py
            raise KafkaException(error)
        if error is None:
            self._judge(number, message)
        reached = offset if error is not None else offset + 1
        if reached >= self.extent.partitions[number][1]:
            self._unread.discard(number)

    def _judge(self, number: int, message: Message) -> None:
        """Check a message: the last one of a key counts. Remember documents that the snapshot did not name.

        Messages after the snapshot, or of a later one, have higher numbers. The end may be repeated.
        """
        key, headers = message.key(), _headers(message)
        if key is None:
            return
        revision, snapshot = (_number(headers.get(name, b"")) for name in ("revision", "snapshot"))
        is_ours = headers.get("feed") == self.feed.encode() and message.value() is not None
        if is_ours and max(revision, snapshot) < self.snapshot:
            self.left[number, _bytes(key)] = revision
        else:
            self.left.pop((number, _bytes(key)), None)

    def take(self, most: int) -> Iterator[tuple[int, bytes, int]]:
        """Yield and remove some of the remaining documents: partition, key and revision."""
        for _ in range(min(most, len(self.left))):
            (number, key), revision = self.left.popitem()
            yield number, key, revision

    def close(self) -> None:
        """Close the consumer."""
        self.consumer.close()


def _consumed(consumer: Consumer, most: int, seconds: float) -> list[Message]:
    """Wait for one message, and return it with those that have come, too.

    `consume` alone waits for the most messages all the time, also at the end of a topic.
    """
    first = consumer.consume(1, timeout=seconds)
    return [*first, *consumer.consume(most - 1, timeout=0)] if first else []


def _headers(message: Message) -> dict[str, bytes]:
    found = message.headers() or ()
    named = found.items() if isinstance(found, dict) else found
    return {name: _bytes(value) for name, value in named if value is not None}


def _number(text: bytes) -> int:
    return int(text) if text.isdigit() else 0


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()
