"""Every event that the log can hold, in one place: a program that reads the log relies on these names.

Events are named in the past tense. `docs/reference.md` lists the same ones, and a test compares both with
every call of a logger in the package.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    """What an event means and which fields it may have.

    Attributes:
        meaning: one sentence.
        fields: names, those that are always there first.
    """

    meaning: str
    fields: tuple[str, ...] = ()


EVENTS: dict[str, Event] = {
    "daemon_started": Event("The daemon runs.", ("version", "pid", "feeds", "sinks", "database")),
    "daemon_stopping": Event("The daemon was asked to stop; work at hand is finished.", ("drain_seconds",)),
    "daemon_stopped": Event(
        "Every worker has stopped, or those named did not within `drain_seconds`.", ("seconds", "unstopped")
    ),
    "worker_failed": Event(
        "A worker ended with an error; it is started again after the pause.",
        ("worker", "error", "reason", "hint", "attempt", "pause_seconds", "repeated"),
    ),
    "worker_restarted": Event("A worker that had failed works again.", ("worker", "attempts")),
    "worker_given_up": Event(
        "A worker is not started again: its error does not pass by itself.",
        ("worker", "error", "reason", "hint", "attempts"),
    ),
    "database_lost": Event(
        "The database can't be reached; it is tried again with growing pauses.", ("reason", "repeated")
    ),
    "database_reconnected": Event("The database answers again.", ("seconds",)),
    "source_installed": Event("Capture was installed or replaced on a source table.", ("table", "action")),
    "source_removed": Event("Capture was removed from a table that no feed reads any more.", ("table",)),
    "install_waited": Event(
        "A table's lock could not be had in time; it is tried again.",
        ("table", "attempt", "blocking_pids", "repeated"),
    ),
    "old_writers_awaited": Event(
        "A first sync waits for transactions that wrote before capture was installed.",
        ("feed", "pids", "prepared", "seconds", "repeated"),
    ),
    "feed_planned": Event(
        "A feed's query was analysed.", ("feed", "tables", "direct", "join", "partial", "all", "seconds")
    ),
    "feed_changed": Event(
        "A feed's definition, or the catalogue that it depends on, is not what it was: it is planned anew.",
        ("feed", "reason"),
    ),
    "feed_stopped": Event(
        "A feed can't go on until a person repairs it; its cursor rests, other feeds go on.",
        ("feed", "reason", "hint", "repeated"),
    ),
    "feed_repaired": Event("A stopped feed goes on.", ("feed", "seconds")),
    "first_sync_started": Event(
        "A feed has its first cursor; every entity is pending.", ("feed", "entities", "reason")
    ),
    "resync_requested": Event(
        "Entities of a feed are to be recomputed without a change.", ("feed", "entities", "reason", "force")
    ),
    "resync_finished": Event(
        "Every entity of a resync is recomputed.", ("feed", "resync", "entities", "reason", "seconds")
    ),
    "pass_finished": Event(
        "A feed was brought to a new snapshot, or a chunk of its pending entities recomputed.",
        (
            "feed",
            "lane",
            "entries",
            "entities",
            "recomputed",
            "unchanged",
            "upserts",
            "deletes",
            "seconds",
            "lag_seconds",
        ),
    ),
    "pending_added": Event(
        "A change touched too many entities for one pass.", ("feed", "entities", "reason")
    ),
    "batch_delivered": Event(
        "A sink has taken records for good.", ("sink", "feed", "records", "bytes", "seconds")
    ),
    "sink_failed": Event(
        "A sink did not take records; they are handed over again after the pause.",
        ("sink", "feed", "error", "reason", "hint", "pause_seconds", "repeated"),
    ),
    "sink_recovered": Event("A sink that had failed takes records again.", ("sink", "feed", "seconds")),
    "sink_fell_behind": Event(
        "A sink gave up its claim on a feed's log; it catches up by scanning the feed.",
        ("sink", "feed", "rows"),
    ),
    "feed_fell_behind": Event(
        "A feed gave up its claim on the changelogs; it is resynced.", ("feed", "changelog", "megabytes")
    ),
    "changelog_rotated": Event("A changelog's older segment was emptied.", ("changelog", "bytes")),
    "log_rotated": Event("The older segment of a feed's log was emptied.", ("feed", "bytes")),
    "history_changed": Event(
        "The database was restored, copied or promoted: everything is delivered again.", ("feed", "revision")
    ),
    "library_logged": Event("A library that the daemon uses had a warning.", ("logger", "message")),
}
