"""What the daemon verifies in the background, and why it leaves something out."""

from __future__ import annotations

from contextlib import closing

from cdc_daemon.errors import CdcError
from cdc_daemon.settings import Settings
from cdc_daemon.sinks.read_back import ReadBack


def why_feeds_are_not(settings: Settings) -> str | None:
    """Return why no stored document is verified; None if all are."""
    return None if settings.verify.documents_per_second else "[verify] documents_per_second is 0"


def why_receiver_is_not(settings: Settings, sink: str) -> str | None:
    """Return why the daemon does not verify a sink's receiver; None if it does. It asks no receiver."""
    try:
        with closing(settings.sinks[sink].open(sink)) as opened:
            if not isinstance(opened, ReadBack):
                return "this kind of sink can't be read back"
            if not opened.can_read_back:
                return "its settings don't let it be read back"
            if opened.is_log:
                return None if settings.verify.records_per_second else "[verify] records_per_second is 0"
    except CdcError as error:
        return str(error)
    return why_feeds_are_not(settings)
