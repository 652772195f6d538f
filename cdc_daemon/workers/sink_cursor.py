"""A sink's cursor in a feed: its row in `cdc.sink_state`, with the lease by which one daemon delivers."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import orjson
from psycopg import sql

from cdc_daemon.feeds.changes import Page
from cdc_daemon.pg import own_schema
from cdc_daemon.pg.session import Session
from cdc_daemon.pg.statements import statement
from cdc_daemon.workers import lease


class LeaseTaken(Exception):
    """Another daemon delivers this feed to this sink."""


class LeaseLost(LeaseTaken):
    """Another daemon took the lease during this delivery. Its results no longer count."""


@dataclass(frozen=True)
class Position:
    """The position of a sink (see cdc.sink_state).

    Attributes:
        snapshot: whether the current scan is a full snapshot.
        snapshot_wanted: whether a full snapshot is requested and has not begun.
        snapshot_number: number of the last full snapshot that began; 0 if there is none.
        tell_deletes: whether a full snapshot includes deletes.
        feed_revision: the feed's last revision, read before any page.
        mark: mark of the sink's target; None if it is unknown.
    """

    revision: int
    caught_up: int
    scan_key: list[str] | None
    scan_until: int | None
    snapshot: bool = False
    snapshot_wanted: bool = False
    snapshot_number: int = 0
    tell_deletes: bool = True
    feed_revision: int = 0
    mark: str | None = None

    def goes_on_from(self, before: Position) -> bool:
        """Whether the next page belongs to the same run: the log, or the same scan with its snapshot."""
        return self.scan_until == before.scan_until and self.snapshot == before.snapshot

    def after(self, page: Page) -> Position:
        """Return the position after the page."""
        if self.scan_until is not None:
            if page.full:
                return replace(self, scan_key=page.scan_key)
            return self._at(self.scan_until, self.scan_until)
        # Numbers of snapshots have no row in the log. If the log has no further row, the sink has everything
        # that the feed had before the page was read.
        revision = page.revision if page.rows else max(page.revision, self.feed_revision)
        return self._at(revision, self.caught_up if page.full else revision)

    def _at(self, revision: int, caught_up: int) -> Position:
        return replace(
            self, revision=revision, caught_up=caught_up, scan_key=None, scan_until=None, snapshot=False
        )


@dataclass
class SinkCursor:
    """One sink's cursor in one feed.

    Every write after `lease` checks the number of that lease. If another delivery has taken the lease since,
    the write changes nothing. A server's clock that jumps forward can end a lease during a send.

    Attributes:
        timeout_seconds: longest duration of one send.
        history: whether the history of documents keeps the delivered pages.
        payload_keys: documents to log, as of the last `lease` (see `PayloadLog`).
    """

    connection: Session
    sink: str
    feed: str
    timeout_seconds: float
    history: bool = False
    payload_keys: Sequence[Mapping[str, str] | None] = ()
    _renew_at: float = 0.0
    _lease: int = 0

    def register(self) -> bool:
        """Register the sink, if it is new to the feed, to get all documents.

        Return False if there is no such feed.
        """
        if not self._is("sink_state.is_registered"):
            self.connection.execute(statement("sink_state.register"), self._keys)
            return self._is("sink_state.is_registered")
        return True

    def aim(self, target: str) -> bool:
        """Record the target of the settings. Return True if it has changed: it then gets a full snapshot.

        Args:
            target: a digest of the settings; empty if it is unknown.
        """
        row = self.connection.execute(statement("sink_state.target"), self._keys).fetchone()
        if not target or row is None or row[0] == target:
            return False
        moved = row[0] is not None
        self.connection.execute(
            statement("sink_state.set_target"), {**self._keys, "target": target, "moved": moved}
        )
        return moved

    def mark(self) -> str | None:
        """Return the mark of the target; None if it need not be checked now."""
        row = self.connection.execute(statement("sink_state.mark"), self._keys).fetchone()
        return row[0] if row else None

    def note_mark(self, before: str | None, mark: str) -> None:
        """Store a new mark of the target, unless another daemon has stored another one."""
        self.connection.execute(
            statement("sink_state.note_mark"), {**self._keys, "before": before, "mark": mark}
        )

    def lose_target(self, mark: str, *, refill: bool) -> bool:
        """Record that the target is lost. Return False if another daemon has recorded it already.

        Args:
            mark: the mark that it had.
            refill: whether it gets a full snapshot.
        """
        row = self.connection.execute(
            statement("sink_state.lose_target"), {**self._keys, "mark": mark, "refill": refill}
        ).fetchone()
        return row is not None

    def look(self) -> tuple[bool, bool]:
        """Return whether it lacks documents, and whether failed items are due; neither while it is paused."""
        row = self.connection.execute(statement("sink_state.look"), self._keys).fetchone()
        return (bool(row[0]), bool(row[1])) if row else (False, False)

    def is_behind(self) -> bool:
        """Whether it lacks documents that it may get now."""
        return self._is("sink_state.is_behind")

    def lease(self) -> Position:
        """Take the lease for longer than one `deliver` can last.

        Raises:
            LeaseTaken: another daemon has it.
        """
        holder = self.connection.execute(statement("sink_state.leased_by"), self._keys).fetchone()
        dead = holder[0] if holder and holder[0] and lease.is_dead(holder[0]) else None
        row = self.connection.execute(
            statement("sink_state.lease", payloads=statement("payload_log.keys")),
            {**self._keys, "owner": lease.this_process(), "dead": dead, "seconds": self._lease_seconds},
        ).fetchone()
        if row is None:
            raise LeaseTaken
        *position, self._lease, keys = row
        self.payload_keys = keys or ()
        self._note_lease()
        return Position(*position)

    def renew(self) -> None:
        """Check before a send that the lease is held, and prolong it if it is some time old.

        Raises:
            LeaseLost: another daemon has taken it.
        """
        if time.monotonic() <= self._renew_at:
            self._require_held()
        elif self._under_lease("prolong", seconds=self._lease_seconds):
            self._note_lease()
        else:
            raise LeaseLost

    @contextmanager
    def held(self) -> Generator[None]:
        """Open a transaction during which no other delivery can take the lease.

        Raises:
            LeaseLost: another daemon has taken it.
        """
        with self.connection.transaction():
            if not self._under_lease("hold"):
                raise LeaseLost
            yield

    def begin_snapshot(self, revisions: str) -> Position:
        """Begin the requested full snapshot.

        Args:
            revisions: the sequence of the feed's revisions.

        Raises:
            LeaseLost: another daemon has the lease.
        """
        sequence = sql.Literal(f"{own_schema.name()}.{sql.Identifier(revisions).as_string()}")
        row = self.connection.execute(
            statement("sink_state.begin_snapshot", revision=sequence),
            {**self._keys, "lease": self._lease},
        ).fetchone()
        if row is None:
            raise LeaseLost
        return Position(*row)

    def advance(
        self, before: Position, after: Position, records: int, *, answered: bool, ignored: int = 0
    ) -> None:
        """Move the cursor past a page, unless it has been moved since the page was read.

        Args:
            records: number of records that were taken.
            answered: whether the target took or refused a record by an answer of its own, so that it is up.
            ignored: number of taken records that the sink dropped because the target has a newer revision.

        Raises:
            LeaseLost: another daemon has taken the lease.
        """
        moved = {
            "from": before.revision,
            "scanned_until": before.scan_until,
            "scanned_key": _json(before.scan_key),
            "snapshot": before.snapshot,
            "revision": after.revision,
            "caught_up": after.caught_up,
            "scan_key": _json(after.scan_key),
            "scan_until": after.scan_until,
            "records": records,
            "answered": answered,
            "ignored": ignored,
        }
        advance = statement("sink_state.advance")
        if self.history and records:
            segment = statement("document_history.segment")
            advance = statement("document_history.delivered", moved=advance, segment=segment)
        if not self._is_true(advance, **moved, lease=self._lease, seconds=lease.MARGIN_SECONDS):
            self._require_held()

    def count(self, records: int) -> None:
        """Count taken failed items, which the cursor had passed before."""
        if records:
            self.connection.execute(
                statement("sink_state.count"),
                {**self._keys, "lease": self._lease, "records": records},
            )

    def fail(self, failure: str, pause_seconds: float) -> None:
        """Record why the sink takes nothing, and keep the lease during the pause. The cursor stays.

        This records nothing if another daemon has taken the lease, because that daemon knows the sink's
        state.
        """
        self._under_lease(
            "fail", failure=failure, pause=pause_seconds, seconds=pause_seconds + lease.MARGIN_SECONDS
        )

    def release(self) -> None:
        """Release the lease, so that another daemon can go on at once."""
        if not self.connection.broken:
            self.connection.execute(
                statement("sink_state.release"), {**self._keys, "owner": lease.this_process()}
            )

    def _require_held(self) -> None:
        if not self._under_lease("is_held"):
            raise LeaseLost

    def _note_lease(self) -> None:
        self._renew_at = time.monotonic() + lease.MARGIN_SECONDS / 2

    @property
    def _lease_seconds(self) -> float:
        return self.timeout_seconds + lease.MARGIN_SECONDS

    @property
    def _keys(self) -> dict[str, object]:
        return {"sink": self.sink, "feed": self.feed}

    def _under_lease(self, query: str, **parameters: object) -> bool:
        """Execute a statement that checks the lease's number. Return whether it returned true."""
        return self._is_true(statement(f"sink_state.{query}"), lease=self._lease, **parameters)

    def _is(self, query: str) -> bool:
        return self._is_true(statement(query))

    def _is_true(self, query: sql.Composed, **parameters: object) -> bool:
        row = self.connection.execute(query, {**self._keys, **parameters}).fetchone()
        return bool(row and row[0])


def _json(scan_key: list[str] | None) -> str | None:
    return orjson.dumps(scan_key).decode() if scan_key is not None else None
