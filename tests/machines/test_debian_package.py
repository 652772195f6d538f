"""The Debian package under a real systemd, installed by the commands of docs/deploying.md."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.machines.machine import Machine, eventually, running
from tests.machines.pages import commands

OUT = "/var/lib/cdc-daemon/out/products.ndjson"
PRICES = """
cat > /etc/cdc-daemon/feeds/prices.sql <<'END'
SELECT sku, price FROM product
END
cat >> /etc/cdc-daemon/cdc.toml <<'END'

[feeds.prices]
query = "feeds/prices.sql"
key = ["sku"]
END
runuser -u cdc-daemon -- cdc-daemon install
"""


@pytest.fixture(scope="module")
def machine(containers: None, package: Path) -> Iterator[Machine]:
    """A machine on which the page's commands have installed the service, and a second feed was added."""
    with running() as made:
        made.copy(package)
        made.sh(commands("docs/deploying.md", "debian-package"))
        made.sh(PRICES)
        made.sh("systemctl restart cdc-daemon")
        yield made


def price_of(machine: Machine, sku: str) -> object:
    """The price that was delivered last."""
    lines = machine.sh(f"grep '\"{sku}\"' {OUT} | tail -n 1", check=False).strip()
    return json.loads(lines)["data"]["price"] if lines.startswith("{") else None


def delivered_total(machine: Machine) -> int:
    """The sum of the prices that were delivered last, of all products."""
    program = (
        f"import json\nlast = {{}}\nfor line in open({OUT!r}):\n"
        "    record = json.loads(line) if line.endswith('\\n') else {}\n"
        "    if record.get('op') in ('upsert', 'delete'):\n"
        "        last[record['key']['sku']] = record['data']\n"
        "print(sum(document['price'] for document in last.values() if document))"
    )
    return int(machine.sh(f"python3 <<'END'\n{program}\nEND\n"))


def change(machine: Machine, sku: str, price: int) -> None:
    machine.sql(f"UPDATE product SET price = {price} WHERE sku = '{sku}'")


def journal(machine: Machine, arguments: str) -> list[dict[str, str]]:
    text = machine.sh(
        f"journalctl --sync && journalctl --unit cdc-daemon --output json --no-pager {arguments}"
    )
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def test_the_commands_of_the_page_give_a_service_that_delivers(machine: Machine) -> None:
    assert machine.shows("ActiveState") == "active"
    assert machine.sh("systemctl is-enabled cdc-daemon").strip() == "enabled"
    change(machine, "A-1", 100)
    eventually("the change is delivered", lambda: price_of(machine, "A-1") == 100)


def test_the_service_runs_as_its_user_and_keeps_the_secret_out_of_its_environment(machine: Machine) -> None:
    pid = machine.shows("MainPID")
    assert machine.sh(f"stat --format %U /proc/{pid}").strip() == "cdc-daemon"
    environment = machine.sh(f"tr '\\0' '\\n' < /proc/{pid}/environ")
    assert "CREDENTIALS_DIRECTORY=/run/credentials/cdc-daemon.service" in environment
    assert "host=/run/postgresql" not in environment


def test_the_credential_needs_to_be_readable_by_root_alone(machine: Machine) -> None:
    machine.sh("chown root: /etc/cdc-daemon/dsn; chmod 600 /etc/cdc-daemon/dsn; systemctl restart cdc-daemon")
    change(machine, "A-1", 101)
    eventually("the change is delivered", lambda: price_of(machine, "A-1") == 101)
    machine.sh("chown root:cdc-daemon /etc/cdc-daemon/dsn; chmod 640 /etc/cdc-daemon/dsn")


def test_the_service_starts_before_its_database_and_says_so(machine: Machine) -> None:
    machine.sh("systemctl stop cdc-daemon postgresql; systemctl start cdc-daemon")
    assert machine.shows("ActiveState") == "active"
    eventually(
        "the status line tells it",
        lambda: machine.shows("StatusText") == "the database can't be reached; 2 feeds, 2 deliveries",
    )
    machine.sh("systemctl start postgresql")
    eventually("the daemon is back", lambda: machine.shows("StatusText") == "2 feeds, 2 deliveries")
    change(machine, "A-1", 102)
    eventually("the change is delivered", lambda: price_of(machine, "A-1") == 102)


def test_the_status_line_and_the_journal_tell_which_feed_stopped(machine: Machine) -> None:
    machine.sql("ALTER TABLE product RENAME COLUMN name TO title")
    eventually(
        "the status line tells it",
        lambda: machine.shows("StatusText") == "1 of 2 feeds stopped (products), 2 deliveries",
    )
    [entry, *_] = journal(machine, "--priority warning CDC_FEED=products CDC_EVENT=feed_stopped")
    assert entry["PRIORITY"] == "3"
    assert entry["SYSLOG_IDENTIFIER"] == "cdc-daemon"
    assert json.loads(entry["MESSAGE"])["feed"] == "products"
    assert journal(machine, "--priority warning CDC_FEED=prices CDC_EVENT=feed_stopped") == []
    machine.sql("ALTER TABLE product RENAME COLUMN title TO name")
    eventually("it is live again", lambda: machine.shows("StatusText") == "2 feeds, 2 deliveries")


def test_a_killed_daemon_comes_back_and_misses_nothing(machine: Machine) -> None:
    before = machine.shows("MainPID")
    machine.sh("systemctl kill --signal KILL cdc-daemon")
    change(machine, "A-1", 103)
    eventually("the change is delivered", lambda: price_of(machine, "A-1") == 103)
    assert machine.shows("MainPID") != before
    assert int(machine.shows("NRestarts")) >= 1


def test_the_watchdog_ends_a_daemon_that_hangs(machine: Machine) -> None:
    machine.sh(
        "mkdir -p /run/systemd/system/cdc-daemon.service.d\n"
        "printf '[Service]\\nWatchdogSec=4\\n' > /run/systemd/system/cdc-daemon.service.d/watchdog.conf\n"
        "systemctl daemon-reload && systemctl restart cdc-daemon\n"
        "systemctl kill --kill-who main --signal STOP cdc-daemon"
    )
    change(machine, "A-1", 104)
    eventually("the change is delivered", lambda: price_of(machine, "A-1") == 104)
    assert "Watchdog timeout" in machine.sh("journalctl --unit cdc-daemon --output cat --no-pager")
    machine.sh("rm -r /run/systemd/system/cdc-daemon.service.d; systemctl daemon-reload")
    machine.sh("systemctl restart cdc-daemon")


def test_a_stop_under_load_is_clean_and_loses_nothing(machine: Machine) -> None:
    machine.sql("INSERT INTO product SELECT 'L-' || n, 'Load', 0 FROM generate_series(1, 2000) AS n")
    eventually("they are delivered", lambda: price_of(machine, "L-2000") == 0)
    update = "UPDATE product SET price = n WHERE sku LIKE 'L-%'"
    machine.sql(f"DO $$ BEGIN FOR n IN 1..30 LOOP {update}; COMMIT; END LOOP; END $$")
    machine.sh("systemctl stop cdc-daemon")
    assert machine.shows("Result") == "success"
    machine.sh("systemctl start cdc-daemon")
    eventually("the last state is delivered", lambda: price_of(machine, "L-2000") == 30)
    machine.sh("runuser -u cdc-daemon -- cdc-daemon verify products")  # fails if a document differs


def test_a_stop_while_others_write_is_clean_and_loses_nothing(machine: Machine) -> None:
    machine.sql(
        "INSERT INTO product SELECT 'L-' || n, 'Load', 0 FROM generate_series(1, 2000) AS n"
        " ON CONFLICT DO NOTHING"
    )
    machine.sh(
        "cat > /srv/write.sql <<'END'\n"
        "\\set n random(1, 2000)\n"
        "UPDATE product SET price = price + 1 WHERE sku = 'L-' || :n;\n"
        "END\n"
        "systemd-run --quiet --unit writer --uid postgres"
        " pgbench --no-vacuum --file /srv/write.sql --client 2 --time 600 shop"
    )
    size = f"stat --format %s {OUT}"
    before = int(machine.sh(size))
    eventually("changes are delivered under load", lambda: int(machine.sh(size)) > before + 100_000)
    began = time.monotonic()
    machine.sh("systemctl stop cdc-daemon")
    assert (machine.shows("TimeoutStopUSec"), time.monotonic() - began < 45) == ("45s", True)
    assert (machine.shows("Result"), machine.shows("ExecMainStatus")) == ("success", "0")
    assert machine.shows("ActiveState", "writer") == "active"
    written = delivered_total(machine)
    machine.sh("systemctl start cdc-daemon; systemctl stop writer")
    total = int(machine.sql("SELECT sum(price) FROM product"))
    assert total > written, "others wrote while the daemon did not run"
    eventually("all that was written is delivered", lambda: delivered_total(machine) == total)
    machine.sh("runuser -u cdc-daemon -- cdc-daemon verify products")


@pytest.fixture(scope="module")
def reader(machine: Machine) -> str:
    """The account of a person who is not root and has the rights of docs/operating.md."""
    machine.sh("useradd --create-home reader")
    machine.sh(commands("docs/operating.md", "onlooker"))
    return "reader"


ASKING = commands("docs/operating.md", "onlooker-asks")
OWN_ROLE = ASKING.splitlines()[0]


def test_a_person_who_is_not_root_asks_status_trace_and_log(machine: Machine, reader: str) -> None:
    change(machine, "A-1", 110)
    eventually("the change is delivered", lambda: price_of(machine, "A-1") == 110)
    machine.sh("journalctl --sync")
    told = machine.sh(ASKING, user=reader)
    assert re.search(r"^schema cdc: version \d+, made by cdc-daemon \S+ at ", told, re.MULTILINE), told
    assert "no daemon runs" not in told
    assert re.search(r"^Delivered to out at ", told, re.MULTILINE), "what trace tells"
    assert "batch_delivered" in told
    status = json.loads(machine.sh(f"{OWN_ROLE}\ncdc-daemon status --json", user=reader))
    assert status["schema"]["number"] == int(machine.sql("SELECT max(number) FROM cdc.applied_migration"))


def test_a_person_with_these_rights_changes_nothing(machine: Machine, reader: str) -> None:
    for command in ("resync products", "pause --feed products", "uninstall --yes"):
        told = machine.sh(f"{OWN_ROLE}\ncdc-daemon {command} && echo done || true", user=reader)
        assert "done" not in told.splitlines(), told
        assert "Traceback" not in told
    assert "paused" not in machine.sh(f"{OWN_ROLE}\ncdc-daemon status", user=reader)


def test_the_log_is_for_members_of_the_groups_of_the_journal(machine: Machine, reader: str) -> None:
    ask = "cdc-daemon logs --event daemon_started --json"
    everything = machine.sh(ask).splitlines()
    assert everything != []
    machine.sh("useradd --groups adm auditor; useradd stranger")
    for user in (reader, "auditor"):
        assert machine.sh(ask, user=user).splitlines() == everything
    refused = machine.sh(f"{ask} && echo done || true", user="stranger")
    assert "add your user to the group systemd-journal" in refused
    assert "done" not in refused.splitlines()


RECEIVER = """
cat > /srv/receiver.py <<'END'
import http.server

class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        with open("/srv/authorizations", "a") as seen:
            print(self.headers["Authorization"], file=seen)
        self.send_response(200)
        self.end_headers()

http.server.HTTPServer(("127.0.0.1", 8080), Receiver).serve_forever()
END
systemd-run --quiet --unit receiver python3 /srv/receiver.py
"""


def authorization_of_the_next_delivery(machine: Machine) -> str:
    machine.sh("rm -f /srv/authorizations")
    machine.sql("UPDATE product SET price = price + 1 WHERE sku = 'A-2'")
    seen = "head -n 1 /srv/authorizations"
    eventually("it is delivered", lambda: machine.sh(seen, check=False).startswith("Bearer"))
    return machine.sh(seen).strip()


def reload(machine: Machine) -> None:
    at = len(journal(machine, "CDC_EVENT=configuration_reloaded"))
    machine.sh("systemctl reload cdc-daemon")
    eventually("it is reloaded", lambda: len(journal(machine, "CDC_EVENT=configuration_reloaded")) > at)


@pytest.fixture
def web(machine: Machine) -> Iterator[None]:
    """A sink that shows the secret in `/etc/cdc-daemon/token` to its receiver. It goes with the test."""
    machine.sh(
        "cp /etc/cdc-daemon/cdc.toml /srv/before.toml\n"
        "install -m 640 -g cdc-daemon /dev/null /etc/cdc-daemon/token; echo first > /etc/cdc-daemon/token\n"
        'printf \'\\n[sinks.web]\\ntype = "http"\\nurl = "http://127.0.0.1:8080/"\\n'
        'token_file = "token"\\n\' >> /etc/cdc-daemon/cdc.toml\n' + RECEIVER
    )
    yield
    machine.sh(
        "systemctl stop receiver; cp /srv/before.toml /etc/cdc-daemon/cdc.toml; rm /etc/cdc-daemon/token\n"
        "rm -rf /run/systemd/system/cdc-daemon.service.d\n"
        "systemctl daemon-reload; systemctl restart cdc-daemon"
    )


def test_a_reload_rotates_a_secret_if_the_service_reads_its_file_itself(machine: Machine, web: None) -> None:
    reload(machine)
    assert authorization_of_the_next_delivery(machine) == "Bearer first"
    pid = machine.shows("MainPID")
    machine.sh("echo second > /etc/cdc-daemon/token")
    reload(machine)
    assert authorization_of_the_next_delivery(machine) == "Bearer second"
    assert machine.shows("MainPID") == pid


def test_a_person_needs_no_secret_of_a_sink_to_look(machine: Machine, reader: str, web: None) -> None:
    refused = machine.sh(f"{OWN_ROLE}\ncdc-daemon status || true", user=reader)
    assert "set CDC_SINKS_WEB_TOKEN" in refused
    asking = ASKING.replace(OWN_ROLE, f"{OWN_ROLE} CDC_SINKS_WEB_TOKEN=none")
    assert "schema cdc: version" in machine.sh(asking, user=reader)


def test_a_credential_and_an_environment_file_are_read_at_a_restart(machine: Machine, web: None) -> None:
    machine.sh(
        "mkdir -p /run/systemd/system/cdc-daemon.service.d\n"
        "printf '[Service]\\nLoadCredential=token:/etc/cdc-daemon/token\\nEnvironmentFile=/srv/environment\\n"
        "' > /run/systemd/system/cdc-daemon.service.d/secrets.conf\n"
        "echo CDC_DAEMON_POLL_SECONDS=0.5 > /srv/environment\n"
        "systemctl daemon-reload && systemctl restart cdc-daemon"
    )
    assert authorization_of_the_next_delivery(machine) == "Bearer first"
    machine.sh("echo second > /etc/cdc-daemon/token; echo CDC_SINKS_WEB_MAX_ATTEMPTS=x > /srv/environment")
    reload(machine)  # the process has the former environment, so it does not see the fault
    machine.sh("systemctl restart cdc-daemon", check=False)
    assert machine.shows("ExecMainStatus") == "2", "it sees the fault now"
    machine.sh("echo > /srv/environment; systemctl reset-failed cdc-daemon; systemctl restart cdc-daemon")
    assert authorization_of_the_next_delivery(machine) == "Bearer second"


def test_a_reload_follows_a_new_feed_in_the_same_process(machine: Machine) -> None:
    before = machine.shows("MainPID")
    machine.sh(
        'printf \'\\n[feeds.names]\\nquery_text = "SELECT sku, name FROM product"\\nkey = ["sku"]\\n\' '
        ">> /etc/cdc-daemon/cdc.toml; systemctl reload cdc-daemon"
    )
    eventually("it is followed", lambda: machine.shows("StatusText") == "3 feeds, 3 deliveries")
    machine.sql("UPDATE product SET name = 'Stool' WHERE sku = 'A-2'")
    eventually(
        "its documents are delivered",
        lambda: "Stool" in machine.sh("cat /var/lib/cdc-daemon/out/names.ndjson", check=False),
    )
    assert machine.shows("MainPID") == before


def test_a_reload_of_a_fault_is_told_and_the_former_configuration_goes_on(machine: Machine) -> None:
    before = machine.shows("MainPID")
    machine.sh("sed -i '1i nonsense = 1' /etc/cdc-daemon/cdc.toml; systemctl reload cdc-daemon")
    eventually("it is told", lambda: journal(machine, "CDC_EVENT=reload_failed") != [])
    machine.sh("sed -i '/^nonsense/d' /etc/cdc-daemon/cdc.toml")
    change(machine, "A-1", 105)
    eventually("the change is delivered", lambda: price_of(machine, "A-1") == 105)
    assert machine.shows("MainPID") == before


def test_a_fault_in_the_configuration_is_told_and_leads_to_no_restart(machine: Machine) -> None:
    machine.sh("echo 'nonsense = 1' >> /etc/cdc-daemon/cdc.toml")
    machine.sh("systemctl restart cdc-daemon", check=False)
    assert machine.shows("ActiveState") == "failed"
    assert machine.shows("ExecMainStatus") == "2"
    assert machine.shows("NRestarts") == "0"
    assert "nonsense" in machine.sh("journalctl --unit cdc-daemon --output cat --no-pager | tail -n 5")
    machine.sh("sed -i '/^nonsense/d' /etc/cdc-daemon/cdc.toml; systemctl reset-failed cdc-daemon")
    machine.sh("systemctl start cdc-daemon")


def test_systemd_finds_the_service_well_confined(machine: Machine) -> None:
    told = machine.sh("systemd-analyze security --no-pager cdc-daemon").splitlines()[-1]
    assert float(told.split("cdc-daemon.service:")[1].split()[0]) <= 1.5, told


def test_an_upgrade_restarts_what_runs_and_leaves_your_files_alone(machine: Machine) -> None:
    before = machine.shows("MainPID")
    config = machine.sh("sha256sum /etc/cdc-daemon/cdc.toml")
    machine.sh("dpkg --install --force-confold ./cdc-daemon_*.deb")
    assert machine.shows("ActiveState") == "active"
    assert machine.shows("MainPID") != before
    assert machine.sh("sha256sum /etc/cdc-daemon/cdc.toml") == config


def test_removing_stops_the_service_and_purging_leaves_only_what_you_wrote(machine: Machine) -> None:
    machine.sh("systemctl stop cdc-daemon; runuser -u cdc-daemon -- cdc-daemon uninstall --yes")
    machine.sh("apt-get remove --yes cdc-daemon")
    assert machine.shows("ActiveState") == "inactive"
    assert machine.sh("ls /usr/bin/cdc-daemon /usr/lib/cdc-daemon 2>/dev/null || true") == ""
    assert "cdc.toml" in machine.sh("ls /etc/cdc-daemon")
    machine.sh("apt-get purge --yes cdc-daemon")
    assert machine.sh("ls -d /var/lib/cdc-daemon 2>/dev/null || true") == ""
    assert machine.sh("cd /etc/cdc-daemon && find . -type f | sort").split() == [
        "./dsn",
        "./feeds/prices.sql",
        "./feeds/products.sql",
    ]
