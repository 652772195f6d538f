"""The shop, installed and ready to run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.self_killing_sink import register
from tests.support.command import Command, execute
from tests.support.shop import FEEDS, SCHEMA


@pytest.fixture(scope="session")
def distribution(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The distribution with the sinks of these tests: what PYTHONPATH must hold so that it is found."""
    return register(tmp_path_factory.mktemp("distribution"))


@pytest.fixture(scope="module")
def registered(distribution: str) -> Iterator[None]:
    """The commands of a module's tests know the sinks of these tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", distribution)
        yield


@pytest.fixture
def command(database: str, tmp_path: Path) -> Iterator[Command]:
    """The command with the shop's two feeds into a file sink, capture installed, nothing synced."""
    execute(database, SCHEMA)
    found = Command(tmp_path, database, FEEDS)
    found.call("install")
    yield found
    found.close()
