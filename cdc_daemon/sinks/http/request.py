"""What is sent for a batch: the body, and the headers that go with it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cdc_daemon import __version__
from cdc_daemon.sinks.formats import Format, Framing, framed
from cdc_daemon.sinks.frames import Compression, frames
from cdc_daemon.sinks.http import signature
from cdc_daemon.sinks.record import Record, SnapshotEnd


@dataclass(frozen=True)
class Message:
    """A batch as it goes out, at every attempt the same.

    Attributes:
        id: of these records in these revisions, said in this way.
        payload: before compression; empty where nothing is signed.
        body: what is sent.
        snapshot: number of the full snapshot that it is part of.
    """

    id: str
    payload: bytes = field(repr=False)
    body: bytes = field(repr=False)
    snapshot: int | None = None


@dataclass(frozen=True)
class Composer:
    """Makes requests of batches.

    Attributes:
        headers: more of them; their values never appear in an error.
        signing: keys of Standard Webhooks; empty: requests are not signed.
    """

    format: Format
    framing: Framing
    compression: Compression
    headers: Mapping[str, str] = field(repr=False)
    signing: Sequence[bytes] = field(repr=False)

    def message(self, records: Sequence[Record]) -> Message:
        """The body for some records; none make an empty array, or nothing."""
        payload = framed([self.format.encode(record) for record in records], self.framing)
        return Message(
            id=_identity(records, payload),
            payload=payload if self.signing else b"",
            body=frames(self.compression).packed(payload),
            snapshot=max((record.snapshot or 0 for record in records), default=0) or None,
        )

    def end_message(self, end: SnapshotEnd) -> Message:
        """The body that says that a full snapshot has ended."""
        payload = framed([self.format.encode_end(end)], self.framing)
        return Message(
            id=hashlib.sha256(b"end\0%d\0%b" % (end.snapshot, payload)).hexdigest(),
            payload=payload if self.signing else b"",
            body=frames(self.compression).packed(payload),
            snapshot=end.snapshot,
        )

    def headers_of(self, message: Message, authorization: str | None, timestamp: int) -> dict[str, str]:
        """The headers of one attempt.

        Args:
            timestamp: of the attempt, in seconds since 1970.
        """
        made = {
            "User-Agent": f"cdc-daemon/{__version__}",
            **self.headers,
            "Content-Type": self.format.content_type(self.framing),
            "Idempotency-Key": message.id,
        }
        if message.snapshot is not None:
            made["Cdc-Snapshot"] = str(message.snapshot)
        if self.compression != "none":
            made["Content-Encoding"] = self.compression
        if authorization is not None:
            made["Authorization"] = authorization
        if self.signing:
            made |= signature.headers(self.signing, message.id, timestamp, message.payload)
        return made


def _identity(records: Sequence[Record], payload: bytes) -> str:
    """The same over every retry, also after a restart, and never the same for anything else.

    Not of the body alone: a document that changes from A to B and back makes the first body again, and a
    receiver that remembers keys would drop it and stay at B. A replay sends revisions again on purpose, with
    the number of its snapshot.
    """
    digest = hashlib.sha256()
    for record in records:
        digest.update(b"%s\0%d\0%d\n" % (record.key, record.revision, record.snapshot or 0))
    digest.update(payload)
    return digest.hexdigest()
