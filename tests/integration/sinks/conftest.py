"""A receiver of each kind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.receivers.kinds import RECEIVERS, STOPPABLE
from tests.receivers.receiver import Receiver


@pytest.fixture(params=sorted(RECEIVERS))
def receiver(request: pytest.FixtureRequest) -> Iterator[Receiver]:
    """A target of this test alone, on a server that tests share."""
    made = RECEIVERS[request.param](request)
    yield made
    made.close()


@pytest.fixture(params=sorted(STOPPABLE))
def stoppable(request: pytest.FixtureRequest) -> Iterator[Receiver]:
    """A target on a server of this test's own, which may be stopped."""
    made = STOPPABLE[request.param]()
    yield made
    made.close()
    made.stop()
