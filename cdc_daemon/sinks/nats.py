"""The NATS sink: publishes records to a JetStream stream."""

# nats-py leaves the options of its methods untyped, and so the methods.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import nats.errors
from nats.aio.msg import Msg
from nats.js import JetStreamContext, api
from nats.js.errors import APIError, NotFoundError

from cdc_daemon.bounds import MOST_ANSWER_BYTES, most_answer
from cdc_daemon.errors import RecordsRefused, SinkUnavailable, TargetFault
from cdc_daemon.sinks import placeholders
from cdc_daemon.sinks.decode import Decoder
from cdc_daemon.sinks.event_loop import EventLoop
from cdc_daemon.sinks.formats import Format
from cdc_daemon.sinks.key_text import shortened, tokens
from cdc_daemon.sinks.malformed_answer import MALFORMED_ANSWER
from cdc_daemon.sinks.nats_connection import CLOSE_SECONDS, Session, all_or_lost, opened, read_greeting
from cdc_daemon.sinks.nats_errors import explained
from cdc_daemon.sinks.nats_stream import READ_AT_ONCE, Reading, Sweep, holds_latest, is_same, keeps_all, mark
from cdc_daemon.sinks.probe import ConnectionProbe, Server, probed, user_and_password
from cdc_daemon.sinks.read_back import Held, HeldEnd, ReadBack
from cdc_daemon.sinks.record import Record, SnapshotEnd
from cdc_daemon.sinks.sink import ProbeStep, Refusal, Sink

if TYPE_CHECKING:
    from cdc_daemon.sinks.nats_settings import NatsSettings

_TOO_LARGE_FOR_THE_STREAM = 10054  # JSStreamMessageExceedsMaximumErr. Other errors pass, or need a person.
_LONGEST_KEY_BYTES = 512  # a line of the protocol has 4,096 bytes
_LOOK_SECONDS = 5.0
_FAILURES: tuple[type[Exception], ...] = (nats.errors.Error, OSError, *MALFORMED_ANSWER)


@dataclass
class NatsSink(Sink, ReadBack):
    """Publishes records as messages with an ID. The stream drops repetitions within its window."""

    name: str
    batch_records: int
    batch_bytes: int
    timeout_seconds: float
    settings: NatsSettings = field(repr=False)
    format: Format = field(repr=False)
    is_log = True
    _loop: EventLoop = field(init=False, repr=False)
    _session: Session | None = field(default=None, init=False, repr=False)
    _sweep: Sweep | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        self._loop = EventLoop(f"nats of sink {self.name}")

    def deliver(self, feed: str, records: Sequence[Record]) -> Sequence[Refusal]:
        """Publish the records and wait for the stream's acknowledgements (see `Sink.deliver`)."""
        where = f"sink {self.name}, feed {feed}"
        try:
            return self._loop.run(self._deliver(records), self.timeout_seconds, most_answer(len(records)))
        except _FAILURES as error:
            self.close()
            raise self._explained(error, where) from error

    def end_snapshot(self, end: SnapshotEnd) -> bool:
        """Publish an end message, and remove subjects that the snapshot did not name.

        It removes subjects only if the stream keeps one message for each subject (see `Sink.end_snapshot`).
        """
        where = f"sink {self.name}, feed {end.feed}"
        try:
            if self._sweep is None:
                self._loop.run(self._publish_end(end), self.timeout_seconds)
        except _FAILURES as error:
            self.close()
            raise self._explained(error, where) from error
        try:
            return self._loop.run(self._swept(end), self.timeout_seconds, most_answer(2 * READ_AT_ONCE))
        except _FAILURES as error:
            denied, self._sweep = self._denied(), None
            self.close()
            if denied:
                raise RecordsRefused(
                    f"may not remove what the full snapshot did not name: {denied}",
                    where=where,
                    hint=f"let the user read and purge stream {self.settings.stream} "
                    "($JS.API.CONSUMER.>, $JS.API.STREAM.PURGE.>)",
                ) from error
            raise self._explained(error, where) from error

    def read_back(self, feed: str, key: Sequence[str]) -> Iterator[Sequence[Held | HeldEnd]]:
        """Read the stream to its present end; see `ReadBack.read_back`."""
        where = f"sink {self.name}, feed {feed}"
        decoder = Decoder(self.settings.format, feed, key, where)
        reading: Reading | None = None
        try:
            while True:
                try:
                    messages, reading = self._loop.run(
                        self._read_on(feed, reading),
                        self.timeout_seconds,
                        2 * self.batch_bytes + MOST_ANSWER_BYTES,
                    )
                except _FAILURES as error:
                    self.close()
                    raise self._explained(error, where) from error
                if not messages:
                    return
                found = (_said(decoder, message) for message in messages)
                yield [each for each in found if each is not None]
        finally:
            if reading is not None and self._session is not None:
                with contextlib.suppress(*_FAILURES):
                    self._loop.run(reading.end(), CLOSE_SECONDS)

    async def _read_on(self, feed: str, reading: Reading | None) -> tuple[list[Msg], Reading]:
        session = await self._ready(write=False)
        if reading is None:
            subjects = self.settings.subject.replace("{key}", ">")
            subject = placeholders.filled(subjects, feed=feed, sink=self.name)
            reading = Reading(self.settings.stream, session.stream)
            await reading.begin(subject)
        return await reading.step(self.timeout_seconds / 2), reading

    def keeps_all(self, feed: str) -> bool:
        """A stream with limits forgets its first messages; see `ReadBack.keeps_all`."""
        info = self._looked_up(feed)
        return info is not None and keeps_all(info)

    def sign(self, feed: str) -> str:
        """Return the time when the stream was created (see `Sink.sign`)."""
        info = self._looked_up(feed)
        return mark(info) if info else ""

    def recognized(self, feed: str, mark: str) -> str:
        """Compare this time, and look for a purge (see `Sink.recognized`)."""
        try:
            info = self._looked_up(feed)
        except TargetFault:  # the stream does not exist
            return ""
        return mark if info is None or is_same(info, mark) else ""

    def _looked_up(self, feed: str) -> api.StreamInfo | None:
        """Return the stream's information; None if the right to read it is missing.

        Raises:
            TargetFault: the stream does not exist.
        """

        async def ask() -> api.StreamInfo:
            session = await self._ready(write=False)
            return await session.stream.stream_info(self.settings.stream)

        try:
            return self._loop.run(ask(), min(self.timeout_seconds, _LOOK_SECONDS))
        except _FAILURES as error:
            denied = self._denied()
            self.close()
            if denied:
                return None
            raise self._explained(error, f"sink {self.name}, feed {feed}") from error

    def probe(self, feed: str) -> Iterator[ProbeStep]:
        """Try name, connection, TLS and authorization, and look up the stream (see `Sink.probe`)."""
        settings = self.settings
        urls = settings.urls()
        probe = ConnectionProbe(
            [Server.of_url(url, 4222) for url in urls],
            f"sink {self.name}, feed {feed}",
            self.timeout_seconds,
            tls=settings.tls_context if settings.uses_tls() else None,
            before_tls=read_greeting,
        )
        shown = [*user_and_password(urlsplit(urls[0])), *(["token"] if settings.token else [])]
        return probed(probe, shown, lambda: self.deliver(feed, ()))

    def close(self) -> None:
        """Close the connection. The next `deliver` opens one."""
        session, self._session = self._session, None
        if session is not None:
            with contextlib.suppress(nats.errors.Error, OSError, TimeoutError):
                self._loop.run(session.client.close(), CLOSE_SECONDS)
        self._loop.close()

    def _explained(self, error: Exception, where: str) -> SinkUnavailable:
        settings = self.settings
        return explained(
            error,
            where,
            stream=settings.stream,
            timeout_seconds=self.timeout_seconds,
            secured=settings.uses_tls(),
        )

    async def _ready(self, *, write: bool) -> Session:
        """Return a session. Before the first message, create a missing stream."""
        if self._session is None or self._session.lost.is_set():
            self._session = await self._connected()
        session = self._session
        if write and self.settings.create and not session.stream_is_there:
            if not await self._is_there(session.stream):
                await self._create(session.stream)
            session.stream_is_there = True
        return session

    def _denied(self) -> str:
        """Return the server's last message about a missing right, or ""."""
        return next(iter(self._session.denied), "") if self._session else ""

    async def _swept(self, end: SnapshotEnd) -> bool:
        """Check a part of the subjects. Return whether all were checked."""
        session = await self._ready(write=True)
        if self._sweep is None:
            if "{key}" not in self.settings.subject:
                return True
            if not holds_latest(await session.stream.stream_info(self.settings.stream)):
                return True
            sweep = Sweep(end.feed, self.settings.stream, end.snapshot, session.stream)
            subjects = self.settings.subject.replace("{key}", ">")
            if not await sweep.begin(placeholders.filled(subjects, feed=end.feed, sink=self.name)):
                return True
            self._sweep = sweep
        before = self._sweep.removed
        more = await self._sweep.step(self.timeout_seconds / 2)
        self.removed += self._sweep.removed - before
        if not more:
            self._sweep = None
        return not more

    async def _publish_end(self, end: SnapshotEnd) -> None:
        session = await self._ready(write=True)
        key = "snapshot_end" if "{key}" in self.settings.subject else ""
        headers = {
            "Nats-Msg-Id": f"{end.feed}-{end.snapshot}-end",
            "Content-Type": self.format.media_type,
            "Cdc-Op": "snapshot_end",
            "Cdc-Revision": str(end.snapshot),
            "Cdc-Snapshot": str(end.snapshot),
        }
        await session.stream.publish(
            placeholders.filled(self.settings.subject, feed=end.feed, sink=self.name, key=key),
            self.format.encode_end(end),
            stream=self.settings.stream,
            headers=headers,
        )

    async def _deliver(self, records: Sequence[Record]) -> list[Refusal]:
        session = await self._ready(write=bool(records))
        if not records:
            await self._is_there(session.stream)
            return []
        sent: list[tuple[Record, asyncio.Future[api.PubAck]]] = []
        refusals: list[Refusal] = []
        for record in records:
            try:
                sent.append((record, await self._publish(session.stream, record)))
            except nats.errors.MaxPayloadError as error:
                refusals.append(Refusal(record.key, str(error), "max_payload"))
        await all_or_lost([acknowledged for _, acknowledged in sent], session)
        for record, acknowledged in sent:
            failure = acknowledged.exception()
            if isinstance(failure, APIError) and failure.err_code == _TOO_LARGE_FOR_THE_STREAM:
                refusals.append(Refusal(record.key, str(failure.description), failure.err_code))
            elif failure is not None:
                raise failure
        return refusals

    async def _publish(self, stream: JetStreamContext, record: Record) -> asyncio.Future[api.PubAck]:
        key = shortened(tokens(record.key), _LONGEST_KEY_BYTES) if "{key}" in self.settings.subject else ""
        subject = placeholders.filled(self.settings.subject, feed=record.feed, sink=self.name, key=key)
        headers = {
            "Nats-Msg-Id": _message_id(record),
            "Content-Type": self.format.media_type,
            "Cdc-Op": record.op,
            "Cdc-Revision": str(record.revision),
            **({} if record.snapshot is None else {"Cdc-Snapshot": str(record.snapshot)}),
        }
        return await stream.publish_async(
            subject, self.format.encode(record), stream=self.settings.stream, headers=headers
        )

    async def _connected(self) -> Session:
        settings = self.settings
        return await opened(
            settings.urls(),
            name=f"cdc-daemon {self.name}",
            token=settings.token.get_secret_value() if settings.token else None,
            tls=settings.tls_context() if settings.uses_tls() else None,
            timeout_seconds=self.timeout_seconds,
        )

    async def _is_there(self, stream: JetStreamContext) -> bool:
        """Whether the stream exists.

        Raises:
            NotFoundError: it does not exist, and the sink must not create it.
        """
        try:
            await stream.stream_info(self.settings.stream)
        except NotFoundError:
            if not self.settings.create:
                raise
            return False
        return True

    async def _create(self, stream: JetStreamContext) -> None:
        everything = self.settings.subject.replace("{key}", ">")
        await stream.add_stream(
            name=self.settings.stream,
            subjects=[placeholders.filled(everything, feed="*", sink=self.name)],
            storage=api.StorageType.FILE,
            duplicate_window=self.settings.duplicate_window_seconds,
        )


def _said(decoder: Decoder, message: Msg) -> Held | HeldEnd | None:
    headers = message.headers or {}
    identity, revision = headers.get("Nats-Msg-Id", ""), headers.get("Cdc-Revision", "")
    if identity and not identity.startswith(f"{decoder.feed}-"):
        return None  # of another feed on the same subject
    snapshot = headers.get("Cdc-Snapshot", "")
    return decoder(
        message.data,
        revision=int(revision) if revision.isdigit() else None,
        snapshot=int(snapshot) if snapshot.isdigit() else 0,
    )


def _message_id(record: Record) -> str:
    """Return the message ID: the same for a repetition, another one for a replay."""
    version = record.hash[:16] if record.hash else "deleted"
    again = "" if record.snapshot is None else f"-{record.snapshot}"
    return f"{record.feed}-{record.revision}-{version}{again}"
