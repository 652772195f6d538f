"""Prints to the terminal. All output of the command line passes here, where secrets are hidden."""

from __future__ import annotations

import sys
import threading
import traceback
from types import TracebackType

import click

from cdc_daemon.redaction import hide
from cdc_daemon.visible import visible, visible_lines


def echo(line: str = "", *, err: bool = False) -> None:
    """Print one line without secrets, with escapes for characters that are not printable.

    Args:
        err: print to standard error.
    """
    click.echo(visible(hide(line)), err=err)


def echo_exactly(line: str) -> None:
    """Print a line of SQL without hiding secrets: a word that looks like one (`token = …`) must stay.

    The line must hold no text from another system.
    """
    click.echo(visible(line))


def hide_in_tracebacks() -> None:
    """Make Python print uncaught exceptions without secrets. A traceback ends with the error's message."""

    def told(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None, /) -> None:
        if not issubclass(kind, KeyboardInterrupt):
            said = "".join(traceback.format_exception(kind, error, trace)).rstrip()
            click.echo(visible_lines(hide(said)), err=True)

    def report_thread(unhandled: threading.ExceptHookArgs, /) -> None:
        if unhandled.exc_type is not SystemExit:
            told(unhandled.exc_type, unhandled.exc_value, unhandled.exc_traceback)

    def report_unraisable(unraisable: sys.UnraisableHookArgs, /) -> None:
        told(unraisable.exc_type, unraisable.exc_value, unraisable.exc_traceback)

    sys.excepthook = told
    sys.unraisablehook = report_unraisable
    threading.excepthook = report_thread
