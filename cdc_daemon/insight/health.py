"""Whether all is well, for scripts and probes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from cdc_daemon.insight.attention import attention, sentences
from cdc_daemon.insight.status import Status

Level = Literal["healthy", "degraded", "down"]


@dataclass(frozen=True)
class Health:
    """The worst of all findings.

    Attributes:
        level: `down` if a feed is not followed by a daemon, stopped or missing; `degraded` if something is
            late, refused, paused or differs from what is installed; else `healthy`.
        reasons: why it is not healthy, the worst first.
    """

    level: Level
    reasons: Sequence[str] = ()

    @property
    def exit_code(self) -> int:
        """0 for healthy, 1 for degraded, 2 for down."""
        return ("healthy", "degraded", "down").index(self.level)


def health(found: Status) -> Health:
    """Return the health of what a status shows."""
    findings = attention(found)
    down, degraded = sentences(findings, "down"), sentences(findings, "degraded")
    level: Level = "down" if down else "degraded" if degraded else "healthy"
    return Health(level, [*down, *degraded])
