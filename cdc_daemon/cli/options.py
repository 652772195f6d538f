"""Arguments and options that several commands share."""

from __future__ import annotations

import click
import orjson

from cdc_daemon.cli.completed_names import feed_names
from cdc_daemon.redaction import hide
from cdc_daemon.visible import visible_json

feeds_argument = click.argument("feeds", nargs=-1, metavar="[FEED]...", shell_complete=feed_names)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def echo_json(value: object) -> None:
    """Print a value as indented JSON, without secrets."""
    option = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z
    click.echo(visible_json(hide(orjson.dumps(value, option=option, default=str).decode())))
