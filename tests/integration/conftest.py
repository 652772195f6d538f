"""What several files of integration tests start from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Connect
from tests.integration.delivering import Delivering, installed


@pytest.fixture
def delivering(database: str, connect: Connect, tmp_path: Path) -> Delivering:
    """A feed of fifty products and a sink that does as it is told."""
    connect().execute(
        "CREATE TABLE product (id bigint PRIMARY KEY, sku text NOT NULL, name text);"
        "INSERT INTO product SELECT n, 'sku' || n, 'a' FROM generate_series(1, 50) AS n"
    )
    return installed(database, tmp_path)
