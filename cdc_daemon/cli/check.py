"""`cdc-daemon check`: checks the configuration and the queries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import click
import psycopg

from cdc_daemon.analysis.model.plan import Analysis, RouteKind, Verdict
from cdc_daemon.cli import plans
from cdc_daemon.cli.failures import fault_line
from cdc_daemon.cli.invocation import chosen, invocation, session
from cdc_daemon.cli.options import echo_json, feeds_argument, json_option
from cdc_daemon.cli.terminal import echo
from cdc_daemon.errors import CdcError, ConfigurationError, FeedError, InstallError
from cdc_daemon.feeds.definition import FeedDefinition
from cdc_daemon.feeds.keys import BadKeys, count_bad_keys
from cdc_daemon.pg.session import Connection, first_line
from cdc_daemon.settings import FeedSettings, Settings
from cdc_daemon.verdicts import Accepting
from cdc_daemon.workers.coexistence import concerns, subscribed
from cdc_daemon.workers.own_objects import require_own_schema
from cdc_daemon.workers.planning import FeedPlan, plan_feed
from cdc_daemon.workers.query_planning import QueryRefused, location_of


class Fault(NamedTuple):
    """One finding of `check`; `verdict` is the verdict's name, or None for another finding."""

    where: str
    what: str
    hint: str | None
    verdict: str | None = None


@dataclass
class _Found:
    """All findings of `check`."""

    faults: list[Fault] = field(default_factory=list[Fault])
    warnings: list[Fault] = field(default_factory=list[Fault])
    accepted: list[Fault] = field(default_factory=list[Fault])


@click.command(short_help="Check the configuration and the queries.")
@feeds_argument
@click.option(
    "--count",
    "counting",
    is_flag=True,
    help="Run each query whose key no unique constraint proves, and count keys that are NULL or not unique.",
)
@json_option
def check(feeds: tuple[str, ...], counting: bool, as_json: bool) -> None:
    """Check the configuration and, against the database, the queries of every FEED (default: all).

    The command changes nothing. Each fault is one line with its place and its remedy. Warnings are about
    queries that work, but could cost more than you expect. A verdict about a query has its name in brackets;
    the feed can accept it by this name (`accept`).

    \b
    Exit code: 0 if all is well, 2 if there are faults, 3 if the database can't be reached.

    \b
    Examples:
      cdc-daemon check
      cdc-daemon check products --json
      cdc-daemon check products --count
    """
    found = _Found()
    names: list[str] = []
    try:
        settings = invocation().settings()
        names = chosen(settings, feeds)
        with session(settings, "check") as (connection, _):
            try:
                require_own_schema(connection)
            except InstallError as error:
                found.faults.append(Fault(error.where or "database", error.what, error.hint))
            found.warnings += (Fault(*concern) for concern in concerns(connection, settings))
            for name in names:
                if plans.awaits_install(connection, name):
                    continue
                _check(connection, settings, name, found, counting=counting)
    except ConfigurationError as error:
        found.faults += (Fault(*fault) for fault in error.faults)
    _show(names, found, as_json=as_json)
    if found.faults:
        click.get_current_context().exit(ConfigurationError.exit_code)


def _check(connection: Connection, settings: Settings, name: str, found: _Found, *, counting: bool) -> None:
    """Add the findings about one feed."""
    feed = settings.feeds[name]
    try:
        plan = plan_feed(connection, settings, name)
    except QueryRefused as error:
        found.faults += (_told(feed, verdict) for verdict in error.verdicts)
    except FeedError as error:
        found.faults += (Fault(*fault) for fault in error.faults(name))
    except CdcError:
        raise
    except psycopg.Error as error:
        if connection.closed:
            raise
        found.faults.append(Fault(f"feed {name}", first_line(error), None))
    else:
        bad = count_bad_keys(connection, plan.definition) if counting and not _proved(plan) else None
        if bad is not None and bad.examples:
            found.faults.append(_bad_keys(plan.definition, bad))
        relations = [table.oid for table in plan.catalogue.tables.values()]
        found.warnings += (Fault(*each) for each in subscribed(connection, name, relations))
        keys = () if bad is not None else _keys(feed, plan)
        for verdict in (*plan.analysis.verdicts, *keys, *_whole_feeds(feed, plan.analysis)):
            (found.accepted if verdict.accepted else found.warnings).append(_told(feed, verdict))


def _told(feed: FeedSettings, verdict: Verdict) -> Fault:
    what = f"{verdict.what}; {Accepting.UNWATCHED}" if verdict.unwatched else verdict.what
    return Fault(location_of(feed.query_location, verdict), what, verdict.hint, verdict.name)


def _whole_feeds(feed: FeedSettings, analysis: Analysis) -> Iterator[Verdict]:
    """Yield a verdict for each table of which every change recomputes every entity."""
    for occurrence in analysis.occurrences:
        if occurrence.kind is RouteKind.ALL:
            yield Verdict(
                "every-entity",
                f"any change of {occurrence.table} ({occurrence.alias}) recomputes every document: "
                f"{occurrence.reason or 'no narrower route'}",
                "rewrite the query as the reason says; or accept it, if the table seldom changes",
                occurrence.line,
                occurrence.column,
                accepted="every-entity" in feed.accept,
            )


def _proved(plan: FeedPlan) -> bool:
    return plan.analysis.unique_key and not plan.analysis.nullable_key


def _keys(feed: FeedSettings, plan: FeedPlan) -> Iterator[Verdict]:
    """Yield a verdict if no constraint proves that the feed's key is unique and never NULL."""
    named = ", ".join(feed.key)
    count = f"cdc-daemon check {plan.definition.name} --count checks the present documents"
    if not plan.analysis.unique_key:
        yield Verdict(
            "unproven-key",
            f"no unique key proves that each key ({named}) occurs once, and two documents with one key stop "
            "the feed",
            f"name more columns in `key`, or declare the unique key in the database; {count}",
            accepted="unproven-key" in feed.accept,
        )
    elif plan.analysis.nullable_key:
        yield Verdict(
            "nullable-key",
            f"{', '.join(plan.analysis.nullable_key)} may be NULL, and a document with a NULL in its key "
            "stops the feed",
            f"set the column NOT NULL, or leave such rows out of the query; {count}",
            accepted="nullable-key" in feed.accept,
        )


def _bad_keys(feed: FeedDefinition, bad: BadKeys) -> Fault:
    shown = "; ".join(bad.examples)
    return Fault(
        f"feed {feed.name}",
        f"({', '.join(feed.key)}) is not a key: values that occur more than once: {bad.repeated:,}, "
        f"with a NULL: {bad.null:,}; among them {shown}",
        "make the query yield each key once, or name more columns in `key`",
    )


def _show(names: list[str], found: _Found, *, as_json: bool) -> None:
    if as_json:
        told = {kind: [fault._asdict() for fault in faults] for kind, faults in vars(found).items()}
        echo_json({"feeds": names, **told})
        return
    for label, faults in (("Accepted", found.accepted), ("Warning", found.warnings), ("Error", found.faults)):
        for fault in faults:
            name = f" [{fault.verdict}]" if fault.verdict else ""
            hint = None if label == "Accepted" else fault.hint
            echo(fault_line(fault.where, f"{fault.what}{name}", hint, label=label), err=True)
    if not found.faults:
        echo(f"All is well: {', '.join(names)}." if names else "All is well, but no feed is configured.")
