"""Installs the objects that the feeds need, and removes all objects again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import psycopg
from psycopg import sql

from cdc_daemon.capture import catalogue, steps
from cdc_daemon.capture.source import Source
from cdc_daemon.errors import CdcError, FeedError, InstallError
from cdc_daemon.feeds import steps as feed_steps
from cdc_daemon.feeds.definition import FeedDefinition
from cdc_daemon.pg import ddl, own_schema
from cdc_daemon.pg.ddl import Step, TableBusy
from cdc_daemon.pg.session import Connection, connect, first_line, kept_alive
from cdc_daemon.pg.statements import statement
from cdc_daemon.settings import Settings
from cdc_daemon.workers.audit import Act, script_step
from cdc_daemon.workers.configurations import read_ownership
from cdc_daemon.workers.history_segments import segment_tables
from cdc_daemon.workers.migrations import migration_steps, read_applied, require_known
from cdc_daemon.workers.other_configuration import OtherDefinition
from cdc_daemon.workers.own_objects import drop_all, require_nothing_foreign, require_own_schema
from cdc_daemon.workers.owner_role import Left, default_owner, drop_owner, own_owner, owner_steps, read_owner
from cdc_daemon.workers.planning import FeedPlan, plan_sources

DAEMON_LOCK_SECONDS, DAEMON_ATTEMPTS = 0.1, 3
"""How long (in seconds) and how often a running daemon tries to lock a table before it goes on without."""


def wanted_steps(
    connection: Connection,
    settings: Settings,
    plans: Sequence[FeedPlan],
    *,
    complete: bool = True,
    for_script: bool = False,
) -> list[Step]:
    """Return the steps of an `install`, in order; empty if all objects are as needed.

    Args:
        complete: whether `plans` has all feeds, so that objects which none of them needs are dropped.
            Otherwise objects of other feeds stay, even of a feed that can't be planned now.
        for_script: whether a DBA runs the steps by psql. The steps then create the owner role, and grant the
            role of this session its rights.
    """
    require_own_schema(connection)
    owner = read_owner(connection, settings)
    usable = owner.usable or for_script
    installed = catalogue.read_installed(connection)
    ownership = read_ownership(connection, settings, installed)
    ownership.require_own(plan.definition.name for plan in plans)
    applied = read_applied(connection) if installed.schema else []
    require_known(applied)
    found = list(migration_steps(applied))
    upgrade = bool(found) and installed.schema
    if upgrade and not complete:
        raise InstallError(
            "was installed by an earlier version",
            where=own_schema.shown(),
            hint="run `cdc-daemon install`",
        )
    if usable:
        found += owner_steps(connection, owner)
    stored = feed_steps.read_installed(connection) if installed.schema else {}
    wanted = [plan.wanted for plan in plans]
    kept = ownership.sources_of_others(installed) if complete else installed.sources
    sources = plan_sources(connection, plans, keep=kept, context=settings.capture.context)
    found += steps.steps(connection, sources, installed, owner=owner.name if usable else None)
    found += feed_steps.steps(wanted, stored)
    found += ownership.steps(feed.definition.name for feed in wanted)
    if complete:
        # Drop feeds first: a feed without its triggers would wait for changes that never come.
        own = {name: feed for name, feed in stored.items() if name not in ownership.others}
        found += feed_steps.removals(own, keep=wanted)
        found += steps.removals(installed, keep=sources, keep_tables=kept)
        if installed.schema and not upgrade:
            found += _removed_deliveries(connection, settings, ownership.others)
    if for_script and found:
        found.append(_rights(connection, sources, [each.definition for each in wanted]))
        found.append(script_step([feed.definition.name for feed in wanted], len(found)))
    return found


def first_script(
    connection: Connection, settings: Settings, plan: Callable[[], Sequence[FeedPlan]]
) -> list[Step]:
    """Return the steps of a DBA's first script, also of a feed that reads a table of schema cdc: the canary.

    Such a feed can be planned only if the table exists. So the migrations run here, in a transaction that is
    rolled back.

    Args:
        plan: plans the feeds.

    Raises:
        psycopg.errors.InsufficientPrivilege: this role may not create a schema.
    """
    require_own_schema(connection)
    migrations = list(migration_steps(()))
    with connection.transaction(force_rollback=True):
        for step in migrations:
            for each in step.statements:
                connection.execute(each)
        return [*migrations, *wanted_steps(connection, settings, plan(), for_script=True)]


def install(
    connection: Connection,
    dsn: str,
    settings: Settings,
    plans: Sequence[FeedPlan],
    *,
    complete: bool = True,
    redefines: bool = False,
) -> list[Step]:
    """Execute the needed steps (see `wanted_steps`). A second call does nothing.

    Args:
        complete: whether `plans` has all feeds. Otherwise no feed may get another definition.
        redefines: whether a person has agreed to other definitions of these feeds, although they are not all.

    Returns:
        The executed steps.

    Raises:
        FeedError: some feed would get another definition, to which nobody has agreed.
        InstallError: a lock was not granted, or a right is missing. Earlier steps stay and work.
    """
    if not complete:
        refuse_other_definitions(connection, plans, redefines=redefines)
        # Any role may hold the installer's lock. If there is nothing to do, the daemon needs no lock.
        if not wanted_steps(connection, settings, plans, complete=False):
            return []
    # A daemon that installs is no person: its log tells the steps.
    act = Act("install", arguments={"feeds": [plan.definition.name for plan in plans]})
    with one_installer(dsn, settings, patient=complete):
        if not complete:
            refuse_other_definitions(connection, plans, redefines=redefines)
        found = wanted_steps(connection, settings, plans, complete=complete)
        patient = settings.database.lock_timeout_seconds
        try:
            ddl.apply(
                connection,
                found,
                # A daemon tries again by itself, so writers need not queue behind it for seconds.
                lock_timeout_seconds=patient if complete else min(patient, DAEMON_LOCK_SECONDS),
                attempts=settings.database.install_attempts if complete else DAEMON_ATTEMPTS,
            )
        except (CdcError, psycopg.Error) as error:
            if complete:
                act.record_failure(connection, error)
            raise
        if complete and found:
            act.record(connection, f"{len(found)} steps")
    return found


def drop_strays(connection: Connection, dsn: str, settings: Settings) -> list[Step]:
    """Drop capture triggers of tables that are no longer a source, because another table has their name.

    Returns:
        The executed steps.

    Raises:
        InstallError: a table is locked, or another role owns it. Remaining triggers slow its writers down.
    """
    if not any(True for _ in steps.strays(connection)):
        return []
    with one_installer(dsn, settings):
        found = list(steps.strays(connection))
        ddl.apply(connection, found, lock_timeout_seconds=DAEMON_LOCK_SECONDS, attempts=DAEMON_ATTEMPTS)
    return found


def refuse_other_definitions(
    connection: Connection, plans: Sequence[FeedPlan], *, redefines: bool = False
) -> None:
    """Refuse to change a feed's definition: a daemon with an older query would restore that query.

    Args:
        redefines: whether the feeds may get other definitions; then only code of others is refused.

    Raises:
        OtherDefinition: the configuration has another definition than the one that is installed.
        FeedError: code of another role that a feed runs was changed, or is new.
    """
    stored = feed_steps.read_installed(connection) if catalogue.schema_exists(connection) else {}
    for feed in (plan.wanted for plan in plans):
        name = feed.definition.name
        if not redefines and name in stored and stored[name].definition != feed.definition.digest:
            raise OtherDefinition(name)
        known = stored[name].foreign_code if name in stored else feed.foreign_code
        other = sorted(code for code, state in feed.foreign_code.items() if known.get(code) != state)
        if other:
            owners = {str(code): code.owner for plan in plans for code in plan.catalogue.code.foreign}
            told = "; ".join(f"{code} of the role {owners[code]}" for code in other)
            raise FeedError(
                f"code that it runs was changed, or is new, since it was installed: {told}",
                where=f"feed {name}",
                hint="read it; if it may run with the daemon's rights, run `cdc-daemon install`",
            )


@contextmanager
def one_installer(dsn: str, settings: Settings, *, patient: bool = True) -> Generator[None]:
    """Keep every other installer of this database waiting during the block.

    A transaction in a separate session holds the lock. A session lock would get lost behind a pooler in
    transaction mode, and the installer's own transactions end with each table.

    Args:
        patient: whether to wait as long as an install tries to lock a table; otherwise for one attempt.

    Raises:
        TableBusy: another session held the lock all that time.
    """
    with (
        connect(dsn, purpose="installer's lock", patience=settings.database.patience) as session,
        session.transaction(),
    ):
        _lock_out_others(session, settings, patient=patient)
        with kept_alive(session):
            yield


def _lock_out_others(session: Connection, settings: Settings, *, patient: bool) -> None:
    database = settings.database
    attempts = database.install_attempts if patient else 1
    milliseconds = f"{database.lock_timeout_seconds * attempts * 1000:.0f}"
    try:
        with session.transaction():
            session.execute(statement("ddl.lock_timeout"), {"milliseconds": milliseconds})
            session.execute(statement("installation.one_installer"))
    except psycopg.errors.LockNotAvailable as error:
        holders = session.execute(statement("installation.installers")).fetchall()
        named = ", ".join(f"pid {pid} of role {role} ({program})" for pid, role, program in holders)
        raise TableBusy(
            f"another session holds the installer's lock: {named or 'it has just ended'}",
            where="database",
            hint="wait for the other install; if it is none, end it: SELECT pg_terminate_backend(<pid>)",
        ) from error


def dropped_feeds(connection: Connection, settings: Settings) -> list[str]:
    """Return the feeds that `install` would drop: own feeds that the configuration no longer has."""
    installed = catalogue.read_installed(connection)
    ownership = read_ownership(connection, settings, installed)
    return sorted(ownership.own - set(settings.feeds))


def uninstall(
    connection: Connection, dsn: str, settings: Settings, *, drop_others: bool = False
) -> list[Left]:
    """Remove every trace, triggers first, and look whether anything is left.

    Args:
        drop_others: also feeds of other configurations.

    Returns:
        What was found afterwards that belongs to cdc-daemon; empty when nothing is left.

    Raises:
        InstallError: a lock could not be had, or rights are missing; or something of others would have to go,
            and nothing was removed.
    """
    with one_installer(dsn, settings):
        try:
            return _uninstall(connection, settings, drop_others=drop_others)
        except (CdcError, psycopg.Error) as error:
            # The record of an uninstall that succeeds goes with the schema.
            Act("uninstall", arguments={"drop_feeds": drop_others}).record_failure(connection, error)
            raise


def _uninstall(connection: Connection, settings: Settings, *, drop_others: bool) -> list[Left]:
    require_own_schema(connection)
    installed = catalogue.read_installed(connection)
    if installed.schema:
        require_known(
            read_applied(connection)
        )  # a later version may have made objects that this one can't name
    ownership = read_ownership(connection, settings, installed)
    if ownership.others and not drop_others:
        raise InstallError(
            f"has feeds of other configurations: {ownership.told()}. Nothing was removed",
            where=own_schema.shown(),
            hint="take this configuration's feeds out of it and run `cdc-daemon install --drop-feeds`; or "
            "remove everybody's with `cdc-daemon uninstall --drop-feeds`",
        )
    require_nothing_foreign(connection, installed, {*ownership.own, *ownership.others})
    owner, ours = read_owner(connection, settings), own_owner(connection)
    apply = partial(
        ddl.apply,
        connection,
        lock_timeout_seconds=settings.database.lock_timeout_seconds,
        attempts=settings.database.install_attempts,
    )
    triggers = [step for step in steps.removals(installed, keep=[]) if step.locks is not None]
    apply(triggers)
    if installed.schema:
        try:
            apply([Step("drop", own_schema.shown(), drop_all(connection))])
        except psycopg.errors.DependentObjectsStillExist as error:
            raise InstallError(
                f"{first_line(error)}: {error.diag.message_detail}",
                where=own_schema.shown(),
                hint="it came while uninstall was at work: drop or move it, then uninstall again",
            ) from error
    if owner.exists and owner.name in {ours, default_owner(connection)}:
        left = drop_owner(connection, owner.name)
        return ([] if left is None else [left]) + _left(connection)
    return _left(connection)


def _left(connection: Connection) -> list[Left]:
    remedy = "remove it as its owner, then look again"
    return [Left(what, remedy) for (what,) in connection.execute(statement("installation.left"))]


def _removed_deliveries(
    connection: Connection, settings: Settings, others: Collection[str]
) -> Iterator[Step]:
    """Yield steps that drop the state of sinks that are not configured, or no longer take a feed."""
    wanted = {(sink, name) for name, feed in settings.feeds.items() for sink in feed.sinks}
    for sink, feed in connection.execute(statement("sink_state.deliveries")).fetchall():
        if (sink, feed) not in wanted and feed in settings.feeds:  # dropping a feed drops its state too
            yield Step(
                "drop",
                f"delivery of feed {feed} to sink {sink}",
                tuple(
                    statement(name, sink=sql.Literal(sink), feed=sql.Literal(feed))
                    for name in (
                        "sink_state.remember_former",
                        "sink_state.forget",
                        "failed_item.forget",
                        "delivered_document.forget",
                    )
                ),
            )
    for sink, feed, *_ in connection.execute(statement("delivery_pause.list")).fetchall():
        # A pause of a feed of another configuration belongs to that one.
        own = feed in settings.feeds or (feed == "*" and not others)
        if (own and sink not in {"*", *settings.sinks}) or feed not in {"*", *settings.feeds, *others}:
            yield Step(
                "drop",
                f"pause of sink {sink}, feed {feed}",
                (statement("delivery_pause.forget", sink=sql.Literal(sink), feed=sql.Literal(feed)),),
            )


def _rights(connection: Connection, sources: Sequence[Source], feeds: Sequence[FeedDefinition]) -> Step:
    """Return the grants for a daemon that owns nothing in schema cdc (docs/security.md)."""
    segments = [name for source in sources for name in source.segments]
    logs = [name for feed in feeds for name in (feed.log, *feed.segments, feed.backlog)]
    named = {
        "empty_changelogs": {"segments": segments},
        "empty_history": {"segments": segment_tables()},
        "write_feeds": {"feeds": [feed.table for feed in feeds]},
        "write_logs": {"logs": logs},
        "number_revisions": {"revisions": [feed.revision for feed in feeds]},
    }
    role = sql.Identifier(connection.info.user)
    statements = [
        statement(f"installation.{name}", role=role)
        for name in (
            "use_schema",
            "use_nothing_more",
            "read_all",
            "write_state",
            "write_history",
            "turn_history",
            "write_audit",
        )
    ]
    statements += [
        statement(f"installation.{name}", role=role, **{piece: _in_cdc(objects)})
        for name, pieces in named.items()
        for piece, objects in pieces.items()
        if objects
    ]
    return Step("create", f"rights of {connection.info.user} on {own_schema.shown()}", tuple(statements))


def _in_cdc(names: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(own_schema.name(), name) for name in names)
