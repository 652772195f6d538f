"""The sink that produces documents to Kafka topics, with a tombstone for each delete."""

from __future__ import annotations

import contextlib
import functools
import logging
import re
import ssl
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal, Self

import orjson
from confluent_kafka import KafkaError, KafkaException, Message, Producer
from pydantic import AfterValidator, Field, SecretStr, model_validator

from cdc_daemon.bounds import MOST_ANSWER_BYTES
from cdc_daemon.errors import NotAuthorized, RecordsRefused, RightMissing, SinkUnavailable, TargetFault
from cdc_daemon.loopback import is_loopback
from cdc_daemon.sinks import placeholders
from cdc_daemon.sinks.kafka_topic import Extent, Sweep, reading
from cdc_daemon.sinks.probe import ConnectionProbe, Server, probed
from cdc_daemon.sinks.record import Record, SnapshotEnd
from cdc_daemon.sinks.sink import ProbeStep, Refusal, Sink
from cdc_daemon.sinks.tls import TlsSettings
from cdc_daemon.sinks.unreachable import Names

_OF_THE_RECORD = frozenset(
    {
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.RECORD_LIST_TOO_LARGE,
        KafkaError.INVALID_MSG,
        KafkaError.INVALID_RECORD,
        KafkaError.POLICY_VIOLATION,
    }
)
_NOT_AUTHORIZED = frozenset(
    {
        KafkaError._AUTHENTICATION,  # noqa: SLF001 - as below
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    }
)
_RIGHT_MISSING = frozenset({KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED})
_OF_THE_TOPIC = frozenset(
    {
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001 - as below
        KafkaError.NOT_ENOUGH_REPLICAS,
        KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
    }
)
_NO_TOPIC = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC})  # noqa: SLF001 - as below
_TOMBSTONES_AT_ONCE = 5000
_LOOK_SECONDS = 60.0
_TIMED_OUT = KafkaError._MSG_TIMED_OUT  # noqa: SLF001 - codes of the client's own begin so
# The client goes on trying whatever is wrong with a connection; what it raises in the end is one of these.
_FOR_ANY_REASON = frozenset({_TIMED_OUT, KafkaError._TIMED_OUT, KafkaError._TRANSPORT})  # noqa: SLF001 - as above
_HINTS: Mapping[str, str] = {
    "_TRANSPORT": "are the brokers up, and bootstrap_servers right?",
    "_ALL_BROKERS_DOWN": "are the brokers up, and bootstrap_servers right?",
    "_MSG_TIMED_OUT": "are the brokers up, and bootstrap_servers right? Else raise timeout_seconds",
    "_AUTHENTICATION": "correct user and password",
    "_RESOLVE": "correct bootstrap_servers, or look at the name service",
    "_SSL": "are the brokers up, and bootstrap_servers right? Set ca_file to the authority that signed their "
    "certificates; do they ask for client_certificate_file?",
    "SASL_AUTHENTICATION_FAILED": "correct user and password",
    "TOPIC_AUTHORIZATION_FAILED": "allow the user to write to the topic",
    "CLUSTER_AUTHORIZATION_FAILED": "allow the user idempotent writes",
    "UNKNOWN_TOPIC_OR_PART": "make the topic, or let the brokers make it",
    "_UNKNOWN_TOPIC": "make the topic, or let the brokers make it",
    "NOT_ENOUGH_REPLICAS": "look at the topic's replicas; delivery goes on by itself",
}


def _checked_topic(template: str) -> str:
    filled = placeholders.filled(placeholders.checked(template), feed="feed", sink="sink")
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,200}", filled):
        raise ValueError("must be letters, digits, `.`, `_` and `-`, at most 200")
    return template


class KafkaSettings(TlsSettings, frozen=True):
    """`type = "kafka"`."""

    type: Literal["kafka"] = Field(default="kafka", description="Kind of sink.")
    bootstrap_servers: str = Field(
        min_length=1, description="First brokers to contact: `host:9092`; separate several by commas."
    )
    topic: Annotated[str, AfterValidator(_checked_topic)] = Field(
        default="{feed}", description="Topic of a feed. `{feed}` and `{sink}` stand for their names."
    )
    security: Literal["plaintext", "tls"] = Field(
        default="plaintext", description="`tls`, or `plaintext` within a trusted network."
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = Field(
        default=None,
        description="Mechanism of authentication: `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`.",
    )
    user: str | None = Field(default=None, description="User for the authentication.")
    password: SecretStr | None = Field(
        default=None, description="Password of that user. A secret: prefer `password_file`."
    )
    compression: Literal["none", "gzip", "lz4", "zstd", "snappy"] = Field(
        default="lz4", description="`none`, `gzip`, `lz4`, `zstd` or `snappy`."
    )
    max_message_bytes: int = Field(
        default=1_000_000,
        ge=1_000,
        le=1_000_000_000,
        description="Size above which the sink refuses a document, in bytes. The topic must allow this size.",
    )

    sweep_messages: int = Field(
        default=1_000_000,
        ge=0,
        description="Largest topic, in messages, that the sink reads at the end of a full snapshot to write "
        "a tombstone for each document that the snapshot did not name. 0: it reads no topic.",
    )

    @model_validator(mode="after")
    def _whole_authentication(self) -> Self:
        if len({one is None for one in (self.sasl_mechanism, self.user, self.password)}) > 1:
            raise ValueError("must have sasl_mechanism, user and password, or none of them")
        return self

    @model_validator(mode="after")
    def _one_protocol(self) -> Self:
        for server in self.bootstrap_servers.split(","):
            word, separator, _ = server.strip().rpartition("://")
            if separator and word.lower() != self._protocol():
                raise ValueError(
                    f"must not have {word}:// in bootstrap_servers: security says what is spoken"
                )
        return self

    def in_clear(self) -> Iterator[tuple[str, str]]:
        """The password, where SASL shows it; see `CleartextSettings.in_clear`.

        SCRAM proves that the client knows the password, and does not show it.
        """
        if self.security == "plaintext" and self.sasl_mechanism == "PLAIN":
            for server in self._servers():
                if not is_loopback(server.host):
                    yield f"user and password to {server.host}", 'set security = "tls"'

    def place(self) -> tuple[str, ...]:
        """Where documents go; see `SinkSettings.place`."""
        return (*sorted(str(server) for server in self._servers()), self.topic)

    def open(self, name: str) -> KafkaSink:
        """Return the sink, not yet connected. `name` is its name in the settings."""
        return KafkaSink(
            name,
            self.batch_records,
            self.batch_bytes,
            self.timeout_seconds,
            self.topic,
            self._client(),
            self.sweep_messages,
            servers=self._servers(),
            tls=self.tls_context if self.security == "tls" else None,
        )

    def _servers(self) -> list[Server]:
        """Where to begin; a word of the security protocol may stand before each, as librdkafka takes it."""
        urls = [server.strip().rpartition("://")[2] for server in self.bootstrap_servers.split(",")]
        return [Server.of_url(f"//{url}", 9092) for url in urls if url]

    def _protocol(self) -> str:
        """The word that librdkafka has for what is spoken."""
        return ("sasl_" if self.sasl_mechanism else "") + ("ssl" if self.security == "tls" else "plaintext")

    def _client(self) -> dict[str, object]:
        """What librdkafka is configured with (its CONFIGURATION.md)."""
        milliseconds = int(self.timeout_seconds * 1000)
        files = {
            "ssl.ca.location": self.ca_file,
            "ssl.certificate.location": self.client_certificate_file,
            "ssl.key.location": self.client_key_file or self.client_certificate_file,
        }
        secrets = {"ssl.key.password": self.client_key_password, "sasl.password": self.password}
        return {
            "bootstrap.servers": self.bootstrap_servers,
            "client.id": "cdc-daemon",
            "security.protocol": self._protocol(),
            # Acknowledged by all replicas in sync; what the client itself repeats is written once, in order.
            "enable.idempotence": True,
            # As the Java client: streams of others that are partitioned by the same keys can be joined.
            "partitioner": "murmur2_random",
            "compression.type": self.compression,
            "message.max.bytes": self.max_message_bytes,
            # Given up by the client before we do: what we tell as failed must not be sent later.
            "message.timeout.ms": max(1000, milliseconds * 9 // 10),
            "socket.connection.setup.timeout.ms": min(max(1000, milliseconds), 30_000),
            "linger.ms": 0,
            # Of an answer: the metadata of some thousand topics. Its default is 100 MB.
            "receive.message.max.bytes": 8 * MOST_ANSWER_BYTES,
            "socket.keepalive.enable": True,
            "logger": logging.getLogger("librdkafka"),
            **{name: str(file) for name, file in files.items() if file is not None},
            **{name: secret.get_secret_value() for name, secret in secrets.items() if secret is not None},
            **({"sasl.mechanism": self.sasl_mechanism, "sasl.username": self.user} if self.user else {}),
        }


@dataclass
class KafkaSink(Sink):
    """Documents as messages by key; the last one of a key is its state, also for a compacted topic.

    Attributes:
        topic: with placeholders.
        client: what librdkafka is configured with.
        sweep_messages: the largest topic that is read at the end of a full snapshot.
        servers, tls: what of that a probe looks for by itself.
    """

    name: str
    batch_records: int
    batch_bytes: int
    timeout_seconds: float
    topic: str
    client: Mapping[str, object] = field(repr=False)
    sweep_messages: int = 0
    servers: Sequence[Server] = ()
    tls: Callable[[], ssl.SSLContext] | None = field(default=None, repr=False)
    _producer: Producer | None = field(default=None, init=False, repr=False)
    _trouble: KafkaError | None = field(default=None, init=False, repr=False)
    _sweep: Sweep | None = field(default=None, init=False, repr=False)
    _look_at: float = field(default=0.0, init=False, repr=False)
    # Of each partition the last offset that was written: a topic that is made anew begins at 0 again.
    _offsets: dict[int, int] = field(default_factory=dict[int, int], init=False, repr=False)
    _is_made_anew: bool = field(default=False, init=False, repr=False)

    def deliver(self, feed: str, records: Sequence[Record]) -> Sequence[Refusal]:
        """Produce the records and await the report of each; see `Sink.deliver`."""
        deadline = time.monotonic() + self.timeout_seconds
        with self._opened(feed) as (producer, topic):
            if not records:
                producer.list_topics(timeout=self.timeout_seconds)
                return ()
            return self._produce(producer, topic, records, deadline)

    def end_snapshot(self, end: SnapshotEnd) -> bool:
        """Produce a message that says so to each partition, then tombstones; see `Sink.end_snapshot`.

        It has no value: to a reader who does not know it, it deletes a document that there never was.
        A tombstone stands for each document that the snapshot did not name, for readers who do not know the
        message and for compaction.
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
                if _error_of(error).code() not in _NOT_AUTHORIZED:
                    raise
                self._stop_sweep()
                raise RecordsRefused(
                    f"what the full snapshot did not name stays: {_error_of(error).str()}",
                    where=f"sink {self.name}, feed {end.feed}, topic {topic}",
                    hint="allow the user to read the topic, or set sweep_messages = 0",
                ) from error

    def _swept(self, producer: Producer, topic: str, end: SnapshotEnd, deadline: float) -> bool:
        """Do a part of the sweep; true when it is done."""
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
        """Raises RecordsRefused if the topic has more messages than may be read."""
        if extent.messages > self.sweep_messages:
            raise RecordsRefused(
                f"the topic has up to {extent.messages:,} messages: too many to read it for what the full "
                "snapshot did not name",
                where=f"sink {self.name}, feed {feed}, topic {topic}",
                hint="raise sweep_messages if its readers do not heed the end of a full snapshot; else set 0",
            )

    def sign(self, feed: str) -> str:
        """The cluster's id, and how far the topic goes; see `Sink.sign`."""
        self._is_made_anew = False
        try:
            found = self._extent(feed)
        except NotAuthorized:  # to look at the topic; delivery does without
            return ""
        return found.mark if found and found.messages else ""

    def recognized(self, feed: str, mark: str) -> str:
        """See whether the topic goes as far as it did, at most once a minute; see `Sink.recognized`.

        In between, the offsets tell that the brokers give to what is written.
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
        """How far the topic goes; None if it is not there."""
        with self._errors_explained(feed) as topic:
            consumer = reading(self.client)
            try:
                return Extent.of(consumer, topic, self.timeout_seconds)
            except KafkaException as error:
                if _error_of(error).code() in _NO_TOPIC:
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
        """Produce tombstones to partitions, and await their reports."""
        failures: list[KafkaError] = []

        def note(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                failures.append(error)

        for number, key, headers in messages:
            producer.produce(topic, key=key, value=None, headers=headers, partition=number, on_delivery=note)
        if producer.flush(_left(deadline)):
            raise KafkaException(KafkaError(_TIMED_OUT))
        if failures:
            raise KafkaException(failures[0])

    @contextlib.contextmanager
    def _opened(self, feed: str) -> Generator[tuple[Producer, str]]:
        """The client and the feed's topic, with errors as the contract has them."""
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
                self._producer.poll(0)  # what it has not told yet
            failure, trouble = _error_of(error), self._trouble
            self.close()
            if failure.code() in _FOR_ANY_REASON and trouble is not None:
                failure = trouble
            raise _unavailable(failure, where, secured=self.tls is not None) from error

    def probe(self, feed: str) -> Iterator[ProbeStep]:
        """Look for name, connection, TLS, who we are, and ask for the topics; see `Sink.probe`."""
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
        """Give up what was not sent; the next `deliver` makes another client."""
        self._stop_sweep()
        producer, self._producer = self._producer, None
        if producer is not None:
            # It would go on sending what we call failed, behind what comes next.
            producer.purge()
            producer.poll(0)

    def _note(self, trouble: KafkaError) -> None:
        """What the client tells of its connections; that all are down says nothing of the reason."""
        if trouble.code() != KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001 - as above
            self._trouble = trouble

    def _note_offset(self, message: Message) -> None:
        number, offset = message.partition() or 0, message.offset()
        if offset is None or offset < 0:  # not told
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
                    if _error_of(error).code() not in _OF_THE_RECORD:
                        raise
                    failures.append((record, _error_of(error)))
                break
        if producer.flush(_left(deadline)):
            raise KafkaException(KafkaError(_TIMED_OUT))
        refusals: list[Refusal] = []
        for record, failure in failures:
            if failure.code() not in _OF_THE_RECORD:
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
    """Seconds until then.

    Raises:
        KafkaException: none.
    """
    left = deadline - time.monotonic()
    if left <= 0:
        raise KafkaException(KafkaError(_TIMED_OUT))
    return left


def _error_of(error: KafkaException) -> KafkaError:
    inner: KafkaError = error.args[0]
    return inner


def _unavailable(error: KafkaError, where: str, *, secured: bool) -> SinkUnavailable:
    # A broker that wants a certificate ends the connection after the handshake.
    name = "_SSL" if secured and error.code() in _FOR_ANY_REASON else error.name()
    hint = _HINTS.get(name, "look at the brokers' log; it is tried again")
    kind: type[SinkUnavailable] = SinkUnavailable
    if error.code() in _NOT_AUTHORIZED:
        kind = RightMissing if error.code() in _RIGHT_MISSING else NotAuthorized
    elif error.code() in _OF_THE_TOPIC:
        kind = TargetFault
    return kind(f"{error.str()} ({error.name()})", where=where, hint=hint)
