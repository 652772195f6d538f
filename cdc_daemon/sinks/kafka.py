"""The Kafka sink: produces a message for each document and a tombstone for each delete."""

from __future__ import annotations

import contextlib
import functools
import ssl
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import orjson
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from cdc_daemon.errors import NotAuthorized, RecordsRefused
from cdc_daemon.sinks import placeholders
from cdc_daemon.sinks.kafka_errors import (
    FOR_ANY_REASON,
    NO_TOPIC,
    NOT_AUTHORIZED,
    OF_THE_RECORD,
    TIMED_OUT,
    error_of,
    unavailable,
)
from cdc_daemon.sinks.kafka_topic import Extent, Reading, Sweep, reading
from cdc_daemon.sinks.probe import ConnectionProbe, Server, probed
from cdc_daemon.sinks.read_back import Held, HeldEnd, ReadBack
from cdc_daemon.sinks.record import Record, SnapshotEnd
from cdc_daemon.sinks.sink import ProbeStep, Refusal, Sink
from cdc_daemon.sinks.unreachable import Names

_TOMBSTONES_AT_ONCE = 5000
_LOOK_SECONDS = 60.0


@dataclass
class KafkaSink(Sink, ReadBack):
    """Produces documents as messages. The last message of a key is its state, also in a compacted topic.

    Attributes:
        topic: template with placeholders.
        client: configuration of librdkafka.
        sweep_messages: largest topic, in messages, that the sink reads at the end of a full snapshot.
        servers, tls: the parts of the configuration that a probe tries by itself.
    """

    name: str
    batch_records: int
    batch_bytes: int
    timeout_seconds: float
    topic: str
    client: Mapping[str, object] = field(repr=False)
    sweep_messages: int = 0
    is_log = True
    servers: Sequence[Server] = ()
    tls: Callable[[], ssl.SSLContext] | None = field(default=None, repr=False)
    _producer: Producer | None = field(default=None, init=False, repr=False)
    _trouble: KafkaError | None = field(default=None, init=False, repr=False)
    _sweep: Sweep | None = field(default=None, init=False, repr=False)
    _look_at: float = field(default=0.0, init=False, repr=False)
    # Last written offset of each partition. A topic that was created anew begins at 0 again.
    _offsets: dict[int, int] = field(default_factory=dict[int, int], init=False, repr=False)
    _is_made_anew: bool = field(default=False, init=False, repr=False)

    def deliver(self, feed: str, records: Sequence[Record]) -> Sequence[Refusal]:
        """Produce the records and wait for the report of each (see `Sink.deliver`)."""
        deadline = time.monotonic() + self.timeout_seconds
        with self._opened(feed) as (producer, topic):
            if not records:
                producer.list_topics(timeout=self.timeout_seconds)
                return ()
            return self._produce(producer, topic, records, deadline)

    def end_snapshot(self, end: SnapshotEnd) -> bool:
        """Produce an end message to each partition, then tombstones (see `Sink.end_snapshot`).

        The end message has no value. For a consumer that does not know it, it deletes a document that never
        existed. Each document that the snapshot did not name gets a tombstone, for such consumers and for
        compaction.
        """
        deadline = time.monotonic() + self.timeout_seconds
        with self._opened(end.feed) as (producer, topic):
            if self._sweep is None:
                known = producer.list_topics(topic, timeout=self.timeout_seconds).topics[topic]
                key = orjson.dumps({"snapshot_end": end.feed})
                headers = _headers_of("snapshot_end", end, end.snapshot)
                self._produce_to(
                    producer, topic, ((number, key, headers) for number in known.partitions), deadline
                )
            try:
                return self._swept(producer, topic, end, deadline)
            except KafkaException as error:
                if error_of(error).code() not in NOT_AUTHORIZED:
                    raise
                self._stop_sweep()
                raise RecordsRefused(
                    f"what the full snapshot did not name stays: {error_of(error).str()}",
                    where=f"sink {self.name}, feed {end.feed}, topic {topic}",
                    hint="allow the user to read the topic, or set sweep_messages = 0",
                ) from error

    def _swept(self, producer: Producer, topic: str, end: SnapshotEnd, deadline: float) -> bool:
        """Do a part of the sweep. Return whether it is done."""
        if not self.sweep_messages:
            return True
        if self._sweep is None:
            consumer = reading(self.client)
            try:
                extent = Extent.of(consumer, topic, self.timeout_seconds / 2)
                self._require_small(extent, end.feed, topic)
            except BaseException:
                consumer.close()
                raise
            self._sweep = Sweep(end.feed, end.snapshot, topic, consumer, extent)
        if not self._sweep.read(self.timeout_seconds / 4):
            return False
        left = [
            (number, key, _headers_of("delete", end, revision + 1))
            for number, key, revision in self._sweep.take(_TOMBSTONES_AT_ONCE)
        ]
        self._produce_to(producer, topic, left, deadline)
        self.removed += len(left)
        if self._sweep.left:
            return False
        self._stop_sweep()
        return True

    def _require_small(self, extent: Extent, feed: str, topic: str) -> None:
        """Raise RecordsRefused if the topic has more messages than the sink may read."""
        if extent.messages > self.sweep_messages:
            raise RecordsRefused(
                f"the topic has up to {extent.messages:,} messages: too many to read it for what the full "
                "snapshot did not name",
                where=f"sink {self.name}, feed {feed}, topic {topic}",
                hint="raise sweep_messages if its readers do not heed the end of a full snapshot; else set 0",
            )

    def read_back(self, feed: str, key: Sequence[str]) -> Iterator[Sequence[Held | HeldEnd]]:  # noqa: ARG002
        """Read the topic to its present end; see `ReadBack.read_back`."""
        with self._errors_explained(feed) as topic:
            consumer = reading(self.client)
            try:
                try:
                    extent = Extent.of(consumer, topic, self.timeout_seconds)
                except KafkaException as error:
                    if error_of(error).code() in NO_TOPIC:
                        return
                    raise
                yield from Reading(feed, topic, consumer, extent).pages(self.timeout_seconds)
            finally:
                consumer.close()

    def keeps_all(self, feed: str) -> bool:
        """A topic that does not begin at its first offset has forgotten some; see `ReadBack.keeps_all`."""
        extent = self._extent(feed)
        return extent is None or all(first == 0 for first, _ in extent.partitions.values())

    def sign(self, feed: str) -> str:
        """Return the identifier of the cluster and the end of the topic (see `Sink.sign`)."""
        self._is_made_anew = False
        try:
            found = self._extent(feed)
        except NotAuthorized:  # the right to read the topic is missing; a delivery does not need it
            return ""
        return found.mark if found and found.messages else ""

    def recognized(self, feed: str, mark: str) -> str:
        """Check that the topic is not shorter than before, at most once a minute (see `Sink.recognized`).

        In between, the sink compares the offsets of written messages.
        """
        if self._is_made_anew:
            self._offsets.clear()
            return ""
        if time.monotonic() < self._look_at:
            return mark
        try:
            found = self._extent(feed)
        except NotAuthorized:
            return mark
        if found is None or not found.reaches(mark):
            self._offsets.clear()
            return ""
        self._look_at = time.monotonic() + _LOOK_SECONDS
        return found.mark

    def _extent(self, feed: str) -> Extent | None:
        """Return the extent of the topic; None if it does not exist."""
        with self._errors_explained(feed) as topic:
            consumer = reading(self.client)
            try:
                return Extent.of(consumer, topic, self.timeout_seconds)
            except KafkaException as error:
                if error_of(error).code() in NO_TOPIC:
                    return None
                raise
            finally:
                consumer.close()

    def _stop_sweep(self) -> None:
        sweep, self._sweep = self._sweep, None
        if sweep is not None:
            sweep.close()

    def _produce_to(
        self,
        producer: Producer,
        topic: str,
        messages: Iterable[tuple[int, bytes, list[tuple[str, str | bytes | None]]]],
        deadline: float,
    ) -> None:
        """Produce tombstones to partitions, and wait for their reports."""
        failures: list[KafkaError] = []

        def note(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                failures.append(error)

        for number, key, headers in messages:
            producer.produce(topic, key=key, value=None, headers=headers, partition=number, on_delivery=note)
        if producer.flush(_left(deadline)):
            raise KafkaException(KafkaError(TIMED_OUT))
        if failures:
            raise KafkaException(failures[0])

    @contextlib.contextmanager
    def _opened(self, feed: str) -> Generator[tuple[Producer, str]]:
        """Yield the client and the feed's topic. Convert errors of the client to those of the contract."""
        with self._errors_explained(feed) as topic:
            if self._producer is None:
                self._producer = Producer({**self.client, "error_cb": self._note})
            yield self._producer, topic

    @contextlib.contextmanager
    def _errors_explained(self, feed: str) -> Generator[str]:
        topic = placeholders.filled(self.topic, feed=feed, sink=self.name)
        where = f"sink {self.name}, feed {feed}, topic {topic}"
        self._trouble = None
        try:
            yield topic
        except KafkaException as error:
            if self._producer is not None:
                self._producer.poll(0)  # for errors that it has not reported yet
            failure, trouble = error_of(error), self._trouble
            self.close()
            if failure.code() in FOR_ANY_REASON and trouble is not None:
                failure = trouble
            raise unavailable(failure, where, secured=self.tls is not None) from error

    def probe(self, feed: str) -> Iterator[ProbeStep]:
        """Try name, connection, TLS and authorization, and list the topics (see `Sink.probe`)."""
        probe = ConnectionProbe(
            self.servers,
            f"sink {self.name}, feed {feed}",
            self.timeout_seconds,
            names=Names(server="bootstrap_servers"),
            tls=self.tls,
        )
        shown = ["user", "password"] if "sasl.username" in self.client else []
        return probed(probe, shown, lambda: self.deliver(feed, ()))

    def close(self) -> None:
        """Discard unsent messages. The next `deliver` creates another client."""
        self._stop_sweep()
        producer, self._producer = self._producer, None
        if producer is not None:
            # The client would continue to send messages that we reported as failed, after newer ones.
            producer.purge()
            producer.poll(0)

    def _note(self, trouble: KafkaError) -> None:
        """Remember an error of a connection. "All brokers are down" does not tell the reason."""
        if trouble.code() != KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001 - the client's own codes begin with _
            self._trouble = trouble

    def _note_offset(self, message: Message) -> None:
        number, offset = message.partition() or 0, message.offset()
        if offset is None or offset < 0:  # unknown
            return
        self._is_made_anew = self._is_made_anew or offset <= self._offsets.get(number, -1)
        self._offsets[number] = offset

    def _produce(
        self, producer: Producer, topic: str, records: Sequence[Record], deadline: float
    ) -> list[Refusal]:
        failures: list[tuple[Record, KafkaError]] = []

        def note(record: Record, error: KafkaError | None, message: Message) -> None:
            if error is not None:
                failures.append((record, error))
            else:
                self._note_offset(message)

        for record in records:
            while True:
                try:
                    producer.produce(
                        topic,
                        key=record.key,
                        value=record.data,
                        headers=_headers(record),
                        on_delivery=functools.partial(note, record),
                    )
                except BufferError:  # the client's queue is full
                    producer.poll(min(0.1, _left(deadline)))
                    continue
                except KafkaException as error:
                    if error_of(error).code() not in OF_THE_RECORD:
                        raise
                    failures.append((record, error_of(error)))
                break
        if producer.flush(_left(deadline)):
            raise KafkaException(KafkaError(TIMED_OUT))
        refusals: list[Refusal] = []
        for record, failure in failures:
            if failure.code() not in OF_THE_RECORD:
                raise KafkaException(failure)
            refusals.append(Refusal(record.key, failure.str(), failure.name()))
        return refusals


def _headers(record: Record) -> list[tuple[str, str | bytes | None]]:
    headers: list[tuple[str, str | bytes | None]] = [
        ("feed", record.feed),
        ("op", record.op),
        ("revision", str(record.revision)),
        ("captured_at", record.captured_at),
        ("changed", orjson.dumps(record.changed)),
    ]
    if record.hash is not None:
        headers.append(("hash", record.hash))
    if record.snapshot is not None:
        headers.append(("snapshot", str(record.snapshot)))
    return headers


def _headers_of(op: str, end: SnapshotEnd, revision: int) -> list[tuple[str, str | bytes | None]]:
    return [
        ("feed", end.feed),
        ("op", op),
        ("revision", str(revision)),
        ("captured_at", end.ended_at),
        ("changed", b"[]"),
        ("snapshot", str(end.snapshot)),
    ]


def _left(deadline: float) -> float:
    """Return the seconds until the deadline.

    Raises:
        KafkaException: the deadline has passed.
    """
    left = deadline - time.monotonic()
    if left <= 0:
        raise KafkaException(KafkaError(TIMED_OUT))
    return left
