"""Every event that the log can contain. Programs that read the log rely on these names.

Names of events are in the past tense. `docs/reference.md` has the same list. A test compares both with every
call of a logger in the package.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    """The meaning of an event and its fields.

    Attributes:
        meaning: the text in the reference.
        fields: names of its fields. Those that every such event has come first.
    """

    meaning: str
    fields: tuple[str, ...] = ()


EVENTS: dict[str, Event] = {
    "daemon_started": Event("The daemon runs.", ("version", "pid", "feeds", "sinks", "database")),
    "daemon_stopping": Event(
        "The daemon got a signal to stop. It finishes its current work.", ("drain_seconds",)
    ),
    "daemon_stopped": Event(
        "Every worker has stopped, except those in `unstopped`, which did not stop within `drain_seconds`.",
        ("seconds", "unstopped"),
    ),
    "http_started": Event("The daemon's server listens (`[http]`).", ("address",)),
    "worker_failed": Event(
        "A worker ended with an error. The daemon starts it again after a pause.",
        ("worker", "error", "reason", "hint", "attempt", "next_try_seconds", "repeated"),
    ),
    "worker_restarted": Event("A worker that had failed works again.", ("worker", "attempts")),
    "worker_given_up": Event(
        "A worker failed repeatedly with an error that does not go away by itself. The daemon ends.",
        ("worker", "error", "reason", "hint", "attempts"),
    ),
    "worker_hangs": Event(
        "A worker has given no sign of life for long. If it is a delivery, only its feed waits at this "
        "sink, until the daemon is restarted. Otherwise systemd's watchdog restarts the daemon.",
        ("worker", "seconds"),
    ),
    "database_lost": Event(
        "The daemon can't reach the database. It tries again with growing pauses.", ("reason", "repeated")
    ),
    "database_reconnected": Event("Every worker has a session again that answers.", ("seconds",)),
    "session_refused": Event(
        "The server refuses another session. The daemon goes on with those that it has.",
        ("reason", "hint", "sessions", "repeated"),
    ),
    "source_installed": Event(
        "The daemon created, replaced or dropped an object of a feed in the database.",
        ("feed", "action", "what"),
    ),
    "old_writers_awaited": Event(
        "A first sync waits for transactions that wrote before capture was installed.",
        ("feed", "pids", "prepared"),
    ),
    "feed_planned": Event("The daemon has analysed a feed's query.", ("feed", "tables", "routes")),
    "feed_changed": Event(
        "A feed's definition, an object on which it depends, or the database's incarnation has changed. The "
        "daemon plans the feed anew and resyncs it. `reason` names the changed objects.",
        ("feed", "reason"),
    ),
    "table_busy": Event(
        "The daemon can't capture a new or changed table of a feed yet, because the named transactions hold "
        "it. The feed goes on with the other tables and resyncs afterwards.",
        ("feed", "reason", "hint", "next_try_seconds"),
    ),
    "incarnation_continued": Event(
        "The database was promoted and lacks nothing that receivers have. The daemon delivers nothing again.",
        ("feed", "incarnation"),
    ),
    "witness_unusable": Event(
        "The daemon can't read or write the witness file in state_dir. Until it can, it may not notice a "
        "database that goes back while no daemon runs.",
        ("path", "reason"),
    ),
    "triggers_left": Event(
        "Another table has taken the name of a source table, and the daemon could not drop the triggers of "
        "the old one. They slow its writers down until `install` drops them.",
        ("feed", "reason", "hint"),
    ),
    "feed_stopped": Event(
        "A feed can't go on until a person repairs it. Its cursor stays; other feeds go on.",
        ("feed", "reason"),
    ),
    "feed_repaired": Event("A stopped feed goes on.", ("feed",)),
    "helper_session_lost": Event(
        "A helper session for the backlog was refused or lost. The feed computes its documents alone.",
        ("reason", "repeated"),
    ),
    "first_sync_started": Event(
        "A feed has taken a first cursor; every entity is in the backlog.", ("feed", "entities", "seconds")
    ),
    "resync_requested": Event(
        "A resync was requested: entities of a feed wait for recomputation without a change.",
        ("feed", "entities", "reason", "force"),
    ),
    "resync_finished": Event(
        "Every entity of a resync is recomputed.", ("feed", "resync", "entities", "reason", "seconds")
    ),
    "pass_finished": Event(
        "A pass moved a feed to a new snapshot, or recomputed a chunk of its backlog.",
        (
            "feed",
            "kind",
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
        "The query fails for an entity, with PostgreSQL's reason (SQLSTATE in `status`). The daemon sets "
        "the entity aside; its documents stay as they were, and other entities go on.",
        ("feed", "entity", "status", "reason", "attempts", "unnamed", "repeated"),
    ),
    "entities_recovered": Event(
        "The query succeeds again for entities that were set aside.", ("feed", "count", "entities")
    ),
    "pass_retried": Event(
        "A pass conflicted with another transaction; the daemon repeats it (debug).", ("feed", "reason")
    ),
    "backlog_added": Event(
        "A change affects too many entities for one pass. They go to the backlog.",
        ("feed", "entities", "reason"),
    ),
    "batch_delivered": Event(
        "A sink has stored records for good. `ignored` counts records that it dropped because the target "
        "has a newer revision.",
        ("sink", "feed", "records", "bytes", "seconds", "ignored"),
    ),
    "records_ignored": Event(
        "A sink dropped every record of a delivery, because the target has newer revisions.",
        ("sink", "feed", "records"),
    ),
    "lease_lost": Event(
        "Another daemon took a delivery over while this one was sending, because the lease ended early (the "
        "database server's clock jumped) or this daemon was frozen. This daemon has stopped the delivery, "
        "and the results of its last send don't count; the other daemon delivers these records again.",
        ("sink", "feed"),
    ),
    "snapshot_ended": Event(
        "A sink has got a full snapshot. `removed` counts documents that the snapshot did not name, if the "
        "sink removes them.",
        ("sink", "feed", "snapshot", "removed"),
    ),
    "snapshot_end_refused": Event(
        "A receiver refused the end of a full snapshot, or to have documents removed. Documents that the "
        "snapshot did not name stay there.",
        ("sink", "feed", "snapshot", "reason", "hint"),
    ),
    "reload_ignored": Event(
        "The daemon got SIGHUP. It can't reload its configuration: restart it to use a changed one.", ()
    ),
    "record_refused": Event(
        "A sink refused a record. The daemon sets it aside as a failed item and tries it again after a "
        "pause.",
        ("sink", "feed", "key", "revision", "attempts", "status", "reason", "repeated"),
    ),
    "record_parked": Event(
        "A sink refused a record for the last time. The record waits for a person, or for a change of its "
        "document.",
        ("sink", "feed", "key", "revision", "attempts", "status", "reason", "repeated"),
    ),
    "sink_failed": Event(
        "A sink takes no records of a feed now. The daemon sends them again after a pause.",
        ("sink", "feed", "reason", "hint", "next_try_seconds", "repeated"),
    ),
    "sink_recovered": Event("A sink that had failed has taken records of a feed again.", ("sink", "feed")),
    "sink_moved": Event(
        "The settings of a sink name another target than before. It gets a full snapshot.", ("sink", "feed")
    ),
    "target_lost": Event(
        "The target of a sink no longer exists, was emptied, or was replaced. It gets a full snapshot "
        "(`refilled`). If another program may have removed documents on purpose, a person decides.",
        ("sink", "feed", "refilled", "hint"),
    ),
    "target_not_seen": Event(
        "A sink that has nothing to deliver could not look at its target (debug).", ("sink", "feed", "reason")
    ),
    "sink_fell_behind": Event(
        "A sink is too far behind for a feed's log. It catches up by a scan of the stored feed.",
        ("sink", "feed"),
    ),
    "feed_fell_behind": Event(
        "A feed is too far behind for a changelog. The daemon resyncs it.", ("feed", "changelog", "bytes")
    ),
    "changelog_rotated": Event("The daemon emptied the resting segment of a changelog.", ("changelog",)),
    "log_rotated": Event("The daemon emptied the resting segment of a feed's log.", ("feed",)),
    "library_logged": Event("A library that the daemon uses logged a warning.", ("logger", "message")),
}
