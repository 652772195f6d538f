"""A machine with systemd as process 1: a container that the tests use like a server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.machines import engine

PATIENCE_SECONDS = 90.0
HERE = Path(__file__).parent
SHOP = """
psql --quiet --command 'CREATE ROLE shop_owner' --command 'CREATE DATABASE shop OWNER shop_owner'
psql --quiet --dbname shop --command 'SET ROLE shop_owner' \
    --command 'CREATE TABLE product (sku text PRIMARY KEY, name text NOT NULL, price numeric NOT NULL)' \
    --command "INSERT INTO product VALUES ('A-1', 'Lamp', 21), ('A-2', 'Chair', 55)"
"""
INSTANCES = """
for name in orders stock; do
    psql --quiet --command "CREATE DATABASE $name OWNER shop_owner"
    psql --quiet --dbname $name --command 'SET ROLE shop_owner' \
        --command "CREATE TABLE $name (id int PRIMARY KEY, amount int NOT NULL)" \
        --command "INSERT INTO $name VALUES (1, 0), (2, 0)"
done
"""
"""Makes the databases of docs/deploying.md's section about several databases."""


class Machine:
    """A running machine.

    Args:
        container: its name.
    """

    def __init__(self, container: str) -> None:
        self._container = container

    def sh(self, script: str, *, user: str = "root", check: bool = True) -> str:
        """Run a script of bash that ends at the first failure; return its output, both streams."""
        return engine.docker(
            *("exec", "--interactive", "--user", user, "--workdir", "/srv", self._container),
            *("bash", "-euo", "pipefail", "-s"),
            given=script,
            check=check,
        )

    def sql(self, statement: str) -> str:
        """Run a statement in database shop as its superuser; return what it yields, a line for each row."""
        return self.sh(
            f"psql --quiet --no-align --tuples-only --dbname shop <<'END'\n{statement}\nEND\n",
            user="postgres",
        ).strip()

    def shows(self, key: str, unit: str = "cdc-daemon") -> str:
        """A property of a unit: `ActiveState`, `StatusText`, `MainPID` …"""
        return self.sh(f"systemctl show --property {key} --value {unit}").strip()

    def copy(self, path: Path) -> None:
        """Copy a file or a folder to /srv."""
        engine.docker("cp", path, f"{self._container}:/srv/")


def eventually(what: str, holds: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until something holds.

    Raises:
        AssertionError: it does not, in this time.
    """
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"not in {seconds:.0f} s: {what}")
        time.sleep(0.25)


@contextmanager
def running() -> Iterator[Machine]:
    """Start a machine with PostgreSQL and database shop; remove it at the end."""
    image = engine.build(HERE / "systemd", "cdc-daemon-tests/systemd")
    container = engine.docker(
        *("run", "--detach", "--cap-add", "SYS_ADMIN", "--security-opt", "seccomp=unconfined"),
        *("--security-opt", "apparmor=unconfined", "--tmpfs", "/run", "--tmpfs", "/run/lock"),
        *("--volume", "/sys/fs/cgroup:/sys/fs/cgroup:ro", image),
    ).strip()
    try:
        machine = Machine(container)
        eventually("systemd has started", lambda: _has_started(machine))
        machine.sh(SHOP, user="postgres")
        yield machine
    finally:
        engine.docker("rm", "--force", "--volumes", container)


def _has_started(machine: Machine) -> bool:
    return machine.sh("systemctl is-system-running", check=False).strip() in {"running", "degraded"}
