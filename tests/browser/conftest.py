"""One shop for all tests that only look, and one browser for each file: to start them takes seconds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser.browser import Viewer, viewer
from tests.browser.living_shop import PASSWORDS, LivingShop, living_shop
from tests.support import servers


@pytest.fixture(scope="session")
def shop(server: servers.Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivingShop]:
    """A shop with one of each trouble, and its daemon."""
    with server.fresh_database() as dsn, living_shop(tmp_path_factory.mktemp("shop"), dsn) as shop:
        yield shop


@pytest.fixture(scope="module")
def shown(shop: LivingShop) -> Iterator[Viewer]:
    """A browser at the shop's daemon; it ends with the file, because asyncio can't run beside it."""
    with viewer(shop.address, PASSWORDS) as found:
        yield found
