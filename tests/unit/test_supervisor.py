"""Workers are kept running, failures are told once, and a stop is orderly."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator

import psycopg
import pytest

from cdc_daemon import supervisor
from cdc_daemon.errors import DatabaseUnavailable, FeedError
from cdc_daemon.supervisor import Supervisor, WorkerGivenUp
from tests.support.supervised import (
    PATIENCE_SECONDS,
    Scripted,
    events,
    failing,
    logged,
    names,
    running,
)


@pytest.fixture(autouse=True)
def stream(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    with logged(monkeypatch) as written:
        yield written


def test_a_worker_that_fails_is_started_again_and_told_with_reason_and_remedy(stream: io.StringIO) -> None:
    worker = Scripted(failing(FeedError("is broken", where="feed a", hint="mend it")))
    with running(worker):
        assert worker.works.wait(PATIENCE_SECONDS)
    [failed] = [event for event in events(stream) if event["event"] == "worker_failed"]
    assert (failed["worker"], failed["error"], failed["reason"]) == (
        "scripted",
        "FeedError",
        "feed a: is broken",
    )
    assert (failed["hint"], failed["attempt"]) == ("mend it", 1)
    assert "exception" not in failed, "an error of ours needs no traceback"


def test_a_fault_of_the_program_is_told_with_its_place(stream: io.StringIO) -> None:
    worker = Scripted(failing(ZeroDivisionError("oops")))
    with running(worker):
        assert worker.works.wait(PATIENCE_SECONDS)
    [failed] = [event for event in events(stream) if event["event"] == "worker_failed"]
    assert "in fail" in failed["exception"]


def test_a_worker_whose_loop_ends_by_itself_has_failed(stream: io.StringIO) -> None:
    worker = Scripted(lambda _heartbeat: None)
    with running(worker):
        assert worker.works.wait(PATIENCE_SECONDS)
    assert "worker_failed" in names(stream)


def test_one_workers_failure_leaves_the_others_alone() -> None:
    calm, failing_one = Scripted(name="calm"), Scripted(*[failing(FeedError("x"))] * 3, name="failing")
    with running(calm, failing_one):
        assert calm.works.wait(PATIENCE_SECONDS)
        assert failing_one.works.wait(PATIENCE_SECONDS)


@pytest.mark.parametrize(
    "error",
    [
        DatabaseUnavailable("gone"),
        psycopg.OperationalError("server closed the connection unexpectedly"),
        psycopg.errors.AdminShutdown("terminating connection"),
        OSError("disk full"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_passes_by_itself_is_tried_for_ever(error: Exception) -> None:
    worker = Scripted(*[failing(error)] * (supervisor.MOST_QUICK_FAILURES * 4))
    with running(worker) as run:
        assert worker.works.wait(PATIENCE_SECONDS)
        assert not run.leave.is_set()


def test_what_does_not_pass_ends_the_daemon_and_stops_the_others(stream: io.StringIO) -> None:
    calm = Scripted(name="calm")
    hopeless = Scripted(*[failing(FeedError("is broken", hint="mend it"))] * 20, name="hopeless")
    with running(calm, hopeless) as run:
        run.join()
    assert isinstance(run.error, WorkerGivenUp)
    assert run.error.where == "hopeless"
    assert run.error.hint == "mend it"
    assert isinstance(run.error.__cause__, FeedError)
    [given_up] = [event for event in events(stream) if event["event"] == "worker_given_up"]
    assert given_up["attempts"] == supervisor.MOST_QUICK_FAILURES
    assert names(stream)[-1] == "daemon_stopped"


def test_failures_far_apart_do_not_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "SETTLED_SECONDS", 0.0)
    worker = Scripted(*[failing(FeedError("x"))] * 20)
    with running(worker) as run:
        assert worker.works.wait(PATIENCE_SECONDS)
        assert not run.leave.is_set()


def test_a_loss_of_the_database_is_one_line_for_all_workers_and_so_is_its_return(stream: io.StringIO) -> None:
    lost = [failing(DatabaseUnavailable("can't be reached", where="database"))] * 3
    workers = [Scripted(*lost, name=f"worker {n}") for n in range(3)]
    with running(*workers):
        for worker in workers:
            assert worker.works.wait(PATIENCE_SECONDS)
    said = names(stream)
    assert "worker_failed" not in said
    assert said[0] == "database_lost"
    assert said.count("database_lost") == said.count("database_reconnected")


def test_the_database_is_back_when_the_last_worker_has_its_session(stream: io.StringIO) -> None:
    error = DatabaseUnavailable("can't be reached", where="database")
    second_lost, first_works = threading.Event(), threading.Event()

    def fail_after_the_second(_heartbeat: Callable[[], None]) -> None:
        assert second_lost.wait(PATIENCE_SECONDS)
        raise error

    def fail_once_more(_heartbeat: Callable[[], None]) -> None:
        second_lost.set()
        assert first_works.wait(PATIENCE_SECONDS)
        assert "database_reconnected" not in names(stream)
        raise error

    first = Scripted(fail_after_the_second, name="first")
    second = Scripted(failing(error), fail_once_more, name="second")
    with running(first, second):
        assert first.works.wait(PATIENCE_SECONDS)
        first_works.set()
        assert second.works.wait(PATIENCE_SECONDS)
    said = names(stream)
    assert "worker_failed" not in said
    assert (said.count("database_lost"), said.count("database_reconnected")) == (1, 1)


def test_a_worker_that_slept_through_an_outage_tells_no_second_one(stream: io.StringIO) -> None:
    error = DatabaseUnavailable("can't be reached", where="database")
    others_work = threading.Event()

    def notice_late(heartbeat: Callable[[], None]) -> None:
        heartbeat()
        assert others_work.wait(PATIENCE_SECONDS)
        raise error

    first, sleeper = Scripted(failing(error), name="first"), Scripted(notice_late, name="sleeper")
    with running(sleeper, first):
        assert first.works.wait(PATIENCE_SECONDS)
        others_work.set()
        assert sleeper.works.wait(PATIENCE_SECONDS)
    said = names(stream)
    assert "worker_failed" not in said
    assert (said.count("database_lost"), said.count("database_reconnected")) == (1, 1)


def test_a_worker_that_works_again_for_a_while_is_told_so_unless_only_the_database_was_away(
    stream: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "SETTLED_SECONDS", 0.0)
    broken = Scripted(failing(FeedError("is broken")), name="broken")
    waiting = Scripted(failing(DatabaseUnavailable("away")), name="waiting")
    with running(broken, waiting):
        assert broken.works.wait(PATIENCE_SECONDS)
        assert waiting.works.wait(PATIENCE_SECONDS)
    restarted = [event["worker"] for event in events(stream) if event["event"] == "worker_restarted"]
    assert restarted == ["broken"]


def test_pauses_grow_to_the_longest_and_differ_by_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "FIRST_PAUSE_SECONDS", 1.0)
    monkeypatch.setattr(supervisor, "LONGEST_PAUSE_SECONDS", 8.0)
    low, high = Supervisor(jitter=lambda: 0.0), Supervisor(jitter=lambda: 1.0)
    assert [low._pause(attempt) for attempt in range(1, 7)] == [0.5, 1.0, 2.0, 4.0, 4.0, 4.0]
    assert [high._pause(attempt) for attempt in (1, 2, 10_000)] == [1.0, 2.0, 8.0]


def test_a_stop_wakes_the_workers_and_waits_for_the_work_at_hand(stream: io.StringIO) -> None:
    begun, finished = threading.Event(), threading.Event()

    class Busy:
        name = "busy"

        def run(self, stop: threading.Event, heartbeat: Callable[[], None]) -> None:
            heartbeat()
            begun.set()
            woken.wait(PATIENCE_SECONDS)
            assert stop.is_set()
            finished.set()

    # Made here: the worker's thread may well be at its wait before `running` has returned.
    woken = threading.Event()
    with running(Busy(), woken=woken) as run:
        assert begun.wait(PATIENCE_SECONDS)
        run.end()
    assert finished.is_set()
    assert run.unstopped == []
    assert names(stream) == ["daemon_stopping", "daemon_stopped"]


def test_who_does_not_stop_in_time_is_named(stream: io.StringIO) -> None:
    release = threading.Event()

    class Stubborn:
        name = "stubborn"

        def run(self, stop: threading.Event, heartbeat: Callable[[], None]) -> None:
            _ = stop, heartbeat
            release.wait(PATIENCE_SECONDS)

    with running(Stubborn(), Scripted(), drain_seconds=0.0) as run:
        run.end()
    release.set()
    assert "stubborn" in run.unstopped
    assert "stubborn" in events(stream)[-1]["unstopped"]


def test_a_worker_that_gives_no_sign_of_life_is_silent_until_it_does() -> None:
    now = 0.0
    made = Supervisor(clock=lambda: now, longest_silence_seconds=10.0)
    worker = Scripted()
    made.add(worker)
    assert made.silent() == []
    now = 10.5
    assert made.silent() == ["scripted"]
    made._heartbeat(made._states[0], started=0.0)
    assert made.silent() == []


class Hanging:
    """A worker that ends when `released` is set, whatever the supervisor asks for."""

    name = "scripted"

    def __init__(self) -> None:
        self.works = threading.Event()
        self.released = threading.Event()

    def run(self, stop: threading.Event, heartbeat: Callable[[], None]) -> None:
        heartbeat()
        self.works.set()
        self.released.wait(PATIENCE_SECONDS)


def test_a_worker_ends_and_another_one_starts_while_the_rest_goes_on() -> None:
    stays, ends, starts = Scripted(name="stays"), Scripted(name="ends"), Scripted(name="starts")
    with running(stays, ends) as run:
        assert stays.works.wait(PATIENCE_SECONDS)
        assert ends.works.wait(PATIENCE_SECONDS)
        woken = threading.Event()
        assert run.supervisor.remove(["ends"], seconds=PATIENCE_SECONDS, wake=woken.set) == []
        assert woken.is_set()
        run.supervisor.add(starts)
        assert starts.works.wait(PATIENCE_SECONDS)
        assert {thread.name for thread in threading.enumerate()} & {"stays", "ends", "starts"} == {
            "stays",
            "starts",
        }


def test_a_successor_waits_for_a_worker_that_still_finishes_its_work() -> None:
    former, successor = Hanging(), Scripted()
    with running(former) as run:
        assert former.works.wait(PATIENCE_SECONDS)
        assert run.supervisor.remove(["scripted"], seconds=0.0, wake=lambda: None) == ["scripted"]
        run.supervisor.add(successor)
        assert not successor.works.wait(0.05)
        former.released.set()
        assert successor.works.wait(PATIENCE_SECONDS)


def test_a_worker_that_is_added_while_the_daemon_stops_does_not_start() -> None:
    late = Scripted(name="late")
    with running(Scripted()) as run:
        run.end()
        run.supervisor.add(late)
        assert not late.works.is_set()
