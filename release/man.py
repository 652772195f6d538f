"""`python -m release.man [FOLDER]`: writes a man page for each command, from its help.

Sections of a page come from click: the help is DESCRIPTION, a block that begins with `Examples:` is EXAMPLES.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import click

from cdc_daemon import __version__
from cdc_daemon.cli.group import main

FOLDER = Path(__file__).parents[1] / "build" / "man"
PROGRAM = "cdc-daemon"

_ENVIRONMENT = (
    ("CDC_CONFIG", "The configuration file."),
    ("CDC_DATABASE_DSN, CDC_DAEMON_POLL_SECONDS, …", "Every setting, by its name in the configuration."),
    ("NO_COLOR", "Print without colours."),
)
_FILES = (("cdc.toml, /etc/cdc\\-daemon/cdc.toml", "The configuration, where no option names one."),)
_EXIT_STATUS = (
    ("0", "Success."),
    ("1", "A failure; the message says why, and what to do."),
    ("2", "A person has to correct the command line, the configuration or a query."),
    ("3", "The database can't be reached."),
)
"""In short; the page of a command that means more by them says so."""


def pages() -> dict[str, str]:
    """Return the text of each page by its file name, such as `cdc-daemon-status.1`."""
    commands = dict(_commands(main, PROGRAM))
    return {f"{name.replace(' ', '-')}.1": page(name, commands) for name in commands}


def _commands(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=name)
        for each in command.list_commands(context):
            found = command.get_command(context, each)
            if found is not None and not found.hidden:
                yield from _commands(found, f"{name} {each}")


def page(name: str, commands: Mapping[str, click.Command]) -> str:
    """Return the page of a command in the language of man(7).

    Args:
        name: the command with those above it, such as `cdc-daemon sinks test`.
        commands: every command by such a name.
    """
    command = commands[name]
    context = click.Context(command, info_name=name)
    title = name.replace(" ", "-")
    description, examples = _described(command.help or "")
    short = command.get_short_help_str(limit=200).rstrip(".")
    usage = " ".join(command.collect_usage_pieces(context))
    lines = [
        f'.TH "{_text(title.upper())}" "1" "" "{PROGRAM} {_text(__version__)}" "{PROGRAM}"',
        *('.SH "NAME"', f"{_text(title)} \\- {_text(short[:1].lower() + short[1:])}"),
        *('.SH "SYNOPSIS"', f"\\fB{_text(name)}\\fR {_text(usage)}"),
        *('.SH "DESCRIPTION"', *description),
    ]
    records = [each.get_help_record(context) for each in command.get_params(context)]
    options = [(_text(record[0]), _inline(record[1])) for record in records if record and record[1]]
    lines += _list("OPTIONS", options)
    below = [each for each in commands if each.rpartition(" ")[0] == name]
    lines += _list(
        "COMMANDS",
        [(_text(each), _inline(commands[each].get_short_help_str(limit=200))) for each in below],
    )
    if examples:
        lines += ['.SH "EXAMPLES"', *examples]
    lines += _list("ENVIRONMENT", _ENVIRONMENT) + _list("FILES", _FILES) + _list("EXIT STATUS", _EXIT_STATUS)
    above = [name.rpartition(" ")[0]] if name != PROGRAM else []
    if seen := [*above, *below]:
        named = ", ".join(f"\\fB{_text(each.replace(' ', '-'))}\\fR(1)" for each in seen)
        lines += ['.SH "SEE ALSO"', named]
    return "\n".join(lines) + "\n"


def _described(help_: str) -> tuple[list[str], list[str]]:
    """The help as two lists of lines: the description, and the examples."""
    description: list[str] = []
    examples: list[str] = []
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(help_)):
        literal = paragraph.startswith("\b")
        lines = paragraph.removeprefix("\b").strip("\n").split("\n")
        if re.fullmatch(r"Examples?:", lines[0]):
            examples += [".nf", *map(_line, lines[1:]), ".fi"]
        elif literal:
            description += [".PP", ".nf", *map(_line, lines), ".fi"]
        else:
            description += [".PP", _inline(" ".join(line.strip() for line in lines))]
    return description[1:] if description[:1] == [".PP"] else description, examples


def _list(title: str, items: Sequence[tuple[str, str]]) -> list[str]:
    lines: list[str] = []
    for term, text in items:
        lines += [".TP", f"\\fB{term}\\fR", text]
    return [f'.SH "{title}"', *lines] if lines else []


def _inline(text: str) -> str:
    """Flowing text; what stands between backticks is bold."""
    return _line(re.sub(r"`([^`]+)`", "\0\\1\1", text)).replace("\0", "\\fB").replace("\1", "\\fR")


def _line(text: str) -> str:
    """A line of text that roff does not take for a request."""
    return re.sub(r"^(?=[.'])", r"\\&", _text(text))


def _text(text: str) -> str:
    return text.replace("\\", "\\e").replace("-", "\\-")


def write(folder: Path) -> None:
    """Write every page below a folder, and remove those of commands that no longer exist."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.1"):
        old.unlink()
    for name, text in pages().items():
        (folder / name).write_text(text, "utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
