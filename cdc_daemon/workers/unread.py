"""What a feed has not followed yet: entries of its changelogs, and entities whose time has come."""

from __future__ import annotations

from collections.abc import Mapping

from cdc_daemon.analysis.model.catalogue import TableName
from cdc_daemon.capture.causes import Cause
from cdc_daemon.capture.delta import summary
from cdc_daemon.capture.source import Source
from cdc_daemon.feeds import resolve
from cdc_daemon.pg.session import Session
from cdc_daemon.workers.passes import Delta, Due
from cdc_daemon.workers.planning import FeedPlan


class Unread:
    """Reads both, at the snapshot of the transaction.

    Args:
        sources: the plan's source tables as they are captured.
        batch_entities: largest number of due entities.
        history: whether to name the transactions that wrote the entries.
    """

    def __init__(
        self,
        connection: Session,
        plan: FeedPlan,
        sources: Mapping[TableName, Source],
        *,
        batch_entities: int,
        history: bool,
    ) -> None:
        self._connection = connection
        self._batch_entities = batch_entities
        self._keeps_history = history
        feed = plan.definition
        self._summary = (
            summary(
                ((source, plan.links.get(table, ())) for table, source in sources.items()), causes=history
            ).as_bytes()
            if sources
            else b""
        )
        self.due_query = resolve.due(feed, limit=batch_entities).as_bytes() if feed.refreshes else b""

    def delta(self, since: str) -> Delta:
        """Return the entries that became visible after a snapshot."""
        rows = self._connection.execute(self._summary, {"since": since}).fetchall() if self._summary else []
        return Delta(
            {table: changed for table, _, changed, *_ in rows},
            sum(entries for _, entries, *_ in rows),
            any(unknown for _, _, _, unknown, *_ in rows),
            min((changed_at for _, _, _, _, changed_at, *_ in rows), default=None),
            sum(row[5] for row in rows if self._keeps_history),
            [Cause.read([row[0], *cause]) for row in rows if self._keeps_history for cause in row[6]],
        )

    def due(self) -> Due:
        """Return due entities: those that wait longest, as many as one statement recomputes."""
        if not self.due_query:
            return Due()
        rows = self._connection.execute(self.due_query).fetchall()
        return Due(
            tuple(row[:-2] for row in rows),
            min((since for *_, since, _ in rows), default=None),
            more=sum(documents for *_, documents in rows) == self._batch_entities,
        )
