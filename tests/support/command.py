"""The installed command as a person runs it, what it says, and the documents that it delivered."""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest

from cdc_daemon.pg.session import connect as connect_pinned
from tests.support import kept_sessions, starts

DEADLINE_SECONDS = 30.0
"""How long anything that must happen may take; only a failing test waits for so long."""

FILE_SINK = '[sinks.file]\ntype = "file"\npath = "out/{feed}.ndjson"\n'

Key = tuple[Any, ...]
Record = dict[str, Any]
Values = Mapping[str, Any]


@dataclass(frozen=True)
class Feed:
    """A feed of a test; `options` are further lines of its table in the configuration."""

    query: str
    key: tuple[str, ...] = ("id",)
    options: str = ""


def eventually(what: str, is_so: Callable[[], bool], *, seconds: float = DEADLINE_SECONDS) -> None:
    """Return as soon as it is so; fail the test when it never is."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds} s: {what}")
        time.sleep(0.02)


class Running:
    """A command that was started, with everything that it logged."""

    def __init__(self, arguments: list[str], **options: Any) -> None:
        self.process = starts.start(arguments, **options)
        self.events: list[Record] = []
        self.said: list[str] = []
        self._more = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                with self._more:
                    self.said.append(line)
                    if line.startswith("{"):
                        self.events.append(json.loads(line))
                    self._more.notify_all()
        with self._more:
            self._ended = True
            self._more.notify_all()

    def await_event(self, name: str, *, after: int = 0, **fields: object) -> int:
        """Wait until this was logged; returns the position behind it."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        with self._more:
            while True:
                for position, event in enumerate(self.events[after:], start=after):
                    if event["event"] == name and fields.items() <= event.items():
                        return position + 1
                if self._ended or time.monotonic() > deadline:
                    pytest.fail(f"no event {name} {fields} in:\n{''.join(self.said)}")
                self._more.wait(0.5)

    def kill(self) -> None:
        """`kill -9`."""
        self.process.kill()
        self._join()

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; returns the exit code."""
        self.process.send_signal(number)
        return self._join()

    def _join(self) -> int:
        code = self.process.wait(DEADLINE_SECONDS)
        self._reader.join(DEADLINE_SECONDS)
        return code

    def text(self) -> str:
        """All that it said."""
        return "".join(self.said)


class Command:
    """`cdc-daemon` with a configuration of its own in `folder`."""

    def __init__(
        self,
        folder: Path,
        dsn: str,
        feeds: Mapping[str, Feed],
        *,
        sinks: str = FILE_SINK,
        daemon: str | Values = "",
        database: str | Values = "",
    ) -> None:
        self.folder = folder
        self.dsn = dsn
        self.feeds = dict(feeds)
        self.config = folder / "cdc.toml"
        self._started: list[Running] = []
        self.configure(sinks=sinks, daemon=daemon, database=database)

    def configure(
        self, *, sinks: str = FILE_SINK, daemon: str | Values = "", database: str | Values = ""
    ) -> None:
        """Write the configuration and the feeds' queries.

        Args:
            sinks: their tables.
            daemon, database: further settings of these tables: lines, or values by name.
        """
        self.tables = {"sinks": sinks, "daemon": _lines(daemon), "database": _lines(database)}
        self.write()

    def write(self) -> None:
        """Write the configuration as it was last time, with the feeds as they are now."""
        parts = [
            f"[database]\ndsn = {json.dumps(self.dsn)}\n{self.tables['database']}\n",
            "[log]\nformat = 'json'\n",
            f"[daemon]\nstate_dir = {json.dumps(str(self.folder / 'state'))}\n{self.tables['daemon']}\n",
        ]
        for name, feed in self.feeds.items():
            (self.folder / f"{name}.sql").write_text(feed.query, "utf-8")
            key = json.dumps(list(feed.key), ensure_ascii=False)
            parts.append(f'[feeds.{name}]\nquery = "{name}.sql"\nkey = {key}\n{feed.options}\n')
        self.config.write_text("\n".join([*parts, self.tables["sinks"]]), "utf-8")

    def call(self, *arguments: str, code: int = 0) -> str:
        """Run a command to its end, which must have this exit code; returns standard output."""
        done = starts.run(self.arguments(*arguments), timeout=60)
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def start(
        self, *arguments: str, through: Callable[[list[str]], list[str]] = list, **options: Any
    ) -> Running:
        """Start a command, `run` by default.

        Args:
            through: makes of its words those that start it somewhere else.
        """
        running = Running(through(self.arguments(*(arguments or ("run",)))), **options)
        self._started.append(running)
        return running

    def close(self) -> None:
        """End whatever a failed test left running."""
        for running in self._started:
            if running.process.poll() is None:
                running.kill()

    def arguments(self, *arguments: str) -> list[str]:
        """The command line of a call."""
        return [sys.executable, "-m", "cdc_daemon", "--config", str(self.config), *arguments]

    def status(self) -> dict[str, Any]:
        """`status --json`: the feeds."""
        return cast("dict[str, Any]", json.loads(self.call("status", "--json"))["feeds"])

    def file(self, feed: str) -> Path:
        """Where the file sink keeps a feed."""
        return self.folder / "out" / f"{feed}.ndjson"

    def records(self, feed: str) -> list[Record]:
        """Every record of a document in the file sink's file, numbers as they are written."""
        return [record for record in self.lines(feed) if record["op"] != "snapshot_end"]

    def lines(self, feed: str) -> list[Record]:
        """Every whole line of that file, ends of full snapshots too."""
        path = self.file(feed)
        lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
        return [loads(line) for line in lines if line.endswith(b"\n")]

    def documents(self, feed: str) -> dict[Key, Any]:
        """The records folded: what a receiver holds that reads them as docs/delivery.md says."""
        return fold(self.lines(feed))

    def query(self, feed: str) -> dict[Key, Any]:
        """The documents that the feed's query yields now."""
        return query(self.dsn, self.feeds[feed])

    def assert_equal_to_the_query(self) -> None:
        """Row for row, in both directions."""
        for feed in self.feeds:
            delivered, wanted = self.documents(feed), self.query(feed)
            assert delivered.keys() - wanted.keys() == set(), f"{feed}: too many"
            assert wanted.keys() - delivered.keys() == set(), f"{feed}: missing"
            different = {
                key: (delivered[key], wanted[key]) for key in wanted if delivered[key] != wanted[key]
            }
            assert different == {}, feed


def toml(values: Values) -> str:
    """Lines of a table: what JSON writes for text, numbers, truth and lists of them is TOML too."""
    return "\n".join(f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in values.items())


def _lines(table: str | Values) -> str:
    return table if isinstance(table, str) else toml(table)


def loads(text: bytes | str) -> Any:
    """JSON with the digits of its numbers kept."""
    return json.loads(text, parse_float=str)


def key_of(record: Record) -> Key:
    return tuple(record["key"].values())


def fold(records: list[Record]) -> dict[Key, Any]:
    """Documents by key; a repeated record changes nothing, an older one is dropped, and the end of a full
    snapshot drops what that did not name."""
    last: dict[Key, tuple[Record, int]] = {}
    ended = 0
    for record in records:
        if record["op"] == "snapshot_end":
            ended = record["snapshot"]
            last = {key: (known, stamp) for key, (known, stamp) in last.items() if stamp >= ended}
            continue
        known, stamp = last.get(key_of(record), (record, 0))
        if known["revision"] <= record["revision"] or stamp < record.get("snapshot", 0):
            last[key_of(record)] = record, record.get("snapshot", ended)
    return {key: record["data"] for key, (record, _) in last.items() if record["op"] == "upsert"}


def assert_revisions_grow(records: list[Record]) -> None:
    """Of each key; after a kill the same records may come once more, in the same order."""
    seen: dict[Key, dict[int, Any]] = {}
    for record in records:
        known = seen.setdefault(key_of(record), {})
        content = {name: record[name] for name in ("op", "data", "hash")}
        # A revision names one state of a document, however often it is sent.
        assert known.setdefault(record["revision"], content) == content, record
    first_seen = {key: list(known) for key, known in seen.items()}
    assert all(revisions == sorted(revisions) for revisions in first_seen.values())


def query(dsn: str, feed: Feed) -> dict[Key, Any]:
    """The documents of a feed as its query yields them now, by key."""
    with pinned(dsn) as connection:
        text = f"SELECT row_to_json(q.*)::text FROM (\n{feed.query}\n) AS q".encode()
        rows = [loads(row[0]) for row in connection.execute(text)]
    return {
        tuple(row[name] for name in feed.key): {
            name: value for name, value in row.items() if not name.startswith("_")
        }
        for row in rows
    }


def limit_file_size(size: int) -> Callable[[], None]:
    """For `preexec_fn`: no file of the process may grow past so many bytes (a full disk, to the writer)."""

    def limit() -> None:
        import resource

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


def pinned(dsn: str) -> AbstractContextManager[psycopg.Connection[Any]]:
    """A session as the daemon opens it, with the search path `public`."""
    return kept_sessions.session(dsn, "pinned", partial(connect_pinned, search_path="public"))


def execute(dsn: str, *statements: str) -> None:
    """Each statement committed by itself."""
    with kept_sessions.session(dsn) as connection:
        for text in statements:
            connection.execute(text.encode())
