"""The witness: each feed's last revision, in a file. A database that is behind its witness has gone back.

A storage snapshot that is restored in place has the same system identifier, timeline and oids as before.
Nothing in it shows that receivers hold documents of the lost changes.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import orjson

from cdc_daemon.feeds.incarnation import Incarnation
from cdc_daemon.log import get_logger
from cdc_daemon.pg import own_schema
from cdc_daemon.pg.session import Session
from cdc_daemon.pg.statements import statement
from cdc_daemon.workers.lease import this_process

log = get_logger()


@dataclass(frozen=True)
class Seen:
    """The last committed revision of a feed, and its incarnation."""

    revision: int
    incarnation: str


class Witness:
    """The last revisions of every feed of every database. Any thread may call it.

    The daemon notes a revision after its commit, so a database that is behind it has gone back.

    Args:
        folder: folder that survives restarts, with a file for each database; None keeps nothing.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._databases: dict[str, dict[str, Seen]] = {}
        self._told_unwritable = False
        self._id: str | None = None

    @property
    def id(self) -> str:
        """A name that is unique for this state_dir."""
        with self._lock:
            if self._id is None:
                self._id = self._read_id()
            return self._id

    def seen(self, database: str, feed: str) -> Seen | None:
        """Return the last note about a feed of a database (`Incarnation.identity`)."""
        with self._lock:
            return self._known(database).get(feed)

    def vouches(self, incarnation: Incarnation, feed: str, stored: str, revision: int) -> bool:
        """Whether a promoted database still has all noted revisions of a feed.

        Args:
            incarnation: the present incarnation.
            stored, revision: incarnation and last revision that the database has stored.
        """
        with self._lock:
            known = self._known(incarnation.identity)
            _merge(known, self._read(incarnation.identity))
            seen = known.get(feed)
            return seen is not None and seen.incarnation == stored and seen.revision <= revision

    def note(self, incarnation: Incarnation, feed: str, revision: int) -> None:
        """Note a committed revision. Writes the file at once, unless the note is no news."""
        with self._lock:
            known = self._known(incarnation.identity)
            before, now = known.get(feed), Seen(revision, str(incarnation))
            if before == now or (
                before and before.incarnation == now.incarnation and before.revision > revision
            ):
                return
            _merge(known, self._read(incarnation.identity))
            known[feed] = now
            self._write(f"witness-{_name(incarnation.identity)}.json", _as_json(known))

    def is_alone(self, connection: Session) -> bool:
        """Whether no other daemon can have delivered revisions that this one has not noted."""
        row = connection.execute(statement("daemon.is_alone"), {"id": self.id}).fetchone()
        return bool(row and row[0])

    def process_id(self) -> str:
        """Return a name that is unique for this process: containers may share a state_dir and process IDs."""
        return f"{self.id}/{this_process().rpartition(' ')[2]}"

    def arrive(self, connection: Session) -> None:
        """Record that this daemon runs. Call it again every few minutes."""
        connection.execute(statement("daemon.here"), {"id": self.process_id()})

    def leave(self, connection: Session) -> None:
        """Record that this daemon has stopped."""
        connection.execute(statement("daemon.away"), {"id": self.process_id()})

    def _known(self, database: str) -> dict[str, Seen]:
        if database not in self._databases:
            self._databases[database] = self._read(database)
        return self._databases[database]

    def _read(self, database: str) -> dict[str, Seen]:
        if self._folder is None:
            return {}
        path = self._folder / f"witness-{_name(database)}.json"
        try:
            feeds = orjson.loads(path.read_bytes())
            return {
                feed: Seen(int(note["revision"]), str(note["incarnation"])) for feed, note in feeds.items()
            }
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            # Until the next note, the daemon would not notice a restore in place. Nothing else is lost.
            log.warning("witness_unusable", path=str(path), reason=str(error))
            return {}

    def _read_id(self) -> str:
        if self._folder is not None:
            with suppress(OSError):
                return (self._folder / "daemon-id").read_text("ascii").strip()
        made = uuid4().hex
        self._write("daemon-id", made.encode() + b"\n")
        return made

    def _write(self, name: str, content: bytes) -> None:
        """Write a file atomically."""
        if self._folder is None:
            return
        # The name contains the process ID, because daemons may share a state_dir.
        aside = self._folder / f".{name}.{os.getpid()}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            aside.write_bytes(content)
            aside.replace(self._folder / name)
        except OSError as error:
            with suppress(OSError):
                aside.unlink()
            if not self._told_unwritable:
                self._told_unwritable = True
                log.warning("witness_unusable", path=str(self._folder / name), reason=str(error))


def _merge(known: dict[str, Seen], read: Mapping[str, Seen]) -> None:
    """Add the notes of another daemon with the same state_dir."""
    for feed, seen in read.items():
        before = known.get(feed)
        if before is None or before.revision < seen.revision:
            known[feed] = seen


def _name(database: str) -> str:
    """Return the file's name: of the database, and of a schema other than `cdc`, which has its own feeds."""
    schema = own_schema.name()
    suffix = "" if schema == own_schema.DEFAULT else f"-{schema}"
    return database.replace("/", "-").replace("?", "unknown") + suffix


def _as_json(feeds: Mapping[str, Seen]) -> bytes:
    notes = {
        feed: {"revision": seen.revision, "incarnation": seen.incarnation} for feed, seen in feeds.items()
    }
    return orjson.dumps(notes, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)
