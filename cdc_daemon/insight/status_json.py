"""A status as JSON: what `status --json` prints and `/status.json` answers."""

from __future__ import annotations

from dataclasses import asdict

from cdc_daemon.insight.health import health
from cdc_daemon.insight.status import Status


def status_json(found: Status) -> dict[str, object]:
    """Return a status with its feeds, and their sinks, by name. docs/reference.md describes the fields."""
    feeds: dict[str, object] = {}
    for feed in found.feeds:
        fields = asdict(feed)
        name = fields.pop("feed")
        fields["sinks"] = {sink.pop("sink"): sink for sink in fields["sinks"]}
        feeds[name] = fields
    return {
        "health": asdict(health(found)),
        "daemons": asdict(found.daemons),
        "feeds": feeds,
        "blockers": [asdict(each) for each in found.blockers],
        "sizes": found.sizes,
        "write_costs": [asdict(each) for each in found.write_costs],
        "coverage": [asdict(each) for each in found.coverage],
        "schema": asdict(found.schema) if found.schema else None,
        "drift": list(found.drift),
        "uncaptured": list(found.uncaptured),
    }
