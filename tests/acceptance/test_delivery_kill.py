"""The daemon is ended by `kill -9` at every step of a delivery; what the sink has in the end is the feed."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.mortal import register
from tests.acceptance.mortal_daemon import SCHEMA, Mortal
from tests.support.command import Running, eventually, execute


@pytest.fixture(params=[False, True], ids=["documents", "patches"])
def mortal(
    request: pytest.FixtureRequest, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Mortal]:
    monkeypatch.setenv("PYTHONPATH", register(tmp_path / "installed"))
    execute(database, SCHEMA)
    found = Mortal(tmp_path, database, patches=request.param)
    found.call("install")
    found.call("run", "--once")
    yield found
    found.close()


CHANGES = (
    "UPDATE product SET name = 'b' WHERE id <= 30",
    "DELETE FROM product WHERE id > 35",
    "INSERT INTO product VALUES (100, 'new')",
)


def _ended(daemon: Running) -> bool:
    return daemon.process.poll() is not None


@pytest.mark.parametrize("step", ["before the send", "in the middle of the send", "after the send"])
def test_killed_while_it_sends(mortal: Mortal, step: str) -> None:
    daemon = mortal.start()
    daemon.await_event("feed_planned")
    mortal.tell("dies", step)
    execute(mortal.dsn, *CHANGES)
    eventually("it dies", lambda: _ended(daemon))
    assert daemon.process.returncode == -signal.SIGKILL, daemon.text()
    execute(mortal.dsn, "UPDATE product SET name = 'c' WHERE id <= 5")
    mortal.assert_delivered()


@pytest.mark.parametrize(
    ("table", "when"),
    [
        ("sink_state", "UPDATE ON cdc.sink_state FOR EACH ROW WHEN (NEW.revision > OLD.revision)"),
        ("failed_item", "INSERT ON cdc.failed_item FOR EACH ROW"),
    ],
    ids=["before the cursor moves", "before a refusal is noted"],
)
def test_killed_within_a_statement_after_the_answer(mortal: Mortal, table: str, when: str) -> None:
    if table == "failed_item":
        mortal.tell("refuses")

    def act() -> Running:
        daemon = mortal.start()
        daemon.await_event("feed_planned")
        execute(mortal.dsn, *CHANGES)
        return daemon

    mortal.kill_within(when, act)
    if table == "failed_item":
        mortal.tell_no_more("refuses")
    mortal.assert_delivered()


def test_what_was_refused_before_a_kill_is_delivered_once_the_sink_takes_it(mortal: Mortal) -> None:
    mortal.tell("refuses")
    daemon = mortal.start()
    execute(mortal.dsn, "UPDATE product SET name = 'b' WHERE id <= 3")
    daemon.await_event("record_refused")
    daemon.kill()
    mortal.tell_no_more("refuses")
    mortal.call("run", "--once")
    mortal.call("retry", "--all")
    mortal.assert_delivered()
    assert mortal.call("failed") == "No failed items.\n"
