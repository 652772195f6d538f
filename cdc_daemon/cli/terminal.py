"""What a person reads: the one way from the command line to a terminal, on which no secret passes."""

from __future__ import annotations

import sys
import threading
import traceback
from types import TracebackType

import click

from cdc_daemon.redaction import hide
from cdc_daemon.visible import visible, visible_lines


def echo(line: str = "", *, err: bool = False) -> None:
    """Print one line without secrets, with an escape for each sign that does not print.

    Args:
        err: to standard error.
    """
    click.echo(visible(hide(line)), err=err)


def echo_exactly(line: str) -> None:
    """Print a line of SQL: a word of it that looks like a secret (`token = …`) must not be replaced.

    Nothing that another system said may be in it.
    """
    click.echo(visible(line))


def hide_in_tracebacks() -> None:
    """Have Python print what nobody caught without secrets: a traceback ends with the error's own words."""

    def told(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None, /) -> None:
        if not issubclass(kind, KeyboardInterrupt):
            said = "".join(traceback.format_exception(kind, error, trace)).rstrip()
            click.echo(visible_lines(hide(said)), err=True)

    def told_of_thread(unhandled: threading.ExceptHookArgs, /) -> None:
        if unhandled.exc_type is not SystemExit:
            told(unhandled.exc_type, unhandled.exc_value, unhandled.exc_traceback)

    def told_of_nobody(unraisable: sys.UnraisableHookArgs, /) -> None:
        told(unraisable.exc_type, unraisable.exc_value, unraisable.exc_traceback)

    sys.excepthook = told
    sys.unraisablehook = told_of_nobody
    threading.excepthook = told_of_thread
