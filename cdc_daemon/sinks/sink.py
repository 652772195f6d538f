"""The contract of every sink."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from cdc_daemon.errors import CdcError
from cdc_daemon.sinks.record import Record, SnapshotEnd


@dataclass(frozen=True, slots=True)
class Refusal:
    """A record that the target refused, although it took the others of the batch.

    Attributes:
        key: the record's `key`.
        reason: the target's message. The caller shortens and cleans it.
        status: the target's code, such as an HTTP status or the name of an error.
        batch: ID of the request that had the record, if requests have one.
    """

    key: bytes
    reason: str
    status: str | int | None = None
    batch: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class ProbeStep:
    """One step of a probe.

    Attributes:
        name: what the step tries: `DNS`, `TCP`, `TLS`, `authorization`, `accept`.
        said: what it found, for a person: an address, a version, the end of a certificate.
        failure: why the probe ended here; None for a step that passed.
    """

    name: str
    said: str = ""
    failure: CdcError | None = None


class Sink(ABC):
    """Delivers the records of one feed to a target, in order for each key.

    An instance serves one feed and is called by one thread. A configured sink has an instance for each feed,
    and these may send at the same time. The settings that open them hold what they share, such as a limit of
    requests per second. See also `docs/write-a-sink.md`.
    """

    name: str
    """Name of the sink in the configuration."""
    batch_records: int
    """Largest number of records in a call of `deliver`."""
    batch_bytes: int
    """Approximate largest number of bytes of documents in a call. A larger document is delivered alone."""
    timeout_seconds: float
    """Longest duration of one `deliver`, in seconds. Leases last longer than this."""
    wants_previous: bool = False
    """Whether the sink needs `Record.previous`.

    This costs a second copy of every document in the database.
    """
    ignored: int = 0
    """Number of records that the target ignored because it has newer documents, as far as the sink knows."""
    removed: int = 0
    """Number of documents that it removed at the ends of full snapshots, as far as it knows."""
    batches: Sequence[str] = ()
    """IDs of the requests of the last `deliver`, if requests have one: the target's log has the same."""
    refills_lost: bool = True
    """Whether a lost target gets a full snapshot automatically.

    False if others may remove documents from it on purpose. Then the log reports the loss, and a person
    decides.
    """

    @abstractmethod
    def deliver(self, feed: str, records: Sequence[Record]) -> Sequence[Refusal]:
        """Deliver records of one feed.

        Return only when the target has stored the records durably (a file: after fsync; HTTP: after a 2xx),
        because the caller then moves its cursor. After an error or a crash, the caller delivers some or all
        of the records again, perhaps in a later state, until the target has taken them.

        A key occurs once in a call, so the sink may send parts of a call at the same time. A call ends before
        the next one begins.

        Args:
            records: may be empty. Then the sink changes nothing, and checks that it could deliver.

        Returns:
            The records that the target refused individually. It has taken all others.

        Raises:
            SinkUnavailable: the target takes nothing now. The caller delivers the records again after a
                pause.
            RecordsRefused: the target understood the batch and refused it as a whole, and would refuse the
                same bytes again. The caller halves the batch until the bad records stand alone.
        """

    def end_snapshot(self, end: SnapshotEnd) -> bool:  # noqa: ARG002 - for those that do something
        """Mark the end of a full snapshot, and remove documents that it did not name if the sink owns them.

        The caller calls it after the last record of the snapshot and before any other record, and again after
        an error or a crash. Only documents of this feed may be removed. By default it does nothing.

        Returns:
            Whether it is done. After False the caller calls it again at once. So a long removal has several
            parts, each within `timeout_seconds`.

        Raises:
            SinkUnavailable: the target takes nothing now. The caller repeats the last records and the end
                after a pause.
            RecordsRefused: the target does not understand the end. The delivery continues without it.
        """
        return True

    def sign(self, feed: str) -> str:  # noqa: ARG002 - for those that can tell
        """Return a mark by which the target can be recognized later.

        The caller calls it when the target has taken records of the feed. If the target has no identifier of
        its own, the sink stores a mark there, which is lost with the target. By default there is no mark.

        Returns:
            The mark for `recognized`, which the daemon keeps in its database; "" if there is none.

        Raises:
            SinkUnavailable: the target does not answer now.
        """
        return ""

    def recognized(self, feed: str, mark: str) -> str:  # noqa: ARG002 - for those that can tell
        """Check whether the target is still the same. Changes nothing there.

        The caller calls it before each page of records, and sometimes while the feed is idle. So if a
        delivery creates the target anew, it must not be recognized afterwards.

        Args:
            mark: a mark that `sign` or this method has returned.

        Returns:
            `mark`; or a new mark of the same target; or "" if the target is another one, is gone, or was
            emptied. A sink without the right to look returns `mark`.

        Raises:
            SinkUnavailable: the target does not answer now.
        """
        return mark

    def probe(self, feed: str) -> Iterator[ProbeStep]:
        """Yield the steps of a check whether the sink could deliver records of a feed. Changes nothing there.

        The last step is the one that failed, or `accept`. By default the sink delivers an empty batch.
        """
        try:
            self.deliver(feed, ())
        except CdcError as error:
            yield ProbeStep("accept", failure=error)
        else:
            yield ProbeStep("accept", "took an empty batch")

    @abstractmethod
    def close(self) -> None:
        """Close files and connections. A later `deliver` may open them again."""
