"""How two configurations differ: which workers that concerns, and which settings need more than a reload."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdc_daemon.jobs import Job, difference
from cdc_daemon.settings import Settings, load
from cdc_daemon.settings.changes import applicable, of_another_daemon
from cdc_daemon.supervisor import Supervisor
from cdc_daemon.workload import Workload

PLAIN = """
[database]
dsn = "postgresql://cdc:old-password@db.example/shop?sslmode=require"
[daemon]
state_dir = "state"
[feeds.a]
query = "a.sql"
key = ["id"]
[feeds.b]
query = "b.sql"
key = ["id"]
sinks = ["web"]
[sinks.web]
type = "http"
url = "https://web.example/{feed}"
ca_file = "ca.pem"
[sinks.out]
type = "stdout"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.sql", "b.sql"):
        (tmp_path / name).write_text("SELECT 1 AS id")
    (tmp_path / "ca.pem").write_text("first")
    return tmp_path


def read(folder: Path, *edits: tuple[str, str]) -> Settings:
    text = PLAIN
    for before, after in edits:
        assert before in text
        text = text.replace(before, after)
    (folder / "cdc.toml").write_text(text)
    return load(folder / "cdc.toml", {})


def jobs(settings: Settings) -> dict[str, Job]:
    return Workload(settings, settings.database.conninfo).jobs(settings, Supervisor())


def concerned(folder: Path, before: dict[str, Job], *edits: tuple[str, str]) -> tuple[set[str], set[str]]:
    """The workers that end and those that start, when the configuration is edited."""
    found = difference(before, jobs(read(folder, *edits)))
    return set(found.ending), set(found.starting)


A = {"feed a", "sink web, feed a", "sink out, feed a"}
VERIFIER = {"verifier", "verifier of logs"}


def test_the_same_configuration_concerns_nobody(folder: Path) -> None:
    assert concerned(folder, jobs(read(folder))) == (set(), set())


def test_another_query_concerns_the_feed_and_its_deliveries(folder: Path) -> None:
    present = jobs(read(folder))
    (folder / "a.sql").write_text("SELECT 2 AS id")
    assert concerned(folder, present) == (A | VERIFIER, A | VERIFIER)


def test_another_sink_of_a_feed_concerns_that_delivery_alone(folder: Path) -> None:
    more = ('sinks = ["web"]', 'sinks = ["web", "out"]')
    assert concerned(folder, jobs(read(folder)), more) == (VERIFIER, {"sink out, feed b"} | VERIFIER)


def test_a_renewed_certificate_concerns_the_deliveries_of_its_sink(folder: Path) -> None:
    present = jobs(read(folder))
    (folder / "ca.pem").write_text("second")
    both = {"sink web, feed a", "sink web, feed b"}
    assert concerned(folder, present) == (both, both)


@pytest.mark.parametrize(
    ("line", "workers"),
    [
        ("poll_seconds = 0.5", {"watcher"}),
        ("rotation_seconds = 5.0", {"rotator"}),
        ("batch_entities = 7", {"feed a", "feed b"}),
        ("drain_seconds = 5.0", set[str]()),
    ],
)
def test_a_setting_of_the_daemon_concerns_the_workers_that_are_made_of_it(
    folder: Path, line: str, workers: set[str]
) -> None:
    edit = ('state_dir = "state"', f'state_dir = "state"\n{line}')
    assert concerned(folder, jobs(read(folder)), edit) == (workers, workers)


def test_a_rotated_password_of_the_database_concerns_no_worker_and_is_the_same_daemon(folder: Path) -> None:
    present = read(folder)
    edit = ("old-password", "new-password")
    assert concerned(folder, jobs(present), edit) == (set(), set())
    assert list(of_another_daemon(present, read(folder, edit))) == []


@pytest.mark.parametrize(
    ("edit", "setting"),
    [
        (("/shop?", "/other?"), "database.dsn"),
        (("db.example", "other.example"), "database.dsn"),
        (("cdc:old", "other:old"), "database.dsn"),
        (("[daemon]", '[daemon]\nname = "x"'), "daemon.name"),
        (('"state"', '"elsewhere"'), "daemon.state_dir"),
        (("[daemon]", 'schema = "cdc2"\n[daemon]'), "database.own_schema"),
    ],
)
def test_what_says_which_daemon_it_is_refuses_a_reload(
    folder: Path, edit: tuple[str, str], setting: str
) -> None:
    present = read(folder)
    try:
        assert list(of_another_daemon(present, read(folder, edit))) == [setting]
    finally:
        read(folder)  # the schema belongs to the process


def test_the_number_of_sessions_stays_until_a_restart(folder: Path) -> None:
    present = read(folder)
    changed = read(folder, ("[daemon]", "[daemon]\nsessions = 9\nidle_poll_seconds = 3.0"))
    found = applicable(present, changed)
    assert found.restart_for == ["daemon.sessions"]
    assert found.settings.daemon.sessions == present.daemon.sessions
    assert found.settings.daemon.idle_poll_seconds == 3.0
