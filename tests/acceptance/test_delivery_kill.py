"""The daemon is ended by `kill -9` at every step of a delivery; what the sink has in the end is the feed."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from tests.acceptance.self_killing_daemon import SelfKillingDaemon
from tests.support import servers
from tests.support.command import Running, eventually, execute


@pytest.fixture(scope="module", params=[False, True], ids=["documents", "patches"])
def daemon(
    request: pytest.FixtureRequest,
    server: servers.Server,
    tmp_path_factory: pytest.TempPathFactory,
    registered: None,
) -> Iterator[SelfKillingDaemon]:
    """All is delivered. Each test leaves it so."""
    del registered
    folder = tmp_path_factory.mktemp("killed")
    with SelfKillingDaemon.delivered(server, folder, patches=request.param) as made:
        yield made


@pytest.fixture
def killed(daemon: SelfKillingDaemon) -> Iterator[SelfKillingDaemon]:
    yield daemon
    daemon.close()


CHANGES = (
    "UPDATE product SET name = name || 'b' WHERE id <= 30",
    "DELETE FROM product WHERE id IN (SELECT id FROM product ORDER BY id DESC LIMIT 5)",
    "INSERT INTO product SELECT 1 + n + max(id), 'new' FROM product, generate_series(1, 5) AS n GROUP BY n",
)


def _ended(daemon: Running) -> bool:
    return daemon.process.poll() is not None


@pytest.mark.parametrize("step", ["before the send", "in the middle of the send", "after the send"])
def test_killed_while_it_sends(killed: SelfKillingDaemon, step: str) -> None:
    daemon = killed.start()
    daemon.await_event("feed_planned")
    killed.tell("dies", step)
    execute(killed.dsn, *CHANGES)
    eventually("it dies", lambda: _ended(daemon))
    assert daemon.process.returncode == -signal.SIGKILL, daemon.text()
    execute(killed.dsn, "UPDATE product SET name = name || 'c' WHERE id <= 5")
    killed.assert_delivered()


@pytest.mark.parametrize(
    ("table", "when"),
    [
        ("sink_state", "UPDATE ON cdc.sink_state FOR EACH ROW WHEN (NEW.revision > OLD.revision)"),
        ("failed_item", "INSERT ON cdc.failed_item FOR EACH ROW"),
    ],
    ids=["before the cursor moves", "before a refusal is noted"],
)
def test_killed_within_a_statement_after_the_answer(killed: SelfKillingDaemon, table: str, when: str) -> None:
    if table == "failed_item":
        killed.tell("refuses")

    def act() -> Running:
        daemon = killed.start()
        daemon.await_event("feed_planned")
        execute(killed.dsn, *CHANGES)
        return daemon

    killed.kill_within(when, act)
    if table == "failed_item":
        killed.tell_no_more("refuses")
    killed.assert_delivered()


def test_what_was_refused_before_a_kill_is_delivered_once_the_sink_takes_it(
    killed: SelfKillingDaemon,
) -> None:
    killed.tell("refuses")
    daemon = killed.start()
    execute(killed.dsn, "UPDATE product SET name = name || 'd' WHERE id <= 3")
    daemon.await_event("record_refused")
    daemon.kill()
    killed.tell_no_more("refuses")
    killed.call("run", "--once")
    killed.call("retry", "--all")
    killed.assert_delivered()
    assert killed.call("failed") == "No failed items.\n"
