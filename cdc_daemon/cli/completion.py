"""`cdc-daemon completion`: prints a script by which a shell completes commands, options and names."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command(short_help="Print a script by which a shell completes commands.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]), metavar="SHELL")
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print a script for SHELL that completes commands, options, and names of feeds and sinks.

    Names come from the configuration file that --config or CDC_CONFIG names.

    \b
    Examples:
      cdc-daemon completion bash > /etc/bash_completion.d/cdc-daemon
      cdc-daemon completion zsh > "${fpath[1]}/_cdc-daemon"
      cdc-daemon completion fish > ~/.config/fish/completions/cdc-daemon.fish
    """
    known = get_completion_class(shell)
    if known is None:  # click has these three
        raise click.UsageError(f"click has no completion for {shell}.")
    root = context.find_root().command
    click.echo(known(root, {}, "cdc-daemon", "_CDC_DAEMON_COMPLETE").source())
