"""The RabbitMQ sink: publishes records, each with a confirmation of the broker."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import aio_pika
from aio_pika.abc import AbstractConnection, AbstractExchange, HeadersType
from aio_pika.exceptions import (
    AMQPError,
    AMQPException,
    AuthenticationError,
    ChannelInvalidStateError,
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
    DeliveryError,
    ProbableAuthenticationError,
    PublishError,
)
from aiormq.exceptions import ChannelAccessRefused, ConnectionNotAllowed
from pydantic import AfterValidator, Field, SecretStr

from cdc_daemon.bounds import AnswerTooLarge, most_answer
from cdc_daemon.errors import NotAuthorized, RecordsRefused, RightMissing, SinkUnavailable, TargetFault
from cdc_daemon.sinks import placeholders
from cdc_daemon.sinks.cleartext import clear_host
from cdc_daemon.sinks.event_loop import EventLoop
from cdc_daemon.sinks.formats import Format, FormattedSettings
from cdc_daemon.sinks.key_text import shortened, tokens
from cdc_daemon.sinks.malformed_answer import MALFORMED_ANSWER
from cdc_daemon.sinks.probe import ConnectionProbe, Server, probed
from cdc_daemon.sinks.record import Record, SnapshotEnd
from cdc_daemon.sinks.settings import without_user
from cdc_daemon.sinks.sink import ProbeStep, Refusal, Sink
from cdc_daemon.sinks.tls import TlsSettings

_LONGEST_KEY_BYTES = 180  # a routing key may have 255 bytes
_CLOSE_SECONDS = 2.0
_LOOK_SECONDS = 10.0
_FAILURES: tuple[type[BaseException], ...] = (
    AMQPException,
    AMQPError,
    OSError,
    *MALFORMED_ANSWER,  # the answer is not AMQP
    # The connection has ended:
    ChannelInvalidStateError,
    asyncio.CancelledError,
)


_PARAMETERS = ("auth", "heartbeat")


def _checked_url(url: SecretStr) -> SecretStr:
    parts = urlsplit(url.get_secret_value())
    if parts.scheme not in {"amqp", "amqps"} or not parts.hostname:
        raise ValueError("must begin with amqp:// or amqps:// (TLS) and a host")
    # Other parameters would turn off the verification of TLS, or override options of the sink.
    for name, _ in parse_qsl(parts.query, keep_blank_values=True):
        if name not in _PARAMETERS:
            raise ValueError(
                f"must not have the parameter {name}: of all, {', '.join(_PARAMETERS)} are taken"
            )
    return url


class RabbitmqSettings(FormattedSettings, TlsSettings, frozen=True):
    """`type = "rabbitmq"`."""

    type: Literal["rabbitmq"] = Field(default="rabbitmq", description="Kind of sink.")
    url: Annotated[SecretStr, AfterValidator(_checked_url)] = Field(
        description="Address of the broker: `amqp://user:password@host:5672/vhost`, with TLS `amqps://…`. A "
        "secret: if it holds a password, use `url_file`."
    )
    exchange: str = Field(
        default="",
        description="Exchange to publish to; it must exist. Default: the default exchange, whose routing "
        "keys are names of queues.",
    )
    routing_key: Annotated[str, AfterValidator(placeholders.checked_with_key)] = Field(
        default="{feed}",
        description="Routing key of a record. `{feed}` and `{sink}` stand for their names; `{key}` stands "
        "for the values of the key, separated by `.`.",
    )
    create: bool = Field(
        default=True,
        description="Whether the sink creates a missing queue of the feed, durable. Only with the default "
        "exchange.",
    )
    mandatory: bool = Field(
        default=True,
        description="Whether a record that reaches no queue counts as refused. If false, the broker drops "
        "it.",
    )

    def in_clear(self) -> Iterator[tuple[str, str]]:
        """Yield user and password of `url`, unless they are `guest` (see `CleartextSettings.in_clear`)."""
        url = self.url.get_secret_value()
        host, parts = clear_host(url, "amqp"), urlsplit(url)
        if host and (parts.username or parts.password):
            yield f"user and password to {host}", "begin url with amqps://"

    def address(self) -> tuple[str, ...]:
        """Return server, exchange, queue and routing key (see `SinkSettings.address`)."""
        return (without_user(self.url.get_secret_value()), self.exchange, self.routing_key)

    def open(self, name: str) -> RabbitmqSink:
        """Return the sink, not yet connected. `name` is its name in the settings."""
        return RabbitmqSink(
            name,
            self.batch_records,
            self.batch_bytes,
            self.timeout_seconds,
            settings=self,
            format=self.format_for(name),
        )

    @property
    def makes_queue(self) -> bool:
        """Return whether the sink creates the feed's queue."""
        return self.create and not self.exchange and not self.routes_by_key

    @property
    def routes_by_key(self) -> bool:
        """Whether records of one feed have different routing keys."""
        return "{key}" in self.routing_key


@dataclass
class RabbitmqSink(Sink):
    """Publishes records as persistent messages.

    The broker confirms each, or returns it if no queue takes it.
    """

    name: str
    batch_records: int
    batch_bytes: int
    timeout_seconds: float
    settings: RabbitmqSettings = field(repr=False)
    format: Format = field(repr=False)
    _loop: EventLoop = field(init=False, repr=False)
    _connection: AbstractConnection | None = field(default=None, init=False, repr=False)
    _exchange: AbstractExchange | None = field(default=None, init=False, repr=False)
    _queue_is_there: bool = field(default=False, init=False, repr=False)
    _is_made_anew: bool = field(default=False, init=False, repr=False)
    _look_at: float = field(default=0.0, init=False, repr=False)

    def __post_init__(self) -> None:
        self._loop = EventLoop(f"rabbitmq of sink {self.name}")

    def deliver(self, feed: str, records: Sequence[Record]) -> Sequence[Refusal]:
        """Publish the records and wait for the broker's confirmations (see `Sink.deliver`)."""
        with self._failures_explained(f"sink {self.name}, feed {feed}") as where:
            publishing = self._publish(feed, records)
            # The broker returns messages that no queue takes.
            returned = 2 * sum(record.size for record in records)
            answers = self._loop.run(publishing, self.timeout_seconds, most_answer(len(records)) + returned)
            return self._judged(records, answers, where)

    def end_snapshot(self, end: SnapshotEnd) -> bool:
        """Publish an end message, if a queue takes it (see `Sink.end_snapshot`)."""
        with self._failures_explained(f"sink {self.name}, feed {end.feed}"):
            self._loop.run(self._publish_end(end), self.timeout_seconds)
        return True

    @contextlib.contextmanager
    def _failures_explained(self, where: str) -> Generator[str]:
        try:
            yield where
        except ChannelPreconditionFailed as error:
            self.close()
            if "message size" in str(error):
                raise RecordsRefused(str(error), where=where, status=406) from error
            raise self._explained(error, where) from error
        except _FAILURES as error:
            self.close()
            raise self._explained(error, where) from error

    def sign(self, feed: str) -> str:  # noqa: ARG002 - each feed has its queue
        """Return a mark if the sink creates the queue and it exists (see `Sink.sign`)."""
        self._is_made_anew = False
        return "queue" if self.settings.makes_queue else ""

    def recognized(self, feed: str, mark: str) -> str:
        """Look up the queue every ten seconds (see `Sink.recognized`). This takes longer than a delivery.

        In between, a delivery notices that no queue takes its records, or creates the queue again.
        """
        if self._is_made_anew:
            return ""
        if not self.settings.makes_queue or time.monotonic() < self._look_at:
            return mark
        with self._failures_explained(f"sink {self.name}, feed {feed}"):
            is_there = self._loop.run(self._has_queue(feed), self.timeout_seconds)
        self._look_at = time.monotonic() + _LOOK_SECONDS if is_there else 0.0
        return mark if is_there else ""

    def probe(self, feed: str) -> Iterator[ProbeStep]:
        """Try name, connection, TLS, user and password, and open the exchange (see `Sink.probe`)."""
        url = self.settings.url.get_secret_value()
        secured = url.startswith("amqps:")
        probe = ConnectionProbe(
            [Server.of_url(url, 5671 if secured else 5672)],
            f"sink {self.name}, feed {feed}",
            self.timeout_seconds,
            tls=self.settings.tls_context if secured else None,
        )
        # A URL without a user means guest, with the password guest.
        return probed(probe, ["user", "password"], lambda: self.deliver(feed, ()))

    def close(self) -> None:
        """Close the connection. The next `deliver` opens one."""
        connection, self._connection, self._exchange = self._connection, None, None
        if connection is not None:
            with contextlib.suppress(*_FAILURES):
                self._loop.run(connection.close(), _CLOSE_SECONDS)
        self._loop.close()

    async def _publish_end(self, end: SnapshotEnd) -> None:
        exchange = await self._ready(end.feed, write=True)
        key = "snapshot_end" if self.settings.routes_by_key else ""
        routing_key = placeholders.filled(self.settings.routing_key, feed=end.feed, sink=self.name, key=key)
        headers: HeadersType = {
            "feed": end.feed,
            "op": "snapshot_end",
            "revision": end.snapshot,
            "snapshot": end.snapshot,
        }
        message = aio_pika.Message(
            self.format.encode_end(end),
            headers=headers,
            content_type=self.format.media_type,
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            message_id=f"{end.feed}-{end.snapshot}-end",
            type="snapshot_end",
            app_id="cdc-daemon",
        )
        # Queues that take some routing keys need not take this one.
        await exchange.publish(message, routing_key, mandatory=False)

    async def _ready(self, feed: str, *, write: bool) -> AbstractExchange:
        exchange = await self._opened()
        if write and self._connection is not None and not self._queue_is_there:
            await self._make_queue(self._connection, feed)
            self._queue_is_there = True
        return exchange

    async def _publish(self, feed: str, records: Sequence[Record]) -> list[object]:
        exchange = await self._ready(feed, write=bool(records))
        if not records and not self.settings.exchange:
            # No queue has this name, so the broker returns the message, unless the user may not publish.
            with contextlib.suppress(PublishError):
                nowhere = f"cdc-daemon-probe-{uuid4().hex}"
                await exchange.publish(aio_pika.Message(b""), nowhere, mandatory=True)
        messages = [self._message(record) for record in records]
        # The broker confirms in any order. A round trip for each message would take a hundred times as long.
        sent = [
            exchange.publish(message, self._routing_key(record), mandatory=self.settings.mandatory)
            for message, record in zip(messages, records, strict=True)
        ]
        return [*await asyncio.gather(*sent, return_exceptions=True)]

    def _message(self, record: Record) -> aio_pika.Message:
        headers: HeadersType = {"feed": record.feed, "op": record.op, "revision": record.revision}
        if record.snapshot is not None:
            headers["snapshot"] = record.snapshot
        return aio_pika.Message(
            self.format.encode(record),
            headers=headers,
            content_type=self.format.media_type,
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            message_id=f"{record.feed}-{record.revision}",
            type=record.op,
            app_id="cdc-daemon",
        )

    def _routing_key(self, record: Record) -> str:
        key = shortened(tokens(record.key), _LONGEST_KEY_BYTES) if self.settings.routes_by_key else ""
        return placeholders.filled(self.settings.routing_key, feed=record.feed, sink=self.name, key=key)

    async def _opened(self) -> AbstractExchange:
        if self._connection is not None and self._exchange is not None and not self._connection.is_closed:
            return self._exchange
        settings = self.settings
        url = settings.url.get_secret_value()
        self._queue_is_there = not settings.makes_queue
        self._connection = await aio_pika.connect(
            url,
            ssl_context=settings.tls_context() if url.startswith("amqps:") else None,
            client_properties={"connection_name": f"cdc-daemon {self.name}"},
            timeout=self.timeout_seconds,
        )
        channel = await self._connection.channel(publisher_confirms=True, on_return_raises=True)
        if settings.exchange:
            self._exchange = await channel.get_exchange(settings.exchange)
        else:
            self._exchange = channel.default_exchange
        return self._exchange

    async def _make_queue(self, connection: AbstractConnection, feed: str) -> None:
        if not await self._is_there(connection, feed):
            making = await connection.channel()
            await making.declare_queue(self._queue(feed), durable=True)
            await making.close()
            self._is_made_anew = True

    async def _has_queue(self, feed: str) -> bool:
        await self._ready(feed, write=False)
        self._queue_is_there = self._connection is not None and await self._is_there(self._connection, feed)
        return self._queue_is_there

    async def _is_there(self, connection: AbstractConnection, feed: str) -> bool:
        looking = await connection.channel()
        try:
            # Passive: declaring the exchange with other properties is an error.
            await looking.get_queue(self._queue(feed))
        except ChannelNotFoundEntity:  # which ends the channel
            return False
        await looking.close()
        return True

    def _queue(self, feed: str) -> str:
        return placeholders.filled(self.settings.routing_key, feed=feed, sink=self.name)

    def _judged(self, records: Sequence[Record], answers: Sequence[object], where: str) -> list[Refusal]:
        returned: list[Refusal] = []
        failures: list[BaseException] = []
        for record, answer in zip(records, answers, strict=True):
            if isinstance(answer, PublishError):
                returned.append(Refusal(record.key, f"no queue takes {self._routing_key(record)}", 312))
            elif isinstance(answer, BaseException):
                failures.append(answer)
        if failures:
            raise failures[0]
        if returned and len(returned) == len(records) and not self.settings.routes_by_key:
            # An error of the routing, not of the records: the broker would return every record.
            self._look_at = 0.0
            raise TargetFault(
                returned[0].reason,
                where=where,
                hint="bind a queue, or set mandatory = false where records may be dropped",
            )
        return returned

    def _explained(self, error: BaseException, where: str) -> SinkUnavailable:
        what, hint = str(error) or type(error).__name__, "look at the broker's log; it is tried again"
        match error:
            case TimeoutError():
                what = f"not everything was confirmed within {self.timeout_seconds:g} s"
                hint = "is the broker up, or blocked by an alarm of memory or disk? Look at its log"
            case DeliveryError():
                what = "the broker does not take it (nack)"
                hint = "is the queue full (overflow reject-publish)? Delivery goes on by itself"
            case AuthenticationError() | ProbableAuthenticationError() | ConnectionNotAllowed():
                return NotAuthorized(what, where=where, hint="correct user, password and vhost in url")
            case ChannelAccessRefused():
                return RightMissing(what, where=where, hint="give the user the rights on exchange and queue")
            case ChannelNotFoundEntity():
                return TargetFault(what, where=where, hint="make the exchange, or correct its name")
            case AnswerTooLarge():
                hint = "correct url: which program listens there?"
            case OSError() if "CERTIFICATE_VERIFY_FAILED" in what:  # the client raises its own error for it
                hint = "set ca_file to the authority that signed its certificate, or renew it"
            case OSError() if self.settings.url.get_secret_value().startswith("amqps:"):
                hint = "is the broker up, and url right? Does it ask for client_certificate_file?"
            case OSError():
                hint = "is the broker up, and url right?"
            case _:
                pass
        return SinkUnavailable(what, where=where, hint=hint)
