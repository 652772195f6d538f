"""The unit of systemd: how it fits an installation, and what the service could not read."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cdc_daemon.cli import main
from cdc_daemon.cli.init import starter_directory
from cdc_daemon.systemd import reach
from cdc_daemon.systemd.reach import Account, obstacle
from cdc_daemon.systemd.unit import Installation, fitted, is_untouched

TEMPLATES = starter_directory() / "systemd"
ONE, MANY = ((TEMPLATES / name).read_text("utf-8") for name in ("cdc-daemon.service", "cdc-daemon@.service"))
PLAIN = Installation(("/opt/cdc/bin/cdc-daemon",), "/etc/cdc-daemon/cdc.toml")
ME = pwd.getpwuid(os.getuid()).pw_name


def lines(unit: str, key: str) -> list[str]:
    return [line.removeprefix(f"{key}=") for line in unit.splitlines() if line.startswith(f"{key}=")]


def verified(unit: str, folder: Path, name: str = "cdc-daemon.service") -> str:
    """What systemd says of a unit; a command that exists here stands for the daemon."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze")
    (folder / name).write_text(unit)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", folder / name], capture_output=True, text=True, check=False
    )
    return done.stderr


def test_a_unit_starts_the_command_with_the_configuration_of_the_installation() -> None:
    unit = fitted(ONE, PLAIN)
    assert lines(unit, "ExecStart") == ["/opt/cdc/bin/cdc-daemon --config /etc/cdc-daemon/cdc.toml run"]
    assert lines(unit, "DynamicUser") == ["yes"]
    assert lines(unit, "LoadCredential") == []


def test_paths_with_signs_that_mean_something_to_systemd_are_quoted() -> None:
    unit = fitted(ONE, Installation(("/opt/50% off/$HOME/cdc",), '/etc/a "b"/cdc.toml'))
    [started] = lines(unit, "ExecStart")
    assert started == '"/opt/50%% off/$$HOME/cdc" --config "/etc/a \\"b\\"/cdc.toml" run'


def test_each_secret_is_a_credential() -> None:
    unit = fitted(
        ONE, Installation(("/c",), "/e", credentials={"dsn": "/etc/c/dsn", "token": "/etc/c/token"})
    )
    assert lines(unit, "LoadCredential") == ["dsn:/etc/c/dsn", "token:/etc/c/token"]


def test_a_group_reaches_the_files_of_a_user_that_exists() -> None:
    unit = fitted(ONE, Installation(("/c",), "/e", user="cdc", group="readers"))
    assert [lines(unit, key) for key in ("DynamicUser", "User", "Group", "StateDirectoryMode")] == [
        ["no"],
        ["cdc"],
        ["readers"],
        ["0710"],
    ]


def test_reload_waits_for_the_daemon_where_systemd_can_do_that() -> None:
    old, new = (fitted(ONE, Installation(("/c",), "/e", systemd=version)) for version in (252, 253))
    assert (lines(old, "Type"), len(lines(old, "ExecReload"))) == (["notify"], 1)
    assert (lines(new, "Type"), lines(new, "ExecReload")) == (["notify-reload"], [])


def test_systemd_understands_both_units(tmp_path: Path) -> None:
    cat = Installation(
        (shutil.which("cat") or "",), "/etc/cdc-daemon/cdc.toml", credentials={"dsn": "/etc/dsn"}
    )
    assert verified(fitted(ONE, cat), tmp_path) == ""
    assert verified(fitted(MANY, cat), tmp_path, "cdc-daemon@shop.service") == ""


def test_the_two_templates_differ_in_places_alone() -> None:
    one = ONE.replace("/etc/cdc-daemon/", "/etc/cdc-daemon/%i/").replace("%S/cdc-daemon", "%S/cdc-daemon-%i")
    one = one.replace("StateDirectory=cdc-daemon", "StateDirectory=cdc-daemon-%i")
    here, there = set(one.splitlines()), set(MANY.splitlines())
    differing = {line for line in here ^ there if not line.startswith("#")}
    assert {line.partition("=")[0] for line in differing} == {"Description", "Environment"}


def test_an_edited_unit_is_noticed() -> None:
    unit = fitted(ONE, PLAIN)
    assert is_untouched(unit)
    assert not is_untouched(unit.replace("RestartSec=5", "RestartSec=6"))
    assert not is_untouched(ONE)


def test_a_file_below_a_folder_that_the_unit_hides_is_out_of_reach() -> None:
    for folder in reach.HIDDEN:
        reason = obstacle(folder / "cdc.toml", Account(0))
        assert reason == f"lies below {folder}, which the service does not see"


def test_a_closed_folder_and_a_closed_file_are_out_of_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reach, "HIDDEN", ())
    folder = tmp_path / "closed"
    folder.mkdir(0o700)
    (folder / "file").touch(0o644)
    stranger, me = Account(65534), Account(folder.stat().st_uid)
    assert "is closed" in (obstacle(folder / "file", stranger) or "")
    assert obstacle(folder / "file", me) is None
    (folder / "file").chmod(0o200)
    if os.getuid():
        assert obstacle(folder / "file", me) == "can't be read by the user of the service"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration with two secrets, on a machine where the service sees this folder."""
    monkeypatch.setattr(reach, "HIDDEN", ())
    (tmp_path / "cdc.toml").write_text(
        '[database]\ndsn_file = "dsn"\n[sinks.a]\ntype = "http"\nurl = "https://a.example"\n'
        'token_file = "secrets/token"\nca_file = "ca.pem"\n'
    )
    return tmp_path


def service(folder: Path, *arguments: str) -> Result:
    config = ["--config", str(folder / "cdc.toml")]
    return CliRunner().invoke(main, [*config, "service", *arguments, "--directory", str(folder / "units")])


def test_install_says_what_it_did_and_a_second_time_does_nothing(installed: Path) -> None:
    first = service(installed, "install", "--user", ME)
    assert first.exit_code == 0, first.output
    path = installed / "units" / "cdc-daemon.service"
    assert first.stdout.splitlines() == [
        f"Wrote {path}",
        f"Next: write the secret to {installed}/dsn, with rights for root alone (chmod 600)",
        "Next: systemctl enable --now cdc-daemon",
    ]
    assert f"Note: {installed}/secrets/token can't be a credential" in first.stderr
    unit = path.read_text()
    assert lines(unit, "LoadCredential") == [f"dsn:{installed}/dsn"]
    assert f"--config {installed}/cdc.toml run" in lines(unit, "ExecStart")[0]
    (installed / "dsn").touch()
    written = path.stat().st_mtime_ns
    again = service(installed, "install", "--user", ME)
    assert again.stdout.splitlines()[0] == f"Nothing to do: {path} is as wanted"
    assert path.stat().st_mtime_ns == written
    assert service(installed, "install", "--user", ME, "--dry-run").stdout == unit


def test_install_writes_over_its_own_unit_and_over_no_other(installed: Path) -> None:
    path = installed / "units" / "cdc-daemon.service"
    assert service(installed, "install", "--user", ME).exit_code == 0
    assert service(installed, "install", "--user", ME, "--command", "/bin/true").exit_code == 0
    assert lines(path.read_text(), "ExecStart")[0].startswith("/bin/true ")
    path.write_text(path.read_text() + "# mine\n")
    refused = service(installed, "install", "--user", ME)
    assert refused.exit_code == 1
    assert "systemctl edit cdc-daemon" in refused.stderr
    assert service(installed, "uninstall").exit_code == 1
    assert service(installed, "install", "--user", ME, "--overwrite").exit_code == 0


def test_uninstall_removes_the_unit_alone(installed: Path) -> None:
    assert service(installed, "install", "--user", ME, "--instance", "shop").exit_code == 0
    path = installed / "units" / "cdc-daemon@shop.service"
    assert path.exists()
    assert service(installed, "uninstall", "--instance", "shop", "--dry-run").exit_code == 0
    assert path.exists()
    assert service(installed, "uninstall", "--instance", "shop").stdout == f"Removed {path}\n"
    assert not path.exists()
    assert (installed / "cdc.toml").exists()
    assert service(installed, "uninstall", "--instance", "shop").stdout.startswith("Nothing to do")


def test_install_refuses_a_unit_that_could_not_start(tmp_path: Path) -> None:
    (tmp_path / "cdc.toml").write_text('[database]\ndsn = "dbname=x"\n')
    unit = tmp_path / "units" / "cdc-daemon.service"
    for arguments, told in (
        ((), "cdc.toml: "),  # below /tmp, or in a folder that pytest closes
        (("--user", "nobody-of-that-name"), "useradd"),
        (("--group", "readers"), "--group needs --user"),
        (("--instance", "../x"), "--instance"),
    ):
        refused = service(tmp_path, "install", *arguments)
        assert refused.exit_code == 2, arguments
        assert told in refused.stderr
        assert not unit.exists()
    assert "cdc-daemon init" in service(tmp_path / "none", "install").stderr
