"""A shop whose sink refuses two documents, as the dashboard shows it to persons with different rights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from cdc_daemon.dashboard.access.viewer import Right, Viewer
from cdc_daemon.dashboard.application import dashboard
from cdc_daemon.dashboard.asking import Sources
from cdc_daemon.dashboard.routes import ACTIONS, VIEWS
from cdc_daemon.insight.audit import read_acts
from tests.dashboard.conftest import HERE, sources_of
from tests.support.command import execute
from tests.support.delivering import Delivering, close_pools, installed
from tests.support.servers import Server

QUERY = (
    "SELECT id, sku, name, 1.00 AS price,"
    " json_build_object('mail', mail, 'tags', json_build_array(id)) AS who"
    " FROM product"
)
KEY = '{"sku":"a/b \\"?#1"}'
"""The key of the first document has all that an address may stumble over."""
XSS = "<script>alert(1)</script>"
READER = Viewer("rita")
CLERK = Viewer("carl", frozenset({Right.DOCUMENTS}))
ADA = Viewer("ada", frozenset({Right.DOCUMENTS, Right.ACTIONS}))


class Shop:
    """Twelve documents; the sink parks sku3, and refuses sku4."""

    def __init__(self, bed: Delivering, **log_settings: Any) -> None:
        self.bed = bed
        settings = bed.settings
        self.settings = settings.model_copy(update={"log": settings.log.model_copy(update=log_settings)})
        self.sources: Sources = sources_of(self.settings, bed.session)

    def masking(self, *names: str) -> Shop:
        """The same shop with masked fields."""
        return Shop(self.bed, mask=names)

    def see(self, name: str, viewer: Viewer = ADA, /, **asked: object) -> Any:
        """The answer of a view."""
        view = next(each for each in VIEWS if each.name == name)
        return self.sources.read(view, viewer, asked)[1]

    def do(self, name: str, viewer: Viewer = ADA, /, **asked: object) -> str:
        """Do an action; what it tells."""
        action = next(each for each in ACTIONS if each.name == name)
        return self.sources.perform(action, viewer, asked).told

    def last_act(self) -> tuple[str, str | None, str | None, str]:
        with self.bed.session() as session:
            (act,) = read_acts(session, user="ada", limit=1)
        return act.act, act.feed, act.sink, act.outcome


@pytest.fixture(scope="module")
def shop(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with server.fresh_database() as dsn:
        execute(
            dsn,
            "CREATE TABLE product (id int PRIMARY KEY, sku text NOT NULL UNIQUE, name text, mail text)",
            "INSERT INTO product SELECT n, 'sku' || n, 'name ' || n, 'x' || n || '@example.com'"
            " FROM generate_series(1, 12) AS n",
            "UPDATE product SET sku = 'a/b \"?#1', name = '" + XSS + "' WHERE id = 1",
        )
        bed = installed(dsn, tmp_path_factory.mktemp("shop"), QUERY, history=True)
        bed.sink.refused = {"sku3", "sku4"}
        bed.catch_up()
        bed.execute(
            "UPDATE cdc.failed_item SET reason = '" + XSS + "', next_attempt_at ="
            " CASE WHEN key ->> 'sku' = 'sku4' THEN now() + interval '1 h' END"
        )
        yield Shop(bed)
        close_pools()


@pytest.fixture
def client(shop: Shop) -> Iterator[TestClient]:
    """A browser of a person with every right."""
    http = shop.settings.http.model_copy(update={"actions": True})
    sources = sources_of(shop.settings.model_copy(update={"http": http}), shop.bed.session)
    found = TestClient(dashboard(sources), base_url=HERE, client=("127.0.0.1", 5), follow_redirects=False)
    yield found
    found.close()
