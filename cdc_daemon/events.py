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
        "Every worker has stopped, but for those named, which did not within `drain_seconds`.",
        ("seconds", "unstopped"),
    ),
    "worker_failed": Event(
        "A worker ended with an error; it is started again after a pause.",
        ("worker", "error", "reason", "hint", "attempt", "next_try_seconds", "repeated"),
    ),
    "worker_restarted": Event("A worker that had failed works again.", ("worker", "attempts")),
    "worker_given_up": Event(
        "A worker failed again and again with an error that does not pass by itself; the daemon ends.",
        ("worker", "error", "reason", "hint", "attempts"),
    ),
    "worker_hangs": Event(
        "A worker has given no sign of life for long. Where it is a delivery, it hangs alone: its feed waits "
        "at this sink until the daemon is restarted. Else systemd's watchdog restarts the daemon.",
        ("worker", "seconds"),
    ),
    "database_lost": Event(
        "The database can't be reached; it is tried again with growing pauses.", ("reason", "repeated")
    ),
    "database_reconnected": Event("Every worker has a session again that answers.", ("seconds",)),
    "session_refused": Event(
        "The server has no room for one more session; the daemon's work goes on with those that it has.",
        ("reason", "hint", "sessions", "repeated"),
    ),
    "source_installed": Event(
        "An object that a feed needs in the database was created, replaced or dropped.",
        ("feed", "action", "what"),
    ),
    "old_writers_awaited": Event(
        "A first sync waits for transactions that wrote before capture was installed.",
        ("feed", "pids", "prepared"),
    ),
    "feed_planned": Event("A feed's query was analysed.", ("feed", "tables", "routes")),
    "feed_changed": Event(
        "A feed's definition, what it depends on, or the database's history is not what it was: the feed is "
        "planned anew and resynced. `reason` names the objects that changed.",
        ("feed", "reason"),
    ),
    "table_busy": Event(
        "A table that a feed reads is new or changed and can't be captured yet, because the transactions "
        "named hold it; the feed goes on with what is captured and is resynced afterwards.",
        ("feed", "reason", "hint", "next_try_seconds"),
    ),
    "history_continued": Event(
        "The database was promoted and has everything that receivers have: nothing is delivered again.",
        ("feed", "history"),
    ),
    "witness_unusable": Event(
        "A file in state_dir that tells of the database's history can't be read or written; until it can, a "
        "database that goes back while the daemon does not run may go unnoticed.",
        ("path", "reason"),
    ),
    "triggers_left": Event(
        "Another table has taken the name of a source, and the triggers of the one that had it could not be "
        "dropped: they cost its writers, and `install` drops them.",
        ("feed", "reason", "hint"),
    ),
    "feed_stopped": Event(
        "A feed can't go on until a person repairs it; its cursor rests, other feeds go on.",
        ("feed", "reason"),
    ),
    "feed_repaired": Event("A stopped feed goes on.", ("feed",)),
    "side_session_lost": Event(
        "A session that made documents of the slow lane beside a feed's own could not be had or was lost; "
        "the feed makes them alone.",
        ("reason", "repeated"),
    ),
    "first_sync_started": Event(
        "A feed has taken a first cursor; every entity is pending.", ("feed", "entities", "seconds")
    ),
    "resync_requested": Event(
        "Entities of a feed are to be recomputed without a change.", ("feed", "entities", "reason", "force")
    ),
    "resync_finished": Event(
        "Every entity of a resync is recomputed.", ("feed", "resync", "entities", "reason", "seconds")
    ),
    "pass_finished": Event(
        "A feed was brought to a new snapshot, or a chunk of its pending entities was recomputed.",
        (
            "feed",
            "lane",
            "entries",
            "due",
            "entities",
            "recomputed",
            "unchanged",
            "upserts",
            "deletes",
            "failed",
            "seconds",
            "lag_seconds",
        ),
    ),
    "entity_failed": Event(
        "An entity can't be computed, for PostgreSQL's reason (SQLSTATE as status); it is set aside, its "
        "documents stay as they were, and the others go on.",
        ("feed", "entity", "status", "reason", "attempts", "unnamed", "repeated"),
    ),
    "entities_recovered": Event(
        "Entities that were set aside are computed again.", ("feed", "count", "entities")
    ),
    "pass_retried": Event("A pass met another transaction and is done again (debug).", ("feed", "reason")),
    "pending_added": Event(
        "A change touched too many entities for one pass.", ("feed", "entities", "reason")
    ),
    "batch_delivered": Event(
        "A sink has taken records for good; it ignored some in whose place the target holds something newer.",
        ("sink", "feed", "records", "bytes", "seconds", "ignored"),
    ),
    "records_ignored": Event(
        "A sink ignored every record of a delivery, because the target holds something newer.",
        ("sink", "feed", "records"),
    ),
    "lease_lost": Event(
        "Another daemon took a delivery over while this one was sending, because the lease had ended early "
        "(the database server's clock jumped) or the daemon was frozen. This one has stopped, and what its "
        "last send brought doesn't count; the other one delivers it again.",
        ("sink", "feed"),
    ),
    "snapshot_ended": Event(
        "A sink has a full snapshot; one that owns its target removed what the snapshot did not name.",
        ("sink", "feed", "snapshot", "removed"),
    ),
    "snapshot_end_refused": Event(
        "A receiver refused the record that ends a full snapshot: what it holds too much stays there.",
        ("sink", "feed", "snapshot", "reason"),
    ),
    "reload_ignored": Event(
        "SIGHUP arrived. The daemon can't reload its configuration yet: restart it to use a changed one.", ()
    ),
    "record_refused": Event(
        "A sink refused one record; it is set aside as a failed item and tried again after a pause.",
        ("sink", "feed", "key", "revision", "attempts", "status", "reason", "repeated"),
    ),
    "record_parked": Event(
        "A sink refused one record for the last time; it waits for a person or for a change of its document.",
        ("sink", "feed", "key", "revision", "attempts", "status", "reason", "repeated"),
    ),
    "sink_failed": Event(
        "A sink takes nothing of a feed now; the records are handed over again after a pause.",
        ("sink", "feed", "reason", "hint", "next_try_seconds", "repeated"),
    ),
    "sink_recovered": Event("A sink that had failed has taken records of a feed again.", ("sink", "feed")),
    "sink_moved": Event(
        "The settings of a sink name another target than before: it gets a full snapshot.", ("sink", "feed")
    ),
    "sink_fell_behind": Event(
        "A sink gave up its claim on a feed's log; it catches up by scanning the feed.", ("sink", "feed")
    ),
    "feed_fell_behind": Event(
        "A feed gave up its claim on a changelog; it is resynced.", ("feed", "changelog", "bytes")
    ),
    "changelog_rotated": Event("The resting segment of a changelog was emptied.", ("changelog",)),
    "log_rotated": Event("The resting segment of a feed's log was emptied.", ("feed",)),
    "library_logged": Event("A library that the daemon uses had a warning.", ("logger", "message")),
}
