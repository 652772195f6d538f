"""Completes names of feeds and sinks in a shell, from the configuration file alone."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from contextlib import suppress

import click

from cdc_daemon.cli.configuration_file import find
from cdc_daemon.errors import ConfigurationError

Complete = Callable[[click.Context, click.Parameter, str], list[str]]


def _names(section: str) -> Complete:
    def complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
        _ = parameter
        configured: dict[str, object] = {}
        # A shell has no place for an error: a file that can't be read completes nothing.
        with suppress(OSError, tomllib.TOMLDecodeError, UnicodeDecodeError, ConfigurationError):
            path = find(context.find_root().params["config"])
            if path is None:
                return []
            configured = tomllib.loads(path.read_text("utf-8")).get(section, {})
        given = context.params.get("feeds") or ()
        return [name for name in configured if name.startswith(incomplete) and name not in given]

    return complete


feed_names = _names("feeds")
"""Completes the name of a feed that the command line does not name yet."""

sink_names = _names("sinks")
"""Completes the name of a sink."""
