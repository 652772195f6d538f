"""What a person may set: default < configuration file < `CDC_*` environment < command-line option."""

from cdc_daemon.settings.loading import load
from cdc_daemon.settings.model import DaemonSettings, DatabaseSettings, FeedSettings, Settings

__all__ = ["DaemonSettings", "DatabaseSettings", "FeedSettings", "Settings", "load"]
