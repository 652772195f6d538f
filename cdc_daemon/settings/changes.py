"""How far another configuration can replace the one of a running daemon."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from psycopg.conninfo import conninfo_to_dict
from pydantic import BaseModel

from cdc_daemon.settings.model import Settings
from cdc_daemon.settings.sections import FILE_ENDING

_TARGET = ("service", "host", "hostaddr", "port", "dbname", "user")

_IDENTITY = (
    ("database", "own_schema"),
    ("database", "owner_role"),
    ("daemon", "name"),
    ("daemon", "state_dir"),
)
"""Settings that say which daemon this is. One that runs can't become another one."""

_FIXED = (
    ("daemon", "sessions"),
    ("daemon", "helper_sessions"),
    ("tracing", "endpoint"),
)
"""Settings that a running daemon keeps until a restart."""


@dataclass(frozen=True)
class Applicable:
    """The part of another configuration that a running daemon can apply.

    Attributes:
        settings: the other configuration, with the present values of those that need a restart.
        restart_for: settings that differ and need a restart, as `section.field`.
    """

    settings: Settings
    restart_for: Sequence[str]


def of_another_daemon(present: Settings, other: Settings) -> Iterator[str]:
    """Yield the settings that differ and say which daemon this is. None of the rest may be applied then."""
    if _target(present) != _target(other):
        yield "database.dsn"
    yield from (
        ".".join(key_path) for key_path in _IDENTITY if _value(present, key_path) != _value(other, key_path)
    )


def applicable(present: Settings, other: Settings) -> Applicable:
    """Return what of another configuration can be applied now.

    The settings of a sink that does not differ are those of the present configuration, the same object.
    """
    same = {
        name: sink for name, sink in present.sinks.items() if dict(sink) == dict(other.sinks.get(name, ()))
    }
    kept = [key_path for key_path in _FIXED if _value(present, key_path) != _value(other, key_path)]
    # Deliveries of a sink share its pace and its token by the object of its settings.
    settings = other.model_copy(update={"sinks": {**other.sinks, **same}})
    for section, field in kept:
        table = cast("BaseModel", getattr(settings, section))
        held = table.model_copy(update={field: _value(present, (section, field))})
        settings = settings.model_copy(update={section: held})
    return Applicable(settings, [".".join(key_path) for key_path in kept])


def contents(section: BaseModel) -> tuple[object, ...]:
    """Return a digest of each file that a section names: certificates are renewed in place.

    A file that can't be read has none; the worker that needs it reports it.
    """
    return tuple(
        (name, _digest(value))
        for name, value in dict(section).items()
        if isinstance(value, Path) and name.endswith(FILE_ENDING)
    )


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def _target(settings: Settings) -> object:
    """Return what of the connection string says which database it is, and which role; not the password."""
    if settings.database.embedded:
        return settings.database.conninfo
    found = conninfo_to_dict(settings.database.conninfo)
    return [found.get(name) for name in _TARGET]


def _value(settings: Settings, key_path: tuple[str, str]) -> object:
    return getattr(getattr(settings, key_path[0]), key_path[1])
