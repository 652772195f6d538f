"""A few sessions serve many workers: in turn, with the plans that each left, and with fewer where need be."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from cdc_daemon.pg.pool import Pool, Seat
from cdc_daemon.pg.session import SessionRefused, as_opened
from cdc_daemon.pg.session import connect as session_to
from cdc_daemon.workers.sync import for_sync
from tests.conftest import Connect
from tests.support.command import eventually

pytestmark = pytest.mark.any_server

PID = "SELECT pg_backend_pid()"
MOST = 3


@pytest.fixture
def pool(database: str) -> Iterator[Pool]:
    found = Pool(lambda: session_to(database), MOST)
    yield found
    found.close()


def pid(seat: Seat) -> int:
    row = seat.execute(PID).fetchone()
    assert row is not None
    return int(row[0])


def sessions(connect: Connect) -> int:
    row = (
        connect()
        .execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name LIKE 'cdc-daemon%'"
        )
        .fetchone()
    )
    assert row is not None
    return int(row[0])


def test_many_workers_share_a_few_sessions(pool: Pool, connect: Connect) -> None:
    seats = [Seat(pool, f"feed {n}", for_sync) for n in range(40)]
    with ThreadPoolExecutor(len(seats)) as threads:
        found = set(threads.map(pid, seats * 5))
    assert len(found) <= MOST
    assert sessions(connect) <= MOST


def test_a_worker_gets_the_session_that_it_had_last(pool: Pool) -> None:
    seats = [Seat(pool, f"feed {n}", for_sync) for n in range(MOST)]
    first = [pid(seat) for seat in seats]
    assert len(set(first)) == MOST
    assert [pid(seat) for seat in reversed(seats)] == first[::-1]


def test_a_transaction_keeps_its_session(pool: Pool) -> None:
    seat, other = Seat(pool, "feed a", for_sync), Seat(pool, "feed b", for_sync)
    with seat.transaction():
        seat.execute("CREATE TEMPORARY TABLE mine ON COMMIT DROP AS SELECT 1 AS n")
        pid(other)
        assert seat.execute("SELECT n FROM mine").fetchone() == (1,)
        assert seat.execute("SHOW transaction_isolation").fetchone() == ("repeatable read",)


def test_a_session_is_set_up_for_each_kind_of_work(database: str) -> None:
    pool = Pool(lambda: session_to(database), 1)
    feed, delivery = Seat(pool, "feed a", for_sync), Seat(pool, "sink b", as_opened)
    for _ in range(2):
        assert feed.execute("SHOW plan_cache_mode").fetchone() == ("force_generic_plan",)
        assert feed.execute("SHOW application_name").fetchone() == ("cdc-daemon: feed a",)
        assert delivery.execute("SHOW plan_cache_mode").fetchone() == ("auto",)
        assert delivery.execute("SHOW application_name").fetchone() == ("cdc-daemon: sink b",)
        with delivery.transaction():
            assert delivery.execute("SHOW transaction_isolation").fetchone() == ("read committed",)
    pool.close()


def test_workers_are_served_in_the_order_in_which_they_came(database: str) -> None:
    pool = Pool(lambda: session_to(database), 1)
    served: list[int] = []
    may_end = threading.Event()

    def work(number: int) -> None:
        with pool.session(f"worker {number}", as_opened):
            served.append(number)
            may_end.wait(30)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(5)]
    for number, thread in enumerate(threads):
        thread.start()
        eventually("it has the session or waits", lambda number=number: pool.waiting == number)
    may_end.set()
    for thread in threads:
        thread.join()
    assert served == [0, 1, 2, 3, 4]
    pool.close()


def test_a_lost_session_is_replaced_and_those_that_were_idle_with_it(pool: Pool, connect: Connect) -> None:
    seats = [Seat(pool, f"feed {n}", for_sync) for n in range(MOST)]
    for seat in seats:
        pid(seat)
    connect().execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name LIKE 'cdc-daemon%'"
    )
    with pytest.raises(psycopg.OperationalError):
        pid(seats[0])
    assert seats[0].broken
    for seat in seats:
        pid(seat)
    assert not seats[0].broken


def test_work_goes_on_with_fewer_sessions_where_the_server_refuses_more(
    database: str, connect: Connect
) -> None:
    role = f"few_{make_conninfo(database).partition('test_')[2][:16]}"
    connect().execute(f"CREATE ROLE {role} LOGIN CONNECTION LIMIT 2".encode())
    try:
        pool = Pool(lambda: session_to(make_conninfo(database, user=role)), 10)
        seats = [Seat(pool, f"feed {n}", for_sync) for n in range(8)]
        with ThreadPoolExecutor(len(seats)) as threads:
            found = set(threads.map(pid, seats * 5))
        assert len(found) == 2
        pool.close()
        connect().execute(f"ALTER ROLE {role} CONNECTION LIMIT 0".encode())
        with pytest.raises(SessionRefused):
            pid(Seat(Pool(lambda: session_to(make_conninfo(database, user=role)), 10), "feed 1", for_sync))
    finally:
        connect().execute(f"DROP ROLE {role}".encode())


def test_a_session_is_free_again_after_a_failed_statement(database: str) -> None:
    pool = Pool(lambda: session_to(database), 1)
    seat = Seat(pool, "feed a", for_sync)
    first = pid(seat)
    with pytest.raises(psycopg.errors.DivisionByZero), seat.transaction():
        seat.execute("SELECT 1 / 0")
    assert (pid(seat), seat.broken) == (first, False)
    pool.close()
