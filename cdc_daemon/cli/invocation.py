"""One call of the command line: its configuration, log and database session."""

from __future__ import annotations

import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import click

from cdc_daemon import log, redaction
from cdc_daemon.cli.configuration_file import find
from cdc_daemon.database import database
from cdc_daemon.errors import ConfigurationError
from cdc_daemon.pg.session import OWN_PATH, Connection, connect
from cdc_daemon.settings import Settings, load, read
from cdc_daemon.settings.faults import did_you_mean
from cdc_daemon.settings.secret_texts import secret_texts
from cdc_daemon.workers.migrations import require_current


@dataclass(frozen=True)
class Invocation:
    """The options before the command's name.

    Attributes:
        config: path of the configuration file, if the option or CDC_CONFIG names one.
        log_level, log_format: values of the options, or None.
    """

    config: Path | None
    log_level: str | None
    log_format: str | None

    def settings(
        self, *, for_daemon: bool = False, overrides: Mapping[str, object] | None = None
    ) -> Settings:
        """Read the configuration and start the log.

        Args:
            overrides: values of the command's own options by dotted field.
            for_daemon: the log goes to standard output (unless a sink writes there), with the configured
                level. For other commands it goes to standard error and has warnings only.

        Raises:
            ConfigurationError: the configuration is not valid. The error has every fault.
        """
        settings = load(find(self.config), overrides={**self._overrides, **(overrides or {})})
        redaction.know(secret_texts(settings))
        if for_daemon:
            self.start_log(settings)
        else:
            log.configure(
                settings.log.level if self.log_level else "warning", settings.log.format, sys.stderr
            )
        return settings

    def reread(self) -> Settings:
        """Read the configuration again, and change nothing in the process.

        Raises:
            ConfigurationError: the configuration is not valid.
        """
        return read(find(self.config), overrides=self._overrides)

    def start_log(self, settings: Settings) -> None:
        """Make the log of a daemon follow the configuration."""
        taken = any(sink.type == "stdout" for sink in settings.sinks.values())
        log.configure(
            settings.log.level,
            settings.log.format,
            sys.stderr if taken else sys.stdout,
            recent=(log.recent_lines() or log.RecentLines()) if settings.http.listen else None,
        )

    @property
    def _overrides(self) -> dict[str, object]:
        given = {"log.level": self.log_level, "log.format": self.log_format}
        return {name: value for name, value in given.items() if value is not None}


def invocation() -> Invocation:
    """Return the current invocation."""
    return cast("Invocation", click.get_current_context().obj)


@contextmanager
def session(
    settings: Settings, purpose: str, *, search_path: str = OWN_PATH
) -> Generator[tuple[Connection, str]]:
    """Open a session for one command. Yields the session and its connection string.

    Args:
        purpose: the command; it is part of the session's `application_name`.
        search_path: give another one only for a session that runs none of the daemon's statements.

    Raises:
        DatabaseUnavailable: the server can't be reached.
    """
    with (
        database(settings) as dsn,
        connect(
            dsn,
            search_path=search_path,
            purpose=purpose,
            patience=settings.database.patience,
        ) as connection,
    ):
        yield connection, dsn


@contextmanager
def installed_session(settings: Settings, purpose: str) -> Generator[tuple[Connection, str]]:
    """Open a session for a command that works on what `install` made (see `session`).

    Raises:
        DatabaseUnavailable: the server can't be reached.
        InstallError: nothing is installed, or another version of cdc-daemon installed it.
    """
    with session(settings, purpose) as (connection, dsn):
        require_current(connection)
        yield connection, dsn


def chosen(settings: Settings, names: Sequence[str]) -> list[str]:
    """Return the feeds that the command line names, or all feeds if it names none.

    Raises:
        ConfigurationError: some names are not configured. The error has a fault for each.
    """
    faults: list[tuple[str, str, str | None]] = [
        (f"feed {name}", "is not configured", did_you_mean(name, settings.feeds))
        for name in names
        if name not in settings.feeds
    ]
    if faults:
        raise ConfigurationError(faults)
    return list(dict.fromkeys(names)) or list(settings.feeds)
