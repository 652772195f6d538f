"""Settings. Later ones win: default, configuration file, `CDC_*` variable, command-line option."""

from cdc_daemon.settings.loading import load, read
from cdc_daemon.settings.model import DaemonSettings, DatabaseSettings, FeedSettings, Settings

__all__ = ["DaemonSettings", "DatabaseSettings", "FeedSettings", "Settings", "load", "read"]
