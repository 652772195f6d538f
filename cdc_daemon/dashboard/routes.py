"""The table of everything that the dashboard shows and does. A page, view or action is added here.

See "Add a page to the dashboard" in CONTRIBUTING.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from cdc_daemon.dashboard.access.viewer import Right
from cdc_daemon.dashboard.actions.resyncs import cancel_resync, pause_resync, request_resync, resume_resync
from cdc_daemon.dashboard.definitions import Action, View
from cdc_daemon.dashboard.views.audit import audit
from cdc_daemon.dashboard.views.configuration import configuration
from cdc_daemon.dashboard.views.feed import feed
from cdc_daemon.dashboard.views.help import help_
from cdc_daemon.dashboard.views.overview import overview
from cdc_daemon.dashboard.views.resync import estimate, preview

ACTING = frozenset({Right.ACTIONS})
"""For views that cost the database much."""

VIEWS: Sequence[View] = (
    View("overview", "/", "Overview", overview, menu=True),
    View("feed", "/feeds/{feed}", "Feed", feed),
    View("resync_preview", "/feeds/{feed}/resync", "Dry run of a resync", preview, needs=ACTING),
    View("feed_estimate", "/feeds/{feed}/estimate", "Estimate of a first sync", estimate),
    View("audit", "/audit", "Audit", audit, menu=True),
    View("configuration", "/configuration", "Configuration", configuration, menu=True),
    View("help", "/help", "Help", help_, menu=True),
)

ACTIONS: Sequence[Action] = (
    Action("request_resync", "/feeds/{feed}/resync", "Start a resync", request_resync),
    Action("pause_resync", "/feeds/{feed}/resyncs/{number:int}/pause", "Pause a resync", pause_resync),
    Action("resume_resync", "/feeds/{feed}/resyncs/{number:int}/resume", "Resume a resync", resume_resync),
    Action("cancel_resync", "/feeds/{feed}/resyncs/{number:int}/cancel", "Cancel a resync", cancel_resync),
)
