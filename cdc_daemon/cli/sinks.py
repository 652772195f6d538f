"""`cdc-daemon sinks`: tests the connection to a sink."""

from __future__ import annotations

import time
from collections.abc import Iterator

import click

from cdc_daemon.cli.deliveries import feed_option, feeds_of, require_known
from cdc_daemon.cli.failures import lines_of
from cdc_daemon.cli.invocation import invocation
from cdc_daemon.cli.terminal import echo
from cdc_daemon.errors import CdcError, SinkUnavailable
from cdc_daemon.settings import Settings
from cdc_daemon.sinks.sink import ProbeStep


@click.group(short_help="Test the connection to a sink.")
def sinks() -> None:
    """Test sinks.

    \b
    Example:
      cdc-daemon sinks test catalog
    """


@sinks.command(short_help="Test the connection to a sink, step by step.")
@click.argument("name", metavar="NAME")
@feed_option
def test(name: str, feed: str | None) -> None:
    """Test the connection to the sink NAME, for each of its feeds, and show the result of each step.

    The command changes nothing at the target and does not need the database. The daemon may run meanwhile.

    \b
    Example:
      cdc-daemon sinks test catalog --feed products
    """
    settings = invocation().settings()
    require_known(settings, sink=name, feed=feed)
    feeds = feeds_of(settings, name, feed)
    if not feeds:
        raise CdcError("takes no feed", where=f"sink {name}", hint="name it in feeds.<name>.sinks")
    failures: list[CdcError] = []
    for each in feeds:
        echo(f"sink {name}, feed {each}")
        for step, seconds in _timed(settings, name, each):
            passed = "ok" if step.failure is None else "failed"
            echo(f"  {step.name:<14} {passed:<7} {seconds * 1000:8.1f} ms  {step.said}".rstrip())
            if step.failure is not None:
                failures.append(step.failure)
                for line in lines_of(step.failure):
                    echo(f"    {line}")
    if failures:
        raise SinkUnavailable(
            f"{len(failures)} of {len(feeds)} feeds can't be delivered",
            where=f"sink {name}",
            hint="see above",
        )


def _timed(settings: Settings, name: str, feed: str) -> Iterator[tuple[ProbeStep, float]]:
    """Yield each step of a probe with its duration in seconds."""
    sink = settings.sinks[name].open(name)
    try:
        started = time.monotonic()
        for step in sink.probe(feed):
            yield step, time.monotonic() - started
            started = time.monotonic()
    finally:
        sink.close()
