"""The configuration as it is in force."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from cdc_daemon import __version__
from cdc_daemon.dashboard.definitions import Asked, Nothing
from cdc_daemon.settings import Settings
from cdc_daemon.settings.section import holds_secret, settable
from cdc_daemon.settings.sections import SINGLE

HIDDEN = "***"


@dataclass(frozen=True)
class Setting:
    """A setting.

    Attributes:
        value: as JSON has it; `***` for a secret.
        is_default: whether it is the default's value.
    """

    name: str
    value: Any
    is_default: bool
    meaning: str


@dataclass(frozen=True)
class SectionInForce:
    """A table of the configuration, such as `[daemon]` or `[feeds.products]`."""

    name: str
    settings: Sequence[Setting]


@dataclass(frozen=True)
class Configuration:
    """The configuration of the process that serves this page.

    Attributes:
        file: the file from which it was read.
        program, python, postgresql: versions.
    """

    file: str
    program: str
    python: str
    postgresql: str
    sections: Sequence[SectionInForce]


def configuration(asked: Asked, _question: Nothing) -> Configuration:
    """Return the configuration."""
    return Configuration(
        str(asked.settings.file),
        __version__,
        platform.python_version(),
        asked.connection.info.parameter_status("server_version") or "",
        list(_sections(asked.settings)),
    )


def _sections(settings: Settings) -> Iterator[SectionInForce]:
    values = settings.effective()
    for name in SINGLE:
        yield SectionInForce(f"[{name}]", list(_settings(getattr(settings, name), values[name])))
    for kind, named in (("feeds", settings.feeds), ("sinks", settings.sinks)):
        for name, each in named.items():
            yield SectionInForce(f"[{kind}.{name}]", list(_settings(each, values[kind][name])))


def _settings(section: BaseModel, values: Mapping[str, Any]) -> Iterator[Setting]:
    names = {field.alias or name: name for name, field in type(section).model_fields.items()}
    for key, field in settable(type(section)).items():
        if names[key] not in values:  # the text of a query: its page shows it
            continue
        value = getattr(section, names[key])
        is_default = not field.is_required() and value == field.get_default(call_default_factory=False)
        shown = HIDDEN if holds_secret(field) and value else values[names[key]]
        yield Setting(key, shown, is_default, field.description or "")
