"""Segments of a changelog or log: two take turns by the clock, so that one can be emptied (decision 3).

The trigger function has the same rule, rendered into its body: `sql/objects/capture.sql`.
"""

from __future__ import annotations

import time

SEGMENT_SECONDS = 300
"""How long a segment takes entries before it rests for as long."""


def current_segment() -> int:
    """Which of the two takes entries now: 0 or 1."""
    return int(time.time()) // SEGMENT_SECONDS % 2
