"""The command `cdc-daemon`: the options that all commands share, and the output of errors."""

from __future__ import annotations

import importlib
from pathlib import Path

import click

from cdc_daemon import __version__
from cdc_daemon.cli.suggesting import SuggestingGroup
from cdc_daemon.cli.terminal import echo, hide_in_tracebacks

COMMANDS = (
    *("init", "check", "plan", "estimate", "install", "run", "status", "cost", "verify", "resync"),
    *("trace", "failed", "retry", "replay", "pause", "resume", "sinks", "logs", "audit", "dashboard"),
    *("service", "uninstall", "commerce", "completion"),
)
"""The commands, in the order in which a newcomer needs them. A module of the same name has each."""


class CommandLine(SuggestingGroup):
    """Loads a command when it is called, and prints our errors as `Error:` and `Try:`.

    Loading all commands takes half a second (the SQL parser, the database driver, the settings). `--version`
    and completion don't need that. So no module that they import may import these.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the name of every command, in the order of `COMMANDS`."""
        _ = ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command; None if there is no command of that name."""
        _ = ctx
        if cmd_name not in COMMANDS:
            return None
        command = getattr(importlib.import_module(f"cdc_daemon.cli.{cmd_name}"), cmd_name)
        return command if isinstance(command, click.Command) else None

    def invoke(self, ctx: click.Context) -> object:
        """Run the command. Print an error of ours or of the server to standard error, and exit."""
        from cdc_daemon.cli.failures import EXPECTED, exit_code_of, lines_of  # noqa: PLC0415 # see the class

        try:
            return super().invoke(ctx)
        except EXPECTED as error:
            for line in lines_of(error):
                echo(line, err=True)
            ctx.exit(exit_code_of(error))


@click.group(
    cls=CommandLine, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    envvar="CDC_CONFIG",
    show_envvar=True,
    help="The configuration file. Default: cdc.toml in this folder, then /etc/cdc-daemon/cdc.toml.",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    help="Lowest severity to log. Default: the configured level for `run`, warning for other commands.",
)
@click.option(
    "--log-format",
    type=click.Choice(["auto", "json", "console"]),
    help="Format of the log. Default: the configured one.",
)
@click.version_option(__version__, prog_name="cdc-daemon")
@click.pass_context
def main(context: click.Context, config: Path | None, log_level: str | None, log_format: str | None) -> None:
    """Keep JSON documents, which a SELECT for each feed defines, in step with PostgreSQL.

    Triggers record which rows change. The daemon recomputes the documents that these rows affect, with your
    own query, and delivers those that really changed.

    \b
    A first run:
      cdc-daemon init shop             writes shop/cdc.toml and an example feed
      export CDC_CONFIG=shop/cdc.toml
      cdc-daemon check                 checks the configuration and the queries
      cdc-daemon plan                  shows how changes reach documents, and the objects to install
      cdc-daemon estimate              estimates the size and the time of a first sync
      cdc-daemon install               installs triggers and tables, without long waits for writers
      cdc-daemon run                   runs the daemon

    Environment variables override settings: CDC_DATABASE_DSN, CDC_DAEMON_POLL_SECONDS,
    CDC_SINKS_<NAME>_URL and so on. They can be the whole configuration: then no file is needed.
    """
    from cdc_daemon.cli.invocation import Invocation  # noqa: PLC0415 # see CommandLine

    hide_in_tracebacks()
    context.obj = Invocation(config, log_level, log_format)
