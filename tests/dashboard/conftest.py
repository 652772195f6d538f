"""One small shop for all tests of the dashboard, and browsers without a browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from starlette.testclient import TestClient

from cdc_daemon.dashboard.application import dashboard
from cdc_daemon.dashboard.asking import Sources
from cdc_daemon.dashboard.live import Live
from cdc_daemon.insight.recent import Recent
from cdc_daemon.insight.status import Objects, read_objects
from cdc_daemon.pg.session import Connection, connect
from cdc_daemon.settings import Settings
from cdc_daemon.settings.http import WebSettings
from tests.support.servers import Server
from tests.support.synced import Synced

HERE = "http://127.0.0.1:9464"
"""The address that the clients believe to speak to."""

Serve = Callable[..., TestClient]


@pytest.fixture(scope="module")
def shop(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Synced]:
    """A feed of five items, delivered to a file; no daemon runs."""
    with server.fresh_database() as dsn:
        bed = Synced(tmp_path_factory.mktemp("shop"), dsn)
        bed.run_once()
        yield bed


@pytest.fixture
def serve(shop: Synced) -> Iterator[Serve]:
    """Serves the dashboard of the shop with these settings of `[http]`."""
    opened: list[TestClient] = []

    def client(
        *, address: str = HERE, client: tuple[str, int] = ("127.0.0.1", 50000), **http: object
    ) -> TestClient:
        settings = shop.settings.model_copy(update={"http": WebSettings.model_validate(http)})
        found = TestClient(
            dashboard(sources_of(settings, shop.dsn), Live(shortest_seconds=0.05)),
            base_url=address,
            client=client,
            follow_redirects=False,
        )
        opened.append(found)
        return found

    yield client
    for each in opened:
        each.close()


def sources_of(settings: Settings, dsn: str) -> Sources:
    """Answers from a database of a test."""

    @contextmanager
    def session() -> Iterator[Connection]:
        with connect(dsn, purpose="dashboard") as connection:
            yield connection

    def objects() -> Objects:
        with session() as connection:
            return read_objects(connection, settings)

    return Sources(settings, session, Recent(objects, 60))
