"""`cdc-daemon trace`: tells what became of a document, and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import click

from cdc_daemon.cli.completed_names import feed_names
from cdc_daemon.cli.deliveries import pairs
from cdc_daemon.cli.invocation import chosen, invocation, session
from cdc_daemon.cli.options import echo_json, json_option
from cdc_daemon.cli.terminal import echo
from cdc_daemon.cli.trace_json import json_of, json_of_row, json_of_several
from cdc_daemon.cli.trace_text import lines_of, lines_of_row, lines_of_several
from cdc_daemon.errors import CdcError
from cdc_daemon.insight.trace.ask import Answers, ask_entity, ask_key
from cdc_daemon.insight.trace.rows import ask_row


@click.command(short_help="Tell what became of a document, and why.")
@click.argument("words", nargs=-1, required=True, metavar="FEED KEY...", shell_complete=feed_names)
@click.option("--entity", "of_entity", is_flag=True, help="KEY names an entity: show all of its documents.")
@click.option(
    "--row",
    "table",
    metavar="TABLE",
    help="Start at a source row instead: the arguments are COLUMN=VALUE of this table.",
)
@json_option
def trace(words: tuple[str, ...], of_entity: bool, table: str | None, as_json: bool) -> None:
    """Tell what became of the document with KEY in FEED. The daemon need not run.

    KEY has the values of the key columns in their order, or COLUMN=VALUE for each. The first line is the
    verdict: the document is delivered, or what stands between its rows and its receivers. The lines below
    show the document as it is stored and as the query yields it now, each sink, and what waits.

    With --row it tells which documents of every feed a row of a source table reaches, by which route, and
    what became of each.

    \b
    Examples:
      cdc-daemon trace products A-1
      cdc-daemon trace products sku=A-1 storeViewCode=de
      cdc-daemon trace products --entity 7
      cdc-daemon trace --row public.price product_id=7
    """
    if table is not None and of_entity:
        raise click.UsageError("Give --row or --entity, not both.")
    settings = invocation().settings()
    if table is not None:
        with session(settings, "trace") as (connection, _):
            found = ask_row(connection, settings, table, pairs(words, "FEED KEY..."))
        _tell(as_json, json_of_row(found), lines_of_row(found))
        return
    name, *values = words
    chosen(settings, [name])
    columns = settings.feeds[name].entity if of_entity else settings.feeds[name].key
    key = _in_order(values, columns)
    with session(settings, f"trace {name}") as (connection, _):
        if of_entity:
            several = ask_entity(connection, settings, name, key)
            _require_some(several, name)
            _tell(as_json, json_of_several(several), lines_of_several(several))
        else:
            answer = ask_key(connection, settings, name, key)
            _tell(as_json, json_of(answer), lines_of(answer))


def _tell(as_json: bool, found: object, lines: Iterable[str]) -> None:
    if as_json:
        echo_json(found)
        return
    for line in lines:
        echo(line)


def _require_some(found: Answers, feed: str) -> None:
    if not found.answers:
        raise CdcError(
            "no document of this entity is stored, and the query yields none",
            where=f"feed {feed}",
            hint="spell the value as in the document",
        )


def _in_order(values: Sequence[str], columns: Sequence[str]) -> tuple[str, ...]:
    """Return the values of these columns, given in their order or each by its column's name.

    Raises:
        click.UsageError: a column has no value, or there are too many values.
    """
    if all(value.partition("=")[0] in columns and "=" in value for value in values):
        named = pairs(tuple(values), "KEY")
        if named.keys() == set(columns):
            return tuple(named[column] for column in columns)
    elif len(values) == len(columns):
        return tuple(values)
    raise click.UsageError(f"KEY needs a value of each of these columns: {', '.join(columns)}.")
