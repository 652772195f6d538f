"""The one way of a line to a person: names and messages of others can't act on the terminal."""

from __future__ import annotations

import click

from cdc_daemon.visible import visible


def echo(line: str = "", *, err: bool = False) -> None:
    """Print one line, with an escape for each sign that does not print.

    Args:
        err: to standard error.
    """
    click.echo(visible(line), err=err)
