"""What a receiver holds, kept on the disk of this machine while it is compared."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cdc_daemon.sinks.read_back import Held, HeldEnd
from cdc_daemon.sinks.record import on_one_line

_TABLES = """
CREATE TABLE held (
    name BLOB PRIMARY KEY, key TEXT, revision INTEGER, stamp INTEGER NOT NULL, hash TEXT, digest BLOB,
    document BLOB, deleted INTEGER NOT NULL, seen INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE excepted (name BLOB PRIMARY KEY) WITHOUT ROWID;
"""
# The order of a log decides, but a record with a lower revision is a late repetition. A record of a full
# snapshot replaces whatever is from before that snapshot.
_KEEP = """
INSERT INTO held (name, key, revision, stamp, hash, digest, document, deleted) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (name) DO UPDATE
SET key = COALESCE(excluded.key, key), revision = excluded.revision, stamp = excluded.stamp,
    hash = excluded.hash, digest = excluded.digest, document = excluded.document, deleted = excluded.deleted
WHERE revision IS NULL OR excluded.revision IS NULL OR excluded.revision >= revision OR stamp < excluded.stamp
"""
_TAKE = "SELECT name, key, revision, hash, digest, document, deleted FROM held WHERE name = ?"
_REST = """
SELECT name, key, revision, hash, digest, document, deleted FROM held
WHERE NOT seen AND NOT deleted AND NOT EXISTS (SELECT 1 FROM excepted AS e WHERE e.name = held.name)
"""
_LARGEST = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Kept:
    """A document that the receiver holds: as `Held`, with the sha256 of the document on one line."""

    name: str
    key: str | None
    revision: int | None
    hash: str | None
    digest: bytes | None
    document: bytes | None
    deleted: bool


class HeldDocuments:
    """The documents of a receiver, in a temporary file that is deleted when this is closed.

    Millions of documents need no memory. SQLite's temporary database lies in the folder for temporary files.

    Args:
        whole: whether to keep the documents, and not only their digests. A digest tells that a document
            differs, unless the receiver writes JSON in its own way; it does not tell in which fields.
    """

    def __init__(self, *, whole: bool = True) -> None:
        self._whole = whole
        self._database = sqlite3.connect("", check_same_thread=False)
        self._database.executescript(_TABLES)
        self._stamp = 0

    def close(self) -> None:
        """Delete the file."""
        self._database.close()

    def add(self, page: Sequence[Held | HeldEnd]) -> None:
        """Add what the receiver holds, in its order."""
        rows: list[tuple[object, ...]] = []
        for held in page:
            if isinstance(held, HeldEnd):
                self._database.executemany(_KEEP, rows)
                rows = []
                self._stamp = max(self._stamp, held.snapshot)
                self._database.execute("DELETE FROM held WHERE stamp < ?", (held.snapshot,))
                continue
            document = None if held.deleted else held.document
            rows.append(
                (
                    _bytes(held.name),
                    held.key,
                    None if held.revision is None else min(held.revision, _LARGEST),
                    max(held.snapshot, self._stamp),
                    held.hash,
                    None if document is None else hashlib.sha256(on_one_line(document)).digest(),
                    document if self._whole else None,
                    held.deleted,
                )
            )
        self._database.executemany(_KEEP, rows)

    def except_names(self, names: Iterable[str]) -> None:
        """Leave these documents out of `rest`, and out of every comparison."""
        self._database.executemany(
            "INSERT OR IGNORE INTO excepted VALUES (?)", ((_bytes(name),) for name in names)
        )

    def is_excepted(self, name: str) -> bool:
        """Whether a document is left out."""
        found = self._database.execute("SELECT 1 FROM excepted WHERE name = ?", (_bytes(name),))
        return found.fetchone() is not None

    def take(self, name: str) -> Kept | None:
        """Return what the receiver holds under a name. `rest` does not yield it any more."""
        row = self._database.execute(_TAKE, (_bytes(name),)).fetchone()
        if row is None:
            return None
        self._database.execute("UPDATE held SET seen = 1 WHERE name = ?", (_bytes(name),))
        return _kept(row)

    def rest(self) -> Iterator[Kept]:
        """Yield the documents that nobody has taken, without those that are deleted."""
        yield from map(_kept, self._database.execute(_REST))

    def __len__(self) -> int:
        """Return the number of documents that exist."""
        row = self._database.execute("SELECT count(*) FROM held WHERE NOT deleted").fetchone()
        return int(row[0])


def _kept(row: tuple[Any, ...]) -> Kept:
    name, key, revision, hash_, digest, document, deleted = row
    return Kept(
        name.decode("utf-8", "surrogateescape"), key, revision, hash_, digest, document, bool(deleted)
    )


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")
