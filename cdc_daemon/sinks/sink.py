"""The contract of every sink."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from cdc_daemon.errors import CdcError
from cdc_daemon.sinks.record import Record, SnapshotEnd


@dataclass(frozen=True, slots=True)
class Refusal:
    """One record that the target refused while it took the others of the batch.

    Attributes:
        key: the record's `key`.
        reason: the target's own words; they are cut and cleaned by the caller.
        status: the target's code for it, such as an HTTP status or the name of an error.
        batch: ID of the request that had the record, if requests have one.
    """

    key: bytes
    reason: str
    status: str | int | None = None
    batch: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class ProbeStep:
    """One thing that was tried on the way to the target.

    Attributes:
        name: what was tried, in a word or two: `DNS`, `TCP`, `TLS`, `authorization`, `accept`.
        said: what was found, for a person: an address, a version, a certificate's end.
        failure: why it did not go on from here; None for a step that passed.
    """

    name: str
    said: str = ""
    failure: CdcError | None = None


class Sink(ABC):
    """A target that takes records of one feed, per key in order.

    An instance serves one feed and is called by one thread; several instances of one configured sink, one a
    feed, may send to its target at the same time. What they share (a limit of requests a second) belongs to
    the settings that opened them. `docs/write-a-sink.md` tells the whole story.
    """

    name: str
    """What the configuration calls it."""
    batch_records: int
    """At most this many records a call of `deliver`."""
    batch_bytes: int
    """At most about this many bytes of documents a call; a single larger document still goes alone."""
    timeout_seconds: float
    """The longest that one `deliver` may take; leases are made longer than this."""
    wants_previous: bool = False
    """Whether `Record.previous` is needed; it costs a second copy of every document in the database."""
    ignored: int = 0
    """How many records it has ignored because the target holds something newer, as far as it can tell."""
    removed: int = 0
    """How many documents it has removed so far at ends of full snapshots, as far as it can tell."""
    batches: Sequence[str] = ()
    """IDs of the requests of the last `deliver`, if requests have one: the target's log has the same."""
    refills_lost: bool = True
    """Whether a target that was lost gets a full snapshot by itself. False where others may rightly take away
    what it was given; then the log says so and a person decides."""

    @abstractmethod
    def deliver(self, feed: str, records: Sequence[Record]) -> Sequence[Refusal]:
        """Hand over records of one feed.

        Returns only when the target has the records for good (a file: after fsync; HTTP: after a 2xx),
        because the caller then moves its cursor for good. After an error, or a crash, some or all of them
        come again, perhaps in a later state, until they are taken.

        A key occurs once in a call, so parts of it may be sent at the same time; one call ends before the
        next begins.

        Args:
            records: may be empty: nothing is to be changed, and an error says that nothing can be.

        Returns:
            The records that the target refused, each by itself; it has taken all others for good.

        Raises:
            SinkUnavailable: nothing can be taken now; the records come again after a pause.
            RecordsRefused: the target understood the batch and refused it as a whole, and would refuse the
                same bytes again. The caller halves it until the bad records stand alone.
        """

    def end_snapshot(self, end: SnapshotEnd) -> bool:  # noqa: ARG002 - for those that do something
        """Mark the end of a full snapshot; a sink that owns its target removes what that did not name.

        It comes after the last record of the snapshot and before any other record; after an error or a crash
        it comes once more. Only documents of this feed may be removed. By default nothing is done.

        Returns:
            Whether it is done. False: it is called again at once; so a long removal is done in parts, each
            within `timeout_seconds`.

        Raises:
            SinkUnavailable: nothing can be taken now; the last records and the end come again after a pause.
            RecordsRefused: the target does not understand the end; delivery goes on without it.
        """
        return True

    def sign(self, feed: str) -> str:  # noqa: ARG002 - for those that can tell
        """Find out what tells the target from another one in its place.

        It is called when the target has taken records of the feed. A target that has no number of its own
        gets a mark that is lost with it. By default nothing tells.

        Returns:
            Words for `recognized`, kept in the daemon's database; "" where nothing tells.

        Raises:
            SinkUnavailable: the target can't be asked now.
        """
        return ""

    def recognized(self, feed: str, mark: str) -> str:  # noqa: ARG002 - for those that can tell
        """Find out whether the target is still the one that it was; changes nothing there.

        It is called before each page of records, and now and then while the feed rests. So a target that this
        sink makes anew in a delivery must not be recognized afterwards.

        Args:
            mark: as `sign`, or this method, has returned it.

        Returns:
            `mark`; or another one by which the same target is known from now on; or "" where the target is
            another one, is gone, or was emptied. A sink that has no right to look returns `mark`.

        Raises:
            SinkUnavailable: the target can't be asked now.
        """
        return mark

    def probe(self, feed: str) -> Iterator[ProbeStep]:
        """Find out, step by step, whether records of a feed could be delivered; changes nothing there.

        The last step is the one that failed, or `accept`. By default an empty batch is delivered.
        """
        try:
            self.deliver(feed, ())
        except CdcError as error:
            yield ProbeStep("accept", failure=error)
        else:
            yield ProbeStep("accept", "took an empty batch")

    @abstractmethod
    def close(self) -> None:
        """Let go of files and connections; a later `deliver` may open them again."""
