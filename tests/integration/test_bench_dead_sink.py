"""The benchmark of a sink that is down, on a small shop."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench import dead_sink
from bench.place import Place
from cdc_daemon.pg.binaries import find_binaries
from cdc_daemon.pg.embedded import EmbeddedServer
from tests.receivers.kinds import unique
from tests.receivers.postgres import OWN_PREFIX
from tests.support import servers


@pytest.mark.timeout(300)
def test_a_sink_that_was_down_gets_each_changed_document_once(tmp_path: Path) -> None:
    place = Path(os.environ[servers.DIRECTORY_VARIABLE]) / f"{OWN_PREFIX}{unique()}"
    server = EmbeddedServer(place, binaries=find_binaries("embedded", only=True), fast=True)
    server.start()
    try:
        figures = list(dead_sink.measure(Place(server, tmp_path, 200, quick=True)))
    finally:
        server.remove()
    # It fails by itself where the sink has not the last revision of each document.
    (records,) = [figure.value for figure in figures if figure.name.startswith("records that a sink gets")]
    assert 1 <= records < dead_sink.ROUNDS
    assert len(figures) == 5
