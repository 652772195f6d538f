"""An installation by pipx under a real systemd, by the commands of docs/deploying.md."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.machines import engine
from tests.machines.machine import INSTANCES, Machine, eventually, running
from tests.machines.pages import commands

OUT = "/var/lib/cdc-daemon/out/products.ndjson"


@pytest.fixture(scope="module")
def machine(containers: None, wheels: Path) -> Iterator[Machine]:
    """A machine on which the page's commands have installed the service, from a folder of wheels."""
    tools = engine.cache() / "wheels-of-pipx"
    if not tools.exists():  # pipx brings its own pip up to date
        download: list[str | Path] = [sys.executable, "-m", "pip", "download", "--quiet", "--dest", tools]
        subprocess.run([*download, "pip", "setuptools", "wheel"], check=True)
    with running() as made:
        made.copy(wheels)
        made.copy(tools)
        offline = f"export PIP_NO_INDEX=1 PIP_FIND_LINKS='/srv/{wheels.name} /srv/{tools.name}'\n"
        made.sh(offline + commands("docs/deploying.md", "pipx"))
        yield made


def delivered(machine: Machine) -> list[dict[str, object]]:
    text = machine.sh(f"cat {OUT} 2>/dev/null || true")
    return [json.loads(line)["data"] for line in text.splitlines() if '"upsert"' in line]


def test_the_commands_of_the_page_give_a_service_that_delivers(machine: Machine) -> None:
    machine.sql("UPDATE product SET price = 100 WHERE sku = 'A-1'")
    lamp = {"sku": "A-1", "name": "Lamp", "price": 100}
    eventually("the change is delivered", lambda: lamp in delivered(machine))
    assert machine.shows("FragmentPath") == "/etc/systemd/system/cdc-daemon.service"
    assert machine.sh(f"stat --format %U /proc/{machine.shows('MainPID')}").strip() == "cdc-daemon"


def test_a_group_that_the_operator_names_reads_the_files_of_a_sink(machine: Machine) -> None:
    machine.sh(
        "groupadd --system readers && useradd --system --groups readers reader && useradd --system stranger\n"
        'printf \'file_mode = "0640"\\nfolder_mode = "0750"\\n\' >> /etc/cdc-daemon/cdc.toml\n'
        "systemctl stop cdc-daemon && rm -r /var/lib/cdc-daemon/out\n"
        "cdc-daemon service install --user cdc-daemon --group readers && systemctl start cdc-daemon\n"
        "runuser -u cdc-daemon -- cdc-daemon replay out --all"
    )
    eventually("the documents are there again", lambda: len(delivered(machine)) >= 2)
    assert "A-2" in machine.sh(f"cat {OUT}", user="reader")
    assert "Permission denied" in machine.sh(f"cat {OUT}", user="stranger", check=False)


def test_a_second_call_changes_nothing_and_uninstall_leaves_nothing(machine: Machine) -> None:
    again = machine.sh("cdc-daemon service install --user cdc-daemon --group readers")
    assert "Nothing to do" in again
    machine.sh("cdc-daemon service uninstall")
    assert machine.shows("LoadState") == "not-found"


def test_the_commands_of_the_page_give_an_instance_for_each_of_two_databases(machine: Machine) -> None:
    machine.sh(INSTANCES, user="postgres")
    for name in ("instances", "instances-pipx", "instances-start"):
        machine.sh(commands("docs/deploying.md", name))
    for name in ("orders", "stock"):
        unit, out = f"cdc-daemon@{name}", f"/var/lib/cdc-daemon-{name}/out/{name}.ndjson"
        assert machine.shows("FragmentPath", unit) == f"/etc/systemd/system/{unit}.service"
        eventually(
            "both documents are delivered",
            lambda out=out: machine.sh(f"grep --count upsert {out}", check=False).strip() == "2",
        )
    machine.sh("cdc-daemon service uninstall --instance orders")
    assert machine.shows("ActiveState", "cdc-daemon@orders") == "inactive"
    assert machine.shows("ActiveState", "cdc-daemon@stock") == "active"
