"""`docs/reference.md` and the program say the same: commands, settings, verdicts, log events."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import orjson
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from cdc_daemon.cli import main
from cdc_daemon.events import EVENTS, Event
from cdc_daemon.feeds.definition import RESERVED
from cdc_daemon.settings.model import FeedSettings
from cdc_daemon.settings.section import holds_secret, settable
from cdc_daemon.settings.sections import SINGLE
from cdc_daemon.sinks.registry import SINKS
from cdc_daemon.verdicts import VERDICTS, Accepting
from cdc_daemon.web.metrics import DESCRIBED

REFERENCE = Path(__file__).parents[2] / "docs" / "reference.md"


def commands() -> dict[str, click.Command]:
    """`cdc-daemon` and every command below it, by name."""
    return dict(_below("cdc-daemon", main))


def _below(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            if found:
                yield from _below(f"{name} {inner}", found)


def heading(name: str, command: click.Command) -> str:
    arguments = [
        parameter.make_metavar(click.Context(command))
        for parameter in command.params
        if isinstance(parameter, click.Argument)
    ]
    return " ".join([name, *arguments])


def short_help(command: click.Command) -> str:
    return " ".join((command.help or "").split("\n\n")[0].split())


def options(command: click.Command) -> dict[str, str]:
    return {
        "`, `".join(parameter.opts): parameter.help or ""
        for parameter in command.params
        if isinstance(parameter, click.Option)
    }


def sections() -> dict[str, type[BaseModel]]:
    return {
        **{f"[{name}]": model for name, model in SINGLE.items()},
        "[feeds.<name>]": FeedSettings,
        **{f'[sinks.<name>] with type = "{kind}"': model for kind, model in SINKS.items()},
    }


def rows(model: type[BaseModel]) -> dict[str, tuple[str, str]]:
    """Per setting its default and meaning, as the tables show them."""
    return {name: (_default(name, field), field.description or "") for name, field in settable(model).items()}


def _default(name: str, field: FieldInfo) -> str:
    if (
        field.is_required() or name == "type"
    ):  # the code's default of a kind's type is not a default of the file
        return "required"
    default = "" if field.default_factory else field.default
    if default is None or default == "":
        return "-"
    text = str(default) if isinstance(default, int | float) and not isinstance(default, bool) else None
    return f"`{text or orjson.dumps(default, default=str).decode()}`"


def fields_of(event: Event) -> str:
    return ", ".join(f"`{field}`" for field in event.fields)


def _tables() -> dict[str, list[tuple[str, ...]]]:
    """The rows of every table of the page, by the heading above it, without code marks in the first cell."""
    found: dict[str, list[tuple[str, ...]]] = {}
    title = ""
    for line in REFERENCE.read_text("utf-8").splitlines():
        if line.startswith("#"):
            title = line.lstrip("# ").strip("`")
            found[title] = []
        elif line.startswith("| `"):
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
            found[title].append((cells[0].strip("`"), *cells[1:]))
    return found


def test_every_command_and_option_is_in_the_reference_and_nothing_else() -> None:
    written = {
        title: {row[0]: row[1] for row in table}
        for title, table in _tables().items()
        if title.startswith("cdc-daemon")
    }
    assert written == {heading(name, command): options(command) for name, command in commands().items()}


def test_the_reference_says_of_every_command_what_its_help_says_first() -> None:
    page = REFERENCE.read_text("utf-8")
    for name, command in commands().items():
        assert f"### `{heading(name, command)}`\n\n{short_help(command)}\n" in page


def test_every_setting_is_in_the_reference_with_its_default_and_meaning_and_nothing_else() -> None:
    written = {title: table for title, table in _tables().items() if title.startswith("[")}
    assert written == {
        title: [(name, default, meaning) for name, (default, meaning) in rows(model).items()]
        for title, model in sections().items()
    }


def test_every_verdict_is_in_the_reference_with_its_meaning_and_nothing_else() -> None:
    assert _tables()["Verdicts"] == [
        (
            name,
            "refused" if verdict.refused else "warned about",
            verdict.meaning,
            "-" if verdict.accepting is Accepting.AS_IT_IS else verdict.accepting.name.lower(),
        )
        for name, verdict in VERDICTS.items()
    ]


def test_every_verdict_that_the_package_gives_is_registered_and_the_other_way_round() -> None:
    """Their names stand as literals where they are given, but for what is looked up by kind."""
    given: set[str] = set()
    for path in (Path(__file__).parents[2] / "cdc_daemon").rglob("*.py"):
        if path.name != "verdicts.py":
            strings = {
                node.value
                for node in ast.walk(ast.parse(path.read_text("utf-8")))
                if isinstance(node, ast.Constant) and isinstance(node.value, str)
            }
            given |= strings & set(VERDICTS)
    assert given == set(VERDICTS)


def test_every_event_is_in_the_reference_with_its_fields_meaning_and_advice_and_nothing_else() -> None:
    assert _tables()["Log events"] == [
        (name, fields_of(event), event.meaning, event.advice) for name, event in EVENTS.items()
    ]


def test_every_metric_is_in_the_reference_with_its_kind_labels_and_meaning_and_nothing_else() -> None:
    assert _tables()["Metrics"] == [
        (name, kind, ", ".join(f"`{label}`" for label in labels), meaning)
        for name, (kind, labels, meaning) in DESCRIBED.items()
    ]


def test_every_command_and_option_explains_itself() -> None:
    for name, command in commands().items():
        assert short_help(command).endswith("."), name
        for option, meaning in options(command).items():
            assert meaning, f"{name} {option}"


def test_every_command_shows_how_it_is_called() -> None:
    for name, command in commands().items():
        assert "cdc-daemon" in (command.help or ""), name


def test_every_setting_is_described_and_every_duration_names_its_unit() -> None:
    for title, model in sections().items():
        for name, field in settable(model).items():
            assert field.description, f"{title} {name}"
            if "in seconds" in field.description:
                assert name.endswith("_seconds"), f"{title} {name}"
            if name.endswith("_seconds"):
                assert "in seconds" in field.description, f"{title} {name}"


def test_every_secret_says_that_it_is_one() -> None:
    for title, model in sections().items():
        for name, field in settable(model).items():
            if holds_secret(field):
                assert "secret" in (field.description or "").lower(), f"{title} {name}"


def test_every_name_that_a_key_column_must_not_have_is_told() -> None:
    text = " ".join(REFERENCE.read_text("utf-8").split())
    told = re.search(r"So it can't be called (.*?); `check` says so", text)
    assert told
    assert set(re.findall(r"`(\w+)`", told[1])) == RESERVED
