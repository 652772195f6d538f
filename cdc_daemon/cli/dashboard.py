"""`cdc-daemon dashboard`: serves the dashboard without a daemon, and keeps the file of its users."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from cdc_daemon.cli.invocation import invocation
from cdc_daemon.cli.options import echo_json, json_option
from cdc_daemon.cli.suggesting import SuggestingGroup
from cdc_daemon.cli.terminal import echo
from cdc_daemon.database import database
from cdc_daemon.errors import ConfigurationError
from cdc_daemon.insight.recent_log import LogPlace
from cdc_daemon.pg.pool import Pool
from cdc_daemon.pg.session import as_opened, connect
from cdc_daemon.settings import Settings
from cdc_daemon.web.server import WebServer, require_extra

if TYPE_CHECKING:
    from cdc_daemon.dashboard.access.users import UsersFile

LISTEN = "127.0.0.1:9464"
"""Where the dashboard is served if neither the configuration nor an option says it."""

MOST_SESSIONS = 4
"""Largest number of sessions for all pages together."""


@click.group(
    cls=SuggestingGroup,
    invoke_without_command=True,
    short_help="Serve the dashboard, and keep the list of its users.",
)
@click.option(
    "--listen", metavar="HOST:PORT", help=f"Address. Default: `listen` below [http], else {LISTEN}."
)
@click.option("--actions", is_flag=True, help="Let everybody act. Only on a loopback address without users.")
@click.option(
    "--log-file", type=click.Path(path_type=Path), help="Show the log from this file. Default: the journal."
)
@click.option(
    "--log-unit", metavar="UNIT", help="Only the log of this unit of systemd. Default: every cdc-daemon."
)
@click.option(
    "--log-namespace", metavar="NAME", help="Namespace of the journal, if the unit has one (LogNamespace=)."
)
@click.pass_context
def dashboard(
    context: click.Context,
    listen: str | None,
    actions: bool,
    log_file: Path | None,
    log_unit: str | None,
    log_namespace: str | None,
) -> None:
    """Serve the dashboard until Ctrl-C. It needs the database only; the daemon need not run.

    A running daemon serves the same dashboard at the address that `listen` below [http] names.

    \b
    Examples:
      cdc-daemon dashboard
      cdc-daemon dashboard --listen 127.0.0.1:8080 --actions
      cdc-daemon dashboard --log-file /var/log/cdc-daemon.log
      cdc-daemon dashboard user add anna --documents --actions
    """
    if context.invoked_subcommand is not None:
        return
    overrides: dict[str, object] = {"http.dashboard": True}
    configured = invocation().settings().http.listen
    overrides["http.listen"] = listen or configured or LISTEN
    if actions:
        overrides["http.actions"] = True
    _serve(invocation().settings(overrides=overrides), LogPlace(log_file, log_unit, log_namespace))


@dashboard.group(short_help="Keep the file of the users who may log in.")
def user() -> None:
    """Keep the file of the users who may log in to the dashboard: `users` below [http].

    \b
    Examples:
      cdc-daemon dashboard user add anna --documents --actions
      cdc-daemon dashboard user list
      cdc-daemon dashboard user remove anna
    """


@user.command(short_help="Add a user, or change one.")
@click.argument("name")
@click.option("--documents", is_flag=True, help="The user may see documents.")
@click.option("--actions", is_flag=True, help="The user may act, such as pause and retry.")
def add(name: str, documents: bool, actions: bool) -> None:
    """Add user NAME, or give a known one another password and these rights.

    The command asks for the password; if standard input is no terminal, it reads one line from it. A change
    is in force at once. Another password ends the user's sessions.

    \b
    Examples:
      cdc-daemon dashboard user add anna --documents --actions
      pass show dashboard | cdc-daemon dashboard user add reader
    """
    file = _users()
    from cdc_daemon.dashboard.access.viewer import Right  # noqa: PLC0415 # of an extra

    if sys.stdin.isatty():
        password = str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    given = {Right.DOCUMENTS: documents, Right.ACTIONS: actions}
    is_new = file.add(name, password, frozenset(right for right, has in given.items() if has))
    echo(f"{name}: {'added' if is_new else 'changed'}.")


@user.command("list", short_help="Show the users and their rights.")
@json_option
def list_(as_json: bool) -> None:
    """Show the users and their rights.

    \b
    Example:
      cdc-daemon dashboard user list
    """
    found = _users().read().users
    if as_json:
        echo_json([{"name": each.name, "rights": sorted(each.rights)} for each in found.values()])
        return
    for each in found.values():
        echo(f"{each.name}  {', '.join(sorted(each.rights)) or 'reads states and counts'}")
    if not found:
        echo("No users.")


@user.command(short_help="Remove a user.")
@click.argument("name")
def remove(name: str) -> None:
    """Remove user NAME. The user's sessions end at once.

    \b
    Example:
      cdc-daemon dashboard user remove anna
    """
    _users().remove(name)
    echo(f"{name}: removed.")


def _users() -> UsersFile:
    """Return the users' file that the configuration names."""
    require_extra()
    from cdc_daemon.dashboard.access.users import UsersFile  # noqa: PLC0415 # of an extra

    path = invocation().settings().http.users
    if path is None:
        hint = 'name the file below [http]: users = "dashboard-users.json"'
        raise ConfigurationError([("http.users", "is not set", hint)])
    return UsersFile(path)


def _serve(settings: Settings, log: LogPlace) -> None:
    """Serve until SIGINT or SIGTERM."""
    require_extra()
    from cdc_daemon.dashboard.access.guard import require_usable  # noqa: PLC0415 # of an extra
    from cdc_daemon.web.alone import application_alone  # noqa: PLC0415 # of an extra

    require_usable(settings.http)
    with database(settings) as dsn, _stop_on_signals() as stop:
        pool = Pool(
            partial(connect, dsn, patience=settings.database.patience, purpose="dashboard"), MOST_SESSIONS
        )
        server = WebServer(
            settings.http.address,
            partial(application_alone, settings, partial(pool.session, "dashboard", as_opened), log),
            tls=settings.http.tls,
            bound=lambda url: echo(f"The dashboard is at {url} (Ctrl-C ends it)."),
        )
        # Not in this thread: there, uvicorn would take the signals for itself.
        with closing(pool), ThreadPoolExecutor(1) as thread:
            thread.submit(server.run, stop, lambda: None).result()


@contextmanager
def _stop_on_signals() -> Generator[threading.Event]:
    """Yield an event that SIGINT and SIGTERM set."""
    stop = threading.Event()

    def ask(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
