"""What the daemon saw of each feed, kept outside of the database: a database that lacks it has gone back.

A storage snapshot that is restored in place has the system identifier, the timeline and all oids that it had.
Nothing in it tells that receivers hold a future that is gone.
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

from cdc_daemon.feeds.history import History
from cdc_daemon.log import get_logger
from cdc_daemon.pg import own_schema
from cdc_daemon.pg.session import Session
from cdc_daemon.pg.statements import statement

log = get_logger()


@dataclass(frozen=True)
class Seen:
    """The last that was seen of a feed: committed before it was noted."""

    revision: int
    history: str


class Witness:
    """What was seen of every feed of every database; any thread may call it.

    It is noted after the commit, so a database that is behind it has gone back.

    Args:
        folder: where it is kept over restarts, a file for each database; None: nowhere.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._places: dict[str, dict[str, Seen]] = {}
        self._told_unwritable = False
        self._id: str | None = None

    @property
    def id(self) -> str:
        """A name that no other state_dir has."""
        with self._lock:
            if self._id is None:
                self._id = self._read_id()
            return self._id

    def seen(self, place: str, feed: str) -> Seen | None:
        """The last that was seen of a feed of a database (`History.place`)."""
        with self._lock:
            return self._known(place).get(feed)

    def vouches(self, history: History, feed: str, stored: str, revision: int) -> bool:
        """Whether a database that was promoted has all of a feed that was seen before.

        Args:
            history: the present one.
            stored, revision: the history and the last revision that the database has.
        """
        with self._lock:
            known = self._known(history.place)
            _merge(known, self._read(history.place))
            seen = known.get(feed)
            return seen is not None and seen.history == stored and seen.revision <= revision

    def note(self, history: History, feed: str, revision: int) -> None:
        """Note what was committed; written at once if it is news."""
        with self._lock:
            known = self._known(history.place)
            before, now = known.get(feed), Seen(revision, str(history))
            if before == now or (before and before.history == now.history and before.revision > revision):
                return
            _merge(known, self._read(history.place))
            known[feed] = now
            self._write(f"witness-{_name(history.place)}.json", _as_json(known))

    def is_alone(self, connection: Session) -> bool:
        """Whether no other daemon can have delivered what this one has not seen."""
        row = connection.execute(statement("history.is_alone"), {"id": self.id}).fetchone()
        return bool(row and row[0])

    def arrive(self, connection: Session) -> None:
        """Tell other daemons that this one runs; called again every few minutes."""
        connection.execute(statement("history.here"), {"id": f"{self.id}/{os.getpid()}"})

    def leave(self, connection: Session) -> None:
        """Tell them that it has stopped."""
        connection.execute(statement("history.away"), {"id": f"{self.id}/{os.getpid()}"})

    def _known(self, place: str) -> dict[str, Seen]:
        if place not in self._places:
            self._places[place] = self._read(place)
        return self._places[place]

    def _read(self, place: str) -> dict[str, Seen]:
        if self._folder is None:
            return {}
        path = self._folder / f"witness-{_name(place)}.json"
        try:
            feeds = orjson.loads(path.read_bytes())
            return {feed: Seen(int(told["revision"]), str(told["history"])) for feed, told in feeds.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            # A restore in place would go unnoticed until the next note, and nothing else is lost.
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
        """Write a file whole or not at all."""
        if self._folder is None:
            return
        # Of this thread's process alone: daemons may share a state_dir.
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
    """Add what another daemon with the same state_dir has seen."""
    for feed, seen in read.items():
        before = known.get(feed)
        if before is None or before.revision < seen.revision:
            known[feed] = seen


def _name(place: str) -> str:
    """Of a database, and of the daemon's schema where it is not the usual one: each has feeds of its own."""
    schema = own_schema.name()
    suffix = "" if schema == own_schema.DEFAULT else f"-{schema}"
    return place.replace("/", "-").replace("?", "unknown") + suffix


def _as_json(feeds: Mapping[str, Seen]) -> bytes:
    told = {feed: {"revision": seen.revision, "history": seen.history} for feed, seen in feeds.items()}
    return orjson.dumps(told, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)
