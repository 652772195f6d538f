"""Composes the request for a batch: body and headers."""

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
    """The content of a request, the same at every attempt.

    Attributes:
        id: identifier of these records, revisions and format.
        payload: the body before compression; empty if requests are not signed.
        body: the body that is sent.
        snapshot: number of the full snapshot of the batch.
    """

    id: str
    payload: bytes = field(repr=False)
    body: bytes = field(repr=False)
    snapshot: int | None = None


@dataclass(frozen=True)
class Composer:
    """Composes requests.

    Attributes:
        headers: configured headers. Their values never appear in an error.
        signing: keys of Standard Webhooks; empty if requests are not signed.
    """

    format: Format
    framing: Framing
    compression: Compression
    headers: Mapping[str, str] = field(repr=False)
    signing: Sequence[bytes] = field(repr=False)

    def message(self, records: Sequence[Record]) -> Message:
        """Return the message for some records. Without records it is an empty array, or empty."""
        payload = framed([self.format.encode(record) for record in records], self.framing)
        return Message(
            id=_identity(records, payload),
            payload=payload if self.signing else b"",
            body=frames(self.compression).packed(payload),
            snapshot=max((record.snapshot or 0 for record in records), default=0) or None,
        )

    def end_message(self, end: SnapshotEnd) -> Message:
        """Return the message for the end of a full snapshot."""
        payload = framed([self.format.encode_end(end)], self.framing)
        return Message(
            id=hashlib.sha256(b"end\0%d\0%b" % (end.snapshot, payload)).hexdigest(),
            payload=payload if self.signing else b"",
            body=frames(self.compression).packed(payload),
            snapshot=end.snapshot,
        )

    def headers_of(self, message: Message, authorization: str | None, timestamp: int) -> dict[str, str]:
        """Return the headers of one attempt.

        Args:
            timestamp: time of the attempt, in seconds since 1970.
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
    """Return an identifier that is the same for every retry, also after a restart, and otherwise unique.

    A digest of the body alone would not do: if a document changes from A to B and back, the first body
    repeats, and a receiver that remembers identifiers would drop it and stay at B. A replay sends revisions
    again on purpose, with the number of its snapshot.
    """
    digest = hashlib.sha256()
    for record in records:
        digest.update(b"%s\0%d\0%d\n" % (record.key, record.revision, record.snapshot or 0))
    digest.update(payload)
    return digest.hexdigest()
