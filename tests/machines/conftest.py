"""A container engine, and what `make deb` has built. Where there is none, tests fail and say why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cdc_daemon import __version__
from release import deb, wheelhouse
from tests.machines import engine

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def containers() -> Iterator[None]:
    """A container engine."""
    with engine.engine():
        yield


@pytest.fixture(scope="session")
def package() -> Path:
    """The Debian package that `make deb` has built."""
    version = deb.debian_version(__version__, wheelhouse.target_version())
    found = list((ROOT / "dist").glob(f"cdc-daemon_{version}_*.deb"))
    assert found, f"dist/ has no package of version {version}: run `make deb`"
    return found[0]


@pytest.fixture(scope="session")
def wheels() -> Path:
    """The wheels that `make deb` has collected."""
    assert list(wheelhouse.WHEELHOUSE.glob("cdc_daemon-*.whl")), "build/wheels is empty: run `make deb`"
    return wheelhouse.WHEELHOUSE
