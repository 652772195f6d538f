"""`[canary]`: a feed of one row that the daemon itself changes."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from cdc_daemon.pg import own_schema
from cdc_daemon.settings.section import Names, Section

FEED = "canary"
"""Name of the feed."""

_QUERY = "SELECT c.id, c.beats, c.beat_at FROM cdc.canary AS c"


class CanarySettings(Section):
    """`[canary]`."""

    every_seconds: float = Field(
        default=0.0,
        ge=0,
        le=3600,
        description="Pause between two changes of a row of the daemon's own, in seconds. The row takes the "
        "way of all changes: trigger, feed `canary`, sinks. 0: there is no such feed.",
    )
    sinks: Names = Field(
        default=(),
        description="Names of the sinks that get the feed `canary`: one document with the key `id`.",
    )

    def feed(self, schema: str) -> dict[str, object]:
        """Return the settings of the feed.

        Args:
            schema: the schema of the daemon's own objects.
        """
        return {
            "query_location": Path(FEED),
            "text": own_schema.named_in(_QUERY, schema),
            "key": ("id",),
            "sinks": self.sinks,
        }
