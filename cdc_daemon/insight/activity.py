"""What happened in the last day, for small pictures of all feeds and deliveries at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import statement

STEPS, STEP_SECONDS = 48, 1800
"""A day in half hours."""

RECENT_STEPS = 6
"""So many steps are three hours."""

Steps = Sequence[int | None]
"""A number for each half hour of the last day, the present one last; None: nothing happened."""


@dataclass(frozen=True)
class Activity:
    """The last day, in half hours.

    Attributes:
        changed: numbers of changed documents, by feed.
        delivered: numbers of delivered records, by sink and feed.
    """

    changed: Mapping[str, Steps]
    delivered: Mapping[tuple[str, str], Steps]

    def delivered_of(self, *, sink: str | None = None, feed: str | None = None) -> list[int | None]:
        """Return the records that a sink took, or those of a feed, or of one feed by one sink."""
        found = [
            steps
            for (its_sink, its_feed), steps in self.delivered.items()
            if sink in {None, its_sink} and feed in {None, its_feed}
        ]
        return [_sum(step) for step in zip(*found, strict=True)] if found else [None] * STEPS

    def delivered_recently(self, *, sink: str | None = None, feed: str | None = None) -> int:
        """Return the number of records of the last three hours, to half an hour."""
        return sum(step or 0 for step in self.delivered_of(sink=sink, feed=feed)[-RECENT_STEPS:])


def read_activity(connection: Connection) -> Activity:
    """Return what happened in the last day."""
    parameters = {"step": STEP_SECONDS, "steps": STEPS}
    of_steps = statement("sample.of_steps")
    changed: dict[str, list[int | None]] = {}
    for feed, step, number in connection.execute(
        statement("sample.feeds_by_step", of_steps=of_steps), parameters
    ):
        changed.setdefault(feed, [None] * STEPS)[step] = number
    delivered: dict[tuple[str, str], list[int | None]] = {}
    for sink, feed, step, number in connection.execute(
        statement("sample.deliveries_by_step", of_steps=of_steps), parameters
    ):
        delivered.setdefault((sink, feed), [None] * STEPS)[step] = number
    return Activity(changed, delivered)


def _sum(numbers: Sequence[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None
