"""The daemon: which workers there are, how they start and how they end."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

from cdc_daemon import __version__
from cdc_daemon.capture.catalogue import schema_exists
from cdc_daemon.errors import CdcError
from cdc_daemon.log import get_logger
from cdc_daemon.pg.session import Connection, connect
from cdc_daemon.settings import Settings
from cdc_daemon.supervisor import Supervisor
from cdc_daemon.workers.bells import Bells
from cdc_daemon.workers.delivery import SinkWorker
from cdc_daemon.workers.feed_worker import FeedWorker
from cdc_daemon.workers.registry import Registry
from cdc_daemon.workers.rotation import Rotator
from cdc_daemon.workers.watcher import Watcher

log: Any = get_logger(__name__)

LOCK_TIMEOUT_SECONDS = 2.0
"""How long a pass waits for a table that is being altered; it tries again after that."""


class Service:
    """All workers of one daemon process.

    Args:
        dsn: where the database is; `embedded:` is resolved by the caller.
    """

    def __init__(self, settings: Settings, dsn: str) -> None:
        self._settings = settings
        self._dsn = dsn
        self._registry = Registry(settings, dsn)
        self._bells = Bells(settings.feeds, settings.sinks)
        self._connect_for = partial(
            connect, dsn, search_path=settings.database.search_path, lock_timeout_seconds=LOCK_TIMEOUT_SECONDS
        )
        self._feed_workers = [self._feed_worker(name) for name in settings.feeds]
        self._sink_workers = [self._sink_worker(name) for name in settings.sinks]

    def run(self) -> None:
        """Work until SIGTERM or SIGINT; a second signal leaves at once (nothing is lost either way).

        Raises:
            CdcError: a worker gave up for a reason that does not pass.
        """
        daemon = self._settings.daemon
        supervisor = Supervisor()
        for worker in (*self._feed_workers, *self._sink_workers, self._watcher(), self._rotator()):
            supervisor.add(worker)
        leave = threading.Event()
        with _signals(leave, self._bells.ring_all):
            log.info(
                "daemon_started", version=__version__, feeds=list(self._settings.feeds), sinks=list(self._settings.sinks)
            )
            supervisor.run(leave, drain_seconds=daemon.drain_seconds, wake=self._bells.ring_all)

    def run_once(self) -> None:
        """Bring every feed and every sink to where the database is now, then return.

        Feeds that can't go on do not keep the others from it.

        Raises:
            CdcError: the first of the feeds and sinks that could not be brought up to date.
        """
        leave = threading.Event()
        failures: list[CdcError] = []
        started = time.monotonic()
        with _signals(leave, self._bells.ring_all):
            log.info(
                "daemon_started", version=__version__, feeds=list(self._settings.feeds), sinks=list(self._settings.sinks)
            )
            for feed in self._feed_workers:
                _collect(failures, partial(feed.catch_up, leave))
            for sink in self._sink_workers:
                patience = self._settings.daemon.drain_seconds
                _collect(failures, partial(sink.catch_up, leave, patience_seconds=patience))
            log.info("daemon_stopped", seconds=round(time.monotonic() - started, 3))
        if failures:
            raise failures[0]

    def _connect(self, purpose: str) -> Connection:
        return self._connect_for(purpose=purpose)

    def _feed_worker(self, name: str) -> FeedWorker:
        daemon = self._settings.daemon
        return FeedWorker(
            name,
            connect=partial(self._connect, f"feed {name}"),
            bells=self._bells,
            plan_and_install=self._registry.plan_and_install,
            written=self._wake_sinks,
            batch_entities=daemon.batch_entities,
            max_pass_entities=daemon.max_pass_entities,
        )

    def _wake_sinks(self, feed: str) -> None:
        for sink in self._settings.feeds[feed].sinks:
            self._bells.ring_sink(sink)

    def _sink_worker(self, name: str) -> SinkWorker:
        return SinkWorker(
            name,
            connect=partial(self._connect, f"sink {name}"),
            bells=self._bells,
            open_sink=partial(self._settings.sinks[name].open, name),
            feeds=partial(self._registry.definitions, name),
        )

    def _watcher(self) -> Watcher:
        daemon = self._settings.daemon
        return Watcher(
            partial(self._connect, "watcher"),
            self._bells,
            changelogs=self._registry.readers,
            feeds=list(self._settings.feeds),
            sinks=list(self._settings.sinks),
            poll_seconds=daemon.poll_seconds,
            idle_poll_seconds=daemon.idle_poll_seconds,
        )

    def _rotator(self) -> Rotator:
        daemon = self._settings.daemon
        return Rotator(
            partial(self._connect, "rotator"),
            sources=self._registry.sources,
            feeds=self._registry.feeds,
            every_seconds=daemon.rotation_seconds,
            changelog_limit_bytes=daemon.changelog_limit_mb * 1024 * 1024,
            log_limit_rows=daemon.log_limit_rows,
        )
