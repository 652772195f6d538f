"""What a first sync of feeds will come to, before anything is installed: documents, bytes, requests, time."""

from cdc_daemon.estimate.feeds import Estimate, FeedEstimate, SinkEstimate, estimate

__all__ = ["Estimate", "FeedEstimate", "SinkEstimate", "estimate"]
