"""The daemon: starts its workers, and stops them."""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import closing, suppress
from functools import cached_property

import psycopg

from cdc_daemon import __version__
from cdc_daemon.errors import CdcError, DatabaseUnavailable
from cdc_daemon.log import get_logger
from cdc_daemon.reload import Reloader, longest_silence
from cdc_daemon.settings import Settings
from cdc_daemon.signals import heeded
from cdc_daemon.supervisor import Supervisor
from cdc_daemon.workers.delivery import DeliveryWorker
from cdc_daemon.workers.feed_worker import FeedWorker
from cdc_daemon.workers.migrations import require_current
from cdc_daemon.workers.status_line import status_line
from cdc_daemon.workload import Workload, deliveries

log = get_logger()


class Service:
    """All workers of one daemon process.

    Args:
        dsn: connection string of the database. The caller has resolved `embedded:`.
        read: reads the configuration anew, at a reload.
        start_log: makes the log follow a configuration.
    """

    def __init__(
        self,
        settings: Settings,
        dsn: str,
        *,
        read: Callable[[], Settings] | None = None,
        start_log: Callable[[Settings], None] = lambda _: None,
    ) -> None:
        self._settings = settings
        self._workload = Workload(settings, dsn)
        self._read = read or (lambda: settings)
        self._start_log = start_log

    @cached_property
    def feed_workers(self) -> list[FeedWorker]:
        """The workers of the feeds, for a run that ends."""
        return [self._workload.feed_worker(name, self._settings) for name in self._settings.feeds]

    @cached_property
    def deliveries(self) -> list[DeliveryWorker]:
        """The workers of the deliveries, for a run that ends."""
        settings = self._settings
        return [self._workload.delivery(sink, feed, settings) for sink, feed in deliveries(settings)]

    def run(self) -> None:
        """Work until SIGTERM or SIGINT. After a second signal, stop at once. Nothing is lost either way.

        SIGHUP reads the configuration again.

        Raises:
            CdcError: a worker gave up after a lasting error, or schema cdc is not installed.
        """
        workload = self._workload
        supervisor = Supervisor(
            longest_silence_seconds=longest_silence(self._settings), summary=lambda: _status_line(supervisor)
        )
        try:
            self._require_schema()
        except DatabaseUnavailable as error:
            # The service may start before its database. The workers wait for the database.
            supervisor.lose_database(str(error))
        jobs = workload.jobs(self._settings, supervisor)
        for job in jobs.values():
            supervisor.add(job.make(), alone=job.alone)
        reloader = Reloader(workload, supervisor, read=self._read, start_log=self._start_log, jobs=jobs)
        with heeded(reloader.reload) as leave:
            self._started()
            with closing(workload.helpers), closing(workload.pool):
                unstopped = supervisor.run(
                    leave,
                    drain_seconds=lambda: workload.settings.daemon.drain_seconds,
                    wake=workload.wake_ups.wake_all,
                )
        if not unstopped:
            self._say_goodbye()

    def run_once(self) -> None:
        """Bring every feed and every sink up to date, then return.

        A failing feed or sink does not stop the others.

        Raises:
            CdcError: the first error of a feed or sink that could not be brought up to date.
        """
        self._require_schema()
        started = time.monotonic()
        with heeded(_tell_of_reload) as leave:
            self._started()
            with closing(self._workload.helpers), closing(self._workload.pool):
                failures = self.catch_up(leave)
        self._say_goodbye()
        log.info("daemon_stopped", seconds=round(time.monotonic() - started, 3), unstopped=[])
        if failures:
            raise failures[0]

    def _say_goodbye(self) -> None:
        """Record that this daemon delivers no more. If that fails, other daemons assume that it runs."""
        if self._workload.spans:
            self._workload.spans.close()
        with suppress(CdcError, psycopg.Error), self._workload.connect("stop") as connection:
            self._workload.witness.leave(connection)

    def catch_up(self, leave: threading.Event) -> list[CdcError]:
        """Bring all feeds up to date in parallel, and deliver each as soon as it is up to date.

        Deliveries also run in parallel, so that the daemon waits only once for a sink that is down.

        Returns:
            The errors of feeds and sinks that could not be brought up to date.
        """
        patience = self._settings.daemon.drain_seconds
        deliveries: dict[str, list[DeliveryWorker]] = defaultdict(list)
        for delivery in self.deliveries:
            deliveries[delivery.feed].append(delivery)
        failures: list[CdcError] = []
        with ThreadPoolExecutor(max(1, len(self.feed_workers) + len(self.deliveries))) as pool:
            feeds = {pool.submit(worker.catch_up, leave): worker.feed for worker in self.feed_workers}
            sending: list[Future[None]] = []
            for feed in as_completed(feeds):
                # A failing feed still delivers its stored documents.
                sending += [
                    pool.submit(delivery.catch_up, leave, patience_seconds=patience)
                    for delivery in deliveries[feeds[feed]]
                ]
            for each in (*feeds, *sending):
                try:
                    each.result()
                except CdcError as error:
                    failures.append(error)
        with suppress(CdcError, psycopg.Error):  # statistics: their loss is no failure of the run
            self._workload.sampler.store()
        return failures

    def _started(self) -> None:
        log.info(
            "daemon_started",
            version=__version__,
            pid=os.getpid(),
            feeds=list(self._settings.feeds),
            sinks=list(self._settings.sinks),
            database=self._settings.database.shown,
        )

    def _require_schema(self) -> None:
        with self._workload.connect("start") as connection:
            require_current(connection)


def _status_line(supervisor: Supervisor) -> str:
    feeds = [worker for worker in supervisor.workers if isinstance(worker, FeedWorker)]
    sending = [worker for worker in supervisor.workers if isinstance(worker, DeliveryWorker)]
    stopped = [worker.feed for worker in feeds if worker.has_stopped]
    failing = [worker.name for worker in sending if worker.is_failing]
    return status_line(len(feeds), stopped, len(sending), failing)


def _tell_of_reload() -> None:
    log.warning("reload_ignored")
