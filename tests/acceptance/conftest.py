"""The shop, installed and ready to run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import Command, execute
from tests.support.shop import FEEDS, SCHEMA


@pytest.fixture
def command(database: str, tmp_path: Path) -> Iterator[Command]:
    """The command with the shop's two feeds into a file sink, capture installed, nothing synced."""
    execute(database, SCHEMA)
    found = Command(tmp_path, database, FEEDS)
    found.call("install")
    yield found
    found.close()
