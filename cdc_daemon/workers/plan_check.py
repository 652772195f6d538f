"""Whether a feed's plan is still right: by the installed definition, and by the catalogue."""

from __future__ import annotations

from cdc_daemon.capture.fingerprint import Fingerprint, Parts, what_changed
from cdc_daemon.errors import DefinitionDiffers
from cdc_daemon.feeds import state
from cdc_daemon.feeds.state import FeedState
from cdc_daemon.pg.session import Session
from cdc_daemon.workers.other_configuration import OtherDefinition
from cdc_daemon.workers.planning import FeedPlan


class PlanCheck:
    """Compares a plan with the database, in each transaction that uses the plan.

    Args:
        plan: the plan, which was made of the present catalogue.
    """

    def __init__(self, connection: Session, plan: FeedPlan) -> None:
        self._connection = connection
        self._feed = plan.definition
        self._fingerprint = Fingerprint(plan.dependencies)
        self._planned = self._fingerprint.read(connection)
        self._planned_parts = self.parts()
        self._tolerated: str | None = None

    def require_installed(self, locked: FeedState) -> None:
        """Check that the installed definition is the configured one.

        Raises:
            OtherDefinition: it is not.
        """
        if locked.definition != self._feed.digest:
            raise OtherDefinition(self._feed.name)

    def require_unchanged(self, locked: FeedState) -> None:
        """Check that the catalogue is the one of the feed's cursor.

        Raises:
            DefinitionDiffers: it has changed.
        """
        found = self._fingerprint.read(self._connection)
        if found not in {locked.fingerprint, self._tolerated}:
            before = state.fingerprint_parts(self._connection, self._feed.name)
            raise DefinitionDiffers(what_changed(before, self.parts()))

    def confirmed(self) -> str:
        """Return the fingerprint for a first cursor.

        Raises:
            DefinitionDiffers: the catalogue has changed since the feed was planned.
        """
        found = self._fingerprint.read(self._connection)
        if found != self._planned:
            # The wait for old writers may have lasted hours. If this took the present fingerprint, it would
            # confirm a plan that lacks a partition, for example, which was attached meanwhile and has no
            # triggers.
            changed = what_changed(self._planned_parts, self.parts())
            raise DefinitionDiffers(f"before the first sync began: {changed}")
        return found

    def tolerate(self) -> None:
        """Take the present catalogue for unchanged, until the feed is planned anew."""
        self._tolerated = self._fingerprint.read(self._connection)

    def parts(self) -> Parts:
        """Return the parts of the present fingerprint."""
        return self._fingerprint.parts(self._connection)
