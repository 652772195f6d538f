"""The daemon: creates its workers, starts them, and stops them."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import closing, contextmanager, suppress
from functools import partial
from types import FrameType

import psycopg

from cdc_daemon import __version__
from cdc_daemon.errors import CdcError, DatabaseUnavailable
from cdc_daemon.log import get_logger
from cdc_daemon.pg.pool import Pool
from cdc_daemon.pg.session import Connection, as_opened, connect
from cdc_daemon.redaction import printable
from cdc_daemon.settings import Settings
from cdc_daemon.supervisor import LONGEST_SILENCE_SECONDS, Supervisor, Worker
from cdc_daemon.tracing import spans_to
from cdc_daemon.web.health import Health
from cdc_daemon.web.server import WebServer, require_extra
from cdc_daemon.workers.canary import Canary
from cdc_daemon.workers.catalogue_watch import CatalogueWatch
from cdc_daemon.workers.delivery import DeliveryWorker
from cdc_daemon.workers.feed_worker import FeedWorker
from cdc_daemon.workers.helper_sessions import HelperSessions
from cdc_daemon.workers.history_segments import HistoryBounds
from cdc_daemon.workers.migrations import require_current
from cdc_daemon.workers.presence import Presence
from cdc_daemon.workers.registry import Registry
from cdc_daemon.workers.rotation import Rotator
from cdc_daemon.workers.sampler import Sampler
from cdc_daemon.workers.samples import Samples
from cdc_daemon.workers.status_line import status_line
from cdc_daemon.workers.verifier import Verifier
from cdc_daemon.workers.wake_ups import WakeUps
from cdc_daemon.workers.watcher import Watcher
from cdc_daemon.workers.witness import Witness

LOCK_TIMEOUT_SECONDS = 2.0
"""Seconds that a pass waits for the lock of a table that is being altered. Then it tries again."""

EXIT_AT_ONCE = 130

LONGEST_REASON = 500
"""Characters of a target's message that are kept."""

log = get_logger()


class Service:
    """All workers of one daemon process.

    Args:
        dsn: connection string of the database. The caller has resolved `embedded:`.
    """

    def __init__(self, settings: Settings, dsn: str) -> None:
        self._settings = settings
        self._dsn = dsn
        self._registry = Registry(settings, dsn)
        deliveries = [(sink, feed) for feed, each in settings.feeds.items() for sink in each.sinks]
        self._wake_ups = WakeUps(settings.feeds, deliveries)
        self._connect_for = partial(
            connect, dsn, lock_timeout_seconds=LOCK_TIMEOUT_SECONDS, patience=settings.database.patience
        )
        self._pool = Pool(self._connect_for, settings.daemon.shared_sessions)
        self._helpers = HelperSessions(partial(self._connect, "helper"), settings.daemon.helper_sessions)
        self._witness = Witness(settings.daemon.state_dir)
        self._spans = spans_to(settings.tracing.endpoint) if settings.tracing.endpoint else None
        self._samples = Samples([self._spans] if self._spans else [])
        self._sampler = Sampler(
            partial(self._pool.session, "sampler", as_opened), self._samples, self._witness
        )
        self._presence = Presence(
            self._witness.process_id, settings.daemon.name, tuple(settings.feeds), tuple(settings.sinks)
        )
        self._feed_workers = [self._feed_worker(name) for name in settings.feeds]
        self._cleaned = partial(printable, longest=LONGEST_REASON)
        self._deliveries = [self._delivery(sink, feed) for sink, feed in deliveries]

    def run(self) -> None:
        """Work until SIGTERM or SIGINT. After a second signal, stop at once. Nothing is lost either way.

        Raises:
            CdcError: a worker gave up after a lasting error, or schema cdc is not installed.
        """
        # A sink may send until its time limit, and a statement of a feed may take minutes.
        longest = max((sink.timeout_seconds for sink in self._settings.sinks.values()), default=0.0)
        supervisor = Supervisor(
            longest_silence_seconds=LONGEST_SILENCE_SECONDS + longest, summary=self._status_line
        )
        try:
            self._require_schema()
        except DatabaseUnavailable as error:
            # The service may start before its database. The workers wait for the database.
            supervisor.lose_database(str(error))
        workers: list[Worker] = [*self._feed_workers, self._watcher(), self._rotator(), self._sampler]
        if self._settings.verify.documents_per_second:
            workers.append(self._verifier())
        for worker in workers:
            supervisor.add(worker)
        for delivery in self._deliveries:
            supervisor.add(delivery, alone=True)  # the sink may be of another distribution
        if self._settings.canary.every_seconds:
            session = partial(self._pool.session, "canary", as_opened)
            supervisor.add(Canary(session, self._settings.canary.every_seconds), alone=True)
        if self._settings.http.listen:
            supervisor.add(self._web(supervisor), alone=True)
        with _leaving_on_signals() as leave:
            self._started()
            drain_seconds = self._settings.daemon.drain_seconds
            with closing(self._helpers), closing(self._pool):
                unstopped = supervisor.run(leave, drain_seconds=drain_seconds, wake=self._wake_ups.wake_all)
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
        with _leaving_on_signals() as leave:
            self._started()
            with closing(self._helpers), closing(self._pool):
                failures = self._catch_up(leave)
                with suppress(CdcError, psycopg.Error):  # statistics: their loss is no failure of the run
                    self._sampler.store()
        self._say_goodbye()
        log.info("daemon_stopped", seconds=round(time.monotonic() - started, 3), unstopped=[])
        if failures:
            raise failures[0]

    def _say_goodbye(self) -> None:
        """Record that this daemon delivers no more. If that fails, other daemons assume that it runs."""
        if self._spans:
            self._spans.close()
        with suppress(CdcError, psycopg.Error), self._connect("stop") as connection:
            self._witness.leave(connection)

    def _catch_up(self, leave: threading.Event) -> list[CdcError]:
        """Bring all feeds up to date in parallel, and deliver each as soon as it is up to date.

        Deliveries also run in parallel, so that the daemon waits only once for a sink that is down.
        """
        patience = self._settings.daemon.drain_seconds
        deliveries: dict[str, list[DeliveryWorker]] = defaultdict(list)
        for delivery in self._deliveries:
            deliveries[delivery.feed].append(delivery)
        failures: list[CdcError] = []
        with ThreadPoolExecutor(max(1, len(self._feed_workers) + len(self._deliveries))) as pool:
            feeds = {pool.submit(worker.catch_up, leave): worker.feed for worker in self._feed_workers}
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
        return failures

    def _status_line(self) -> str:
        stopped = [worker.feed for worker in self._feed_workers if worker.has_stopped]
        failing = [worker.name for worker in self._deliveries if worker.is_failing]
        return status_line(len(self._feed_workers), stopped, len(self._deliveries), failing)

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
        with self._connect("start") as connection:
            require_current(connection)

    def _connect(self, purpose: str) -> Connection:
        return self._connect_for(purpose=purpose)

    def _feed_worker(self, name: str) -> FeedWorker:
        daemon = self._settings.daemon
        return FeedWorker(
            name,
            pool=self._pool,
            wake_ups=self._wake_ups,
            plan_and_install=self._registry.plan_and_install,
            plan_captured=self._registry.plan_captured,
            written=self._wake_sinks,
            batch_entities=daemon.batch_entities,
            max_pass_entities=daemon.max_pass_entities,
            helpers=self._helpers,
            witness=self._witness,
            history=self._settings.history.enabled,
            samples=self._samples,
        )

    def _wake_sinks(self, feed: str) -> None:
        for sink in self._settings.feeds[feed].sinks:
            self._wake_ups.wake_delivery(sink, feed)

    def _delivery(self, sink: str, feed: str) -> DeliveryWorker:
        settings = self._settings.sinks[sink]
        return DeliveryWorker(
            sink,
            feed,
            pool=self._pool,
            wake_ups=self._wake_ups,
            open_sink=partial(settings.open, sink),
            definition=partial(self._registry.definition, feed),
            max_attempts=settings.max_attempts,
            cleaned=self._cleaned,
            target=settings.target,
            mask=self._settings.log.mask,
            history=self._settings.history.enabled,
            samples=self._samples,
        )

    def _watcher(self) -> Watcher:
        daemon = self._settings.daemon
        return Watcher(
            partial(self._connect, "watcher"),
            self._wake_ups,
            show=self._presence.show,
            catalogue=CatalogueWatch(self._registry.dependencies),
            changelogs=self._registry.readers,
            refreshing=self._registry.refreshing,
            feeds=list(self._settings.feeds),
            sinks=list(self._settings.sinks),
            poll_seconds=daemon.poll_seconds,
            idle_poll_seconds=daemon.idle_poll_seconds,
        )

    def _web(self, supervisor: Supervisor) -> WebServer:
        def health() -> Health:
            planned = {feed.name for feed in self._registry.feeds()}
            return Health(
                silent=supervisor.silent(),
                database_lost=supervisor.has_lost_database,
                unplanned=[name for name in self._settings.feeds if name not in planned],
            )

        require_extra()
        from cdc_daemon.dashboard.access.guard import require_usable  # noqa: PLC0415 # needs the extra
        from cdc_daemon.web.of_daemon import application_of  # noqa: PLC0415 # needs the extra

        require_usable(self._settings.http)

        return WebServer(
            self._settings.http.address,
            partial(
                application_of,
                self._settings,
                session=partial(self._pool.session, "http", as_opened),
                registry=self._registry,
                samples=self._samples,
                health=health,
            ),
            tls=self._settings.http.tls,
        )

    def _rotator(self) -> Rotator:
        daemon = self._settings.daemon
        return Rotator(
            partial(self._pool.session, "rotator", as_opened),
            sources=self._registry.sources,
            feeds=self._registry.feeds,
            every_seconds=daemon.rotation_seconds,
            changelog_limit_bytes=daemon.changelog_limit_mb * 1024 * 1024,
            log_limit_rows=daemon.log_limit_rows,
            history=HistoryBounds(
                self._settings.history.days,
                self._settings.history.max_mb << 20,
                self._settings.history.audit_days,
            ),
        )

    def _verifier(self) -> Verifier:
        sinks = self._settings.sinks
        return Verifier(
            pool=self._pool,
            feeds=list(self._settings.feeds),
            planned=self._registry.planned,
            deliveries=[
                (sink, feed, partial(sinks[sink].open, sink))
                for feed, each in self._settings.feeds.items()
                for sink in each.sinks
            ],
            documents_per_second=self._settings.verify.documents_per_second,
        )


@contextmanager
def _leaving_on_signals() -> Generator[threading.Event]:
    """Return an event that SIGTERM and SIGINT set. The second signal ends the process at once.

    SIGHUP asks a service to reload its configuration. The daemon can't; it logs that and continues. With a
    terminal, SIGHUP means that the terminal was closed, and stops the daemon like Ctrl-C.
    """
    leave = threading.Event()

    def ask(_number: int, _frame: FrameType | None) -> None:
        if leave.is_set():
            # Interrupted work is repeated after the next start, because cursors move last.
            os._exit(EXIT_AT_ONCE)
        leave.set()

    def stay(_number: int, _frame: FrameType | None) -> None:
        # In a separate thread, because the handler may have interrupted a log call and would wait for its
        # lock.
        threading.Thread(target=_tell_of_reload, name="reload", daemon=True).start()

    handlers = {signal.SIGTERM: ask, signal.SIGINT: ask}
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # `nohup` ignores the signal
        handlers[signal.SIGHUP] = ask if sys.stdin and sys.stdin.isatty() else stay
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield leave
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _tell_of_reload() -> None:
    log.warning("reload_ignored")
