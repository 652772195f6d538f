"""`status` tells which daemons run, and no more than is so."""

from __future__ import annotations

import os
import signal
import socket

from click.testing import CliRunner

from cdc_daemon import __version__
from cdc_daemon.cli import main
from cdc_daemon.insight.daemons import Daemons, read_daemons
from cdc_daemon.insight.feeds import FeedStatus
from cdc_daemon.insight.status import read_status
from cdc_daemon.pg.session import connect
from cdc_daemon.service import Service
from cdc_daemon.settings import load
from tests.support.command import Command, Running, eventually, execute


def daemons(command: Command, *, silent_seconds: float = 30.0) -> Daemons:
    with connect(command.dsn) as session:
        return read_daemons(session, {"products": ["file"]}, silent_seconds=silent_seconds)


def products(command: Command) -> FeedStatus:
    with connect(command.dsn) as session:
        return next(
            feed for feed in read_status(session, load(command.config, {})).feeds if feed.feed == "products"
        )


def shown(command: Command) -> list[str]:
    """The lines of the command, in this process: another one takes a second to start."""
    result = CliRunner().invoke(main, ["--config", str(command.config), "status"])
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()


def pids(command: Command) -> set[int]:
    return {daemon.pid for daemon in daemons(command).running}


def started(command: Command) -> Running:
    daemon = command.start()
    eventually("status tells of it", lambda: daemon.process.pid in pids(command))
    return daemon


def test_status_tells_of_a_daemon_until_the_moment_it_is_gone(command: Command) -> None:
    Service(load(command.config, {}), command.dsn).run_once()
    assert shown(command)[0] == "no daemon runs"
    execute(command.dsn, "UPDATE product SET price = 0 WHERE id = 1")
    waiting, later = products(command), products(command)
    assert (waiting.state, waiting.unread) == ("not followed", 1)
    assert (later.lag_seconds or 0) > (waiting.lag_seconds or 0) > 0

    daemon = started(command)
    (found,) = daemons(command).alive
    assert (found.host, found.version, found.state) == (socket.gethostname(), __version__, "running")
    assert (set(found.feeds), set(found.sinks)) == ({"products", "categories"}, {"file"})
    eventually("it holds the feed", lambda: "products" in daemons(command).alive[0].passed)
    eventually("it is live", lambda: products(command).state == "live")
    assert shown(command)[0].startswith(f"daemon cdc-daemon: pid {daemon.process.pid} on ")

    # A frozen process keeps its session: only its silence tells.
    os.kill(daemon.process.pid, signal.SIGSTOP)
    eventually("it is silent", lambda: not daemons(command, silent_seconds=0.5).running)
    (frozen,) = daemons(command, silent_seconds=0.5).alive
    assert frozen.state == "silent"
    assert daemons(command).last is None
    os.kill(daemon.process.pid, signal.SIGCONT)
    eventually("it speaks again", lambda: bool(daemons(command, silent_seconds=1.5).running))

    daemon.kill()
    eventually("it is told dead", lambda: not daemons(command).alive, seconds=5)
    assert shown(command)[0].startswith(f"no daemon runs: the last one was pid {daemon.process.pid} on ")
    assert products(command).state == "not followed"

    after = started(command)
    assert after.end() == 0
    gone = daemons(command)
    assert (gone.alive, gone.last) == ((), None)  # it said goodbye, and nobody misses the one before it


def test_status_tells_what_each_of_two_daemons_does(command: Command) -> None:
    first, second = started(command), started(command)
    assert pids(command) == {first.process.pid, second.process.pid}
    first.await_event("pass_finished")

    def is_shared_out() -> bool:
        alive = daemons(command).alive
        passed = [feed for daemon in alive for feed in daemon.passed]
        return sorted(passed) == ["categories", "products"] and any(daemon.delivers for daemon in alive)

    eventually("each feed is held once", is_shared_out)
    assert "  made the last pass of " in "\n".join(shown(command))
    second.kill()
    eventually("one is left", lambda: pids(command) == {first.process.pid})


def test_a_run_once_at_work_is_no_daemon_and_is_told(command: Command) -> None:
    with connect(command.dsn, purpose="feed products"):
        found = daemons(command)
        (other,) = found.others
        assert other.startswith("pid ")
        assert not found.running
