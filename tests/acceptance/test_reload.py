"""SIGHUP: a running daemon takes a changed configuration over, and what did not change notices nothing."""

from __future__ import annotations

import json
import os
import signal
import socket
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, LiteralString, cast

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.receivers.http import Target
from tests.receivers.web import free_port
from tests.support.command import FILE_SINK, Command, Feed, Running, eventually, execute
from tests.support.shop import FEEDS, SCHEMA, writers

# What started the tests may ignore the signal (nohup), and its children would, too.
HEEDING = partial(signal.signal, signal.SIGHUP, signal.SIG_DFL)

STOCK = Feed("SELECT s.product_id, s.place, s.quantity FROM stock AS s", key=("product_id", "place"))


def reloaded(daemon: Running) -> dict[str, object]:
    """Send SIGHUP; returns the event that tells what was done."""
    at = len(daemon.events)
    daemon.process.send_signal(signal.SIGHUP)
    return daemon.events[daemon.await_event("configuration_reloaded", after=at) - 1]


def sessions(dsn: str) -> dict[int, str]:
    """The daemon's sessions: what each is for, by the process that serves it."""
    with psycopg.connect(dsn) as connection:
        return dict(
            connection.execute(
                "SELECT pid, application_name FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name LIKE 'cdc-daemon: %'"
            ).fetchall()
        )


def row(dsn: str, query: LiteralString) -> tuple[object, ...] | None:
    with psycopg.connect(dsn) as connection:
        return connection.execute(query).fetchone()


@pytest.fixture
def command(database: str, tmp_path: Path) -> Iterator[Command]:
    execute(database, SCHEMA)
    found = Command(tmp_path, database, FEEDS)
    found.call("install")
    yield found
    found.close()


def started(command: Command) -> Running:
    daemon = command.start(preexec_fn=HEEDING)
    for feed in command.feeds:
        daemon.await_event("batch_delivered", feed=feed)
    return daemon


def in_step(command: Command) -> None:
    """Wait until the running daemon has delivered what the queries yield."""
    for feed in command.feeds:
        eventually(f"{feed} delivered", lambda feed=feed: command.documents(feed) == command.query(feed))


def test_what_changed_starts_anew_and_nothing_else_notices(command: Command) -> None:
    daemon = started(command)
    eventually("the daemon rests", lambda: len(sessions(command.dsn)) >= 2)
    before = sessions(command.dsn)
    leased = row(command.dsn, "SELECT leased_by FROM cdc.sink_state WHERE feed = 'categories'")
    at = len(daemon.events)

    # Another query for one feed, a new feed, a new sink for it alone; under load.
    command.feeds["products"] = Feed(
        "SELECT p.id, upper(p.name) AS name, p.price, p.category_id FROM product AS p"
    )
    command.feeds["stock"] = STOCK
    with writers(command.dsn, 21, 22):
        command.write()
        told = reloaded(daemon)
        daemon.await_event("batch_delivered", feed="stock", after=at)
        daemon.await_event("resync_finished", feed="products", after=at)
    in_step(command)

    assert told["replaced"] == ["feed products", "verifier", "verifier of logs", "sink file, feed products"]
    assert told["started"] == ["feed stock", "sink file, feed stock"]
    assert (told["ended"], told["unstopped"]) == ([], [])
    after = sessions(command.dsn)
    assert before.keys() <= after.keys(), "no session was opened anew"
    assert row(command.dsn, "SELECT leased_by FROM cdc.sink_state WHERE feed = 'categories'") == leased
    troubles = {"worker_failed", "sink_failed", "feed_stopped", "database_lost"}
    assert [event for event in daemon.events[at:] if event["event"] in troubles] == []
    shown = row(command.dsn, "SELECT feeds @> '{stock}' FROM cdc.daemon")
    assert shown == (True,), "`status` and other daemons see the new feed"

    # And back: what is left out stops, and only a person drops it.
    del command.feeds["stock"]
    command.write()
    at = len(daemon.events)
    assert reloaded(daemon)["ended"] == ["feed stock", "sink file, feed stock"]
    daemon.await_event("feeds_left", after=at, feeds=["stock"])
    assert row(command.dsn, "SELECT 1 FROM cdc.feed_state WHERE feed = 'stock'")
    execute(command.dsn, "UPDATE product SET price = price + 1 WHERE id = 1")
    in_step(command)
    assert daemon.end() == 0


def test_a_fault_is_told_and_the_former_configuration_goes_on(command: Command) -> None:
    daemon = started(command)
    good = command.config.read_text()
    for text, told in (
        (good + "[sinks.new]\ntype = 'fil'\n", "sinks.new.type"),
        (good + "[feeds", "is not TOML"),
        (
            good.replace("[daemon]", "[daemon]\nname = 'another'"),
            "daemon.name: makes another daemon of this one",
        ),
    ):
        at = len(daemon.events)
        command.config.write_text(text)
        daemon.process.send_signal(signal.SIGHUP)
        event = daemon.events[daemon.await_event("reload_failed", after=at) - 1]
        assert told in str(event["reason"])
    # A query that can't be planned keeps the whole rest out, too.
    at = len(daemon.events)
    command.config.write_text(good + "[sinks.more]\ntype = 'file'\npath = 'more/{feed}.ndjson'\n")
    (command.folder / "products.sql").write_text("SELECT p.id, p.nme FROM product AS p")
    daemon.process.send_signal(signal.SIGHUP)
    event = daemon.events[daemon.await_event("reload_failed", after=at) - 1]
    assert "nme" in str(event["reason"])
    execute(command.dsn, "UPDATE product SET price = price + 1 WHERE id = 1")
    in_step(command)
    assert not (command.folder / "more").exists()
    assert "configuration_reloaded" not in {event["event"] for event in daemon.events}

    command.write()
    assert reloaded(daemon)["replaced"] == [], "the configuration is the former one again"
    assert daemon.end() == 0


def test_a_feed_that_the_role_may_not_install_is_refused_and_the_others_go_on(
    database: str, tmp_path: Path
) -> None:
    # The daemon's role owns two of the tables, and may read the third one. The DBA owns that.
    role = f"keeper_{conninfo_to_dict(database)['dbname']}"
    execute(
        database,
        SCHEMA,
        f"CREATE ROLE {role} LOGIN",
        f"GRANT CREATE, USAGE ON SCHEMA public TO {role}",
        f"GRANT CREATE, TEMPORARY ON DATABASE {conninfo_to_dict(database)['dbname']} TO {role}",
        f"GRANT SELECT ON stock TO {role}",
        *(f"ALTER TABLE {table} OWNER TO {role}" for table in ("product", "category")),
    )
    command = Command(tmp_path, make_conninfo(database, user=role), {"categories": FEEDS["categories"]})
    try:
        command.call("install")
        daemon = started(command)
        command.feeds["stock"] = STOCK
        command.feeds["categories"] = Feed("SELECT c.id, upper(c.name) AS name FROM category AS c")
        command.write()
        daemon.process.send_signal(signal.SIGHUP)
        event = daemon.events[daemon.await_event("reload_failed") - 1]
        assert f"the role {role} may not install" in str(event["reason"])
        owner = conninfo_to_dict(database)["user"]
        assert f"it does not own public.stock, {owner} does" in str(event["reason"])
        assert "GRANT <owner> TO <role>" in str(event["hint"])
        at = len(daemon.events)
        command.feeds = {"categories": FEEDS["categories"]}
        execute(database, "UPDATE category SET name = name || '!'")
        in_step(command)
        assert row(database, "SELECT 1 FROM cdc.feed_state WHERE feed = 'stock'") is None

        # Once it has the right, the same reload succeeds.
        execute(database, f"ALTER TABLE stock OWNER TO {role}")
        command.feeds["stock"] = STOCK
        command.write()
        assert "feed stock" in str(reloaded(daemon)["started"])
        in_step(command)
        assert not {"feed_stopped", "reload_failed"} & {event["event"] for event in daemon.events[at:]}
        assert daemon.end() == 0
    finally:
        command.close()
        execute(database, f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}")


def test_secrets_are_rotated_by_a_reload(command: Command) -> None:
    target = Target()
    target.start()
    try:
        (command.folder / "token").write_text("first-token")
        sink = f"[sinks.web]\ntype = 'http'\nurl = '{target.url}'\ntoken_file = 'token'\n"
        command.feeds["products"] = replace(FEEDS["products"], options="sinks = ['web', 'file']")
        command.feeds["categories"] = replace(FEEDS["categories"], options="sinks = ['file']")
        command.configure(sinks=FILE_SINK + sink)
        daemon = started(command)
        eventually("a request came", lambda: bool(target.requests))
        (command.folder / "token").write_text("second-token")
        told = reloaded(daemon)
        assert told["replaced"] == ["verifier", "verifier of logs", "sink web, feed products"]
        before = len(target.requests)
        execute(command.dsn, "UPDATE product SET price = price + 1 WHERE id = 1")
        eventually("a request came", lambda: len(target.requests) > before)
        assert target.requests[before].headers["Authorization"] == "Bearer second-token"
        assert "second-token" not in daemon.text()
        assert daemon.end() == 0
    finally:
        target.stop()


def test_an_open_page_outlives_a_reload_and_shows_what_is_in_force(command: Command) -> None:
    home = f"http://127.0.0.1:{(port := free_port())}"
    command.configure(sinks=f"{FILE_SINK}[http]\nlisten = '127.0.0.1:{port}'\n")
    daemon = started(command)
    daemon.await_event("http_started")
    document = f"{home}/api/v1/feeds/products/documents/%7B%22id%22%3A1%7D"
    name = _json(document)["stored"]["document"]
    with urllib.request.urlopen(f"{home}/live/", timeout=30) as stream:  # noqa: S310 # of the test itself
        lines = iter(stream.readline, b"")
        next(line for line in lines if b"categories" in line)
        command.feeds["stock"] = STOCK
        command.write()
        command.config.write_text(command.config.read_text().replace("[log]\n", "[log]\nmask = ['name']\n"))
        told = reloaded(daemon)
        assert "http" not in [*cast("list[str]", told["replaced"]), *cast("list[str]", told["ended"])]
        next(line for line in lines if b"/feeds/stock" in line)
    masked = _json(document)["stored"]["document"]
    assert (name == masked, '"name":"***"' in masked.replace(" ", "")) == (False, True)
    eventually("the new feed is planned", lambda: _json(f"{home}/api/v1/feeds/stock")["plan"] is not None)

    # Another address: the server starts anew.
    command.configure(sinks=f"{FILE_SINK}[http]\nlisten = '127.0.0.1:0'\n")
    at = len(daemon.events)
    assert "http" in cast("list[str]", reloaded(daemon)["replaced"])
    daemon.await_event("http_started", after=at)
    assert daemon.end() == 0


def _json(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 # of the test itself
        return json.load(answer)


def test_systemd_hears_of_a_reload(command: Command) -> None:
    # An address of the abstract namespace: a path may be too long for a socket.
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        notified.bind("")
        notified.settimeout(30)
        address = "@" + notified.getsockname().decode()[1:]
        daemon = command.start(preexec_fn=HEEDING, env={**os.environ, "NOTIFY_SOCKET": address})
        told: list[str] = []
        while "READY=1" not in told:  # a reload may not overtake the start
            told += notified.recv(4096).decode().splitlines()
        command.configure(sinks=FILE_SINK.replace("out/", "elsewhere/"))
        assert reloaded(daemon)["replaced"]
        assert daemon.end() == 0
        while "STOPPING=1" not in told:
            told += notified.recv(4096).decode().splitlines()
    states = [line for line in told if line in {"READY=1", "RELOADING=1", "STOPPING=1"}]
    assert states == ["READY=1", "RELOADING=1", "READY=1", "STOPPING=1"]
    assert any(line.startswith("MONOTONIC_USEC=") for line in told)


def test_a_daemon_with_an_older_configuration_tells_it_and_fights_for_nothing(command: Command) -> None:
    newer = started(command)
    older = command.start(preexec_fn=HEEDING)
    older.await_event("feed_planned", feed="products")
    command.feeds["products"] = Feed("SELECT p.id, p.price FROM product AS p")
    command.configure(sinks=FILE_SINK.replace("out/", "elsewhere/"))
    reloaded(newer)

    newer.await_event("resync_finished", feed="products")

    def has_seen_it() -> bool:
        # It sees the other definition when it is the first at a change.
        execute(command.dsn, "UPDATE product SET price = price + 1 WHERE id = 1")
        return any(event["event"] == "feed_left_to_others" for event in list(older.events))

    eventually("the older daemon tells it", has_seen_it)
    newer.await_event("sink_left_to_others", feed="categories")
    assert row(command.dsn, "SELECT stopped_reason FROM cdc.feed_state WHERE feed = 'products'") == (None,)
    execute(command.dsn, "UPDATE category SET name = name || '!'")
    eventually(
        "the older daemon delivers where it did",
        lambda: command.documents("categories") == command.query("categories"),
    )
    assert not (command.folder / "elsewhere").exists()

    reloaded(older)
    for feed in command.feeds:
        eventually("both deliver to the new place", (command.folder / "elsewhere" / f"{feed}.ndjson").exists)
    assert "feed_stopped" not in {event["event"] for event in (*newer.events, *older.events)}
    assert newer.end() == 0
    assert older.end() == 0
