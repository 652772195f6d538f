"""Each command has a man page with all its options, which roff takes without a warning."""

from __future__ import annotations

import shutil
import subprocess

import click
import pytest

from cdc_daemon.cli.group import main
from release import man


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    """The text of each page by its file name."""
    return man.pages()


def test_each_command_has_a_page_and_its_group_leads_to_it(pages: dict[str, str]) -> None:
    commands = main.list_commands(click.Context(main))
    assert {f"cdc-daemon-{name}.1" for name in commands} <= pages.keys()
    for name in commands:
        assert f"cdc\\-daemon\\-{name.replace('-', chr(92) + '-')}\\fR(1)" in pages["cdc-daemon.1"]


def test_a_page_has_the_sections_that_a_reader_expects(pages: dict[str, str]) -> None:
    for name, text in pages.items():
        sections = [line.split('"')[1] for line in text.splitlines() if line.startswith(".SH")]
        assert sections[:3] == ["NAME", "SYNOPSIS", "DESCRIPTION"], name
        assert {"OPTIONS", "EXIT STATUS", "SEE ALSO"} <= set(sections), name
    assert "\\fB\\-\\-exit\\-code\\fR" in pages["cdc-daemon-status.1"]
    assert "cdc\\-daemon status products \\-\\-watch" in pages["cdc-daemon-status.1"]


def test_a_line_that_roff_would_take_for_a_request_stays_text() -> None:
    @click.command("odd", help="\\b and\n.SH is text\n\n\b\n'quoted' line\n.another")
    def odd() -> None:
        pass

    text = man.page("odd", {"odd": odd})
    assert "\\eb and .SH is text" in text
    assert "\\&'quoted' line" in text
    assert "\\&.another" in text


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_roff_formats_each_page_without_a_warning(pages: dict[str, str]) -> None:
    format_ = ["groff", "-man", "-ww", "-z", "-K", "utf8", "-T", "utf8"]
    done = subprocess.run(format_, input="\n".join(pages.values()).encode(), capture_output=True, check=True)
    assert done.stderr.decode() == ""
