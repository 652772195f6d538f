"""The table of everything that the dashboard shows and does. A page, view or action is added here.

See "Add a page to the dashboard" in CONTRIBUTING.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from cdc_daemon.dashboard.access.viewer import Right
from cdc_daemon.dashboard.actions.documents import recompute, send_again, verify
from cdc_daemon.dashboard.actions.failed import discard, retry, retry_entities
from cdc_daemon.dashboard.actions.resyncs import cancel_resync, pause_resync, request_resync, resume_resync
from cdc_daemon.dashboard.actions.sinks import pause, replay, resume, test
from cdc_daemon.dashboard.definitions import Action, View
from cdc_daemon.dashboard.views.audit import audit
from cdc_daemon.dashboard.views.configuration import configuration
from cdc_daemon.dashboard.views.document import document
from cdc_daemon.dashboard.views.documents import documents
from cdc_daemon.dashboard.views.failed import failed
from cdc_daemon.dashboard.views.feed import feed
from cdc_daemon.dashboard.views.help import help_
from cdc_daemon.dashboard.views.logs import logs
from cdc_daemon.dashboard.views.overview import overview
from cdc_daemon.dashboard.views.resync import estimate, preview
from cdc_daemon.dashboard.views.sinks import sink, sinks

DOCUMENTS = frozenset({Right.DOCUMENTS})

ACTING = frozenset({Right.ACTIONS})
"""For views that cost the database much."""

VIEWS: Sequence[View] = (
    View("overview", "/", "Overview", overview, menu=True),
    View("feed", "/feeds/{feed}", "Feed", feed),
    View("resync_preview", "/feeds/{feed}/resync", "Dry run of a resync", preview, needs=ACTING),
    View("feed_estimate", "/feeds/{feed}/estimate", "Estimate of a first sync", estimate),
    View("documents", "/feeds/{feed}/documents", "Documents of a feed", documents, needs=DOCUMENTS),
    View("document", "/feeds/{feed}/documents/{key:path}", "A document", document, needs=DOCUMENTS),
    View("sinks", "/sinks", "Sinks", sinks, menu=True),
    View("sink", "/sinks/{sink}", "A sink", sink),
    View("failed", "/failed", "Failed", failed, menu=True),
    View("logs", "/logs", "Logs", logs, menu=True),
    View("audit", "/audit", "Audit", audit, menu=True),
    View("configuration", "/configuration", "Configuration", configuration, menu=True),
    View("help", "/help", "Help", help_, menu=True),
)

ACTIONS: Sequence[Action] = (
    Action("request_resync", "/feeds/{feed}/resync", "Start a resync", request_resync),
    Action("pause_resync", "/feeds/{feed}/resyncs/{number:int}/pause", "Pause a resync", pause_resync),
    Action("resume_resync", "/feeds/{feed}/resyncs/{number:int}/resume", "Resume a resync", resume_resync),
    Action("cancel_resync", "/feeds/{feed}/resyncs/{number:int}/cancel", "Cancel a resync", cancel_resync),
    Action(
        "recompute_document", "/feeds/{feed}/recompute", "Recompute a document", recompute, needs=DOCUMENTS
    ),
    Action("send_document", "/feeds/{feed}/send", "Send a document again", send_again, needs=DOCUMENTS),
    Action("verify_document", "/feeds/{feed}/verify", "Verify a document", verify, needs=DOCUMENTS),
    Action("test_sink", "/sinks/{sink}/test", "Test a sink", test, back="/sinks"),
    Action("pause_sink", "/sinks/{sink}/pause", "Pause a sink", pause, back="/sinks"),
    Action("resume_sink", "/sinks/{sink}/resume", "Resume a sink", resume, back="/sinks"),
    Action("replay_sink", "/sinks/{sink}/replay", "Deliver documents again", replay, back="/sinks"),
    Action("retry_items", "/failed/retry", "Retry failed items", retry, needs=DOCUMENTS, back="/failed"),
    Action(
        "discard_items", "/failed/discard", "Discard failed items", discard, needs=DOCUMENTS, back="/failed"
    ),
    Action(
        "retry_entities",
        "/feeds/{feed}/retry-entities",
        "Retry failed entities",
        retry_entities,
        back="/failed",
    ),
)
