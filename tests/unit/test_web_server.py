"""The server answers at once on a kept connection: no answer waits for an acknowledgement."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator
from statistics import median

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from cdc_daemon.web.server import WebServer
from tests.receivers.web import free_port
from tests.support.command import eventually

DELAYED_ACKNOWLEDGEMENT_SECONDS = 0.04


@pytest.fixture
def port() -> Iterator[int]:
    found, stop = free_port(), threading.Event()
    application = Starlette(routes=[Route("/", lambda _: PlainTextResponse("x" * 5000))])
    server = WebServer(("127.0.0.1", found), lambda: application)
    thread = threading.Thread(target=server.run, args=(stop, lambda: None))
    thread.start()
    yield found
    stop.set()
    thread.join()


def test_an_answer_does_not_wait_for_an_acknowledgement(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)

    def seconds() -> float:
        began = time.monotonic()
        connection.request("GET", "/")
        assert len(connection.getresponse().read()) == 5000
        return time.monotonic() - began

    def answers() -> bool:
        try:
            return bool(seconds())
        except ConnectionRefusedError:
            connection.close()  # it counts the request as sent
            return False

    eventually("the server answers", answers)
    # A busy machine makes some answers late; without the setting none is early.
    assert median(sorted(seconds() for _ in range(30))[:11]) < DELAYED_ACKNOWLEDGEMENT_SECONDS / 2
    connection.close()
