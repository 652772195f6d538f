"""The Redis sink: writes documents as hashes, or all changes to a stream."""

# redis-py leaves the **kwargs of its methods untyped, and so the methods.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit
from uuid import uuid4

import redis

from cdc_daemon.bounds import MOST_ANSWER_BYTES, AnswerTooLarge, Bounds, most_answer
from cdc_daemon.errors import NotAuthorized, SinkUnavailable
from cdc_daemon.sinks import placeholders
from cdc_daemon.sinks.decode import Decoder
from cdc_daemon.sinks.formats import Format
from cdc_daemon.sinks.key_text import joined
from cdc_daemon.sinks.malformed_answer import MALFORMED_ANSWER
from cdc_daemon.sinks.probe import ConnectionProbe, Server, probed, user_and_password
from cdc_daemon.sinks.read_back import PAGE, Held, HeldEnd, ReadBack, canonical
from cdc_daemon.sinks.record import Record, SnapshotEnd
from cdc_daemon.sinks.redis_connection import opened
from cdc_daemon.sinks.redis_errors import explained
from cdc_daemon.sinks.redis_scripts import APPEND_RECORDS, KEEP_DOCUMENTS, SWEEP
from cdc_daemon.sinks.sink import ProbeStep, Refusal, Sink

if TYPE_CHECKING:
    from cdc_daemon.sinks.redis_settings import RedisSettings

_MOST_KEYS_BYTES = 1 << 30
"""Largest size of the names of keys that the sink reads at the end of a full snapshot, in bytes."""

_FAILURES: tuple[type[Exception], ...] = (redis.RedisError, OSError, *MALFORMED_ANSWER)


@dataclass
class RedisSink(Sink, ReadBack):
    """Writes documents as hashes, or changes as entries of a stream. The server compares the revisions."""

    name: str
    batch_records: int
    batch_bytes: int
    timeout_seconds: float
    settings: RedisSettings = field(repr=False)
    format: Format = field(repr=False)
    _client: redis.Redis | None = field(default=None, init=False, repr=False)
    _sweep_at: int = field(default=0, init=False, repr=False)  # the server's cursor of SCAN

    def deliver(self, feed: str, records: Sequence[Record]) -> Sequence[Refusal]:
        """Write the records in one step (see `Sink.deliver`)."""
        with self._asked(feed, most_answer(len(records))) as (client, where):
            return self._write(client, feed, records, where)

    @contextlib.contextmanager
    def _asked(self, feed: str, most_bytes: int = MOST_ANSWER_BYTES) -> Generator[tuple[redis.Redis, str]]:
        """Yield the client, within the limits of a delivery. Convert errors to those of the contract."""
        where = f"sink {self.name}, feed {feed}"
        with Bounds(time.monotonic() + self.timeout_seconds, most_bytes) as bounds:
            try:
                if self._client is None:
                    self._client = opened(
                        self.settings.url.get_secret_value(), self.settings.tls_context, self.timeout_seconds
                    )
                yield self._client, where
            except _FAILURES as error:
                self._sweep_at = 0
                self.close()
                told = AnswerTooLarge() if bounds.exceeded else error
                secured = urlsplit(self.settings.url.get_secret_value()).scheme == "rediss"
                raise explained(told, where, timeout_seconds=self.timeout_seconds, secured=secured) from error

    def _write(
        self, client: redis.Redis, feed: str, records: Sequence[Record], where: str
    ) -> Sequence[Refusal]:
        if not records:
            self._try(client, feed)
            return ()
        write = self._keep if self.settings.mode == "hash" else self._append
        refusals = write(client, feed, records)
        self._await_replicas(client, where)
        return refusals

    def _try(self, client: redis.Redis, feed: str) -> None:
        """Do the same as a delivery with keys of our own, and delete them in the same step."""
        client.ping()
        name = placeholders.filled(
            self.settings.key if self.settings.mode == "hash" else self.settings.stream,
            feed=feed,
            sink=self.name,
            key="cdc-daemon-probe",
        )
        names = [f"{name}:cdc-daemon-probe"]
        script, arguments = KEEP_DOCUMENTS, ["1", "{}", "", ""]
        if self.settings.mode == "stream":
            names += [f"{names[0]}:revisions", f"{names[0]}:deleted"]
            script, arguments = APPEND_RECORDS, ["{}", "1", "upsert", "{}"]
        either = [feed] if self.settings.mode == "hash" else [self.settings.max_entries]
        with client.pipeline(transaction=True) as step:
            client.register_script(script)(names, [*self._arguments(()), *either, *arguments], client=step)
            step.delete(*names)
            step.execute()

    def end_snapshot(self, end: SnapshotEnd) -> bool:
        """Remove hashes that the snapshot did not name, or append its end (see `Sink.end_snapshot`)."""
        with self._asked(end.feed, _MOST_KEYS_BYTES) as (client, where):
            if self.settings.mode == "stream":
                self._append_end(client, end)
            else:
                self._sweep(client, end)
            if not self._sweep_at:
                self._await_replicas(client, where)
        return not self._sweep_at

    def sign(self, feed: str) -> str:
        """Store a mark on the server, which is lost with the documents (see `Sink.sign`).

        A server that evicts any key when its memory is full (`allkeys-…`) could evict the mark, so it gets
        none.
        """
        try:
            with self._asked(feed) as (client, _):
                memory = cast("dict[str, object]", client.info("memory"))
                if str(memory.get("maxmemory_policy", "")).startswith("allkeys"):
                    return ""
                hash_, field = self._word(feed)
                client.hsetnx(hash_, field, uuid4().hex)
                return _text(client.hget(hash_, field))
        except NotAuthorized:  # for INFO, or for this key: a delivery does not need it
            return ""

    def recognized(self, feed: str, mark: str) -> str:
        """Look up the mark and the stream (see `Sink.recognized`)."""
        try:
            with self._asked(feed) as (client, _):
                has_documents = self.settings.mode == "hash" or bool(client.exists(self._stream(feed)))
                return mark if has_documents and _text(client.hget(*self._word(feed))) == mark else ""
        except NotAuthorized:
            return mark

    @property
    def is_log(self) -> bool:  # type: ignore[override] # it depends on the mode
        """A stream keeps records; see `ReadBack.is_log`."""
        return self.settings.mode == "stream"

    def read_back(self, feed: str, key: Sequence[str]) -> Iterator[Sequence[Held | HeldEnd]]:
        """Go through the server's hashes, or through the stream; see `ReadBack.read_back`."""
        return self._stream_back(feed, key) if self.is_log else self._hashes_back(feed)

    def name_of(self, feed: str, key: bytes) -> str:
        """The name of the hash; see `ReadBack.name_of`."""
        if self.is_log:
            return canonical(key)
        return placeholders.filled(self.settings.key, feed=feed, sink=self.name, key=joined(key))

    def keeps_all(self, feed: str) -> bool:  # noqa: ARG002 - the same for every feed
        """A stream with a limit forgets its first entries; see `ReadBack.keeps_all`."""
        return not (self.is_log and self.settings.max_entries)

    def _hashes_back(self, feed: str) -> Iterator[Sequence[Held]]:
        cursor, own = 0, int("{feed}" in self.settings.key)
        while True:
            with self._asked(feed, _MOST_KEYS_BYTES) as (client, _):
                cursor, names = cast(
                    "tuple[int, list[bytes]]",
                    client.scan(cursor, match=self._pattern(feed), count=PAGE, _type="HASH"),
                )
                with client.pipeline(transaction=False) as asked:
                    for name in names:
                        asked.hmget(name, "feed", "revision", "document", "hash", "snapshot", "deleted")
                    answers = cast("list[list[bytes | None]]", asked.execute())
            found = zip(names, answers, strict=True)
            yield [
                Held(
                    name.decode("utf-8", "surrogateescape"),
                    int(revision) if revision and revision.isdigit() else None,
                    document,
                    deleted=document is None,
                    hash=_text(digest),
                    snapshot=int(snapshot) if snapshot and snapshot.isdigit() else 0,
                )
                for name, (of, revision, document, digest, snapshot, _) in found
                if of == feed.encode() or (of is None and own and (revision or document))
            ]
            if not cursor:
                return

    def _stream_back(self, feed: str, key: Sequence[str]) -> Iterator[Sequence[Held | HeldEnd]]:
        stream = self._stream(feed)
        decoder = Decoder(self.settings.format, feed, key, f"sink {self.name}, feed {feed}, stream {stream}")
        after = "-"
        while True:
            with self._asked(feed, _MOST_KEYS_BYTES) as (client, _):
                entries = cast(
                    "list[tuple[bytes, dict[bytes, bytes]]]", client.xrange(stream, min=after, count=PAGE)
                )
            if not entries:
                return
            found = (
                decoder(fields[b"record"], revision=int(fields[b"revision"]))
                for _, fields in entries
                if b"record" in fields
            )
            yield [each for each in found if each is not None]
            after = "(" + entries[-1][0].decode()

    def _word(self, feed: str) -> tuple[str, str]:
        """Return hash and field of the mark. No document's key has this name, because its % would be %25."""
        if self.settings.mode == "stream":
            return f"{self._stream(feed)}:revisions", "cdc-daemon:target"
        name = placeholders.filled(self.settings.key, feed=feed, sink=self.name, key="cdc-daemon%target")
        return name, f"{self.name}:{feed}"

    def _stream(self, feed: str) -> str:
        return placeholders.filled(self.settings.stream, feed=feed, sink=self.name)

    def probe(self, feed: str) -> Iterator[ProbeStep]:
        """Try name, connection, TLS, user and password, and PING (see `Sink.probe`)."""
        parts = urlsplit(self.settings.url.get_secret_value())
        probe = ConnectionProbe(
            [] if parts.scheme == "unix" else [Server(parts.hostname or "localhost", parts.port or 6379)],
            f"sink {self.name}, feed {feed}",
            self.timeout_seconds,
            tls=self.settings.tls_context if parts.scheme == "rediss" else None,
        )
        return probed(probe, user_and_password(parts), lambda: self.deliver(feed, ()))

    def close(self) -> None:
        """Close the connection. The next `deliver` opens one."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _keep(self, client: redis.Redis, feed: str, records: Sequence[Record]) -> list[Refusal]:
        names = [
            placeholders.filled(self.settings.key, feed=feed, sink=self.name, key=joined(record.key))
            for record in records
        ]
        arguments = [*self._arguments(records), feed]
        for record in records:
            arguments += (record.revision, record.data or b"", record.hash or "", record.captured_at)
        ignored, refused = cast(
            "tuple[int, list[tuple[int, bytes]]]", client.register_script(KEEP_DOCUMENTS)(names, arguments)
        )
        self.ignored += ignored
        refusals: dict[int, Refusal] = {}
        for position, reason in refused:
            if not 1 <= position <= len(records):
                raise ValueError(f"record {position} of {len(records)} is refused")
            told = reason.decode("utf-8", "replace")
            refusals[position] = Refusal(
                records[position - 1].key, f"{names[position - 1]}: {told}", _code(told)
            )
        return [*refusals.values()]

    def _append(self, client: redis.Redis, feed: str, records: Sequence[Record]) -> list[Refusal]:
        stream = self._stream(feed)
        arguments = [*self._arguments(records), self.settings.max_entries]
        for record in records:
            arguments += (record.key, record.revision, record.op, self.format.encode(record))
        keys = [stream, f"{stream}:revisions", f"{stream}:deleted"]
        self.ignored += cast("int", client.register_script(APPEND_RECORDS)(keys, arguments))
        return []

    def _append_end(self, client: redis.Redis, end: SnapshotEnd) -> None:
        client.xadd(
            self._stream(end.feed),
            {
                "key": "{}",
                "revision": end.snapshot,
                "op": "snapshot_end",
                "record": self.format.encode_end(end),
            },
            maxlen=self.settings.max_entries or None,
        )

    def _sweep(self, client: redis.Redis, end: SnapshotEnd) -> None:
        """Check a part of the server's keys, if documents of the feed may have their names."""
        template = self.settings.key
        pattern = self._pattern(end.feed)
        arguments: list[str | int | bytes] = [
            self.settings.tombstone_seconds,
            end.snapshot,
            end.feed,
            int("{feed}" in template),
        ]
        until = time.monotonic() + self.timeout_seconds / 4
        script = client.register_script(SWEEP)
        while True:
            self._sweep_at, names = cast(
                "tuple[int, list[bytes]]",
                client.scan(self._sweep_at, match=pattern, count=1000, _type="HASH"),
            )
            if names:
                self.removed += cast("int", script(names, arguments))
            if not self._sweep_at or time.monotonic() > until:
                return

    def _pattern(self, feed: str) -> str:
        """Match the names that hashes of a feed may have."""
        around = placeholders.filled(self.settings.key, feed=feed, sink=self.name, key="\0").split("\0")
        return "*".join(re.sub(r"([\[\]*?\\^-])", r"\\\1", part) for part in around)

    def _arguments(self, records: Sequence[Record]) -> list[str | int | bytes]:
        full = any(record.snapshot is not None for record in records)
        stamp = max((record.stamp for record in records), default=0)
        return [self.settings.tombstone_seconds, int(full), stamp]

    def _await_replicas(self, client: redis.Redis, where: str) -> None:
        wanted = self.settings.replicas
        if wanted:
            have = client.wait(wanted, int(self.timeout_seconds * 250))
            if have < wanted:
                raise SinkUnavailable(
                    f"{have} of {wanted} replicas have the batch",
                    where=where,
                    hint="look at the replicas; delivery goes on when they have caught up",
                )


def _text(found: object) -> str:
    """Return a value of the server as text; "" for none."""
    return found.decode("utf-8", "replace") if isinstance(found, bytes) else ""


def _code(reason: str) -> str:
    """Return the error code with which an error of Redis begins."""
    return reason.split(" ", 1)[0].lstrip("-")
