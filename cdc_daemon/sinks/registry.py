"""Every kind of sink by its `type` in the configuration: a new one is one file and one line here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from cdc_daemon.sinks.file import FileSettings
from cdc_daemon.sinks.http import HttpSettings
from cdc_daemon.sinks.settings import SinkSettings
from cdc_daemon.sinks.stdout import StdoutSettings

SINKS: Mapping[str, type[SinkSettings]] = MappingProxyType(
    {
        "file": FileSettings,
        "http": HttpSettings,
        "stdout": StdoutSettings,
    }
)
