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
        advice: what to look at and what to do.
    """

    meaning: str
    fields: tuple[str, ...] = ()
    advice: str = ""


EVENTS: dict[str, Event] = {
    "daemon_started": Event(
        "The daemon runs.",
        ("version", "pid", "feeds", "sinks", "database"),
        advice="Nothing to do.",
    ),
    "daemon_stopping": Event(
        "The daemon got a signal to stop. It finishes its current work.",
        ("drain_seconds",),
        advice="Nothing to do. If the daemon should have gone on, `journalctl -u cdc-daemon` says who "
        "stopped the unit.",
    ),
    "daemon_stopped": Event(
        "Every worker has stopped, except those in `unstopped`, which did not stop within `drain_seconds`.",
        ("seconds", "unstopped"),
        advice="Nothing to do. If `unstopped` names workers, raise `drain_seconds`; their work is done "
        "again at the next start.",
    ),
    "http_started": Event(
        "The daemon's server listens (`[http]`).",
        ("address",),
        advice="Nothing to do.",
    ),
    "dashboard_login": Event(
        "A user logged in to the dashboard.",
        ("user", "address"),
        advice="Nothing to do.",
    ),
    "dashboard_login_failed": Event(
        "Somebody tried to log in to the dashboard with a wrong name or password.",
        ("user", "address"),
        advice="If it is repeated and no user mistyped, find out who uses the address.",
    ),
    "worker_failed": Event(
        "A worker ended with an error. The daemon starts it again after a pause.",
        ("worker", "error", "reason", "hint", "attempt", "next_try_seconds", "repeated"),
        advice="Read `reason` and `hint`. If it is repeated, look at what the worker needs: the "
        "database, a sink's target.",
    ),
    "worker_restarted": Event(
        "A worker that had failed works again.",
        ("worker", "attempts"),
        advice="Nothing to do.",
    ),
    "worker_given_up": Event(
        "A worker failed repeatedly with an error that does not go away by itself. The daemon ends.",
        ("worker", "error", "reason", "hint", "attempts"),
        advice="Read `reason` and `hint`, repair the cause, and start the daemon. If the cause is a bug "
        "of the program, report it with the line's `exception`.",
    ),
    "worker_hangs": Event(
        "A worker has given no sign of life for long. If it is a delivery, only its feed waits at this "
        "sink, until the daemon is restarted. Otherwise systemd's watchdog restarts the daemon.",
        ("worker", "seconds"),
        advice="Look at `status`, and at pg_stat_activity for a query of the daemon that waits. If a "
        "sink hangs, look at its target; then restart the daemon.",
    ),
    "database_lost": Event(
        "The daemon can't reach the database. It tries again with growing pauses.",
        ("reason", "repeated"),
        advice="Look at the server, its log, and the network between. The daemon goes on by itself and "
        "loses nothing.",
    ),
    "database_reconnected": Event(
        "Every worker has a session again that answers.",
        ("seconds",),
        advice="Nothing to do.",
    ),
    "session_refused": Event(
        "The server refuses another session. The daemon goes on with those that it has.",
        ("reason", "hint", "sessions", "repeated"),
        advice="Raise max_connections of the server or the role's CONNECTION LIMIT, or lower `sessions`.",
    ),
    "source_installed": Event(
        "The daemon created, replaced or dropped an object of a feed in the database.",
        ("feed", "action", "what"),
        advice="Nothing to do.",
    ),
    "old_writers_awaited": Event(
        "A first sync waits for transactions that wrote before capture was installed.",
        ("feed", "pids", "prepared"),
        advice="Wait, or end the sessions in `pids` if they were forgotten (`pg_terminate_backend`). For "
        "`prepared` look at pg_prepared_xacts.",
    ),
    "feed_planned": Event(
        "The daemon has analysed a feed's query.",
        ("feed", "tables", "routes"),
        advice="Nothing to do. `plan` shows the routes.",
    ),
    "feed_changed": Event(
        "A feed's definition, an object on which it depends, or the database's incarnation has changed. The "
        "daemon plans the feed anew and resyncs it. `reason` names the changed objects.",
        ("feed", "reason"),
        advice="Nothing to do, if you changed the query or the schema. Otherwise find out who altered "
        "the object that `reason` names.",
    ),
    "table_busy": Event(
        "The daemon can't capture a new or changed table of a feed yet, because the named transactions hold "
        "it. The feed goes on with the other tables and resyncs afterwards.",
        ("feed", "reason", "hint", "next_try_seconds"),
        advice="End the transaction that `reason` names, or wait. Until then changes of this table do "
        "not reach the documents; the resync afterwards finds them.",
    ),
    "incarnation_continued": Event(
        "The database was promoted and lacks nothing that receivers have. The daemon delivers nothing again.",
        ("feed", "incarnation"),
        advice="Nothing to do.",
    ),
    "witness_unusable": Event(
        "The daemon can't read or write the witness file in state_dir. Until it can, it may not notice a "
        "database that goes back while no daemon runs.",
        ("path", "reason"),
        advice="Repair the rights or the space of `state_dir`.",
    ),
    "triggers_left": Event(
        "Another table has taken the name of a source table, and the daemon could not drop the triggers of "
        "the old one. They slow its writers down until `install` drops them.",
        ("feed", "reason", "hint"),
        advice="Run `install` as a role that owns the old table, or drop its triggers by hand.",
    ),
    "feed_stopped": Event(
        "A feed can't go on until a person repairs it. Its cursor stays; other feeds go on.",
        ("feed", "reason"),
        advice="Repair what `reason` names. The daemon tries again every 30 seconds at most, and goes on "
        "where it stopped.",
    ),
    "feed_repaired": Event(
        "A stopped feed goes on.",
        ("feed",),
        advice="Nothing to do.",
    ),
    "helper_session_lost": Event(
        "A helper session for the backlog was refused or lost. The feed computes its documents alone.",
        ("reason", "repeated"),
        advice="Nothing to do, if it happens once. Otherwise raise max_connections of the server, or set "
        "`helper_sessions` to 0.",
    ),
    "first_sync_started": Event(
        "A feed has taken a first cursor; every entity is in the backlog.",
        ("feed", "entities", "seconds"),
        advice="Nothing to do. `status` shows the progress, `estimate` the expected time.",
    ),
    "resync_requested": Event(
        "A resync was requested: entities of a feed wait for recomputation without a change.",
        ("feed", "entities", "reason", "force"),
        advice="Nothing to do, if you asked for it, or if `reason` says why it had to be.",
    ),
    "resync_progressed": Event(
        "A resync or first sync is under way, logged every 30 seconds. `done` counts entities, the rate is "
        "that since the last such line.",
        ("feed", "resync", "reason", "done", "entities", "entities_per_second", "remaining_seconds"),
        advice="Nothing to do.",
    ),
    "resync_finished": Event(
        "Every entity of a resync is recomputed.",
        ("feed", "resync", "entities", "reason", "seconds"),
        advice="Nothing to do.",
    ),
    "resync_interrupted": Event(
        "A person paused, resumed or cancelled a resync (`act`). `done` of its `entities` are recomputed.",
        ("act", "feed", "resync", "done", "entities"),
        advice="Nothing to do. `audit` shows who did it; `resync FEED --resume` goes on with a paused one.",
    ),
    "pass_finished": Event(
        "A pass moved a feed to a new snapshot, or recomputed a chunk of its backlog.",
        (
            "feed",
            "pass",
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
        advice="Nothing to do. If `lag_seconds` grows, look at `seconds` and at `plan --explain` for a "
        "slow route or recomputation.",
    ),
    "entity_failed": Event(
        "The query fails for an entity, with PostgreSQL's reason (SQLSTATE in `status`). The daemon sets "
        "the entity aside; its documents stay as they were, and other entities go on.",
        ("feed", "pass", "entity", "status", "reason", "attempts", "unnamed", "repeated"),
        advice="Look at the rows of this entity: `reason` has PostgreSQL's message. Repair the rows or "
        "the query. `failed` lists all such entities.",
    ),
    "entities_recovered": Event(
        "The query succeeds again for entities that were set aside.",
        ("feed", "pass", "count", "entities"),
        advice="Nothing to do.",
    ),
    "pass_retried": Event(
        "A pass conflicted with another transaction; the daemon repeats it (debug).",
        ("feed", "reason"),
        advice="Nothing to do.",
    ),
    "backlog_added": Event(
        "A change affects too many entities for one pass. They go to the backlog.",
        ("feed", "pass", "entities", "reason"),
        advice="Nothing to do. Fresh changes do not wait for these entities; `status` shows the backlog.",
    ),
    "batch_delivered": Event(
        "A sink has stored a batch of records for good. `batch` is its Idempotency-Key (HTTP), or its first "
        "and last revision. `ignored` counts records that it dropped because the target "
        "has a newer revision.",
        ("sink", "feed", "batch", "records", "bytes", "seconds", "ignored"),
        advice="Nothing to do.",
    ),
    "document_delivered": Event(
        "A document of a delivered batch, because a person asked for it with `logs documents`. `refused`: "
        "the sink refused it. Values of `[log] mask` are hidden.",
        ("sink", "feed", "key", "revision", "batch", "op", "refused", "document"),
        advice="Nothing to do. `logs documents --off` ends it before its time.",
    ),
    "records_ignored": Event(
        "A sink dropped every record of a delivery, because the target has newer revisions.",
        ("sink", "feed", "records"),
        advice="Find out who else writes to the target. If the target was filled by another database, "
        "empty it and run `replay --all`.",
    ),
    "lease_lost": Event(
        "Another daemon took a delivery over while this one was sending, because the lease ended early (the "
        "database server's clock jumped) or this daemon was frozen. This daemon has stopped the delivery, "
        "and the results of its last send don't count; the other daemon delivers these records again.",
        ("sink", "feed"),
        advice="Nothing to do, if it happens once. Otherwise look at the clocks of the servers and for a "
        "machine that is suspended.",
    ),
    "snapshot_ended": Event(
        "A sink has got a full snapshot. `removed` counts documents that the snapshot did not name, if the "
        "sink removes them.",
        ("sink", "feed", "snapshot", "removed"),
        advice="Nothing to do.",
    ),
    "snapshot_end_refused": Event(
        "A receiver refused the end of a full snapshot, or to have documents removed. Documents that the "
        "snapshot did not name stay there.",
        ("sink", "feed", "snapshot", "reason", "hint"),
        advice="Read `reason`. Remove documents that the snapshot did not name by hand, if the receiver "
        "must not keep them.",
    ),
    "configuration_reloaded": Event(
        "The daemon has read its configuration again, after SIGHUP. It started, replaced and ended these "
        "workers. Those in `unstopped` still finish their work; their successors wait for that.",
        ("started", "replaced", "ended", "unstopped", "seconds"),
        advice="Nothing to do.",
    ),
    "reload_failed": Event(
        "The daemon has read its configuration again, and it has this fault. The former configuration stays "
        "in force.",
        ("reason", "hint"),
        advice="Correct what `reason` names, then reload again. `cdc-daemon check` finds faults before a "
        "reload.",
    ),
    "reload_ignored": Event(
        "`run --once` got SIGHUP. It ends by itself, and reads its configuration once.",
        (),
        advice="Nothing to do.",
    ),
    "restart_needed": Event(
        "After a reload these settings differ. The daemon applies them after a restart, and all others now.",
        ("settings",),
        advice="Restart the daemon at a time that suits.",
    ),
    "feeds_left": Event(
        "The reloaded configuration does not have these feeds any more. Nobody follows them. Their "
        "documents stay, in the database and at the sinks.",
        ("feeds",),
        advice="`cdc-daemon install --drop-feeds` drops them. A feed that comes back is synced anew.",
    ),
    "feed_left_to_others": Event(
        "Another definition of a feed is installed than this daemon has, and another daemon follows it. "
        "This daemon leaves the feed alone.",
        ("feed", "reason", "hint"),
        advice="Reload the daemon that has the older configuration.",
    ),
    "sink_left_to_others": Event(
        "The settings of a sink name another target than before, and another daemon still delivers to the "
        "former one. This daemon waits.",
        ("sink", "feed", "host", "pid"),
        advice="Reload the other daemon, `pid` on `host`.",
    ),
    "record_refused": Event(
        "A sink refused a record. The daemon sets it aside as a failed item and tries it again after a "
        "pause.",
        ("sink", "feed", "key", "revision", "batch", "attempts", "status", "reason", "repeated"),
        advice="Read `reason`, the receiver's words. Repair the document's source rows or the receiver; "
        "`failed` lists the item, `retry` sends it at once.",
    ),
    "record_parked": Event(
        "A sink refused a record for the last time. The record waits for a person, or for a change of its "
        "document.",
        ("sink", "feed", "key", "revision", "batch", "attempts", "status", "reason", "repeated"),
        advice="Repair the document's source rows or the receiver, then run `retry`. Nothing else sends "
        "the record again, unless its document changes.",
    ),
    "sink_failed": Event(
        "A sink takes no records of a feed now. The daemon sends them again after a pause.",
        ("sink", "feed", "batch", "reason", "hint", "next_try_seconds", "repeated"),
        advice="Look at the target: `sinks test` tries each step on the way to it. The daemon loses "
        "nothing and goes on by itself.",
    ),
    "sink_recovered": Event(
        "A sink that had failed has taken records of a feed again.",
        ("sink", "feed"),
        advice="Nothing to do.",
    ),
    "sink_moved": Event(
        "The settings of a sink name another target than before. It gets a full snapshot.",
        ("sink", "feed"),
        advice="Nothing to do, if you changed the target. The old target keeps its documents.",
    ),
    "target_lost": Event(
        "The target of a sink no longer exists, was emptied, or was replaced. It gets a full snapshot "
        "(`refilled`). If another program may have removed documents on purpose, a person decides.",
        ("sink", "feed", "refilled", "hint"),
        advice="If `refilled` is false and the target should have the documents, run `replay --all`. "
        "Find out who emptied it.",
    ),
    "documents_verified": Event(
        "The verification in the background has ended a round over the stored documents of a feed, or over "
        "what a receiver holds (`sink`).",
        ("feed", "sink", "documents", "differences", "waiting", "seconds"),
        advice="Nothing to do. `documents_differ` tells each difference.",
    ),
    "documents_differ": Event(
        "The verification in the background has found documents that differ, and that no change on its way "
        "explains. Without `sink`, stored documents are not those of the query.",
        ("feed", "sink", "differences", "kinds", "keys", "hint"),
        advice="`cdc-daemon verify` lists them, and `--repair` repairs them. Find out what wrote past the "
        "triggers, or changed the copy.",
    ),
    "verification_waits": Event(
        "The verification in the background has met a locked table, and waits for its next turn.",
        ("feed", "sink", "reason"),
        advice="Nothing to do.",
    ),
    "verification_failed": Event(
        "The verification in the background could not go on with a feed or a receiver. It tries again later.",
        ("feed", "sink", "reason"),
        advice="Read `reason`. Deliveries and passes don't depend on it.",
    ),
    "target_not_seen": Event(
        "A sink that has nothing to deliver could not look at its target (debug).",
        ("sink", "feed", "reason"),
        advice="Nothing to do, unless the sink also fails.",
    ),
    "sink_fell_behind": Event(
        "A sink is too far behind for a feed's log. It catches up by a scan of the stored feed.",
        ("sink", "feed"),
        advice="Look why the sink was slow or down for so long. Raise `log_limit_rows` if this is usual.",
    ),
    "feed_fell_behind": Event(
        "A feed is too far behind for a changelog. The daemon resyncs it.",
        ("feed", "changelog", "bytes"),
        advice="Look why the feed was stopped or slow for so long. Raise `changelog_limit_mb` if this is "
        "usual.",
    ),
    "changelog_rotated": Event(
        "The daemon emptied the resting segment of a changelog.",
        ("changelog",),
        advice="Nothing to do.",
    ),
    "history_dropped": Event(
        "The daemon dropped the oldest part of the history of documents, because of `days` or `max_mb`.",
        ("until", "bytes"),
        advice="Nothing to do. Raise `[history] max_mb` if the history goes back too few days.",
    ),
    "log_rotated": Event(
        "The daemon emptied the resting segment of a feed's log.",
        ("feed",),
        advice="Nothing to do.",
    ),
    "library_logged": Event(
        "A library that the daemon uses logged a warning.",
        ("logger", "message"),
        advice="Read `message`. The daemon handles errors of libraries itself, so usually there is "
        "nothing to do.",
    ),
}
