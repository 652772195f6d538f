"""Asks a view and does an action for a viewer: the one place where rights are compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from cdc_daemon.dashboard.access.viewer import Right, Viewer
from cdc_daemon.dashboard.definitions import Action, Asked, Done, Forbidden, View
from cdc_daemon.dashboard.questions import parsed
from cdc_daemon.insight.recent_log import LogPlace
from cdc_daemon.insight.status import Objects
from cdc_daemon.pg.session import Connection
from cdc_daemon.settings import Settings


@dataclass(frozen=True)
class Sources:
    """Where the dashboard's answers come from.

    Attributes:
        current: returns the settings in force; a reload of the daemon changes them.
        session: opens a session for one question.
        objects: the plans of the feeds, and how installed objects differ from them; at most a minute old.
        log: where the log is if this process is no daemon.
    """

    current: Callable[[], Settings]
    session: Callable[[], AbstractContextManager[Connection]]
    objects: Callable[[], Objects]
    log: LogPlace = field(default_factory=LogPlace)

    @property
    def settings(self) -> Settings:
        """The settings in force now."""
        return self.current()

    def read(self, view: View, viewer: Viewer, given: Mapping[str, object]) -> tuple[Any, Any]:
        """Return the question that the given values make, and the answer of a view.

        Raises:
            Forbidden: the viewer lacks a right.
            BadQuestion: the values make no question.
        """
        require(view.needs, viewer)
        question = parsed(view, given)
        with self.session() as connection:
            return question, view.function(self._asked(connection, viewer), question)

    def perform(self, action: Action, viewer: Viewer, given: Mapping[str, object]) -> Done:
        """Do an action with the given values.

        Raises:
            Forbidden: the viewer lacks a right.
            BadQuestion: the values make no question.
        """
        require(action.all_needs, viewer)
        question = parsed(action, given)
        with self.session() as connection:
            return action.function(self._asked(connection, viewer), question)

    def _asked(self, connection: Connection, viewer: Viewer) -> Asked:
        return Asked(connection, self.settings, self.objects, viewer, self.log)


def require(needed: frozenset[Right], viewer: Viewer) -> None:
    """Check that a viewer has these rights.

    Raises:
        Forbidden: one is lacking.
    """
    lacking = sorted(needed - viewer.rights)
    if lacking:
        raise Forbidden(
            f"{viewer.name} lacks the right to {' and '.join(lacking)}",
            hint="ask the person who runs the daemon: [http] or `cdc-daemon dashboard user` gives rights",
        )
