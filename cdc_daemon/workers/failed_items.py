"""Documents that a sink refused: `cdc.failed_item`; docs/delivery.md has the states and their edges."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import orjson
from psycopg import sql

from cdc_daemon.feeds.key_id import key_id
from cdc_daemon.log import Throttle, get_logger
from cdc_daemon.pg.session import Session
from cdc_daemon.pg.statements import statement
from cdc_daemon.sinks.record import Record

BASE_SECONDS = 2.0
LONGEST_SECONDS = 3600.0
"""Longest pause in seconds.

The pause before an attempt is random between 0 and BASE * 2 ^ attempts, or this.
"""

_ID = key_id(sql.SQL("r.key"))

log = get_logger()


@dataclass(frozen=True)
class Refused:
    """A record, the reason why the sink did not take it, and the ID of the batch that it was in."""

    record: Record
    reason: str
    status: str | int | None
    batch: str | None = None


@dataclass(frozen=True)
class FailedItems:
    """The failed items of one sink and feed.

    Attributes:
        max_attempts: number of attempts after which an item is parked.
        cleaned: cuts and cleans a target's message for people and logs.
        held: opens a transaction that holds the lease; raises if another daemon has taken it.
        history: whether the history of documents keeps refusals, and acceptances after them.
    """

    connection: Session
    sink: str
    feed: str
    max_attempts: int
    cleaned: Callable[[str], str]
    throttle: Throttle
    held: Callable[[], AbstractContextManager[None]]
    history: bool = False

    def refuse(self, refused: Sequence[Refused]) -> None:
        """Record refused records. Their next attempt comes after a pause, or never."""
        if not refused:
            return
        with self.held():
            rows = self.connection.execute(
                statement("failed_item.refuse", id=_ID),
                {
                    **self._delivery,
                    "keys": [one.record.key.decode() for one in refused],
                    "revisions": [one.record.revision for one in refused],
                    "statuses": [
                        None if one.status is None else self.cleaned(str(one.status)) for one in refused
                    ],
                    "reasons": [self.cleaned(one.reason) for one in refused],
                    "max_attempts": self.max_attempts,
                    "base": BASE_SECONDS,
                    "cap": LONGEST_SECONDS,
                },
            ).fetchall()
            self._remember("refused", [(one.record.revision, self.cleaned(one.reason)) for one in refused])
        by_revision = {one.record.revision: one for one in refused}
        for revision, attempts, parked in rows:
            one = by_revision[revision]
            fields = {
                "sink": self.sink,
                "feed": self.feed,
                "key": _shown(one.record.key),
                "revision": revision,
                "batch": one.batch,
                "attempts": attempts,
                "status": one.status,
                "reason": self.cleaned(one.reason),
            }
            if parked:
                self.throttle.log(log.warning, "record_parked", about=self.feed, **fields)
            else:
                self.throttle.log(log.warning, "record_refused", about=self.feed, **fields)

    def accept(self, records: Sequence[Record]) -> None:
        """Remove the failed items of records that the sink has taken."""
        if records and self._any():
            revisions = {record.key.decode(): record.revision for record in records}
            with self.held():
                taken = self._forget(list(revisions))
                self._remember("taken", [(revisions[key], None) for key in taken])

    def forget(self, keys: Sequence[str]) -> None:
        """Remove items by their keys, JSON objects."""
        if keys:
            with self.held():
                self._forget(keys)

    def _forget(self, keys: Sequence[str]) -> list[str]:
        """Remove items. Return the keys, as given, of those that there were."""
        rows = self.connection.execute(
            statement("failed_item.accepted", id=_ID), {**self._delivery, "keys": list(keys)}
        )
        return [key for (key,) in rows]

    def _remember(self, kind: str, attempts: Sequence[tuple[int, str | None]]) -> None:
        if self.history and attempts:
            self.connection.execute(
                statement("document_history.attempts", segment=statement("document_history.segment")),
                {
                    **self._delivery,
                    "kind": kind,
                    "revisions": [revision for revision, _ in attempts],
                    "answers": [answer for _, answer in attempts],
                },
            )

    def without_refused(self, records: Sequence[Record]) -> list[Record]:
        """Return the records without those that were refused at this revision: these are tried when due."""
        if not records or not self._any():
            return list(records)
        revisions = [record.revision for record in records]
        refused = {
            revision
            for (revision,) in self.connection.execute(
                statement("failed_item.of_revisions"), {**self._delivery, "revisions": revisions}
            )
        }
        return [record for record in records if record.revision not in refused]

    def postpone(self, seconds: float) -> None:
        """Postpone due items, because the sink takes nothing. The attempt does not count."""
        with self.held():
            self.connection.execute(statement("failed_item.postpone"), {**self._delivery, "seconds": seconds})

    def _any(self) -> bool:
        row = self.connection.execute(statement("failed_item.any"), self._delivery).fetchone()
        return bool(row and row[0])

    @property
    def _delivery(self) -> dict[str, object]:
        return {"sink": self.sink, "feed": self.feed}


def _shown(key: bytes) -> object:
    """The key for the log: an object, or its text where it nests deeper than the log's lines can."""
    try:
        found: object = orjson.loads(key)
        orjson.dumps(found)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return key.decode()
    return found
