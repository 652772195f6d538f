"""From a changed row to the entities it touches: pure passes over a feed's query, one a file."""

from cdc_daemon.analysis.analyse import analyse

__all__ = ["analyse"]
