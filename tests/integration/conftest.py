"""What several files of integration tests start from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cdc_daemon.workers import backlog, failed_items
from tests.conftest import Connect
from tests.support.delivering import Delivering, close_pools, installed
from tests.support.products import products


@pytest.fixture(autouse=True)
def shared_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two sessions share every chunk that has two entities, as they share a larger one in earnest."""
    monkeypatch.setattr(backlog, "FEWEST_SHARED", 2)


@pytest.fixture(autouse=True)
def _closed_pools() -> Iterator[None]:
    yield
    close_pools()


@pytest.fixture
def delivering(
    database: str, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Delivering:
    """A feed of fifty products and a sink that does as it is told."""
    # The pause before another attempt is random from 0 on: one of seconds would by chance end within a test.
    monkeypatch.setattr(failed_items, "BASE_SECONDS", failed_items.LONGEST_SECONDS)
    connect().execute(products(50, name="'a'").encode())
    return installed(database, tmp_path)
