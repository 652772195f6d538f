"""The given values by section, before validation. Later layers override earlier ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, cast

from pydantic import BaseModel

from cdc_daemon.errors import UnknownSinkKind
from cdc_daemon.settings.canary import CanarySettings
from cdc_daemon.settings.faults import Faults, KeyPath, did_you_mean, shown
from cdc_daemon.settings.http import WebSettings
from cdc_daemon.settings.log import LogSettings
from cdc_daemon.settings.model import (
    CaptureSettings,
    DaemonSettings,
    DatabaseSettings,
    FeedSettings,
    HistorySettings,
)
from cdc_daemon.settings.section import may_stand_in_a_file, settable
from cdc_daemon.settings.tracing import TracingSettings
from cdc_daemon.settings.verify import VerifySettings
from cdc_daemon.sinks.registry import SINKS
from cdc_daemon.sinks.settings import SinkSettings

SINGLE: Mapping[str, type[BaseModel]] = {
    "database": DatabaseSettings,
    "daemon": DaemonSettings,
    "log": LogSettings,
    "http": WebSettings,
    "tracing": TracingSettings,
    "canary": CanarySettings,
    "capture": CaptureSettings,
    "history": HistorySettings,
    "verify": VerifySettings,
}
"""Sections that are one table."""
NAMED = ("feeds", "sinks")
"""Sections with a table for each name."""

MOVED: Mapping[KeyPath, str] = {
    ("daemon", "log_level"): "it is now `level` below [log]",
    ("daemon", "log_format"): "it is now `format` below [log]",
}
"""Hints for settings of earlier versions."""

FILE_ENDING = "_file"


class Sections:
    """The tables of the configuration file, without entries that are no tables.

    Args:
        tree: the parsed file.
        faults: gets a fault for each entry that is no table or has an unknown name.
    """

    def __init__(self, tree: Mapping[str, object], faults: Faults) -> None:
        self._faults = faults
        self.tables: dict[KeyPath, dict[str, object]] = {(section,): {} for section in SINGLE}
        for section, content in tree.items():
            self._add_section(section, content)

    def _add_section(self, section: str, content: object) -> None:
        if section not in SINGLE and section not in NAMED:
            owner = next((name for name, model in SINGLE.items() if section in keys(model)), None)
            hint = f"it belongs below [{owner}]" if owner else did_you_mean(section, [*SINGLE, *NAMED])
            self._faults.add((section,), "is no section of the configuration", hint)
        elif not isinstance(content, dict):
            hint = f"write it as [{section}]" if section in SINGLE else f"write it as [{section}.<name>]"
            self._faults.add((section,), f"is {shown(content)}; it should be a table", hint)
        elif section in SINGLE:
            self.tables[section,] = dict(cast("dict[str, object]", content))
        else:
            for name, table in cast("dict[str, object]", content).items():
                if isinstance(table, dict):
                    self.tables[section, name] = dict(cast("dict[str, object]", table))
                else:
                    self._faults.add(
                        (section, name),
                        f"is {shown(table)}; it should be a table",
                        f"each of {section} has a table of its own: [{section}.<name>]",
                    )

    def declare(self, key_path: KeyPath, table: dict[str, object]) -> None:
        """Add the table of a feed or sink that the file does not have."""
        self.tables[key_path] = table

    def names(self, section: str) -> list[str]:
        """Return the names that `feeds` or `sinks` declares, in the order of the file."""
        return [key_path[1] for key_path in self.tables if key_path[0] == section and len(key_path) > 1]

    def model(self, table: KeyPath) -> type[BaseModel]:
        """Return the model that validates a table: for a sink of an unknown kind, `SinkSettings`."""
        if table[0] in SINGLE:
            return SINGLE[table[0]]
        if table[0] == "feeds":
            return FeedSettings
        try:
            return SINKS.get(str(self.tables[table].get("type")), SinkSettings)
        except UnknownSinkKind:  # reported when the table itself is validated
            return SinkSettings

    def settable_keys(self) -> Iterator[KeyPath]:
        """Yield every key that can have a value."""
        for table in self.tables:
            for field in keys(self.model(table)):
                yield *table, field

    def annotation(self, key_path: KeyPath) -> Any:
        """Return the type of the field of a key; `str` for the file of a secret."""
        field = self.model(key_path[:-1]).model_fields.get(key_path[-1])
        return field.annotation if field else str

    def put(self, key_path: KeyPath, value: object, *, origin: str) -> None:
        """Set a value, overriding that of an earlier layer.

        A secret and its file are two forms of one setting. The later layer wins, whichever form it uses.

        Args:
            origin: name of the variable or option, for messages.
        """
        table, field = self.tables[key_path[:-1]], key_path[-1]
        other = field.removesuffix(FILE_ENDING) if field.endswith(FILE_ENDING) else field + FILE_ENDING
        known = keys(self.model(key_path[:-1]))
        if other in known and (*key_path[:-1], other) not in self._faults.origins:
            table.pop(other, None)
        table[field] = value
        self._faults.origins[key_path] = origin


@cache
def keys(model: type[BaseModel]) -> Sequence[str]:
    """Return the keys that a table may have: its fields, and the `*_file` keys of its secrets."""
    fields = settable(model)
    files = [name + FILE_ENDING for name, field in fields.items() if may_stand_in_a_file(field)]
    return [*fields, *(name for name in files if name not in fields)]
