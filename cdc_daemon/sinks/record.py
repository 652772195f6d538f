"""Records, which a sink delivers: a changed document each, and the end of a full snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import orjson


@dataclass(frozen=True, slots=True)
class Record:
    """One changed document of a feed.

    Attributes:
        key: the key columns as a JSON object, UTF-8, as PostgreSQL wrote it.
        revision: number of the document's last change. A higher revision supersedes a lower one.
        hash: sha256 of the document, hex; None for a delete.
        changed: top-level fields that differ from the delivered document; all fields for a new document.
        captured_at: when the change was captured, RFC 3339.
        data: the document, UTF-8, as PostgreSQL wrote it (numbers keep their digits); None for a delete.
        snapshot: number of the full snapshot of the record; None outside of one. A new sink, a restore or a
            replay get a full snapshot: every document of the feed and every delete under one number, which
            the target takes over whatever it has. A document without this number at the snapshot's end
            (`SnapshotEnd`) no longer exists.
        previous: for a sink that `wants_previous`: the documents that the target may have. Usually one; more
            if it is unknown whether a send arrived. Empty if there may be none or nothing is known; then the
            whole document must be sent.
        last_snapshot: number of the last full snapshot that began for this sink, or 0. A target that stores
            it with each document can find documents that a full snapshot did not name.
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
        """Number of the last full snapshot, including the record's own.

        A target stores it with the document.
        """
        return self.last_snapshot if self.snapshot is None else max(self.snapshot, self.last_snapshot)

    @property
    def size(self) -> int:
        """Approximate size of the encoded record in bytes: key and document, without names."""
        return len(self.key) + (0 if self.data is None else len(self.data))

    def encode(self) -> bytes:
        """Return the record as one line of JSON without a line end.

        Key and data are inserted, never parsed.
        """
        return self.encode_with(b"data", b"null" if self.data is None else on_one_line(self.data))

    def encode_with(self, name: bytes, value: bytes) -> bytes:
        """Return the record with another member instead of `data`.

        `snapshot` is a member only if it has a value.

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
    """The end of a full snapshot: every document of the feed was delivered under its number.

    Attributes:
        snapshot: number of the snapshot.
        ended_at: when the target took the last record, RFC 3339.
    """

    feed: str
    snapshot: int
    ended_at: str

    def encode(self) -> bytes:
        """Return a line of JSON with the members of a record, without key and document."""
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
    """Return JSON without line ends.

    json_agg() puts line ends between elements, and a json column keeps those of its writer. In valid JSON a
    line end is white space between tokens (strings escape it), so a space has the same meaning.
    """
    return json.replace(b"\n", b" ").replace(b"\r", b" ")
