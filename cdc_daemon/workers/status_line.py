"""The line that a service manager shows: how many feeds and deliveries there are, and which stand still."""

from __future__ import annotations

from collections.abc import Sequence

MOST_NAMED = 5
"""Largest number of feeds or deliveries that the line names."""


def status_line(feeds: int, stopped: Sequence[str], deliveries: int, failing: Sequence[str]) -> str:
    """Return the line: `2 of 13 feeds stopped (prices, products), 26 deliveries`.

    Args:
        feeds: how many feeds the daemon follows.
        stopped: names of those that have stopped.
        deliveries: how many pairs of sink and feed it delivers.
        failing: names of those whose sink takes nothing.
    """
    return f"{_part(feeds, 'feed', 'feeds', stopped, 'stopped')}, " + _part(
        deliveries, "delivery", "deliveries", failing, "failing"
    )


def _part(count: int, one: str, many: str, bad: Sequence[str], state: str) -> str:
    noun = one if count == 1 else many
    if not bad:
        return f"{count} {noun}"
    named = [*bad[:MOST_NAMED], *(["…"] if len(bad) > MOST_NAMED else [])]
    return f"{len(bad)} of {count} {noun} {state} ({', '.join(named)})"
