"""`cdc-daemon cost`: measures what capture adds to a write."""

from __future__ import annotations

from dataclasses import asdict

import click

from cdc_daemon.cli.invocation import invocation, session
from cdc_daemon.cli.options import echo_json, json_option
from cdc_daemon.cli.terminal import echo
from cdc_daemon.insight.write_cost import TIMES, measure


@click.command(short_help="Measure what capture adds to a write.")
@click.argument("table", metavar="TABLE")
@json_option
def cost(table: str, as_json: bool) -> None:
    """Measure how long the capture trigger of TABLE takes in a statement that writes one row.

    The command writes one row several times and rolls back. It locks this row for some milliseconds, and
    other triggers of the table run too. It needs the right to UPDATE the table. Where `track_functions` is
    `pl` or `all`, `status` shows the mean of all statements without a measurement.

    \b
    Example:
      cdc-daemon cost public.product
    """
    settings = invocation().settings()
    schema, _, name = table.rpartition(".")
    # Other triggers of the table may need the search path of the queries.
    with session(settings, "cost", search_path=settings.database.search_path) as (connection, _dsn):
        found = measure(connection, schema or "public", name)
    if as_json:
        echo_json(asdict(found))
        return
    kind = "changes" if found.changes else "writes, without a change,"
    echo(
        f"table {found.table}: a statement that {kind} one value of {found.column} takes "
        f"{found.milliseconds:.3f} ms, of which capture takes {found.capture_milliseconds:.3f} ms "
        f"(medians of {TIMES})"
    )
