"""The pace of a feed: how many entities a pass may recompute, by the time that one took before."""

from __future__ import annotations

PASS_SECONDS = 0.5
"""Longest time of a pass in seconds.

Larger changes go to the backlog, whose chunks let fresh changes through.
"""

FEWEST_TIMED, FEWEST_TOO_MANY = 20, 100
"""Smallest sample to estimate the time for each entity; smallest number of entities to defer."""


class Pace:
    """Estimates the time for each entity from the last pass or chunk that was large enough.

    Args:
        most: largest number of entities of a pass, however fast they are.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._seconds_an_entity: float | None = None

    def most_entities(self, waiting: int) -> int:
        """Return the largest number of entities for one pass.

        Entities of a larger delta wait in the backlog, where chunks let fresh changes through. But no delta
        waits there behind more entities than it has itself.

        Args:
            waiting: number of entities in the backlog.
        """
        if self._seconds_an_entity is None:
            return self.most
        quick = int(PASS_SECONDS / self._seconds_an_entity)
        return min(max(quick, FEWEST_TOO_MANY, waiting), self.most)

    def remember(self, entities: int, seconds: float) -> None:
        """Note how long the recomputation of some entities took. Few entities tell nothing."""
        if entities >= FEWEST_TIMED:
            self._seconds_an_entity = seconds / entities
