"""The overview: how everything stands, and what needs attention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cdc_daemon.dashboard.definitions import Asked, Nothing
from cdc_daemon.insight.daemons import Daemons
from cdc_daemon.insight.feeds import FeedStatus
from cdc_daemon.insight.health import Health, health
from cdc_daemon.insight.status import read_status


@dataclass(frozen=True)
class Overview:
    """How everything stands."""

    health: Health
    daemons: Daemons
    feeds: Sequence[FeedStatus]


def overview(asked: Asked, _question: Nothing) -> Overview:
    """Return how everything stands."""
    found = read_status(asked.connection, asked.settings, objects=asked.objects())
    return Overview(health(found), found.daemons, found.feeds)
