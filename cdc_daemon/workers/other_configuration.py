"""Another daemon with another configuration: the daemon tells it, and fights for nothing.

Daemons that share a database are reloaded one after the other. In between, the one that has the older
configuration must not undo what the other one did.
"""

from __future__ import annotations

from dataclasses import dataclass

from cdc_daemon.errors import FeedError
from cdc_daemon.pg.session import Session
from cdc_daemon.pg.statements import statement
from cdc_daemon.workers.lease import this_process


class OtherDefinition(FeedError):
    """Another definition of a feed is installed than this configuration has."""

    def __init__(self, feed: str) -> None:
        super().__init__(
            "the installed definition is not the configured one",
            where=f"feed {feed}",
            hint="run `cdc-daemon install`, or reload a daemon that has an older configuration",
        )


@dataclass(frozen=True)
class OtherDaemon:
    """A daemon that delivers to another target."""

    host: str
    pid: int


def is_followed(session: Session, feed: str) -> bool:
    """Whether another daemon follows the feed by the installed definition, as of the last minutes."""
    row = session.execute(
        statement("feed_state.is_followed"), {"feed": feed, "process": this_process()}
    ).fetchone()
    return bool(row and row[0])


def delivers_elsewhere(session: Session, sink: str, feed: str, target: str) -> OtherDaemon | None:
    """Return a running daemon whose configuration still has the stored target; None if there is none.

    Args:
        target: digest of this daemon's target; empty if it is unknown.
    """
    if not target:
        return None
    row = session.execute(
        statement("daemon.delivers_elsewhere"),
        {"sink": sink, "feed": feed, "target": target, "process": this_process()},
    ).fetchone()
    return OtherDaemon(*row) if row else None
