"""What feeds cost while nothing happens: processor time of the daemon, and of the server for it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg

from bench.daemon import Daemon, Installed
from bench.figure import Figure
from bench.place import Place

_FEEDS = (1, 60)
_SETTLED_SECONDS = 20
_ROWS = 50
_TICKS = os.sysconf("SC_CLK_TCK")


def measure(place: Place) -> Iterator[Figure]:
    """Feeds of one table each, with a file sink, after their first sync."""
    seconds = place.rounds(60, 5)
    for feeds in _FEEDS:
        dsn = place.server.create_database(f"idle_{feeds}")
        with psycopg.connect(dsn, autocommit=True) as connection:
            for number in range(feeds):
                connection.execute(f"CREATE TABLE item_{number} (id int PRIMARY KEY, name text)".encode())
                filled = f"INSERT INTO item_{number} SELECT n, 'a' FROM generate_series(1, {_ROWS}) AS n"
                connection.execute(filled.encode())
        cdc = Installed(configured(place.folder / f"idle_{feeds}", feeds), dsn)
        cdc.call("install")
        with cdc.running() as daemon, psycopg.connect(dsn, autocommit=True) as connection:
            for number in range(feeds):
                daemon.wait_delivered(f"items_{number}", _ROWS)
            time.sleep(place.rounds(_SETTLED_SECONDS, 1))
            yield from _figures(daemon, connection, feeds, seconds)


def _figures(daemon: Daemon, connection: psycopg.Connection, feeds: int, seconds: float) -> Iterator[Figure]:
    sessions = (
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    servers = [pid for (pid,) in connection.execute(sessions).fetchall()]
    before = processor_seconds([daemon.pid]), processor_seconds(servers)
    time.sleep(seconds)
    after = processor_seconds([daemon.pid]), processor_seconds(servers)
    made_of = f"{seconds:g} s; {len(servers)} sessions"
    for who, first, last in zip(("the daemon", "the server for it"), before, after, strict=True):
        name = f"{feeds} {'feed' if feeds == 1 else 'feeds'} at rest: processor time of {who}"
        yield Figure(name, 1000 * (last - first) / seconds, "ms a second", made_of=made_of)


def processor_seconds(pids: list[int]) -> float:
    """Processor time of processes since their start, in seconds."""
    used = 0
    for pid in pids:
        # Behind the name, which may hold spaces: user and system time are fields 14 and 15 of all.
        fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
        used += int(fields[11]) + int(fields[12])
    return used / _TICKS


def configured(folder: Path, feeds: int) -> Path:
    """Write a configuration with so many feeds of one table each. Return its path."""
    folder.mkdir()
    lines = ["[daemon]", f"state_dir = '{folder / 'state'}'"]
    for number in range(feeds):
        (folder / f"{number}.sql").write_text(f"SELECT id, name FROM public.item_{number}", "utf-8")
        lines += [f"[feeds.items_{number}]", f"query = '{folder / f'{number}.sql'}'", "key = ['id']"]
    lines += ["[sinks.file]", "type = 'file'", f"path = '{folder / 'out' / '{feed}.ndjson'}'"]
    configuration = folder / "cdc.toml"
    configuration.write_text("\n".join(lines) + "\n", "utf-8")
    return configuration
