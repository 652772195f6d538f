"""`cdc-daemon sinks`: tests the connection to a sink."""

from __future__ import annotations

from functools import partial

import click

from cdc_daemon.cli.completed_names import sink_names
from cdc_daemon.cli.deliveries import feed_option, feeds_of, require_known
from cdc_daemon.cli.failures import lines_of
from cdc_daemon.cli.invocation import invocation
from cdc_daemon.cli.options import echo_json, json_option
from cdc_daemon.cli.suggesting import SuggestingGroup
from cdc_daemon.cli.terminal import echo
from cdc_daemon.errors import CdcError, SinkUnavailable
from cdc_daemon.sinks.timed_probe import timed_probe


@click.group(cls=SuggestingGroup, short_help="Test the connection to a sink.")
def sinks() -> None:
    """Test sinks.

    \b
    Example:
      cdc-daemon sinks test catalog
    """


@sinks.command(short_help="Test the connection to a sink, step by step.")
@click.argument("name", metavar="NAME", shell_complete=sink_names)
@feed_option
@json_option
def test(name: str, feed: str | None, as_json: bool) -> None:
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
    say = _nothing if as_json else echo
    found: dict[str, list[dict[str, object]]] = {}
    for each in feeds:
        say(f"sink {name}, feed {each}")
        steps = found.setdefault(each, [])
        for timed in timed_probe(partial(settings.sinks[name].open, name), each):
            step, seconds = timed.step, timed.seconds
            failure = None if step.failure is None else " ".join(lines_of(step.failure))
            steps.append({"step": step.name, "seconds": seconds, "said": step.said, "failure": failure})
            passed = "ok" if step.failure is None else "failed"
            say(f"  {step.name:<14} {passed:<7} {seconds * 1000:8.1f} ms  {step.said}".rstrip())
            if step.failure is not None:
                failures.append(step.failure)
                for line in lines_of(step.failure):
                    say(f"    {line}")
    if as_json:
        echo_json({"sink": name, "feeds": found})
    if failures:
        raise SinkUnavailable(
            f"{len(failures)} of {len(feeds)} feeds can't be delivered",
            where=f"sink {name}",
            hint="see above",
        )


def _nothing(line: str) -> None:
    """Print nothing: JSON comes at the end."""
    _ = line
