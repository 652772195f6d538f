"""How many requests go at once, and when the next may go: with a clock that stands still until it is set."""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdc_daemon.sinks.http.pacing import Pacing, Rate, Window


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_window_begins_full_and_halves_at_a_pushback() -> None:
    window = Window(16)
    assert window.size == 16
    window.shrink(sent_at=1.0, now=2.0)
    assert window.size == 8


def test_requests_that_were_under_way_together_halve_it_once() -> None:
    window = Window(16)
    for _ in range(16):
        window.shrink(sent_at=1.0, now=2.0)
    assert window.size == 8
    window.shrink(sent_at=2.0, now=3.0)
    assert window.size == 4


def test_the_window_grows_by_one_for_a_round_of_answers() -> None:
    window = Window(16)
    for sent_at in (1.0, 2.0, 3.0, 4.0):
        window.shrink(sent_at=sent_at, now=sent_at)
    assert window.size == 1
    sizes: list[int] = []
    for _ in range(6):
        for _ in range(window.size):
            window.grow()
        sizes.append(window.size)
    assert sizes == [2, 2, 3, 4, 5, 6]  # by a little less than one: the window grows within the round too


@given(st.integers(1, 256), st.lists(st.booleans(), max_size=200))
def test_the_window_is_never_empty_and_never_more_than_it_may_be(most: int, answers: list[bool]) -> None:
    window = Window(most)
    for moment, is_good in enumerate(answers):
        window.grow() if is_good else window.shrink(sent_at=moment, now=moment)
        assert 1 <= window.size <= most


def test_a_target_that_takes_four_at_once_is_sent_about_that_many() -> None:
    window, pushed_back, sent = Window(64), 0, 0
    for clock in range(400):  # rounds: each request of one is answered before the next begins
        size = window.size
        for number in range(size):
            sent += 1
            if number < 4:
                window.grow()
            else:
                pushed_back += 1
                window.shrink(sent_at=clock, now=clock)
    assert 2 <= window.size <= 5
    assert pushed_back / sent < 0.15


def test_beginnings_are_evenly_spaced_and_nothing_is_saved_up() -> None:
    rate = Rate(4.0)
    begun: list[float] = []
    now = 10.0
    for _ in range(8):
        now += rate.wait_seconds(now)
        rate.begin(now)
        begun.append(now)
    assert [later - earlier for earlier, later in pairwise(begun)] == [0.25] * 7
    now += 100
    assert rate.wait_seconds(now) == 0
    rate.begin(now)
    assert rate.wait_seconds(now) == 0.25


def test_without_a_limit_nothing_waits() -> None:
    rate = Rate(None)
    rate.begin(1.0)
    assert rate.wait_seconds(1.0) == 0


def test_no_more_turns_are_given_than_the_window_has() -> None:
    pacing = Pacing(2, clock=Clock())
    with (
        pacing.turn(until=101.0),
        pacing.turn(until=101.0),
        pytest.raises(TimeoutError),
        pacing.turn(until=100.0),
    ):
        pass
    with pacing.turn(until=100.5):
        pass


def test_a_turn_that_ends_lets_the_next_one_begin() -> None:
    pacing = Pacing(1)
    begun: queue.SimpleQueue[str] = queue.SimpleQueue()

    def wait() -> None:
        with pacing.turn(until=time.monotonic() + 10):
            begun.put("second")

    with pacing.turn(until=time.monotonic() + 10):
        thread = threading.Thread(target=wait)
        thread.start()
        begun.put("first")
    thread.join(timeout=10)
    assert [begun.get_nowait(), begun.get_nowait()] == ["first", "second"]


def test_nothing_begins_in_a_long_pause_and_who_asks_hears_it_at_once() -> None:
    clock = Clock()
    pacing = Pacing(8, clock=clock)
    pacing.pushed_back(sent_at=clock.now, pause_seconds=30)
    assert pacing.paused_seconds == 30
    for until in (clock.now + 29, clock.now + 1000):
        with pytest.raises(TimeoutError), pacing.turn(until=until):
            pass
    clock.now += 30
    with pacing.turn(until=clock.now) as begun_at:
        assert begun_at == clock.now
    assert pacing.paused_seconds == 0
    assert pacing.window == 4


def test_a_short_pause_is_sat_out_and_a_long_one_that_comes_meanwhile_is_not() -> None:
    pacing = Pacing(1)
    pacing.pushed_back(sent_at=0, pause_seconds=0.02)
    with pacing.turn(until=time.monotonic() + 10):
        assert pacing.paused_seconds == 0

    ended: queue.SimpleQueue[str] = queue.SimpleQueue()

    def wait() -> None:
        try:
            with pacing.turn(until=time.monotonic() + 10):
                ended.put("turn")
        except TimeoutError as error:
            ended.put(str(error))

    pacing.pushed_back(sent_at=time.monotonic(), pause_seconds=4)
    thread = threading.Thread(target=wait)
    thread.start()
    pacing.pushed_back(sent_at=time.monotonic(), pause_seconds=600)
    assert ended.get(timeout=3) == "a long pause"
    thread.join()


def test_a_shorter_pause_does_not_cut_a_longer_one_short() -> None:
    clock = Clock()
    pacing = Pacing(8, clock=clock)
    pacing.pushed_back(sent_at=clock.now, pause_seconds=30)
    pacing.pushed_back(sent_at=clock.now, pause_seconds=1)
    assert pacing.paused_seconds == 30


def test_the_rate_holds_for_all_turns_together() -> None:
    clock = Clock()
    pacing = Pacing(8, requests_per_second=10, clock=clock)
    with pacing.turn(until=clock.now):
        pass
    with pytest.raises(TimeoutError), pacing.turn(until=clock.now + 0.05):
        pass
    clock.now += 0.1
    with pacing.turn(until=clock.now):
        pass


@pytest.mark.parametrize(
    ("per_second", "seconds", "requests"), [(None, 15, 8), (2, 15, 8), (0.2, 15, 3), (0.01, 15, 1)]
)
def test_no_more_is_asked_for_than_can_begin_in_the_time(
    per_second: float | None, seconds: float, requests: int
) -> None:
    assert Pacing(8, per_second).affordable(seconds) == requests
