"""Lists the files that a configuration names, without reading one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cdc_daemon.errors import ConfigurationError
from cdc_daemon.settings import environment
from cdc_daemon.settings.faults import Faults
from cdc_daemon.settings.loading import read_toml
from cdc_daemon.settings.section import PRIVATE_FILE
from cdc_daemon.settings.sections import FILE_ENDING, Sections


@dataclass(frozen=True)
class NamedFiles:
    """Files as they are named, relative to the configuration's folder, each once.

    Attributes:
        secrets: files of secrets.
        queries: files of feeds.
    """

    secrets: tuple[str, ...]
    queries: tuple[str, ...]


def named_files(path: Path, environ: Mapping[str, str] = os.environ) -> NamedFiles:
    """Return the files that a configuration names.

    Raises:
        ConfigurationError: the configuration can't be read, or a part of it is no table.
    """
    faults = Faults(str(path))
    sections = Sections(read_toml(path), faults)
    environment.apply(sections, environ, faults)
    if faults.found:
        raise ConfigurationError(faults.found)
    secrets, queries = dict[str, None](), dict[str, None]()
    for key_path, table in sections.tables.items():
        for key, value in table.items():
            if not isinstance(value, str):
                continue  # reported by a command that reads the settings
            known = sections.model(key_path).model_fields
            is_private = key in known and known[key].json_schema_extra == PRIVATE_FILE
            if is_private or (key.endswith(FILE_ENDING) and key not in known):
                secrets[value] = None
            elif key_path[0] == "feeds" and key == "query":
                queries[value] = None
    return NamedFiles(tuple(secrets), tuple(queries))
