"""The record: what a sink is handed for one changed document."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import orjson


@dataclass(frozen=True, slots=True)
class Record:
    """One changed document of a feed.

    Attributes:
        key: the key columns as a JSON object, UTF-8, as PostgreSQL wrote it.
        revision: number of the document's last real change; a higher one supersedes a lower one.
        hash: sha256 of the document, hex; None for a delete.
        changed: top-level fields that differ from what was delivered before; all of them for a new document.
        captured_at: when the change was captured, RFC 3339.
        data: the document, UTF-8, as PostgreSQL wrote it (numbers keep their digits); None for a delete.
        snapshot: number of the full snapshot that the record is part of; None outside of one. To a sink that
            is new, after a restore, or when a person asks for a replay, every document of the feed comes
            under one number, deletes too: the target takes it whatever it holds. What did not come under that
            number by the snapshot's end (`SnapshotEnd`) does not exist any more.
        previous: for a sink that `wants_previous`: every document that the target may have in its place.
            Mostly one; more when nobody knows whether a send arrived. A change is what differs from any of
            them. Empty when it may have none or nothing is known: all must be sent, so that it replaces all.
        last_snapshot: number of the last full snapshot that began for this sink, 0 if none did. A target that
            keeps it beside each document can tell at the end of a full snapshot what that did not name.
    """

    feed: str
    key: bytes
    op: Literal["upsert", "delete"]
    revision: int
    hash: str | None
    changed: tuple[str, ...]
    captured_at: str
    data: bytes | None
    snapshot: int | None = None
    previous: tuple[bytes, ...] = ()
    last_snapshot: int = 0

    @property
    def stamp(self) -> int:
        """What a target keeps beside the document: the number of the last full snapshot, its own included."""
        return self.last_snapshot if self.snapshot is None else max(self.snapshot, self.last_snapshot)

    @property
    def size(self) -> int:
        """About how many bytes `encode` yields: key and document, without the names around them."""
        return len(self.key) + (0 if self.data is None else len(self.data))

    def encode(self) -> bytes:
        """The record as one line of JSON without a line end; key and data are spliced in, never parsed."""
        return self.encode_with(b"data", b"null" if self.data is None else on_one_line(self.data))

    def encode_with(self, name: bytes, value: bytes) -> bytes:
        """The same with another member in the place of `data`.

        `snapshot` is a member only where it has a value.

        Args:
            value: JSON on one line.
        """
        told: dict[str, object] = {
            "op": self.op,
            "revision": self.revision,
            "hash": self.hash,
            "changed": self.changed,
            "captured_at": self.captured_at,
        }
        if self.snapshot is not None:
            told["snapshot"] = self.snapshot
        # A third of the time of one dumps() of everything: this is what a document costs a sink most.
        return b'{"feed":%b,"key":%b,%b,"%b":%b}' % (
            orjson.dumps(self.feed),
            on_one_line(self.key),
            orjson.dumps(told)[1:-1],
            name,
            value,
        )


@dataclass(frozen=True, slots=True)
class SnapshotEnd:
    """The end of a full snapshot: every document of the feed has come under its number.

    Attributes:
        snapshot: the number.
        ended_at: when the last record was taken, RFC 3339.
    """

    feed: str
    snapshot: int
    ended_at: str

    def encode(self) -> bytes:
        """As a line of JSON with the members of a record, of no key and without a document."""
        return orjson.dumps(
            {
                "feed": self.feed,
                "key": {},
                "op": "snapshot_end",
                "revision": self.snapshot,
                "hash": None,
                "changed": [],
                "captured_at": self.ended_at,
                "snapshot": self.snapshot,
                "data": None,
            }
        )


def on_one_line(json: bytes) -> bytes:
    """`json` without line ends.

    json_agg() writes one between the elements and a json column keeps those of its writer. In valid JSON
    a bare line end is white space between tokens (in a string it must be escaped), so a space says the same.
    """
    return json.replace(b"\n", b" ").replace(b"\r", b" ")
