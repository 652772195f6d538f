"""`[log]`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from cdc_daemon.settings.section import Names, Section


class LogSettings(Section):
    """`[log]`."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info",
        description="Lowest severity that the daemon logs: `debug`, `info`, `warning` or `error`.",
    )
    format: Literal["auto", "json", "console"] = Field(
        default="auto",
        description="`json`, `console` (for people), or `auto`: console on a terminal, else JSON.",
    )
    mask: Names = Field(
        default=(),
        description="Names of fields whose values the log of documents hides, at any depth of a document.",
    )
