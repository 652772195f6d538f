"""How the daemon's process is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Health:
    """How the process is, without a question to the database.

    Attributes:
        silent: workers that give no sign of life.
        database_lost: whether the database can't be reached.
        unplanned: feeds that have not been planned since the start.
    """

    silent: Sequence[str] = ()
    database_lost: bool = False
    unplanned: Sequence[str] = ()
