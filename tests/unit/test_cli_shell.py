"""The command line in a shell: completion, colors, suggestions."""

from __future__ import annotations

import subprocess
from io import StringIO
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from cdc_daemon import log
from cdc_daemon.cli import main

CONFIG = """
[feeds.products]
query = "p.sql"
[feeds.prices]
query = "q.sql"
[sinks.catalog]
type = "stdout"
"""


def completed(config: Path, *arguments: str) -> list[str]:
    """What a shell offers for the last word."""
    complete = ShellComplete(main, {}, "cdc-daemon", "_CDC_DAEMON_COMPLETE")
    before = ["--config", str(config), *arguments[:-1]]
    return [item.value for item in complete.get_completions(before, arguments[-1])]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "cdc.toml"
    path.write_text(CONFIG)
    return path


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["st"], ["status"]),
        (["status", "p"], ["products", "prices"]),
        (["status", "products", "p"], ["prices"]),
        (["pause", "--sink", ""], ["catalog"]),
        (["pause", "--feed", "prod"], ["products"]),
        (["resync", "pri"], ["prices"]),
        (["replay", "c"], ["catalog"]),
        (["sinks", "test", "ca"], ["catalog"]),
        (["trace", "pro"], ["products"]),
        (["completion", "z"], ["zsh"]),
    ],
)
def test_names_of_commands_feeds_and_sinks_are_completed(
    config: Path, words: list[str], offered: list[str]
) -> None:
    assert completed(config, *words) == offered


def test_a_configuration_that_cannot_be_read_completes_nothing(tmp_path: Path) -> None:
    assert completed(tmp_path / "absent.toml", "status", "") == []
    (tmp_path / "broken.toml").write_text("[feeds")
    assert completed(tmp_path / "broken.toml", "status", "") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_a_script(shell: str) -> None:
    script = CliRunner().invoke(main, ["completion", shell]).output
    assert f"_CDC_DAEMON_COMPLETE={shell}_complete cdc-daemon" in script or (
        "_CDC_DAEMON_COMPLETE=" in script and "cdc-daemon" in script
    )
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)


def test_a_misspelt_command_below_another_names_the_nearest(config: Path) -> None:
    result = CliRunner().invoke(main, ["--config", str(config), "sinks", "tset"])
    assert result.exit_code == 2
    assert "Did you mean 'test'?" in result.output


class Terminal(StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_no_color_switches_colors_off() -> None:
    assert log.has_colors(Terminal(), {})
    assert not log.has_colors(Terminal(), {"NO_COLOR": "1"})
    assert log.has_colors(Terminal(), {"NO_COLOR": ""})
    assert not log.has_colors(StringIO(), {})
