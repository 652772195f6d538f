"""`/healthz` and `/readyz`, and the server that answers them."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from cdc_daemon.errors import ConfigurationError
from cdc_daemon.settings.http import address
from cdc_daemon.web import server
from cdc_daemon.web.application import Answers, application
from cdc_daemon.web.health import Health
from cdc_daemon.web.server import AddressUnavailable, WebServer
from cdc_daemon.workers.samples import Sums
from tests.receivers.web import free_port, get
from tests.support.command import eventually


class Process:
    """A process whose health the test sets."""

    health = Health()

    def __call__(self) -> Health:
        return self.health


def answers(process: Process) -> Answers:
    return Answers(process, Sums, lambda: None, lambda: ())


@contextmanager
def serving(process: Process) -> Iterator[int]:
    port, stop, beats = free_port(), threading.Event(), threading.Event()
    worker = WebServer(("127.0.0.1", port), lambda: application(answers(process)))
    thread = threading.Thread(target=worker.run, args=(stop, beats.set))
    thread.start()
    try:
        assert beats.wait(10)
        eventually("the server answers", lambda: _answers(port))
        yield port
    finally:
        stop.set()
        thread.join(10)
        assert not thread.is_alive()


def _answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def test_a_process_whose_workers_live_is_healthy_and_one_with_a_silent_worker_is_not() -> None:
    process = Process()
    with serving(process) as port:
        assert get(port, "/healthz") == (200, {"ok": True, "silent": []})
        process.health = Health(silent=["feed products"])
        assert get(port, "/healthz") == (503, {"ok": False, "silent": ["feed products"]})


def test_a_daemon_is_ready_with_its_database_and_every_feed_planned_and_stays_healthy_without() -> None:
    process = Process()
    with serving(process) as port:
        assert get(port, "/readyz")[0] == 200
        process.health = Health(database_lost=True, unplanned=["orders"])
        status, told = get(port, "/readyz")
        assert (status, told["database"], told["unplanned"]) == (503, "lost", ["orders"])
        assert get(port, "/healthz")[0] == 200, "a restart would not bring the database back"


def test_an_address_that_is_taken_names_itself_and_is_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        worker = WebServer(("127.0.0.1", port), lambda: application(answers(Process())))
        with pytest.raises(
            AddressUnavailable, match=rf"can't listen on 127\.0\.0\.1:{port}: .*in use"
        ) as caught:
            worker.run(threading.Event(), lambda: None)
    assert isinstance(caught.value, OSError), "which the supervisor tries again for ever"


def test_without_the_extra_the_setting_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(ConfigurationError) as caught:
        server.require_extra()
    assert caught.value.faults == [
        ("http.listen", "needs a package that is not installed: uvicorn", "pip install 'cdc-daemon[http]'")
    ]


@pytest.mark.parametrize(
    "text", ["9464", "localhost", "localhost:", ":9464", "localhost:99999", "localhost:http"]
)
def test_an_address_without_host_or_port_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be host:port"):
        address(text)


def test_addresses_of_both_families_are_read() -> None:
    assert address("127.0.0.1:9464") == ("127.0.0.1", 9464)
    assert address("[::1]:9464") == ("::1", 9464)
