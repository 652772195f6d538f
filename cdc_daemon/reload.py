"""Reads the configuration of a running daemon again, and applies what differs."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

import psycopg

from cdc_daemon import redaction, service_notify
from cdc_daemon.capture.catalogue import read_installed
from cdc_daemon.errors import CdcError, ConfigurationError, FeedError
from cdc_daemon.jobs import Job, difference
from cdc_daemon.log import get_logger
from cdc_daemon.pg.session import Connection, first_line
from cdc_daemon.settings import Settings
from cdc_daemon.settings.changes import applicable, of_another_daemon
from cdc_daemon.settings.secret_texts import secret_texts
from cdc_daemon.supervisor import LONGEST_SILENCE_SECONDS, Supervisor
from cdc_daemon.workers.configurations import read_ownership
from cdc_daemon.workers.install_rights import require_rights
from cdc_daemon.workers.installation import refuse_other_definitions, wanted_steps
from cdc_daemon.workers.planning import plan_feed
from cdc_daemon.workload import Workload, definition, require_served

FAULTY = "the changed configuration has a fault, the former one is in force"
"""Status of the service for systemd."""

log = get_logger()


class Reloader:
    """Applies a changed configuration: ends, starts and replaces the workers that it concerns, and no others.

    Args:
        read: reads the configuration anew.
        start_log: makes the log follow a configuration.
        jobs: the workers that run.
    """

    def __init__(
        self,
        workload: Workload,
        supervisor: Supervisor,
        *,
        read: Callable[[], Settings],
        start_log: Callable[[Settings], None],
        jobs: dict[str, Job],
    ) -> None:
        self._workload = workload
        self._supervisor = supervisor
        self._read = read
        self._start_log = start_log
        self._jobs = jobs

    def reload(self) -> None:
        """Read the configuration and apply it. After a fault the daemon goes on with the present one.

        systemd gets `RELOADING=1` at the beginning and `READY=1` at the end, also after a fault.
        """
        service_notify.notify(RELOADING=1, MONOTONIC_USEC=time.monotonic_ns() // 1000)
        try:
            faults = self._try()
        finally:
            service_notify.notify(READY=1)
        for where, what, hint in faults:
            log.error("reload_failed", reason=f"{where}: {what}" if where else what, hint=hint)
        self._supervisor.note = FAULTY if faults else ""

    def _try(self) -> list[tuple[str | None, str, str | None]]:
        """Apply the changed configuration; return its faults instead, if it has some."""
        try:
            changed = self._checked()
        except ConfigurationError as error:
            return [*error.faults]
        except FeedError as error:
            return [(error.where, error.what, error.hint), *error.more]
        except CdcError as error:
            return [(error.where, error.what, error.hint)]
        except psycopg.Error as error:
            return [("database", first_line(error), None)]
        self._apply(changed)
        return []

    def _checked(self) -> Settings:
        """Return the changed configuration, of which every feed can be planned.

        Raises:
            ConfigurationError: it has a fault, or it is another daemon's.
            CdcError: a feed can't be planned, or the database can't be reached.
        """
        present = self._workload.settings
        changed = self._read()
        others = list(of_another_daemon(present, changed))
        if others:
            raise ConfigurationError(
                [
                    (each, "makes another daemon of this one", "restart it, if that is meant")
                    for each in others
                ]
            )
        require_served(changed)
        # From here on a message may quote a secret of either configuration.
        redaction.know([*secret_texts(present), *secret_texts(changed)])
        feeds = [name for name in changed.feeds if definition(present, name) != definition(changed, name)]
        if feeds:
            with self._workload.connect("reload") as connection:
                _require_installable(connection, changed, feeds)
        return changed

    def _apply(self, changed: Settings) -> None:
        started = time.monotonic()
        workload, supervisor = self._workload, self._supervisor
        present = workload.settings
        found = applicable(present, changed)
        settings = found.settings
        after = workload.jobs(settings, supervisor)
        differing = difference(self._jobs, after)

        # Made before others end: if one can't be made, nothing has changed.
        made = [(job.make(), job.alone) for job in differing.starting.values()]

        def wake() -> None:
            for job in differing.ending.values():
                job.wake()

        unstopped = supervisor.remove(differing.ending, seconds=present.daemon.drain_seconds, wake=wake)
        workload.reconfigure(settings)
        self._start_log(settings)
        supervisor.longest_silence_seconds = longest_silence(settings)
        for worker, alone in made:
            supervisor.add(worker, alone=alone)
        self._jobs = after
        ended = [name for name in differing.ending if name not in differing.starting]
        log.info(
            "configuration_reloaded",
            started=[name for name in differing.starting if name not in differing.ending],
            replaced=differing.replaced,
            ended=ended,
            unstopped=unstopped,
            seconds=round(time.monotonic() - started, 3),
        )
        if found.restart_for:
            log.warning("restart_needed", settings=list(found.restart_for))
        self._tell_left(settings, present.feeds)

    def _tell_left(self, settings: Settings, before: Collection[str]) -> None:
        """Tell of feeds that are not configured any more: only a person may drop their documents."""
        left = [name for name in before if name not in settings.feeds]
        if left:
            log.warning("feeds_left", feeds=left)


def longest_silence(settings: Settings) -> float:
    """Return the seconds after which a worker without a sign of life hangs.

    A sink may send until its time limit, and a statement of a feed may take minutes.
    """
    return LONGEST_SILENCE_SECONDS + max(
        (sink.timeout_seconds for sink in settings.sinks.values()), default=0.0
    )


def _require_installable(connection: Connection, settings: Settings, feeds: Collection[str]) -> None:
    """Check that feeds can be planned and installed, belong to no other configuration, and run accepted code.

    Raises:
        FeedError: one can't be used.
        InstallError: the daemon's role lacks a right to install one.
    """
    read_ownership(connection, settings, read_installed(connection)).require_own(feeds)
    plans = [plan_feed(connection, settings, name) for name in feeds]
    # A reload is no consent to code of other roles: `cdc-daemon install` asks for that.
    refuse_other_definitions(connection, plans, redefines=True)
    require_rights(connection, wanted_steps(connection, settings, plans, complete=False))
