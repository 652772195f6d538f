"""The daemon delivers to each kind of sink and is killed at each step; every target ends with the feed.

One daemon delivers to all kinds. Each sink stops at the step, and the daemon is killed when all have."""

from __future__ import annotations

from contextlib import ExitStack, closing
from pathlib import Path

import psycopg
import pytest

from tests.acceptance.dying import STEPS
from tests.receivers.kinds import RECEIVERS
from tests.receivers.receiver import Documents, key_of, meaning
from tests.support.bed import Bed
from tests.support.command import Feed, eventually, execute, toml

pytestmark = pytest.mark.migrated

SELECT = "SELECT sku, name, price, note FROM product"
KINDS = sorted(set(RECEIVERS) - {"stdout"})  # it is the daemon's own output there, not a target that stays


def expected(dsn: str) -> Documents:
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(
            f"SELECT json_build_object('sku', q.sku)::text, row_to_json(q)::text FROM ({SELECT}) AS q"  # pyright: ignore[reportArgumentType]
        ).fetchall()
    return {key_of(key): meaning(document) for key, document in rows}


@pytest.mark.usefixtures("registered")
def test_nothing_is_lost_wherever_the_daemon_is_killed(
    request: pytest.FixtureRequest, database: str, tmp_path: Path
) -> None:
    execute(
        database,
        "CREATE TABLE product (sku text PRIMARY KEY, name text, price numeric, note text);"
        "INSERT INTO product SELECT 'p:' || n, 'Größe', n * 1.10, NULL FROM generate_series(1, 40) AS n",
    )
    command = Bed(tmp_path, database, {"products": Feed(SELECT, key=("sku",))})
    command.install()
    with ExitStack() as opened:
        opened.callback(command.close)
        receivers = {kind: opened.enter_context(closing(RECEIVERS[kind](request))) for kind in KINDS}
        sinks: list[str] = []
        for name, receiver in receivers.items():
            of = {"type": receiver.kind, "timeout_seconds": 10.0, **receiver.settings()}
            own = {"type": "dying", "told": "told", "batch_records": 9}
            sinks.append(f"[sinks.{name}]\n{toml(own)}\n[sinks.{name}.of]\n{toml(of)}\n")
        command.configure(sinks="".join(sinks))  # of a kind that this process does not know
        for number, step in enumerate(STEPS):
            told = tmp_path / "told"
            told.mkdir()
            daemon = command.start()
            daemon.await_event("feed_planned")
            if number == 0:
                for name, receiver in receivers.items():
                    daemon.await_event("snapshot_ended", sink=name)
                    assert receiver.documents("products") == expected(database), name
            (told / "step").write_text(step)
            execute(
                database,
                f"UPDATE product SET price = price + 0.10, note = 'n{number}' WHERE sku < 'p:3'",
                f"DELETE FROM product WHERE sku = 'p:{30 + number}'",
                f"INSERT INTO product VALUES ('p:{29 + number}', 'again', 1.50) ON CONFLICT DO NOTHING",
            )
            reached = {told / name for name in receivers}
            eventually(f"all are {step}", lambda told=told, all_=reached: all_ <= {*told.iterdir()})
            daemon.kill()
            told.rename(tmp_path / f"told {number}")
            execute(database, f"UPDATE product SET note = 'later' WHERE sku = 'p:{number + 1}'")
        command.call("run", "--once")
        for name, receiver in receivers.items():
            assert receiver.documents("products") == expected(database), name
