"""Something outside fails: the database restarts, a receiver is down, a disk is full. Nothing is lost."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cdc_daemon.pg.embedded import EmbeddedServer
from tests.support import servers
from tests.support.command import FILE_SINK, Command, eventually, execute, fold, limit_file_size, loads
from tests.support.shop import FEEDS, SCHEMA, writers


class Receiver(ThreadingHTTPServer):
    """Takes records and keeps them by feed; `allow_reuse_address` lets it come back on its port."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.received: dict[str, list[dict[str, Any]]] = {}

    @property
    def sink(self) -> str:
        return f'[sinks.http]\ntype = "http"\nurl = "http://127.0.0.1:{self.server_port}/{{feed}}"\n'


class _Handler(BaseHTTPRequestHandler):
    server: Receiver  # pyright: ignore[reportIncompatibleVariableOverride] # the one that makes this handler

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.received.setdefault(self.path.strip("/"), []).extend(loads(body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # the name of the method we replace
        """Nothing is printed."""


@contextmanager
def serving(receiver: Receiver) -> Generator[Receiver]:
    thread = threading.Thread(target=receiver.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield receiver
    finally:
        receiver.shutdown()
        thread.join()
        receiver.server_close()


def test_a_restart_of_the_database_is_survived_and_loses_nothing(tmp_path: Path) -> None:
    place = servers.make_place("cdc-restart-")
    server = EmbeddedServer(place / "server", fast=True)
    try:
        dsn = server.start()
        execute(dsn, SCHEMA)
        command = Command(tmp_path, dsn, FEEDS)
        command.call("install")
        daemon = command.start()
        daemon.await_event("batch_delivered", feed="products")
        execute(dsn, "UPDATE product SET price = 3")
        server.stop()
        daemon.await_event("database_lost")
        server.start()
        execute(dsn, "UPDATE product SET name = 'after the restart'", "DELETE FROM product WHERE id = 7")
        daemon.await_event("database_reconnected")
        eventually("both feeds arrive", lambda: command.documents("products") == command.query("products"))
        assert daemon.end() == 0, daemon.text()
        said = [event["event"] for event in daemon.events]
        assert said.count("database_reconnected") == 1
        command.call("run", "--once")
        command.assert_equal_to_the_query()
    finally:
        server.remove()
        place.rmdir()


def test_a_receiver_that_is_down_stops_nobody_else_and_gets_everything_once_it_is_back(
    command: Command,
) -> None:
    receiver = Receiver()
    port = receiver.server_port
    command.configure(sinks=FILE_SINK + receiver.sink)
    with serving(receiver):
        daemon = command.start()
        eventually("the first sync arrives", lambda: set(receiver.received) == set(FEEDS))
    received = receiver.received
    with writers(command.dsn, 41, 42):
        daemon.await_event("sink_failed", sink="http")
        behind = len(daemon.events)
        # The feeds and the other sink go on.
        daemon.await_event("batch_delivered", after=behind, sink="file", feed="products")
    failing = command.status()["products"]["sinks"]["http"]
    assert failing["undelivered"] > 0
    assert "127.0.0.1" in failing["failure"]
    back = Receiver(port)
    back.received = received
    with serving(back):
        daemon.await_event("sink_recovered", sink="http")
        for feed in FEEDS:
            eventually(f"{feed} arrives", lambda feed=feed: fold(received[feed]) == command.query(feed))
        assert daemon.end() == 0, daemon.text()
        command.call("run", "--once")
    command.assert_equal_to_the_query()
    assert command.status()["products"]["sinks"]["http"]["failure"] is None


def test_a_full_disk_stops_the_file_sink_alone_and_tears_no_line(command: Command) -> None:
    command.call("run", "--once")
    size = command.file("products").stat().st_size
    execute(command.dsn, "UPDATE product SET name = name || ' with a longer name'")
    # The file may grow by some records, in the middle of one: what a disk does that is nearly full.
    daemon = command.start(preexec_fn=limit_file_size(size + 1000))
    daemon.await_event("sink_failed", sink="file")
    eventually(
        "the status says why", lambda: command.status()["products"]["sinks"]["file"]["failure"] is not None
    )
    execute(command.dsn, "UPDATE product SET price = 5 WHERE id = 1")
    eventually("the feed goes on", lambda: command.status()["products"]["unread"] == 0)
    assert command.file("products").read_bytes().endswith(b"}\n")
    assert daemon.end() == 0, daemon.text()
    command.call("run", "--once")
    command.assert_equal_to_the_query()
    for line in command.file("products").read_bytes().splitlines():
        json.loads(line)
