"""Checks whether a sink's target is still the one that got the documents."""

from __future__ import annotations

from dataclasses import dataclass, field

from cdc_daemon.log import get_logger
from cdc_daemon.workers.batch_sender import BatchSender
from cdc_daemon.workers.sink_cursor import Position, SinkCursor

log = get_logger()


@dataclass
class TargetWatch:
    """Compares the target with its stored mark."""

    cursor: SinkCursor
    sender: BatchSender
    _nothing_tells: bool = field(default=False, init=False)

    def lost_before(self, position: Position) -> bool:
        """Check the target before a page. Return True if the sink gets a full snapshot instead.

        Raises:
            SinkUnavailable: the sink can't reach the target.
        """
        return position.mark is not None and self._is_lost(position.mark)

    def lost_at_rest(self) -> bool:
        """Check the target while there is nothing to send. Return True if the sink gets a full snapshot.

        Raises:
            SinkUnavailable: the sink can't reach the target.
        """
        mark = self.cursor.mark()
        return mark is not None and self._is_lost(mark)

    def sign(self, position: Position) -> None:
        """Store the mark of the target after it has taken records.

        Raises:
            SinkUnavailable: the sink can't reach the target.
        """
        if position.mark is not None or self._nothing_tells:
            return
        if mark := self.sender.sign():
            self.cursor.note_mark(None, mark)
        else:
            self._nothing_tells = True

    def _is_lost(self, mark: str) -> bool:
        found = self.sender.recognized(mark)
        if found:
            if found != mark:
                self.cursor.note_mark(mark, found)
            return False
        sink, feed = self.sender.sink, self.sender.feed
        if self.cursor.lose_target(mark, refill=sink.refills_lost):
            log.warning(
                "target_lost",
                sink=sink.name,
                feed=feed,
                refilled=sink.refills_lost,
                hint="nothing is to be done: a full snapshot follows"
                if sink.refills_lost
                else f"if nobody has set it aside: cdc-daemon replay {sink.name} --feed {feed} --all",
            )
        return sink.refills_lost
