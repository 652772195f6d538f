"""Whose lease is known to be void: only that of a process that we can see to be gone."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from cdc_daemon.workers import lease


def owner(*, place: str | None = None, pid: int | None = None, started: str | None = None) -> str:
    parts = lease.this_process().split(" ")
    parts[0] = place or parts[0]
    parts[1] = str(pid) if pid is not None else parts[1]
    parts[2] = started or parts[2]
    return " ".join(parts)


@pytest.fixture
def dead_pid() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def test_we_are_alive() -> None:
    assert not lease.is_dead(lease.this_process())


def test_a_process_that_ended_is_dead(dead_pid: int) -> None:
    assert lease.is_dead(owner(pid=dead_pid))


def test_a_number_that_another_process_has_now_is_dead() -> None:
    assert lease.is_dead(owner(started="1"))


def test_a_process_of_another_container_of_this_host_may_be_alive(dead_pid: int) -> None:
    boot = lease.this_process().split("/")[0]
    assert not lease.is_dead(owner(place=f"{boot}/pid:[1]", pid=dead_pid))


def test_a_process_of_another_host_may_be_alive(dead_pid: int) -> None:
    assert not lease.is_dead(owner(place="another-boot/pid:[4026531836]", pid=dead_pid))


def test_what_an_earlier_version_wrote_is_left_to_run_out() -> None:
    assert not lease.is_dead("host 0b2c 17 4711 more words")
    assert not lease.is_dead("somebody")


def test_two_processes_have_two_names() -> None:
    code = "from cdc_daemon.workers import lease; print(lease.this_process())"
    names = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    }
    assert len(names) == 2
    assert str(os.getpid()) not in {name.split(" ")[1] for name in names}


def test_a_fork_has_a_name_of_its_own() -> None:
    code = (
        "import os; from cdc_daemon.workers.lease import this_process; "
        "forked = os.fork(); print(this_process(), flush=True); forked and os.waitpid(forked, 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    ours, forks = sorted(name.split(" ") for name in done.stdout.splitlines())
    assert ours[0] == forks[0]
    assert ours[1] != forks[1]
    assert ours[3] != forks[3]
