"""`cdc-daemon` itself: the options that every command shares, and how errors reach a person."""

from __future__ import annotations

import importlib
from pathlib import Path

import click
import psycopg

from cdc_daemon import __version__
from cdc_daemon.cli.failures import exit_code_of, lines_of
from cdc_daemon.cli.invocation import Invocation
from cdc_daemon.cli.terminal import echo, hide_in_tracebacks
from cdc_daemon.errors import CdcError
from cdc_daemon.nearest import nearest

COMMANDS = (
    *("init", "check", "plan", "estimate", "install", "run", "status", "resync"),
    *("failed", "retry", "replay", "pause", "resume", "sinks"),
    *("uninstall", "commerce"),
)
"""Each is a function of its name in a module of its name, in the order in which a newcomer needs them."""


class CommandLine(click.Group):
    """Loads a command when it is called, and turns errors of ours into `Error:` and `Try:`.

    Loading all of them takes half a second (the SQL parser, the database driver), which `--version`, `init`
    and completion would pay for nothing.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command, in the order of `COMMANDS`."""
        _ = ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now; None if there is none of that name."""
        _ = ctx
        if cmd_name not in COMMANDS:
            return None
        command = getattr(importlib.import_module(f"cdc_daemon.cli.{cmd_name}"), cmd_name)
        return command if isinstance(command, click.Command) else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that was named.

        Raises:
            click.UsageError: there is none of that name; it names the nearest one.
        """
        near = nearest(args[0], COMMANDS)
        if args[0] not in COMMANDS and near and not args[0].startswith("-"):
            ctx.fail(f"No such command {args[0]!r}. Did you mean {near!r}?")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; an error of ours or of the server ends it with its lines on standard error."""
        try:
            return super().invoke(ctx)
        except (CdcError, psycopg.Error) as error:
            for line in lines_of(error):
                echo(line, err=True)
            ctx.exit(exit_code_of(error))


@click.group(
    cls=CommandLine, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("config/cdc.toml"),
    envvar="CDC_CONFIG",
    show_default=True,
    show_envvar=True,
    help="The configuration file.",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    help="Least severity that is logged. Default: what the configuration says; for all but `run`, warning.",
)
@click.option(
    "--log-format",
    type=click.Choice(["auto", "json", "console"]),
    help="Default: what the configuration says.",
)
@click.version_option(__version__, prog_name="cdc-daemon")
@click.pass_context
def main(context: click.Context, config: Path, log_level: str | None, log_format: str | None) -> None:
    """Keep JSON documents, each feed defined by one SELECT, in step with PostgreSQL tables.

    Triggers note which rows change; the daemon recomputes the documents that these rows touch, with your own
    query, and delivers those that really differ.

    \b
    A first run:
      cdc-daemon init shop             writes shop/cdc.toml and an example feed
      export CDC_CONFIG=shop/cdc.toml
      cdc-daemon check                 are configuration and queries right?
      cdc-daemon plan                  what is captured, and what would be installed?
      cdc-daemon estimate              how much will it be, and how long will it take?
      cdc-daemon install               triggers and tables, without making writers wait
      cdc-daemon run                   the daemon

    Settings may also come from the environment: CDC_DATABASE_DSN, CDC_DAEMON_POLL_SECONDS,
    CDC_SINKS_<NAME>_URL and so on.
    """
    hide_in_tracebacks()
    context.obj = Invocation(config, log_level, log_format)
