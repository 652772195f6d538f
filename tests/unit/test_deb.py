"""The Debian package: its version, its units, and what it requires."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from release import deb, wheelhouse

ROOT = Path(__file__).parents[2]
RECIPE = (ROOT / "deploy" / "deb" / "nfpm.yaml").read_text("utf-8")


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("1.2.0", "1.2.0-1+py311"),
        ("1.2.0rc1", "1.2.0~rc1-1+py311"),
        ("1.2.0.dev3", "1.2.0~dev3-1+py311"),
    ],
)
def test_the_version_sorts_as_debian_sorts(version: str, expected: str) -> None:
    assert deb.debian_version(version, (3, 11)) == expected
    if version != "1.2.0":
        release = deb.debian_version("1.2.0", (3, 11))
        subprocess.run(["dpkg", "--compare-versions", expected, "lt", release], check=True)


def test_the_package_for_a_newer_python_is_an_upgrade() -> None:
    old, new = (deb.debian_version("1.2.0", (3, minor)) for minor in (11, 13))
    subprocess.run(["dpkg", "--compare-versions", old, "lt", new], check=True)


def test_each_unit_names_the_packages_command_and_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deb, "UNITS", tmp_path / "units")
    deb.write_units()
    units = {path.name: path.read_text("utf-8") for path in (tmp_path / "units").iterdir()}
    assert set(units) == {"cdc-daemon.service", "cdc-daemon@.service"}
    for text in units.values():
        assert "\nUser=cdc-daemon\n" in text
        assert "DynamicUser" not in re.sub(r"^#.*$", "", text, flags=re.MULTILINE)
        assert "\nExecStart=/usr/bin/cdc-daemon --config /etc/cdc-daemon/" in text


def test_the_package_needs_the_newest_c_library_that_one_of_its_wheels_needs(tmp_path: Path) -> None:
    for name, tags in {
        "a": ["cp311-cp311-manylinux_2_17_x86_64", "cp311-cp311-manylinux2014_x86_64"],
        "b": ["cp311-cp311-manylinux_2_28_x86_64", "cp311-cp311-manylinux_2_34_x86_64"],
        "c": ["py3-none-any"],
    }.items():
        folder = tmp_path / f"{name}-1.dist-info"
        folder.mkdir()
        (folder / "WHEEL").write_text("".join(f"Tag: {tag}\n" for tag in tags), "utf-8")
    assert deb.oldest_libc(tmp_path) == "2.28"


def test_the_package_brings_every_kind_of_sink_and_no_tool_of_ours() -> None:
    assert {"http", "kafka", "nats", "opensearch", "otel", "rabbitmq", "redis", "s3"} <= set(
        wheelhouse.extras()
    )
    assert not {"audit", "deb", "dev", "embedded"} & set(wheelhouse.extras())


def test_each_file_that_the_recipe_names_exists() -> None:
    sources = re.findall(r"(?:src|postinstall|preremove|postremove): (\S+)", RECIPE)
    made = [source for source in sources if source.startswith("build/")]
    assert [source for source in sources if source not in made and not (ROOT / source).exists()] == []
    assert {ROOT / source for source in made} == {deb.LIBRARIES, deb.UNITS, deb.MAN_PAGES, deb.DOCUMENTS}


@pytest.mark.parametrize("script", ["postinst", "prerm", "postrm"])
def test_the_scripts_are_shell(script: str) -> None:
    subprocess.run(["sh", "-n", ROOT / "deploy" / "deb" / script], check=True)
