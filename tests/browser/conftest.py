"""One shop and one browser for each file of tests: to start them takes seconds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.living_shop import LivingShop, living_shop
from tests.support import servers


@pytest.fixture(scope="module")
def shop(server: servers.Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LivingShop]:
    """A shop with one of each trouble, and its daemon."""
    folder: Path = tmp_path_factory.mktemp("shop")
    with server.fresh_database() as dsn, living_shop(folder, dsn) as shop:
        yield shop
