"""`cdc-daemon failed`: shows entities that failed and documents that sinks refused, and discards these."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TypeAlias

import click
import orjson

from cdc_daemon.cli.completed_names import feed_names
from cdc_daemon.cli.deliveries import pairs, require_key_columns, require_known, sink_option
from cdc_daemon.cli.invocation import chosen, installed_session, invocation
from cdc_daemon.cli.item_options import parked_option, status_option, words_option
from cdc_daemon.cli.options import echo_json, feeds_argument, json_option
from cdc_daemon.cli.terminal import echo
from cdc_daemon.errors import CdcError
from cdc_daemon.feeds.changes import Changes
from cdc_daemon.feeds.failed_entities import named
from cdc_daemon.pg.session import Connection
from cdc_daemon.settings import Settings
from cdc_daemon.workers import control
from cdc_daemon.workers.chosen_items import FailedItem, ItemChoice, list_items
from cdc_daemon.workers.control import FailedEntity
from cdc_daemon.workers.planning import plan_feed


class _ShowsByDefault(click.Group):
    """`failed` alone shows what failed: without the name of a command below it, `show` is meant."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the named command, or `show` with all arguments."""
        named = args and args[0] in self.commands
        return super().resolve_command(ctx, args if named else ["show", *args])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Leave all arguments, options too, to a command below. Only --help is of the group itself."""
        if not args or (args[0] not in self.commands and args[0] not in {"--help", "-h"}):
            args = ["show", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_ShowsByDefault, short_help="Show or discard entities and documents that failed.")
def failed() -> None:
    """Show entities that failed and documents that sinks refused, or discard such documents.

    `cdc-daemon failed` alone means `cdc-daemon failed show`.

    \b
    Examples:
      cdc-daemon failed
      cdc-daemon failed products --key sku=A-1 --document
      cdc-daemon failed discard products --key sku=A-1 --reason "the catalog refuses this brand"
    """


@failed.command(short_help="Show entities that failed and documents that sinks refused.")
@feeds_argument
@click.option(
    "--key",
    multiple=True,
    metavar="COLUMN=VALUE",
    help="Only those with this value in a key or entity column. Several are combined by AND.",
)
@click.option("--document", is_flag=True, help="Also show the refused document of each failed item.")
@sink_option
@status_option
@words_option
@parked_option
@json_option
def show(
    feeds: tuple[str, ...],
    key: tuple[str, ...],
    document: bool,
    sink: str | None,
    status: str | None,
    words: str | None,
    parked: bool,
    as_json: bool,
) -> None:
    """Show failed entities and failed items (default: of every feed), the oldest first.

    The command first shows the entities for which a feed's query fails, with PostgreSQL's message. Their
    documents stay as they were. The daemon tries an entity again when a change reaches it.

    Then it shows the documents that sinks refused, with the receiver's answer. With --sink, --status, --words
    or --parked it shows only these. The daemon sends each of them again after a pause that grows to an hour,
    until the sink takes it. After the sink's `max_attempts` it parks the document. It also sends a document
    again when it changes. With --document the command shows what was sent; if the document has changed since,
    only the new one is stored.

    \b
    Examples:
      cdc-daemon failed
      cdc-daemon failed products --sink catalog --json
      cdc-daemon failed products --key sku=A-1 --document
    """
    where = pairs(key, "--key")
    if where and len(feeds) != 1:
        raise click.UsageError("--key needs one feed.")
    settings = invocation().settings()
    require_known(settings, sink=sink, feed=None)
    names = chosen(settings, feeds)
    if where:
        require_key_columns(settings, names[0], where, or_entity=True)
    columns = {name: settings.feeds[name].entity for name in names}
    with installed_session(settings, "failed") as (connection, _):
        choice = ItemChoice(names, sink, where, status, words, True if parked else None)
        found = list_items(connection, choice)
        of_items = parked or any(each is not None for each in (sink, status, words))
        entities = [] if of_items else control.failed_entities(connection, names)
        documents = _documents(connection, settings, found if document else [], where)
    entities = [each for each in entities if _has(each, columns[each.feed], where)]
    if as_json:
        echo_json(
            [
                *(_entity_as_json(each, columns[each.feed]) for each in entities),
                *(
                    {
                        **asdict(item),
                        "key": orjson.Fragment(item.key),
                        **(_document_as_json(item, documents) if document else {}),
                    }
                    for item in found
                ),
            ]
        )
        return
    for each in entities:
        for line in _entity_lines(each, columns[each.feed]):
            echo(line)
    for item in found:
        for line in _lines(item):
            echo(line)
        if document:
            echo(_document_line(item, documents))
    if not found and not entities:
        echo("No failed items.")


@failed.command(short_help="Remove failed items without delivering them.")
@click.argument("feed", metavar="FEED", shell_complete=feed_names)
@click.option(
    "--key",
    multiple=True,
    required=True,
    metavar="COLUMN=VALUE",
    help="Only those with this value in a key column. Several are combined by AND.",
)
@click.option("--reason", required=True, help="The reason, which `audit` shows.")
@sink_option
def discard(feed: str, key: tuple[str, ...], reason: str, sink: str | None) -> None:
    """Remove failed items of FEED without delivering them: the sink keeps what it has.

    The next revision of such a document goes out as usual. `retry` and a replay send the present one.

    \b
    Example:
      cdc-daemon failed discard products --key sku=A-1 --reason "the catalog refuses this brand"
    """
    where = pairs(key, "--key")
    settings = invocation().settings()
    require_known(settings, sink=sink, feed=feed)
    require_key_columns(settings, feed, where)
    with installed_session(settings, "discard") as (connection, _):
        count = control.discard(connection, feed, where, reason=reason, sink=sink)
    if not count:
        raise CdcError("no item failed with this key", where=f"feed {feed}", hint="see `cdc-daemon failed`")
    echo(f"{count:,} failed {'item is' if count == 1 else 'items are'} discarded.")


_Documents: TypeAlias = Mapping[tuple[str, str], tuple[int, bytes]]


def _documents(
    connection: Connection, settings: Settings, items: Sequence[FailedItem], where: Mapping[str, str]
) -> _Documents:
    """Return the stored revision and document of each item, by feed and key."""
    found: dict[tuple[str, str], tuple[int, bytes]] = {}
    for feed in dict.fromkeys(item.feed for item in items):
        changes = Changes(plan_feed(connection, settings, feed).definition)
        documents = changes.refused_documents(connection, where)
        found.update({(feed, key): stored for key, stored in documents.items()})
    return found


def _has(each: FailedEntity, columns: Sequence[str], where: Mapping[str, str]) -> bool:
    if not where:
        return True
    values = dict(zip(columns, each.entity or (), strict=False))
    return all(values.get(name) == value for name, value in where.items())


def _document_as_json(item: FailedItem, documents: _Documents) -> dict[str, object]:
    """Return the stored revision, and the document only if it is the refused one."""
    revision, document = documents.get((item.feed, item.key), (None, b"null"))
    sent = orjson.Fragment(document) if revision == item.revision else None
    return {"stored_revision": revision, "document": sent}


def _document_line(item: FailedItem, documents: _Documents) -> str:
    revision, document = documents.get((item.feed, item.key), (None, b""))
    if revision is None:
        return "  sent: the document is no longer stored"
    if revision != item.revision:
        return f"  sent: revision {item.revision}, which is no longer stored; revision {revision} is"
    return f"  sent: {'a delete' if document == b'null' else document.decode()}"


def _entity_as_json(each: FailedEntity, columns: Sequence[str]) -> dict[str, object]:
    """Return a failed entity with the members of a failed item; `sink` and `revision` are None."""
    return {
        "sink": None,
        "feed": each.feed,
        "key": None if each.entity is None else dict(zip(columns, each.entity, strict=True)),
        "revision": None,
        "attempts": each.attempts,
        "status": each.status,
        "reason": each.reason,
        "first_failed_at": each.first_failed_at,
        "next_attempt_at": each.retry_at,
    }


def _entity_lines(each: FailedEntity, columns: Sequence[str]) -> Iterator[str]:
    if each.entity is None:
        yield f"feed {each.feed}, unknown entities"
    else:
        yield f"feed {each.feed}, entity {orjson.dumps(named(columns, tuple(each.entity))).decode()}"
    yield f"  {f'{each.status}: ' if each.status else ''}{each.reason}"
    after = f"next attempt {_moment(each.retry_at)}" if each.retry_at else "tried again when it changes"
    yield f"  first failed {_moment(each.first_failed_at)}   attempts {each.attempts}   {after}"


def _lines(item: FailedItem) -> Iterator[str]:
    yield f"sink {item.sink}, feed {item.feed}, {item.key}, revision {item.revision}"
    status = f"{item.status}: " if item.status else ""
    yield f"  {status}{item.reason}"
    after = "parked" if item.next_attempt_at is None else f"next attempt {_moment(item.next_attempt_at)}"
    yield f"  first refused {_moment(item.first_failed_at)}   attempts {item.attempts}   {after}"


def _moment(moment: datetime) -> str:
    return moment.isoformat(sep=" ", timespec="seconds")
