"""Arguments and options that several commands share."""

from __future__ import annotations

from datetime import UTC, datetime

import click
import orjson

from cdc_daemon.cli.completed_names import feed_names
from cdc_daemon.redaction import hide
from cdc_daemon.visible import visible_json

feeds_argument = click.argument("feeds", nargs=-1, metavar="[FEED]...", shell_complete=feed_names)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def moment(text: str, option: str) -> datetime:
    """Return a date or time by ISO 8601; without a time zone it is UTC.

    Raises:
        click.BadParameter: the text is neither.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no date or time by ISO 8601", param_hint=option) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def echo_json(value: object) -> None:
    """Print a value as indented JSON, without secrets."""
    option = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z
    click.echo(visible_json(hide(orjson.dumps(value, option=option, default=str).decode())))
