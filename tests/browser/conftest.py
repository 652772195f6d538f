"""One shop and one browser for each file of tests: to start them takes seconds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser.browser import Viewer, viewer
from tests.browser.living_shop import LivingShop, living_shop
from tests.support import servers


@pytest.fixture(scope="module")
def shop(server: servers.Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivingShop]:
    """A shop with one of each trouble, and its daemon, whose dashboard lets everybody act."""
    with (
        server.fresh_database() as dsn,
        living_shop(tmp_path_factory.mktemp("shop"), dsn, http="actions = true") as shop,
    ):
        yield shop


@pytest.fixture(scope="module")
def shown(shop: LivingShop) -> Iterator[Viewer]:
    """A browser at the shop's daemon."""
    with viewer(shop.address) as found:
        yield found
