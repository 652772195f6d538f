"""Formats of records in JSON, and bodies of several records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import orjson
from pydantic import AfterValidator, Field

from cdc_daemon.errors import SinkUnavailable
from cdc_daemon.sinks import placeholders
from cdc_daemon.sinks.merge_patch import merge_patch
from cdc_daemon.sinks.record import Record, SnapshotEnd, on_one_line
from cdc_daemon.sinks.settings import SinkSettings

FormatName = Literal["records", "documents", "cloudevents", "merge-patch"]
Framing = Literal["array", "ndjson"]

_NDJSON = "application/x-ndjson"


@dataclass(frozen=True)
class Format:
    """A format of records in JSON.

    Attributes:
        encode: returns a record as one line of JSON without a line end. Documents are inserted as they are,
            never parsed into floats.
        encode_end: returns the end of a full snapshot in the same form.
        media_type: media type of one encoded record.
        array_media_type: media type of an array of records.
        wants_previous: whether the format needs `Record.previous`.
    """

    encode: Callable[[Record], bytes]
    encode_end: Callable[[SnapshotEnd], bytes]
    media_type: str
    array_media_type: str
    wants_previous: bool = False

    def content_type(self, framing: Framing) -> str:
        """Return the media type of a body that `framed` returns."""
        return _NDJSON if framing == "ndjson" else self.array_media_type


def framed(items: Iterable[bytes], framing: Framing) -> bytes:
    """Return encoded records as one body: a JSON array, or lines that each end in a line feed."""
    if framing == "ndjson":
        return b"".join([item + b"\n" for item in items])
    return b"[%b]" % b",".join(items)


class FormattedSettings(SinkSettings, frozen=True):
    """Settings of a sink with these formats."""

    format: FormatName = Field(
        default="records",
        description="Form of a record: `records`, `documents`, `cloudevents` or `merge-patch`.",
    )
    event_source: Annotated[str, Field(pattern=r"^[\x21-\x7e]+$"), AfterValidator(placeholders.checked)] = (
        Field(
            default="/cdc-daemon/{feed}",
            description="The `source` of CloudEvents, a URI reference. `{feed}` and `{sink}` stand for "
            "their names.",
        )
    )

    def format_for(self, sink: str) -> Format:
        """Return the configured format, for a sink of this name."""
        return _FORMATS[self.format](self.event_source, sink)


def _records(_source: str, _sink: str) -> Format:
    return Format(Record.encode, SnapshotEnd.encode, "application/json", "application/json")


def _documents(_source: str, _sink: str) -> Format:
    return Format(_document, _document_end, "application/json", "application/json")


def _document(record: Record) -> bytes:
    """Return the document; for a delete its key fields and `"deleted":true`."""
    if record.data is not None:
        return on_one_line(record.data)
    key = on_one_line(record.key)
    if b'"deleted"' in key and "deleted" in orjson.loads(key):
        raise SinkUnavailable(
            "a delete can't be told from a document: a key column is called deleted",
            where=f"feed {record.feed}",
            hint='rename that column, or set format = "records"',
        )
    return key.rstrip()[:-1] + b',"deleted":true}'


def _document_end(end: SnapshotEnd) -> bytes:
    return orjson.dumps({"snapshot_end": end.snapshot})


def _cloudevents(source: str, sink: str) -> Format:
    def encode(record: Record) -> bytes:
        event: dict[str, object] = {
            "specversion": "1.0",
            # Unique in the source, as the specification asks: each real change of a feed has a revision of
            # its own. A repetition is the same event; in a replay, which is meant to be taken, it is another.
            "id": str(record.revision) + ("" if record.snapshot is None else f"-{record.snapshot}"),
            "source": placeholders.filled(source, feed=record.feed, sink=sink),
            "type": "cdc.document.deleted" if record.data is None else "cdc.document.upserted",
            "subject": record.key.decode(),
            "time": record.captured_at,
            # An integer of CloudEvents ends at 2^31 - 1; revisions don't.
            "revision": str(record.revision),
        }
        if record.snapshot is not None:
            event["snapshot"] = str(record.snapshot)
        if record.data is not None:
            event["datacontenttype"] = "application/json"
            event["data"] = orjson.Fragment(on_one_line(record.data))
        return orjson.dumps(event)

    def encode_end(end: SnapshotEnd) -> bytes:
        event: dict[str, object] = {
            "specversion": "1.0",
            "id": f"{end.snapshot}-end",
            "source": placeholders.filled(source, feed=end.feed, sink=sink),
            "type": "cdc.snapshot.ended",
            "time": end.ended_at,
            "revision": str(end.snapshot),
            "snapshot": str(end.snapshot),
        }
        return orjson.dumps(event)

    return Format(encode, encode_end, "application/cloudevents+json", "application/cloudevents-batch+json")


def _merge_patch(_source: str, _sink: str) -> Format:
    return Format(_patched, SnapshotEnd.encode, "application/json", "application/json", wants_previous=True)


def _patched(record: Record) -> bytes:
    """Return a record with `patch` (RFC 7396) instead of `data`, if the target's documents are known."""
    patch = None if record.data is None else merge_patch(record.data, record.previous)
    if patch is None:
        return record.encode()
    return record.encode_with(b"patch", patch)


_FORMATS: Mapping[FormatName, Callable[[str, str], Format]] = {
    "records": _records,
    "documents": _documents,
    "cloudevents": _cloudevents,
    "merge-patch": _merge_patch,
}
