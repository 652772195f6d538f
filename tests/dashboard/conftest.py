"""One small shop for all tests of the dashboard, and browsers without a browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from functools import partial

import pytest
from starlette.testclient import TestClient

from cdc_daemon.dashboard.application import dashboard
from cdc_daemon.dashboard.asking import Sources
from cdc_daemon.dashboard.definitions import Action, View
from cdc_daemon.dashboard.live import Live
from cdc_daemon.dashboard.routes import ACTIONS, VIEWS
from cdc_daemon.insight.recent import Recent
from cdc_daemon.insight.status import Objects, read_objects
from cdc_daemon.pg.pool import Pool
from cdc_daemon.pg.session import Connection, as_opened, connect
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


@pytest.fixture(scope="module")
def sources(shop: Synced) -> Iterator[Sources]:
    """Where the answers about the shop come from."""
    with closing(Pool(partial(connect, shop.dsn, purpose="dashboard"), 4)) as pool:
        yield sources_of(shop.settings, partial(pool.session, "dashboard", as_opened))


@pytest.fixture
def serve(sources: Sources) -> Iterator[Serve]:
    """Serves the dashboard of the shop with these settings of `[http]`, and this route table."""
    opened: list[TestClient] = []

    def client(
        *,
        address: str = HERE,
        client: tuple[str, int] = ("127.0.0.1", 50000),
        views: Sequence[View] = VIEWS,
        all_actions: Sequence[Action] = ACTIONS,
        **http: object,
    ) -> TestClient:
        changed = {"http": WebSettings.model_validate(http)}
        settings = sources.settings.model_copy(update=changed)
        found = TestClient(
            dashboard(
                replace(sources, current=lambda: settings),
                Live(shortest_seconds=0.05),
                views=views,
                actions=all_actions,
            ),
            base_url=address,
            client=client,
            follow_redirects=False,
        )
        opened.append(found)
        return found

    yield client
    for each in opened:
        each.close()


def sources_of(settings: Settings, session: Callable[[], AbstractContextManager[Connection]]) -> Sources:
    """Answers from a database of a test."""

    def objects() -> Objects:
        with session() as connection:
            return read_objects(connection, settings)

    return Sources(lambda: settings, session, Recent(objects, 60))
