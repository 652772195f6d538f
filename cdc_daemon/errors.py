"""The one tree of errors: each says what, where and what to do; its class decides what happens next.

`ConfigurationError` and `FeedError` wait for a person; `DatabaseUnavailable` and `SinkUnavailable` pass by
themselves and are retried; `RecordsRefused` names a batch that will be refused again as it is.
"""

from __future__ import annotations

from collections.abc import Sequence


class CdcError(Exception):
    """Any error that cdc-daemon raises on purpose.

    Args:
        what: one sentence that says what is wrong.
        where: file, field, table, feed or sink that it concerns.
        hint: what to do about it.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" if self.where else self.what


class UnusableValue(CdcError):
    """A value of a question can't be used, such as a key that is no JSON."""


class ConfigurationError(CdcError):
    """The configuration can't be used. `faults` holds every one found, each a (where, what, hint)."""

    exit_code = 2

    def __init__(self, faults: list[tuple[str, str, str | None]]) -> None:
        where, what, hint = faults[0]
        super().__init__(what, where=where, hint=hint)
        self.faults = faults


class FeedError(CdcError):
    """One feed can't go on until a person changes its query, its configuration or the schema.

    Args:
        more: what else is wrong with it, each a (where, what, hint).
        at: line and column in the feed's query, from 1.
    """

    exit_code = 2

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        hint: str | None = None,
        more: Sequence[tuple[str, str, str | None]] = (),
        at: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(what, where=where, hint=hint)
        self.more = tuple(more)
        self.at = at

    def message_for(self, feed: str) -> str:
        """The error where the feed's name stands before it already."""
        named = f"feed {feed}"
        if self.where == named:
            return self.what
        if self.where is not None and self.where.startswith(f"{named}, "):
            return f"{self.where.removeprefix(f'{named}, ')}: {self.what}"
        return str(self)

    def faults(self, feed: str) -> list[tuple[str, str, str | None]]:
        """Everything that is wrong with the feed."""
        return [(self.where or f"feed {feed}", self.what, self.hint), *self.more]


class InstallError(CdcError):
    """Capture could not be installed or removed (rights, locks, another installer)."""


class DefinitionDiffers(CdcError):
    """The objects on which a feed depends changed since its cursor began: plan, install and resync."""


class DatabaseUnavailable(CdcError):
    """The database can't be reached; retried with growing pauses."""

    exit_code = 3


class SinkUnavailable(CdcError):
    """A sink can't take anything now; the same records are tried again later.

    Args:
        retry_after_seconds: the pause that the sink asked for, if it did.

    Attributes:
        batch: ID of the batch that failed, if the request had one.
    """

    batch: str | None = None

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        hint: str | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(what, where=where, hint=hint)
        self.retry_after_seconds = retry_after_seconds


class CannotReadBack(CdcError):
    """What a receiver holds can't be compared: it can't be read, or its records tell too little."""


class TargetFault(SinkUnavailable):
    """The target says that it is itself the reason why it takes nothing: no space, a table dropped.

    No record is looked for that may have caused it, although a smaller one might still be taken.
    """


class NotAuthorized(SinkUnavailable):
    """A sink wants to know who this is, or does not let it in; tried again like anything that passes."""


class RightMissing(NotAuthorized, TargetFault):
    """A sink that was let in may not do what a delivery does, whatever the records are."""


class RecordsRefused(CdcError):
    """A sink understood a batch and refused it: the same bytes would be refused again.

    Args:
        status: the target's code for it, such as an HTTP status.

    Attributes:
        batch: ID of the batch that was refused, if the request had one.
    """

    batch: str | None = None

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        hint: str | None = None,
        status: str | int | None = None,
    ) -> None:
        super().__init__(what, where=where, hint=hint)
        self.status = status


class UnknownSinkKind(CdcError):
    """A kind of sink that is not there: its library is not installed, or what is registered is no sink."""

    exit_code = 2
