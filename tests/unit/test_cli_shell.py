"""The command line in a shell: completion, colors, suggestions."""

from __future__ import annotations

import os
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from cdc_daemon import log
from cdc_daemon.cli import main
from tests.receivers.processes import program

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


# Each shell reads the script and completes `cdc-daemon resync p`. What would draw the list in zsh prints it.
COMPLETE = {
    "bash": 'source "$1"; COMP_WORDS=(cdc-daemon resync p); COMP_CWORD=2; _cdc_daemon_completion cdc-daemon; '
    'printf "%s\\n" "${COMPREPLY[@]}"',
    "zsh": "compdef() { }; _describe() { print -l -- ${(P)4} }; compadd() { print -l -- ${(P)@[-1]} }; "
    'source "$1"; words=(cdc-daemon resync p); CURRENT=3; _cdc_daemon_completion',
    "fish": 'source $argv[1]; complete --do-complete "cdc-daemon resync p"',
}


@pytest.mark.parametrize("shell", list(COMPLETE))
def test_each_shell_completes_names_by_its_script(shell: str, config: Path) -> None:
    path = program(shell, package=shell)
    script = config.with_name(f"script.{shell}")
    script.write_text(CliRunner().invoke(main, ["completion", shell]).output)
    arguments = [path, *(["-c"] if shell != "zsh" else ["-f", "-c"]), COMPLETE[shell]]
    arguments += [str(script)] if shell == "fish" else [shell, str(script)]
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "CDC_CONFIG": str(config),
        "HOME": str(config.parent),
    }
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert sorted(done.stdout.split()) == ["prices", "products"], (done.stdout, done.stderr)


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
