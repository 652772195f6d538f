"""The workers that a configuration asks for, and what they share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from cdc_daemon.jobs import Job
from cdc_daemon.pg.pool import Pool
from cdc_daemon.pg.session import Connection, as_opened, connect
from cdc_daemon.redaction import printable
from cdc_daemon.settings import FeedSettings, Settings
from cdc_daemon.settings.changes import contents
from cdc_daemon.supervisor import Supervisor
from cdc_daemon.tracing import spans_to
from cdc_daemon.web.health import Health
from cdc_daemon.web.server import WebServer, require_extra
from cdc_daemon.workers.canary import Canary
from cdc_daemon.workers.catalogue_watch import CatalogueWatch
from cdc_daemon.workers.delivery import DeliveryWorker
from cdc_daemon.workers.feed_worker import FeedWorker
from cdc_daemon.workers.helper_sessions import HelperSessions
from cdc_daemon.workers.history_segments import HistoryBounds
from cdc_daemon.workers.presence import Presence
from cdc_daemon.workers.registry import Registry
from cdc_daemon.workers.rotation import Rotator
from cdc_daemon.workers.sampler import Sampler
from cdc_daemon.workers.samples import Samples
from cdc_daemon.workers.verifier import Verifier
from cdc_daemon.workers.wake_ups import WakeUps
from cdc_daemon.workers.watcher import Configured, Watcher
from cdc_daemon.workers.witness import Witness

LOCK_TIMEOUT_SECONDS = 2.0
"""Seconds that a pass waits for the lock of a table that is being altered. Then it tries again."""

LONGEST_REASON = 500
"""Characters of a target's message that are kept."""


class Workload:
    """Makes the workers of one daemon. They share sessions, plans and sums, which outlive a reload.

    Args:
        dsn: connection string of the database. The caller has resolved `embedded:`.

    Attributes:
        settings: the configuration in force. A worker that outlives a reload reads it anew.
    """

    def __init__(self, settings: Settings, dsn: str) -> None:
        self.settings = settings
        self._dsn = dsn
        self.registry = Registry(settings, dsn)
        self.wake_ups = WakeUps(settings.feeds, deliveries(settings))
        self.pool = Pool(self.connect, settings.daemon.shared_sessions)
        self.helpers = HelperSessions(partial(self.connect, "helper"), settings.daemon.helper_sessions)
        self.witness = Witness(settings.daemon.state_dir)
        self.spans = spans_to(settings.tracing.endpoint) if settings.tracing.endpoint else None
        self._samples = Samples([self.spans] if self.spans else [])
        self.sampler = Sampler(partial(self.pool.session, "sampler", as_opened), self._samples, self.witness)
        self._presence = Presence(self.witness.process_id, settings.daemon.name, (), ())
        self._cleaned = partial(printable, longest=LONGEST_REASON)

    def connect(self, purpose: str = "") -> Connection:
        """Open a session by the settings in force.

        Raises:
            DatabaseUnavailable: the server can't be reached.
        """
        return connect(
            self._dsn,
            purpose=purpose,
            lock_timeout_seconds=LOCK_TIMEOUT_SECONDS,
            patience=self.settings.database.patience,
        )

    def reconfigure(self, settings: Settings) -> None:
        """Put another configuration in force. Its feeds that differ must have no worker now."""
        before = self.settings
        former = [name for name in before.feeds if definition(before, name) != definition(settings, name)]
        if not settings.database.embedded:
            self._dsn = settings.database.conninfo
        self.registry.reconfigure(
            settings, self._dsn, former=former, redefined=[name for name in former if name in settings.feeds]
        )
        self.wake_ups.add(settings.feeds, deliveries(settings))
        self.settings = settings

    def jobs(self, settings: Settings, supervisor: Supervisor) -> dict[str, Job]:
        """Return the workers that a configuration asks for, by name."""
        return {job.name: job for job in self._jobs(settings, supervisor)}

    def _jobs(self, settings: Settings, supervisor: Supervisor) -> Iterator[Job]:
        daemon = settings.daemon
        definitions = {name: definition(settings, name) for name in settings.feeds}
        # Their fields: a sink's settings also hold what its deliveries share at run time.
        sinks = {name: (type(sink), dict(sink)) for name, sink in settings.sinks.items()}
        for name in settings.feeds:
            yield Job(
                f"feed {name}",
                (
                    definitions[name],
                    daemon.batch_entities,
                    daemon.max_pass_entities,
                    settings.history.enabled,
                ),
                partial(self.feed_worker, name, settings),
                partial(self.wake_ups.wake_feed, name),
            )
        yield Job("watcher", (daemon.poll_seconds, daemon.idle_poll_seconds), self.watcher)
        yield Job(
            "rotator",
            (settings.history, daemon.rotation_seconds, daemon.changelog_limit_mb, daemon.log_limit_rows),
            partial(self.rotator, settings),
        )
        yield Job("sampler", (), lambda: self.sampler)
        if settings.verify.documents_per_second:
            yield Job(
                "verifier",
                (settings.verify, settings.feeds, sinks),
                partial(self._verifier, settings, settings.verify.documents_per_second),
            )
        if settings.verify.records_per_second:
            yield Job(
                "verifier of logs",
                (settings.verify, settings.feeds, sinks),
                partial(self._verifier, settings, settings.verify.records_per_second, of_logs=True),
            )
        # Sinks may be of another distribution, so that nothing of ours waits for them.
        for sink, feed in deliveries(settings):
            kind = settings.sinks[sink]
            yield Job(
                f"sink {sink}, feed {feed}",
                (sinks[sink], contents(kind), definitions[feed], settings.log.mask, settings.history.enabled),
                partial(self.delivery, sink, feed, settings),
                partial(self.wake_ups.wake_delivery, sink, feed),
                alone=True,
            )
        if seconds := settings.canary.every_seconds:
            session = partial(self.pool.session, "canary", as_opened)
            yield Job("canary", (seconds,), partial(Canary, session, seconds), alone=True)
        if settings.http.listen:
            yield Job(
                "http",
                (settings.http, contents(settings.http)),
                partial(self._web, settings, supervisor),
                alone=True,
            )

    def feed_worker(self, name: str, settings: Settings) -> FeedWorker:
        """Make the worker of a feed."""
        return FeedWorker(
            name,
            pool=self.pool,
            wake_ups=self.wake_ups,
            plan_and_install=self.registry.plan_and_install,
            plan_captured=self.registry.plan_captured,
            written=self._wake_sinks,
            forget=self.registry.forget,
            batch_entities=settings.daemon.batch_entities,
            max_pass_entities=settings.daemon.max_pass_entities,
            helpers=self.helpers,
            witness=self.witness,
            history=settings.history.enabled,
            samples=self._samples,
        )

    def _wake_sinks(self, feed: str) -> None:
        configured = self.settings.feeds.get(feed)
        for sink in configured.sinks if configured else ():
            self.wake_ups.wake_delivery(sink, feed)

    def delivery(self, sink: str, feed: str, settings: Settings) -> DeliveryWorker:
        """Make the worker that delivers a feed to a sink."""
        kind = settings.sinks[sink]
        return DeliveryWorker(
            sink,
            feed,
            pool=self.pool,
            wake_ups=self.wake_ups,
            open_sink=partial(kind.open, sink),
            definition=partial(self.registry.definition, feed),
            max_attempts=kind.max_attempts,
            cleaned=self._cleaned,
            target=kind.target,
            mask=settings.log.mask,
            history=settings.history.enabled,
            samples=self._samples,
        )

    def watcher(self) -> Watcher:
        """Make the watcher. It follows a reload by itself."""
        daemon = self.settings.daemon
        return Watcher(
            partial(self.connect, "watcher"),
            self.wake_ups,
            show=self._show,
            catalogue=CatalogueWatch(self.registry.dependencies),
            changelogs=self.registry.readers,
            refreshing=self.registry.refreshing,
            configured=self._configured,
            poll_seconds=daemon.poll_seconds,
            idle_poll_seconds=daemon.idle_poll_seconds,
        )

    def _configured(self) -> Configured:
        settings = self.settings
        targets = {name: sink.target for name, sink in settings.sinks.items() if sink.target}
        return Configured(tuple(settings.feeds), tuple(settings.sinks), targets)

    def _show(self, connection: Connection) -> None:
        replace(self._presence, **vars(self._configured())).show(connection)

    def rotator(self, settings: Settings) -> Rotator:
        """Make the worker that empties changelogs and logs."""
        daemon = settings.daemon
        return Rotator(
            partial(self.pool.session, "rotator", as_opened),
            sources=self.registry.sources,
            feeds=self.registry.feeds,
            every_seconds=daemon.rotation_seconds,
            changelog_limit_bytes=daemon.changelog_limit_mb * 1024 * 1024,
            log_limit_rows=daemon.log_limit_rows,
            history=HistoryBounds(
                settings.history.days, settings.history.max_mb << 20, settings.history.audit_days
            ),
        )

    def _verifier(self, settings: Settings, per_second: float, *, of_logs: bool = False) -> Verifier:
        return Verifier(
            pool=self.pool,
            feeds=() if of_logs else list(settings.feeds),
            planned=self.registry.planned,
            deliveries=[
                (sink, feed, partial(settings.sinks[sink].open, sink)) for sink, feed in deliveries(settings)
            ],
            documents_per_second=per_second,
            of_logs=of_logs,
        )

    def _web(self, settings: Settings, supervisor: Supervisor) -> WebServer:
        def health() -> Health:
            planned = {feed.name for feed in self.registry.feeds()}
            return Health(
                silent=supervisor.silent(),
                database_lost=supervisor.has_lost_database,
                unplanned=[name for name in self.settings.feeds if name not in planned],
            )

        require_served(settings)
        from cdc_daemon.web.of_daemon import application_of  # noqa: PLC0415 # needs the extra

        return WebServer(
            settings.http.address,
            partial(
                application_of,
                lambda: self.settings,
                session=partial(self.pool.session, "http", as_opened),
                registry=self.registry,
                samples=self._samples,
                health=health,
            ),
            tls=settings.http.tls,
        )


def require_served(settings: Settings) -> None:
    """Check that the server can be made, if there is to be one.

    Raises:
        ConfigurationError: a library or a setting is missing.
    """
    if not settings.http.listen:
        return
    require_extra()
    from cdc_daemon.dashboard.access.guard import require_usable  # noqa: PLC0415 # needs the extra

    require_usable(settings.http)


def deliveries(settings: Settings) -> list[tuple[str, str]]:
    """Return the pairs of sink and feed of a configuration."""
    return [(sink, name) for name, feed in settings.feeds.items() for sink in feed.sinks]


def definition(settings: Settings, feed: str) -> tuple[FeedSettings, str] | None:
    """Return what makes a feed; None if there is no such feed. Where it is delivered is no part of that."""
    if feed not in settings.feeds:
        return None
    return settings.feeds[feed].model_copy(update={"sinks": ()}), settings.database.search_path
