"""What every sink does when its target dies, comes back, falls silent, or talks nonsense."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from cdc_daemon.errors import SinkUnavailable
from cdc_daemon.sinks.record import Record
from cdc_daemon.sinks.sink import Sink
from tests.receivers.kinds import PAST_A_PROXY, RECEIVERS, WITHOUT_SERVER
from tests.receivers.processes import free_ports
from tests.receivers.proxy import Proxy, proxied
from tests.receivers.receiver import Receiver, state
from tests.receivers.records import FEED, delete, deliver, upsert

FIRST = [upsert(f"p{number}", number) for number in range(1, 31)]
SECOND = [
    *(
        upsert(f"p{number}", number + 100, b'{"t":"%s"}' % os.urandom(2000).hex().encode())
        for number in range(1, 21)
    ),
    *(delete(f"p{number}", number + 100) for number in range(21, 31)),
]


@pytest.fixture(params=sorted(set(RECEIVERS) - WITHOUT_SERVER))
def receiver(request: pytest.FixtureRequest) -> Iterator[Receiver]:
    made = RECEIVERS[request.param](request)
    yield made
    made.close()


@pytest.fixture(params=sorted(set(RECEIVERS) - WITHOUT_SERVER - PAST_A_PROXY))
def proxied_receiver(request: pytest.FixtureRequest) -> Iterator[Receiver]:
    made = RECEIVERS[request.param](request)
    yield made
    made.close()


@pytest.fixture
def proxy(proxied_receiver: Receiver) -> Iterator[Proxy]:
    assert proxied_receiver.address is not None
    with proxied(proxied_receiver.address) as proxy:
        yield proxy


def until_taken(sink: Sink, records: list[Record], tries: int = 20) -> list[SinkUnavailable]:
    """Hand over as the daemon does, again and again; what was raised on the way."""
    raised: list[SinkUnavailable] = []
    while True:
        try:
            assert deliver(sink, records) == set()
        except SinkUnavailable as error:
            raised.append(error)
            if len(raised) >= tries:
                raise
            time.sleep(0.2)  # the daemon pauses too; a client library may hold back a new connection
        else:
            return raised


def test_a_server_that_was_killed_and_came_back_gets_what_it_lacks(stoppable: Receiver) -> None:
    sink = stoppable.sink(timeout_seconds=5.0)
    deliver(sink, FIRST)
    stoppable.stop()
    started = time.monotonic()
    with pytest.raises(SinkUnavailable) as raised:
        deliver(sink, SECOND)
    assert raised.value.hint
    assert "sink target, feed products" in str(raised.value)
    with pytest.raises(SinkUnavailable):
        sink.deliver(FEED, [])
    assert time.monotonic() - started < 14
    stoppable.start()
    until_taken(sink, SECOND)
    sink.close()
    assert stoppable.documents(FEED) == state([*FIRST, *SECOND])


@pytest.mark.parametrize("more", [1, 300, 2_500, 20_000, 60_000])
def test_a_connection_cut_in_the_middle_of_a_batch_loses_nothing(
    proxied_receiver: Receiver, proxy: Proxy, more: int
) -> None:
    sink = proxied_receiver.sink(proxy.port, timeout_seconds=5.0)
    deliver(sink, FIRST)
    proxy.cut_after(more)
    with pytest.raises(SinkUnavailable) as raised:
        deliver(sink, SECOND)
    assert raised.value.hint
    proxy.heal()
    until_taken(sink, SECOND)
    sink.close()
    assert proxied_receiver.documents(FEED) == state([*FIRST, *SECOND])


def test_a_server_that_falls_silent_is_given_up_in_time(proxied_receiver: Receiver, proxy: Proxy) -> None:
    sink = proxied_receiver.sink(proxy.port, timeout_seconds=2.0)
    until_taken(sink, FIRST)  # a server on a busy machine may need longer than that for once
    proxy.be_silent()
    started = time.monotonic()
    with pytest.raises(SinkUnavailable) as raised:
        deliver(sink, SECOND)
    assert time.monotonic() - started < 6
    assert raised.value.hint
    proxy.heal()
    until_taken(sink, SECOND)
    sink.close()
    assert proxied_receiver.documents(FEED) == state([*FIRST, *SECOND])


@pytest.mark.parametrize("answer", [b"", b"\0\1\2 nonsense\r\n" * 100, b"HTTP/1.1 200 OK\r\n\r\n"])
def test_what_answers_with_something_else_is_said(receiver: Receiver, answer: bytes) -> None:
    if receiver.kind == "http" and answer.startswith(b"HTTP"):
        return  # that is a good answer there
    with _answering(answer) as port:
        sink = receiver.sink(port, timeout_seconds=2.0)
        started = time.monotonic()
        with pytest.raises(SinkUnavailable) as raised:
            deliver(sink, FIRST)
        assert time.monotonic() - started < 6
        assert raised.value.hint
        sink.close()
    assert receiver.documents(FEED) == {}


def test_a_port_on_which_nobody_listens_is_said(receiver: Receiver) -> None:
    sink = receiver.sink(free_ports(1)[0], timeout_seconds=2.0)
    started = time.monotonic()
    for records in (FIRST, []):
        with pytest.raises(SinkUnavailable) as raised:
            sink.deliver(FEED, records)
        assert raised.value.hint
    assert time.monotonic() - started < 8
    (last,) = [step for step in sink.probe(FEED) if step.failure]
    assert last.failure
    sink.close()


def test_a_sink_can_be_closed_whatever_state_it_is_in(proxied_receiver: Receiver, proxy: Proxy) -> None:
    sink = proxied_receiver.sink(proxy.port, timeout_seconds=2.0)
    sink.close()
    deliver(sink, FIRST)
    proxy.be_silent()
    started = time.monotonic()
    sink.close()
    assert time.monotonic() - started < 5


class _answering:  # noqa: N801 - used as a function
    """A server that says the same to everybody, and hangs up."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(1)
                try:
                    connection.sendall(self._answer)
                    connection.recv(65536)
                except OSError:
                    continue

    def __enter__(self) -> int:
        self._thread.start()
        port: int = self._listener.getsockname()[1]
        return port

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
