"""Rounds of writers and faults; each has tables and feeds of its own, and ends with a look at every sink."""

from __future__ import annotations

import shutil
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from cdc_daemon.errors import ConfigurationError, DatabaseUnavailable
from cdc_daemon.pg.binaries import find_binaries
from tests.support.cluster import Node, dsn_of_all, nodes
from tests.support.command import Command
from tests.torture.equality import differences, verification
from tests.torture.faults import FAULTS, NEED_A_STANDBY
from tests.torture.schemas import Seeded, make_case
from tests.torture.sinks import Target, targets
from tests.torture.world import World
from tests.torture.writers import writing

WRITERS = 3
MOST_HELD = 3
"""Faults that last at a time."""


def say(text: str) -> None:
    print(text, flush=True)


@dataclass
class Report:
    """What happened.

    Attributes:
        findings: differences, and what else must not happen; none when all is well.
    """

    commits: int = 0
    rounds: int = 0
    faults: Counter[str] = field(default_factory=Counter[str])
    findings: list[str] = field(default_factory=list[str])

    def __str__(self) -> str:
        kinds = [f"  {number:6,}  {name}" for name, number in sorted(self.faults.items())]
        return "\n".join(
            [
                f"rounds: {self.rounds:,}   commits: {self.commits:,}   faults: {self.faults.total():,}",
                *kinds,
                f"differences: {len(self.findings)}",
                *(f"  {finding}" for finding in self.findings),
            ]
        )


def torture(
    folder: Path, *, seed: int, seconds: float, round_seconds: float, kinds: tuple[str, ...]
) -> Report:
    """Rounds until the time is over.

    Args:
        folder: for configurations and files; those of a round with a difference stay.
        seed: of all decisions. What daemons and writers make of them depends on the machine's speed, too.
        seconds: of faults, without the look at the sinks after each round.
        kinds: of sinks, beside the file.
    """
    report = Report()
    with _cluster() as servers, targets(kinds, say) as sinks:
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0:
            report.rounds += 1
            number = report.rounds
            place = folder / f"round{number}"
            place.mkdir(parents=True)
            found = _round(report, servers, sinks, place, seed=seed, seconds=min(left, round_seconds))
            for each in found:
                report.findings.append(f"round {number} of seed {seed}: {each}")
            say(f"round {number}: commits {report.commits:,}, faults {report.faults.total():,}")
            if not found:
                shutil.rmtree(place)
    return report


@contextmanager
def _cluster() -> Iterator[list[Node]]:
    """A server, with a standby where PostgreSQL's programs of this machine can make one."""
    try:
        has_standby = (find_binaries("machine", only=True) / "pg_basebackup").exists()
    except ConfigurationError:
        has_standby = False
    if not has_standby:
        say("left out: promotions (no pg_basebackup on this machine: install postgresql)")
    with nodes(2 if has_standby else 1, "machine" if has_standby else "embedded") as made:
        if has_standby:
            made[1].begin_as_standby_of(made[0])
        yield made


def _round(
    report: Report, servers: list[Node], sinks: list[Target], place: Path, *, seed: int, seconds: float
) -> list[str]:
    """One round; returns what must not be."""
    number = report.rounds
    database = f"torture_{number}"
    servers[0].create_database(database)
    chance = Seeded(seed * 1000 + number)
    dsn = dsn_of_all(servers, database)
    case = make_case(dsn, chance, number)
    for sink in sinks:
        sink.forget()
    world = World(chance, case, Command(place, dsn, case.feeds), servers, sinks)
    try:
        world.configure()
        world.call_until_done("install")
        seeds = [chance.number(0, 1 << 30) for _ in range(WRITERS)]
        with writing(dsn, case, seeds) as writers:
            _make_faults(report, world, seconds)
        report.commits += sum(writer.commits for writer in writers)
        _settle(world)
        found = _compared(world)
        if not found:
            world.call_until_done("uninstall", "--yes")
    finally:
        world.end_all_daemons(signal.SIGKILL)
        for node in servers:
            shutil.copy(node.data / "server.log", place / f"{node.directory.name}.log")
    with psycopg.connect(servers[0].dsn(), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {database} WITH (FORCE)".encode())
    return found


def _compared(world: World) -> list[str]:
    """What must not be and is."""
    try:
        found = list(differences(world.command, world.case.feeds, world.targets))
        return [*world.said, *found, *verification(world.command, world.targets)]
    except (DatabaseUnavailable, psycopg.OperationalError) as error:
        return [*world.said, f"the database can't be asked: {error}"]


def _make_faults(report: Report, world: World, seconds: float) -> None:
    weights = {
        name: weight
        for name, (weight, _) in FAULTS.items()
        if len(world.nodes) > 1 or name not in NEED_A_STANDBY
    }
    ends = time.monotonic() + seconds
    try:
        while time.monotonic() < ends:
            world.keep_running()
            world.rest(0, 1500)
            name = world.chance.weighed(weights)
            made = FAULTS[name][1](world)
            if made:
                report.faults[name] += 1
                world.note(name)
            if callable(made):
                world.held.append(made)
            world.undo(most=world.chance.number(0, MOST_HELD))
    finally:
        world.undo()


def _settle(world: World) -> None:
    """With every fault ended, and nobody writing: what is not delivered now never will be."""
    world.end_all_daemons()
    world.configure()
    world.call_until_done("install")
    world.call_until_done("run", "--once")
