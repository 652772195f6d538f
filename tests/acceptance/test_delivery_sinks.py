"""The daemon delivers to each kind of sink and is killed at each step; the target ends with the feed."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.acceptance.dying import STEPS
from tests.acceptance.self_killing_sink import register
from tests.receivers.kinds import RECEIVERS
from tests.receivers.receiver import Documents, Receiver, key_of, meaning
from tests.support.bed import Bed
from tests.support.command import Feed, eventually, execute

SELECT = "SELECT sku, name, price, note FROM product"
KINDS = sorted(set(RECEIVERS) - {"stdout"})  # it is the daemon's own output there, not a target that stays


@pytest.fixture(params=KINDS)
def receiver(request: pytest.FixtureRequest) -> Iterator[Receiver]:
    made = RECEIVERS[request.param](request)
    yield made
    made.close()


def expected(dsn: str) -> Documents:
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(
            f"SELECT json_build_object('sku', q.sku)::text, row_to_json(q)::text FROM ({SELECT}) AS q"  # pyright: ignore[reportArgumentType]
        ).fetchall()
    return {key_of(key): meaning(document) for key, document in rows}


def test_nothing_is_lost_wherever_the_daemon_is_killed(
    receiver: Receiver, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", register(tmp_path / "installed"))
    execute(
        database,
        "CREATE TABLE product (sku text PRIMARY KEY, name text, price numeric, note text);"
        "INSERT INTO product SELECT 'p:' || n, 'Größe', n * 1.10, NULL FROM generate_series(1, 40) AS n",
    )
    of = json.dumps({"type": receiver.kind, "timeout_seconds": 10.0, **receiver.settings()})
    of = of.replace('": ', '" = ')  # an inline table of TOML
    sink = f'[sinks.target]\ntype = "dying"\ntold = "dies"\nbatch_records = 9\nof = {of}\n'
    command = Bed(tmp_path, database, {"products": Feed(SELECT, key=("sku",))})
    command.install()
    command.configure(sinks=sink)  # a kind that this process does not know
    for number, step in enumerate(STEPS):
        (tmp_path / "dies").unlink(missing_ok=True)
        daemon = command.start()
        daemon.await_event("feed_planned")
        if number == 0:
            daemon.await_event("snapshot_ended")
            assert receiver.documents("products") == expected(database)
        (tmp_path / "dies").write_text(step)
        execute(
            database,
            f"UPDATE product SET price = price + 0.10, note = 'n{number}' WHERE sku < 'p:3'",
            f"DELETE FROM product WHERE sku = 'p:{30 + number}'",
            f"INSERT INTO product VALUES ('p:{29 + number}', 'again', 1.50) ON CONFLICT DO NOTHING",
        )
        eventually("it dies", lambda daemon=daemon: daemon.process.poll() is not None)
        assert daemon.process.returncode == -signal.SIGKILL, daemon.text()
        execute(database, f"UPDATE product SET note = 'later' WHERE sku = 'p:{number + 1}'")
    command.call("run", "--once")
    assert receiver.documents("products") == expected(database)
    command.close()
