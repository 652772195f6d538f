"""The verification in the background at work, within a test."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial

from cdc_daemon.insight.coverage import Coverage, read_coverage
from cdc_daemon.pg.pool import Pool
from cdc_daemon.pg.session import connect
from cdc_daemon.workers.registry import Registry
from cdc_daemon.workers.verifier import Verifier
from tests.support.synced import Synced


@contextmanager
def verifying(feeds: Synced, per_second: float) -> Iterator[None]:
    """Both verifiers of a daemon at work on the feed `items` and its receivers."""
    settings = feeds.settings
    registry = Registry(settings, feeds.dsn)
    with connect(feeds.dsn) as session:
        registry.plan_and_install(session, "items")
    stop = threading.Event()
    with closing(Pool(partial(connect, feeds.dsn, lock_timeout_seconds=0.05), 2)) as pool:
        verifiers = [
            Verifier(
                pool=pool,
                feeds=() if of_logs else ["items"],
                planned=registry.planned,
                deliveries=[
                    (name, "items", partial(each.open, name)) for name, each in settings.sinks.items()
                ],
                documents_per_second=per_second,
                rest_seconds=0.0,
                of_logs=of_logs,
            )
            for of_logs in (False, True)
        ]
        threads = [threading.Thread(target=each.run, args=(stop, lambda: None)) for each in verifiers]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join()


def coverage(feeds: Synced) -> dict[str | None, Coverage]:
    with connect(feeds.dsn) as session:
        return {each.sink: each for each in read_coverage(session, feeds.settings)}


def has_found(feeds: Synced, sink: str | None, differences: int, documents: int = 40) -> bool:
    """Whether the last whole round found so many differences."""
    found = coverage(feeds).get(sink)
    return found is not None and (found.last_documents, found.last_differences) == (documents, differences)
