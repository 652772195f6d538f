"""The sink that POSTs records to a URL; docs/http.md says what is sent and how answers are understood."""

from cdc_daemon.sinks.http.settings import HttpSettings
from cdc_daemon.sinks.http.sink import HttpSink

__all__ = ["HttpSettings", "HttpSink"]
