"""Groups of commands that name the nearest command to a misspelt one."""

from __future__ import annotations

import click

from cdc_daemon.nearest import nearest


class SuggestingGroup(click.Group):
    """A group of commands."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the named command.

        Raises:
            click.UsageError: there is no command of that name. The error names the nearest one.
        """
        names = self.list_commands(ctx)
        near = nearest(args[0], names)
        if args[0] not in names and near and not args[0].startswith("-"):
            ctx.fail(f"No such command {args[0]!r}. Did you mean {near!r}?")
        return super().resolve_command(ctx, args)
