"""What `cdc-daemon resync` prints about resyncs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cdc_daemon.insight.resyncs import ResyncPreview, ResyncStatus
from cdc_daemon.workers.resync_interruption import Interrupted

_DONE = {"pause": "paused", "resume": "resumed", "cancel": "cancelled"}


def interrupted_line(feed: str, act: str, each: Interrupted) -> str:
    """Return the line for a resync that was paused, resumed or cancelled."""
    return f"{feed}: resync {each.number} {_DONE[act]}, {each.done:,} of {each.entities:,} entities done."


def listed_lines(feed: str, resyncs: Sequence[ResyncStatus]) -> Iterator[str]:
    """Yield a line for each resync of a feed."""
    if not resyncs:
        yield f"{feed}: no resync yet."
    for each in resyncs:
        words = f"{feed}: resync {each.number}, {each.reason}"
        words += ", forced" if each.force else ""
        words += f": {each.state}, {each.done:,} of {each.entities:,} entities"
        if each.remaining_seconds is not None and each.entities_per_second is not None:
            words += f", {each.entities_per_second:,.1f}/s, {each.remaining_seconds:,.0f} s left"
        elif each.ended_at is not None:
            words += f", {each.seconds:,.1f} s"
        words += f"; requested {each.requested_at.isoformat(sep=' ', timespec='seconds')}"
        yield words + (f"; the feed has stopped: {each.blocked}" if each.blocked else "")


def preview_lines(feed: str, preview: ResyncPreview, *, force: bool) -> Iterator[str]:
    """Yield the lines for what a resync would change."""
    of = f"a sample of {preview.compared:,} of about {preview.entities:,}" if preview.is_sample else "all"
    yield (
        f"{feed}: {_counted(preview.differ, 'document')} would differ, of {preview.documents:,} compared "
        f"({of} entities, {preview.seconds:.1f} s)"
    )
    if force:
        yield f"  forced, it would deliver all {_counted(preview.delivered, 'document')}"
    for kind, number in preview.kinds.items():
        yield f"  {kind}: {number:,}"
    if preview.kinds.get("different") and not force:
        yield "  documents that somebody changed by hand need --force, or `cdc-daemon verify --repair`"
    for each in preview.first:
        fields = f" ({', '.join(each.fields)})" if each.fields else ""
        yield f"    {each.kind}: {each.key}{fields}"
    if preview.waiting:
        waiting = _counted(preview.waiting, "entity", "entities")
        yield f"  {waiting} could not be decided: changes of them wait"
    if preview.failing:
        yield f"  {_counted(preview.failing, 'entity', 'entities')} can't be computed: `cdc-daemon failed`"
    for note in preview.notes:
        yield f"  note: {note}"


def _counted(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
