"""Several databases on one machine, and passwords that change, under a real systemd."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.machines.machine import INSTANCES, Machine, eventually, running
from tests.machines.pages import commands

PAGE = "docs/deploying.md"
NAMES = ("orders", "stock")


@pytest.fixture(scope="module")
def machine(containers: None, package: Path) -> Iterator[Machine]:
    """A machine with the Debian package, on which the page's commands have started two instances."""
    with running() as made:
        made.copy(package)
        made.sh("apt-get install ./cdc-daemon_*.deb")
        made.sql('CREATE ROLE "cdc-daemon" LOGIN CREATEROLE IN ROLE shop_owner')
        made.sh(INSTANCES, user="postgres")
        made.sh(commands(PAGE, "instances"))
        made.sh(commands(PAGE, "instances-start"))
        yield made


def sql(machine: Machine, name: str, statement: str) -> str:
    """Run a statement in the database of an instance."""
    return machine.sql(f"\\connect -reuse-previous=on {name}\n{statement}")


def unit(name: str) -> str:
    return f"cdc-daemon@{name}"


def delivers(machine: Machine, name: str, amount: int) -> None:
    """Change the row with ID 1 and wait until the instance has delivered it."""
    sql(machine, name, f"UPDATE {name} SET amount = {amount} WHERE id = 1")
    out = f"/var/lib/cdc-daemon-{name}/out/{name}.ndjson"
    eventually(
        f"{name} has delivered {amount}",
        lambda: f'"data":{{"id":1,"amount":{amount}}}' in machine.sh(f"tail -n 3 {out}", check=False),
    )


def events(machine: Machine, name: str, event: str) -> list[dict[str, object]]:
    """The events of an instance, as `cdc-daemon logs` finds them."""
    machine.sh("journalctl --sync")
    text = machine.sh(f"cdc-daemon logs --unit {unit(name)} --event {event} --json")
    return [json.loads(line) for line in text.splitlines()]


def end_sessions(machine: Machine, name: str) -> None:
    """End every session of the daemon's role in a database, so that the daemon has to log in again."""
    sql(
        machine,
        name,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE usename = 'cdc-daemon' AND datname = current_database()",
    )


def test_the_commands_of_the_page_give_two_instances_that_deliver(machine: Machine) -> None:
    for amount, name in enumerate(NAMES, start=100):
        assert machine.shows("ActiveState", unit(name)) == "active"
        assert machine.sh(f"systemctl is-enabled {unit(name)}").strip() == "enabled"
        delivers(machine, name, amount)
    assert machine.shows("ActiveState") == "inactive", "the service without a name does not run"


def test_each_instance_has_its_own_credential_state_and_documents(machine: Machine) -> None:
    for name, other in (NAMES, NAMES[::-1]):
        machine.sh(f"chown root: /etc/cdc-daemon/{name}/dsn; chmod 600 /etc/cdc-daemon/{name}/dsn")
        machine.sh(f"systemctl restart {unit(name)}")
        pid = machine.shows("MainPID", unit(name))
        assert machine.sh(f"stat --format %U /proc/{pid}").strip() == "cdc-daemon"
        environment = machine.sh(f"tr '\\0' '\\n' < /proc/{pid}/environ").splitlines()
        assert f"CREDENTIALS_DIRECTORY=/run/credentials/{unit(name)}.service" in environment
        assert f"CDC_DAEMON_STATE_DIR=/var/lib/cdc-daemon-{name}" in environment
        delivers(machine, name, 200)
        state = machine.sh(f"find /var/lib/cdc-daemon-{name} -type f -printf '%P\\n'").split()
        assert f"out/{name}.ndjson" in state
        assert f"out/{other}.ndjson" not in state
    ids = {machine.sh(f"cat /var/lib/cdc-daemon-{name}/daemon-id") for name in NAMES}
    witnesses = machine.sh("cd /var/lib && ls cdc-daemon-*/witness-*").split()
    assert len(ids) == 2
    assert sorted(witness.split("/")[0] for witness in witnesses) == ["cdc-daemon-orders", "cdc-daemon-stock"]


def test_a_reload_of_one_instance_does_not_concern_the_other(machine: Machine) -> None:
    pids = {name: machine.shows("MainPID", unit(name)) for name in NAMES}
    before = {name: len(events(machine, name, "configuration_reloaded")) for name in NAMES}
    machine.sh(
        'printf \'\\n[feeds.ids]\\nquery_text = "SELECT id FROM stock"\\nkey = ["id"]\\n\''
        f" >> /etc/cdc-daemon/stock/cdc.toml; systemctl reload {unit('stock')}"
    )
    eventually(
        "the instance follows the new feed",
        lambda: machine.shows("StatusText", unit("stock")) == "2 feeds, 2 deliveries",
    )
    eventually(
        "it is told",
        lambda: len(events(machine, "stock", "configuration_reloaded")) == before["stock"] + 1,
    )
    assert len(events(machine, "orders", "configuration_reloaded")) == before["orders"]
    assert machine.shows("StatusText", unit("orders")) == "1 feed, 1 delivery"
    assert {name: machine.shows("MainPID", unit(name)) for name in NAMES} == pids
    delivers(machine, "orders", 300)


def test_the_journal_is_asked_by_instance(machine: Machine) -> None:
    for name, other in (NAMES, NAMES[::-1]):
        machine.sh("journalctl --sync")
        text = machine.sh(
            f"journalctl --unit {unit(name)} --output json --no-pager CDC_EVENT=batch_delivered"
        )
        entries = [json.loads(line) for line in text.splitlines()]
        assert {entry["_SYSTEMD_UNIT"] for entry in entries} == {f"{unit(name)}.service"}
        feeds = {entry["CDC_FEED"] for entry in entries}
        assert name in feeds
        assert other not in feeds
        assert events(machine, name, "batch_delivered") != []
        assert {event["feed"] for event in events(machine, name, "batch_delivered")} == feeds


def test_a_stopped_instance_leaves_the_other_running(machine: Machine) -> None:
    machine.sh(f"systemctl stop {unit('orders')}")
    delivers(machine, "stock", 301)
    machine.sh(f"systemctl start {unit('orders')}")
    delivers(machine, "orders", 301)


def test_systemd_finds_an_instance_well_confined(machine: Machine) -> None:
    told = machine.sh(f"systemd-analyze security --no-pager {unit('stock')}").splitlines()[-1]
    assert float(told.split(f"{unit('stock')}.service:")[1].split()[0]) <= 1.5, told


def change_password(machine: Machine, password: str) -> None:
    sql(machine, "stock", f"ALTER ROLE \"cdc-daemon\" PASSWORD '{password}'")


def is_refused(machine: Machine) -> None:
    """Wait until the instance has lost its sessions and the server refuses its password."""
    end_sessions(machine, "stock")
    eventually(
        "the server refuses the password",
        lambda: machine.shows("StatusText", unit("stock")).startswith("the database can't be reached"),
    )
    # PostgreSQL tells of each refusal, so that it's the password for which the daemon waits.
    eventually(
        "the reason is told",
        lambda: any(
            "password authentication failed" in str(event["reason"])
            for event in events(machine, "stock", "database_lost")
        ),
    )


def test_a_password_in_a_credential_is_read_at_a_restart(machine: Machine) -> None:
    write = "echo 'host=127.0.0.1 dbname=stock user=cdc-daemon password={}' > /etc/cdc-daemon/stock/dsn"
    change_password(machine, "first")
    machine.sh(f"{write.format('first')}; systemctl restart {unit('stock')}")
    delivers(machine, "stock", 400)
    change_password(machine, "second")
    delivers(machine, "stock", 401)  # open sessions stay
    pid = machine.shows("MainPID", unit("stock"))
    before = len(events(machine, "stock", "configuration_reloaded"))
    machine.sh(f"{write.format('second')}; systemctl reload {unit('stock')}")
    eventually(
        "it is reloaded", lambda: len(events(machine, "stock", "configuration_reloaded")) == before + 1
    )
    is_refused(machine)
    assert machine.shows("MainPID", unit("stock")) == pid, "it waits, and does not end"
    machine.sh(f"systemctl restart {unit('stock')}")
    delivers(machine, "stock", 402)


def test_a_password_in_a_file_that_the_service_reads_itself_is_read_at_a_reload(machine: Machine) -> None:
    write = "echo 'host=127.0.0.1 dbname=stock user=cdc-daemon password={}' > /etc/cdc-daemon/stock/login"
    change_password(machine, "third")
    machine.sh(
        "install -m 640 -g cdc-daemon /dev/null /etc/cdc-daemon/stock/login\n"
        f"{write.format('third')}\n"
        "sed -i 's/dsn_file = .*/dsn_file = \"login\"/' /etc/cdc-daemon/stock/cdc.toml\n"
        f"systemctl restart {unit('stock')}"
    )
    delivers(machine, "stock", 500)
    pid = machine.shows("MainPID", unit("stock"))
    change_password(machine, "fourth")
    is_refused(machine)
    machine.sh(f"{write.format('fourth')}; systemctl reload {unit('stock')}")
    delivers(machine, "stock", 501)
    assert machine.shows("MainPID", unit("stock")) == pid
    machine.sh("sed -i 's/dsn_file = .*/dsn_file = \"dsn\"/' /etc/cdc-daemon/stock/cdc.toml")


def test_a_password_in_a_file_of_libpq_is_read_by_the_next_session(machine: Machine) -> None:
    change_password(machine, "sesame")
    machine.sh(commands(PAGE, "passfile"))
    delivers(machine, "stock", 600)
    pid = machine.shows("MainPID", unit("stock"))
    change_password(machine, "barley")
    is_refused(machine)
    machine.sh("sed -i s/sesame/barley/ /etc/cdc-daemon/stock/pgpass")
    delivers(machine, "stock", 601)
    assert machine.shows("MainPID", unit("stock")) == pid


def test_removing_the_package_stops_the_instances_and_purging_removes_their_state(machine: Machine) -> None:
    machine.sh("apt-get remove --yes cdc-daemon")
    for name in NAMES:
        assert machine.shows("ActiveState", unit(name)) == "inactive"
    assert machine.sh("find /etc/systemd/system -name 'cdc-daemon*'") == ""
    machine.sh("apt-get purge --yes cdc-daemon")
    assert machine.sh("find /var/lib -maxdepth 1 -name 'cdc-daemon*'") == ""
    assert "stock/cdc.toml" in machine.sh("cd /etc/cdc-daemon && find . -type f")
