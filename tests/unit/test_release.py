"""A release says what it needs, under which licences, and excludes what has a known advisory."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from release import man
from release.notice import NOT_SHIPPED, NOTICE, packages

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

PYTHON_OF_DEBIAN_12 = "3.11.2"

# The last release with an advisory, of what the daemon needs in any case.
WITH_ADVISORY = {"click": "8.3.2", "orjson": "3.11.5", "urllib3": "2.6.3"}


def _requirements() -> list[Requirement]:
    extras = PROJECT["optional-dependencies"].values()
    return [Requirement(line) for lines in (PROJECT["dependencies"], *extras) for line in lines]


def _pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pins = [line.split("==") for line in lines if "==" in line]
    return {str(canonicalize_name(name)): version for name, version in pins}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built of these sources by `make wheel`."""
    man.write(man.FOLDER)
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=100)
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


def test_the_wheel_carries_the_man_pages(wheel: zipfile.ZipFile) -> None:
    carried = {Path(name).name for name in wheel.namelist() if "/data/share/man/man1/" in name}
    assert carried == set(man.pages())


def test_what_was_tested_is_what_is_accepted() -> None:
    pins = _pins()
    for requirement in _requirements():
        assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)]), requirement


def test_what_was_tested_runs_on_the_python_of_debian_12() -> None:
    # A package that demands 3.11.5 can't be installed there, and pip tells no reason.
    refusing = {}
    for name in _pins():
        try:
            # From Python 3.12 on, [] warns if the field is missing.
            demanded = str(metadata(name).json.get("requires_python", ""))
        except PackageNotFoundError:  # of an extra that the tests do not install
            continue
        if demanded and not SpecifierSet(demanded).contains(PYTHON_OF_DEBIAN_12):
            refusing[name] = demanded
    assert refusing == {}


@pytest.mark.parametrize(("name", "version"), WITH_ADVISORY.items())
def test_a_release_with_a_known_advisory_is_not_accepted(name: str, version: str) -> None:
    accepted = [each.specifier for each in _requirements() if canonicalize_name(each.name) == name]
    assert accepted
    assert not any(specifier.contains(version) for specifier in accepted)


def test_notice_names_every_package_that_is_installed_with_its_licence() -> None:
    text = NOTICE.read_text("utf-8")
    missing = [package for package in packages() if str(package) not in text]
    assert not missing, "run `make notice`"


def test_the_wheel_carries_a_bill_of_materials(wheel: zipfile.ZipFile) -> None:
    (name,) = (each for each in wheel.namelist() if each.endswith(".dist-info/sboms/cdc-daemon.cdx.json"))
    bill = json.loads(wheel.read(name))
    wanted = {
        canonicalize_name(Requirement(line).name)
        for lines in (
            PROJECT["dependencies"],
            *(some for extra, some in PROJECT["optional-dependencies"].items() if extra not in NOT_SHIPPED),
        )
        for line in lines
    }
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    pins = _pins()
    assert {(part["name"], part["version"]) for part in bill["components"]} == {
        (name, pins[name]) for name in wanted
    }


def test_the_wheel_carries_what_the_dashboard_shows(wheel: zipfile.ZipFile) -> None:
    carried = set(wheel.namelist())
    folder = ROOT / "cdc_daemon" / "dashboard"
    shown = [
        path for part in ("templates", "static") for path in (folder / part).rglob("*") if path.is_file()
    ]
    assert {path.relative_to(ROOT).as_posix() for path in shown} <= carried
    assert {"cdc_daemon/_docs/concepts.md", "cdc_daemon/_docs/operating.md"} <= carried


def test_the_wheel_carries_the_licences(wheel: zipfile.ZipFile) -> None:
    carried = {name.rpartition("/")[2] for name in wheel.namelist() if ".dist-info/licenses/" in name}
    assert carried == {"LICENSE", "NOTICE"}
