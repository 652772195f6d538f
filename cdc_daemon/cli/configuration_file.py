"""Finds the configuration: a file that is named, a file in a known place, or the environment alone."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from cdc_daemon.errors import ConfigurationError

PLACES = (Path("cdc.toml"), Path("/etc/cdc-daemon/cdc.toml"))
"""Files that are tried in this order if neither `--config` nor `CDC_CONFIG` names one."""


def find(
    named: Path | None, environ: Mapping[str, str] = os.environ, *, places: Iterable[Path] = PLACES
) -> Path | None:
    """Return the configuration file; None if the environment is the whole configuration.

    Args:
        named: the file that `--config` or `CDC_CONFIG` names. It need not exist.
        places: files to try if none is named.

    Raises:
        ConfigurationError: there is no file, and no variable sets anything.
    """
    if named is not None:
        return named
    tried = list(places)
    for path in tried:
        if path.exists():
            return path
    # Completion in a shell asks for a file, and must not wait until all settings are imported.
    from cdc_daemon.settings.environment import sets_something  # noqa: PLC0415

    if sets_something(environ):
        return None
    raise ConfigurationError(
        [
            (
                " and ".join(str(path) for path in tried),
                "do not exist, and no variable CDC_… sets anything",
                "name a file with --config or CDC_CONFIG, or write one with `cdc-daemon init DIR`",
            )
        ]
    )
