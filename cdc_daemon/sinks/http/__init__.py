"""The HTTP sink: POSTs records to a URL. docs/http.md describes requests and the meaning of answers."""

from cdc_daemon.sinks.http.settings import HttpSettings
from cdc_daemon.sinks.http.sink import HttpSink

__all__ = ["HttpSettings", "HttpSink"]
