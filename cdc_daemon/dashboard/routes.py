"""The table of everything that the dashboard shows and does. A page, view or action is added here.

See "Add a page to the dashboard" in CONTRIBUTING.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from cdc_daemon.dashboard.definitions import Action, View
from cdc_daemon.dashboard.views.overview import overview

VIEWS: Sequence[View] = (View("overview", "/", "Overview", overview, menu=True),)

ACTIONS: Sequence[Action] = ()
