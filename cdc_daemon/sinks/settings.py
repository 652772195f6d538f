"""Settings that every kind of sink has. Each kind adds its own, and opens its sink."""

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
"""Marks a text that is a path, relative to the folder of the configuration."""

MAY_HOLD_SECRET: JsonDict = {"may_hold_secret": True}
"""Marks a URL that is no secret by itself. If it is given by `<field>_file`, it is one (a webhook's path)."""


def _mapping(given: object) -> object:
    """Return the mapping of lines of `Name: value`, as a file has them. Any other value is unchanged."""
    if not isinstance(given, str):
        return given
    lines = [line.strip() for line in given.splitlines() if line.strip()]
    for number, line in enumerate(lines, start=1):
        if not line.partition(":")[0].strip() or ":" not in line:
            raise ValueError(f"must have `Name: value` on every line (line {number} has not)")
    pairs = [line.partition(":") for line in lines]
    return {name.strip(): value.strip() for name, _, value in pairs}


def without_user(urls: str) -> str:
    """Return comma-separated URLs, sorted, without users, passwords and queries."""
    parts = [urlsplit(url.strip()) for url in urls.split(",")]
    return ",".join(sorted(f"{part.scheme}://{part.netloc.rpartition('@')[2]}{part.path}" for part in parts))


SecretLines = Annotated[dict[str, SecretStr], BeforeValidator(_mapping)]
"""Names with secret values: a table in the configuration, or lines of `Name: value` in a separate file."""


class SinkSettings(BaseModel, ABC, extra="forbid", frozen=True, hide_input_in_errors=True):
    """A table `[sinks.<name>]` of the configuration.

    A secret is a field of type `SecretStr` (or `SecretLines`). The configuration may have `<field>_file`
    instead; no kind of sink needs to declare that. Messages of validation errors, which reach the log, don't
    show inputs.
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
        """Fields whose values came from files. None of them may be shown."""
        return self._given_in_files

    @property
    def limits(self) -> Limits:
        """Limits of batches and requests, for an estimate. A kind with other limits overrides it."""
        return Limits(self.batch_records, self.batch_bytes)

    def address(self) -> tuple[str, ...]:
        """Return the settings that identify the target, without credentials.

        When they change, the sink gets a full snapshot. By default there are none, and no change is noticed.
        """
        return ()

    @property
    def target(self) -> str:
        """Digest of `address`; empty if the kind has none."""
        address = self.address()
        return sha256("\0".join((self.type, *address)).encode()).hexdigest() if address else ""

    @abstractmethod
    def open(self, name: str) -> Sink:
        """Return a sink with these settings for one feed, not yet connected.

        The caller calls it once for each feed of the sink, and again after a failure.

        Args:
            name: name of the sink in the configuration, for errors and placeholders.
        """
