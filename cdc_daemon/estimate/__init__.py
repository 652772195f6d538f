"""Estimates documents, bytes, requests and time of a first sync, before anything is installed."""

from cdc_daemon.estimate.feeds import Estimate, FeedEstimate, SinkEstimate, estimate

__all__ = ["Estimate", "FeedEstimate", "SinkEstimate", "estimate"]
