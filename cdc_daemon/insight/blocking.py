"""Which transactions keep a worker, a first sync, or VACUUM and the emptying of changelogs waiting."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import dict_row

from cdc_daemon.capture.writers import writers
from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import statement

OLD_SECONDS = 60.0
"""A transaction that is open for longer holds back VACUUM and the emptying of changelogs."""


@dataclass(frozen=True)
class Blocker:
    """An open transaction, or a replication slot, that keeps something waiting.

    Attributes:
        blocks: what waits for it, for people.
        pid: its process; None if it is prepared, or a slot.
        gid: the identifier of a prepared transaction.
        slot: the name of a replication slot.
        role, program, state, since, query: as pg_stat_activity has them; None if this role may not see it.
    """

    blocks: Sequence[str]
    pid: int | None = None
    gid: str | None = None
    slot: str | None = None
    role: str | None = None
    program: str | None = None
    state: str | None = None
    since: datetime | None = None
    query: str | None = None


def read_blockers(connection: Connection, beginning: Mapping[str, Sequence[int]]) -> list[Blocker]:
    """Return what keeps something waiting, the oldest first.

    Args:
        beginning: oids of the source tables of each feed that has no cursor yet.
    """
    by_pid: defaultdict[int, list[str]] = defaultdict(list)
    by_virtual: defaultdict[str, list[str]] = defaultdict(list)
    any_prepared: list[str] = []
    for program, seconds, pids in connection.execute(statement("blocking.waits")):
        waits = f"{program.removeprefix('cdc-daemon: ')} waits for a lock for {seconds:.0f} s"
        for pid in pids:
            (by_pid[pid] if pid else any_prepared).append(waits)
    for feed, relations in beginning.items():
        for virtual, pid in writers(connection, relations):
            waits = f"the first sync of feed {feed} waits for its end"
            (by_virtual[virtual] if pid is None else by_pid[pid]).append(waits)
    found: list[Blocker] = []
    with connection.cursor(row_factory=dict_row) as asked:
        asked.execute(statement("blocking.transactions"), {"pids": list(by_pid), "seconds": OLD_SECONDS})
        for row in asked:
            virtual, is_old = row.pop("virtual"), row.pop("is_old")
            blocks = by_pid.get(row["pid"] or 0, []) if virtual is None else by_virtual.get(virtual, [])
            blocks = [*blocks, *(any_prepared if virtual else ())]
            if is_old:
                blocks.append("VACUUM and the emptying of changelogs wait for it")
            if blocks:
                found.append(Blocker(list(dict.fromkeys(blocks)), **row))
    return [*found, *_slots(connection)]


def _slots(connection: Connection) -> list[Blocker]:
    return [
        Blocker(
            [f"VACUUM waits for it, {age:,} transactions long"],
            slot=name,
            state="active" if active else "inactive",
        )
        for name, active, age in connection.execute(statement("blocking.slots"))
        if age > 1_000_000
    ]
