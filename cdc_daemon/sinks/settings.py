"""What a person may set for a sink of any kind; each kind adds its own fields and opens itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from hashlib import sha256
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, Field, PrivateAttr, SecretStr
from pydantic.config import JsonDict

from cdc_daemon.sinks.limits import Limits
from cdc_daemon.sinks.sink import Sink

RELATIVE_PATH: JsonDict = {"relative_path": True}
"""Marks a text that is a path: the reader of the configuration makes it one from the file's folder."""

MAY_HOLD_SECRET: JsonDict = {"may_hold_secret": True}
"""Marks a URL that is no secret by itself. Given by `<field>_file`, all of it is one (a webhook's path)."""


def _mapping(given: object) -> object:
    """Lines of `Name: value`, as a file holds them, as the mapping that they mean; anything else as it is."""
    if not isinstance(given, str):
        return given
    lines = [line.strip() for line in given.splitlines() if line.strip()]
    for number, line in enumerate(lines, start=1):
        if not line.partition(":")[0].strip() or ":" not in line:
            raise ValueError(f"must have `Name: value` on every line (line {number} has not)")
    pairs = [line.partition(":") for line in lines]
    return {name.strip(): value.strip() for name, _, value in pairs}


def without_user(urls: str) -> str:
    """URLs with commas between them, sorted, without users, passwords and queries."""
    parts = [urlsplit(url.strip()) for url in urls.split(",")]
    return ",".join(sorted(f"{part.scheme}://{part.netloc.rpartition('@')[2]}{part.path}" for part in parts))


SecretLines = Annotated[dict[str, SecretStr], BeforeValidator(_mapping)]
"""Names with secret values: a table in the configuration, lines of `Name: value` in a file of its own."""


class SinkSettings(BaseModel, ABC, extra="forbid", frozen=True, hide_input_in_errors=True):
    """One `[sinks.<name>]` table of the configuration.

    A secret is a field of type `SecretStr` (or `SecretLines`); the reader of the configuration also takes
    `<field>_file` for it, so that no kind of sink declares it again. Inputs are hidden
    in the text of validation errors, which reaches the log.
    """

    type: str = Field(description="Kind of sink.")
    batch_records: int = Field(
        default=500, ge=1, le=100_000, description="Largest size of one batch, in records."
    )
    batch_bytes: int = Field(
        default=4 * 1024 * 1024,
        ge=1,
        le=1024 * 1024 * 1024,
        description="Largest size of one batch, in bytes. A single document that is larger goes alone.",
    )
    timeout_seconds: float = Field(
        default=30.0, gt=0, le=3600, description="Longest time to send one batch, in seconds."
    )
    max_attempts: int = Field(
        default=20,
        ge=1,
        le=1000,
        description="How often the daemon sends a record that the target refuses, before it parks the "
        "record. The pauses in between grow to an hour.",
    )

    _given_in_files: set[str] = PrivateAttr(default_factory=set[str])

    @property
    def given_in_files(self) -> set[str]:
        """The fields whose values stood in files of their own (noted by the reader): none may be shown."""
        return self._given_in_files

    @property
    def limits(self) -> Limits:
        """What the target is asked to take, for an estimate; a kind with more limits than these says so."""
        return Limits(self.batch_records, self.batch_bytes)

    def place(self) -> tuple[str, ...]:
        """The settings that say where documents go, without those that say who we are there.

        When they change, the sink gets a full snapshot. By default nothing is noticed.
        """
        return ()

    @property
    def target(self) -> str:
        """A digest of `place`; empty where a kind does not tell."""
        place = self.place()
        return sha256("\0".join((self.type, *place)).encode()).hexdigest() if place else ""

    @abstractmethod
    def open(self, name: str) -> Sink:
        """The sink that these settings describe, for one feed; nothing is connected or written yet.

        Called once for each feed that the sink takes, and again after a failure.

        Args:
            name: what the configuration calls it, for errors and placeholders.
        """
