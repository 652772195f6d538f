"""Options of the commands that concern deliveries, and checks of their values."""

from __future__ import annotations

import click

from cdc_daemon.cli.completed_names import feed_names, sink_names
from cdc_daemon.errors import ConfigurationError
from cdc_daemon.settings import Settings
from cdc_daemon.settings.faults import did_you_mean

sink_option = click.option("--sink", metavar="SINK", help="Only this sink.", shell_complete=sink_names)
feed_option = click.option("--feed", metavar="FEED", help="Only this feed.", shell_complete=feed_names)


def require_known(
    settings: Settings, *, sink: str | None, feed: str | None, one_of_them: bool = False
) -> None:
    """Check that a named sink and a named feed are configured, and that the feed goes to the sink.

    Args:
        one_of_them: whether at least one of the two must be named.

    Raises:
        click.UsageError: neither is named, though one of them must be.
        ConfigurationError: a name is not configured, or the feed does not go to the sink.
    """
    if one_of_them and sink is None and feed is None:
        raise click.UsageError("Name a sink (--sink), a feed (--feed), or both.")
    faults: list[tuple[str, str, str | None]] = []
    if sink is not None and sink not in settings.sinks:
        faults.append((f"sink {sink}", "is not configured", did_you_mean(sink, settings.sinks)))
    if feed is not None and feed not in settings.feeds:
        faults.append((f"feed {feed}", "is not configured", did_you_mean(feed, settings.feeds)))
    if not faults and sink and feed and sink not in settings.feeds[feed].sinks:
        faults.append((f"feed {feed}", f"does not go to sink {sink}", "look at feeds.<name>.sinks"))
    if faults:
        raise ConfigurationError(faults)


def feeds_of(settings: Settings, sink: str, feed: str | None = None) -> list[str]:
    """Return the feeds that the sink takes; only `feed` if it is named."""
    return [name for name, each in settings.feeds.items() if sink in each.sinks and feed in {None, name}]


def delivery_name(sink: str | None, feed: str | None) -> str:
    """Return the named sink and feed as text: `sink s, feed f`."""
    named = [f"sink {sink}"] if sink else []
    return ", ".join([*named, *([f"feed {feed}"] if feed else [])])


def pairs(given: tuple[str, ...], option: str) -> dict[str, str]:
    """Return `COLUMN=VALUE` arguments as a mapping.

    Args:
        option: name of the option, for errors.

    Raises:
        click.BadParameter: an argument has another form, or a column is given twice.
    """
    found: dict[str, str] = {}
    for pair in given:
        column, sign, value = pair.partition("=")
        if not sign or not column:
            raise click.BadParameter(f"{pair!r} is not COLUMN=VALUE", param_hint=option)
        if column in found:
            raise click.BadParameter(f"{column} is given twice", param_hint=option)
        found[column] = value
    return found


def require_key_columns(
    settings: Settings, feed: str, where: dict[str, str], *, or_entity: bool = False
) -> None:
    """Check that every column of `where` is a key column.

    Args:
        where: values by column.
        or_entity: whether entity columns are allowed too.

    Raises:
        ConfigurationError: a column is no such column.
    """
    known = settings.feeds[feed]
    key = (*known.key, *known.entity) if or_entity else known.key
    faults: list[tuple[str, str, str | None]] = [
        (f"feed {feed}", f"{name!r} is no key column", did_you_mean(name, key))
        for name in where
        if name not in key
    ]
    if faults:
        raise ConfigurationError(faults)
