"""`cdc-daemon verify`: compares stored documents with the query."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime

import click

from cdc_daemon.cli.deliveries import delivery_name, require_known
from cdc_daemon.cli.invocation import chosen as chosen_feeds
from cdc_daemon.cli.invocation import installed_session, invocation
from cdc_daemon.cli.options import echo_json, feeds_argument, json_option
from cdc_daemon.cli.terminal import echo
from cdc_daemon.feeds.verification import Difference, Selection
from cdc_daemon.insight.verify import Answer, verify_feed, verify_receiver
from cdc_daemon.settings import Settings
from cdc_daemon.workers.audit import Act, Outcome, recorded
from cdc_daemon.workers.planning import plan_feed
from cdc_daemon.workers.repair import Repair
from cdc_daemon.workers.sync import for_sync


@click.command(short_help="Compare stored documents with the query.")
@feeds_argument
@click.option("--sink", metavar="SINK", help="Compare what the receiver of SINK holds with what is stored.")
@click.option("--sample", type=click.IntRange(min=1), metavar="N", help="Only N entities, chosen at random.")
@click.option(
    "--since", metavar="TIME", help="Only documents that were stored since then: 2026-11-24T10:00:00Z."
)
@click.option("--repair", is_flag=True, help="Recompute these documents; with --sink, deliver them again.")
@click.option(
    "--list",
    "most",
    type=click.IntRange(min=0),
    default=100,
    show_default=True,
    metavar="N",
    help="Largest number of differences to list for each feed.",
)
@json_option
def verify(
    feeds: tuple[str, ...],
    sink: str | None,
    sample: int | None,
    since: str | None,
    repair: bool,
    most: int,
    as_json: bool,
) -> None:
    """Compare the stored documents of each FEED with its query, in both directions.

    All feeds if none is named. The database compares the documents, page by page, each page on one snapshot.
    The daemon may run: a document that waits for a change is no difference.

    \b
    Differences:
      missing    the query yields a document that is not stored
      left over  a document is stored that the query does not yield
      stale      the query yields another document than the stored one
      different  somebody changed the stored document: it is not the one that its hash names

    With --sink, the documents that the receiver holds are compared with the stored ones. Documents that wait
    for their delivery, and failed items, are no difference.

    The exit code is 1 if there are differences. With --repair the entities of these documents are put into
    the backlog. The daemon recomputes and delivers them. With --sink and --repair, exactly these documents
    get new revisions, and the daemon delivers them again.

    \b
    Examples:
      cdc-daemon verify
      cdc-daemon verify products --sample 1000
      cdc-daemon verify products --repair
      cdc-daemon verify products --sink catalog
    """
    if sink is not None and sample is not None:
        raise click.UsageError("--sample and --sink exclude each other.")
    settings = invocation().settings()
    moment = _moment(since) if since is not None else None
    names = chosen_feeds(settings, feeds)
    if sink is not None:
        for name in feeds or (None,):
            require_known(settings, sink=sink, feed=name)
        names = [name for name in names if sink in settings.feeds[name].sinks]
    selection = Selection(since=moment, sample=sample)
    answers = [
        _verify(settings, name, sink, selection, most=most, repair=repair, quiet=as_json) for name in names
    ]
    if as_json:
        echo_json([_as_json(answer) for answer in answers])
    else:
        for answer in answers:
            for line in _lines(answer):
                echo(line)
    if any(answer.total for answer in answers):
        raise SystemExit(1)


def _verify(
    settings: Settings,
    name: str,
    sink: str | None,
    selection: Selection,
    *,
    most: int,
    repair: bool,
    quiet: bool,
) -> Answer:
    stop = threading.Event()
    answer = Answer(name, sink, most=most)
    with ExitStack() as opened:
        connection, _ = opened.enter_context(installed_session(settings, f"verify {name}"))
        outcome = Outcome()
        if repair:
            arguments = {"repair": True, "sample": selection.sample, "since": selection.since}
            outcome = opened.enter_context(recorded(connection, Act("verify", name, sink, arguments)))
        plan = plan_feed(connection, settings, name)
        repairing = Repair(connection, settings, plan) if repair else None
        if sink is None:
            steps = verify_feed(connection, settings, plan, selection, answer)
        else:
            receiver = opened.enter_context(closing(settings.sinks[sink].open(sink)))
            steps = verify_receiver(for_sync(connection), plan, receiver, answer, since=selection.since)
        with click.progressbar(length=0, label=name, show_pos=True, hidden=quiet, file=sys.stderr) as bar:
            done = 0
            for step in steps:
                bar.length = step.total or None
                bar.update(step.done - done)
                done = step.done
                if repairing is not None and step.differences:
                    answer.repaired += (
                        repairing.recompute(step.differences, stop)
                        if sink is None
                        else repairing.send([each.key for each in step.differences], stop)
                    )
                outcome.text = (
                    f"{_counted(answer.documents, 'document')}, {_counted(answer.total, 'difference')}, "
                    f"{answer.repaired:,} repaired"
                )
    return answer


def _lines(answer: Answer) -> Iterator[str]:
    rate = answer.documents / max(answer.seconds, 0.001)
    where, documents = delivery_name(answer.sink, answer.feed), _counted(answer.documents, "document")
    yield (
        f"{where}: {documents} verified in {answer.seconds:.1f} s "
        f"({rate:,.0f}/s), {_counted(answer.total, 'difference')}"
    )
    for difference in answer.differences:
        yield f"  {difference.kind}: {_shown(difference)}"
    if answer.total > len(answer.differences):
        yield f"  and {answer.total - len(answer.differences):,} more (--list)"
    if answer.waiting:
        yield (
            f"  {_counted(answer.waiting, 'entity', 'entities')} could not be decided: changes of them wait"
            if answer.sink is None
            else f"  {_counted(answer.waiting, 'document')} not looked at: their delivery waits"
        )
    if answer.failing:
        yield f"  {_counted(answer.failing, 'entity', 'entities')} can't be computed: `cdc-daemon failed`"
    for note in answer.notes:
        yield f"  note: {note}"
    if answer.repaired:
        yield (
            f"  repair: {_counted(answer.repaired, 'entity', 'entities')} queued for recomputation"
            if answer.sink is None
            else f"  repair: {_counted(answer.repaired, 'document')} will be delivered again"
        )


def _shown(difference: Difference) -> str:
    fields = f" ({', '.join(difference.fields)})" if difference.fields else ""
    return f"{difference.key}{fields}"


def _counted(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _as_json(answer: Answer) -> dict[str, object]:
    return {
        "feed": answer.feed,
        "sink": answer.sink,
        "documents": answer.documents,
        "differences": answer.total,
        "counts": dict(answer.counts),
        "listed": [
            {"key": each.key, "kind": each.kind, "fields": each.fields, "revision": each.revision}
            for each in answer.differences
        ],
        "waiting": answer.waiting,
        "failing": answer.failing,
        "repaired": answer.repaired,
        "notes": answer.notes,
        "seconds": round(answer.seconds, 3),
    }


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no date or time by ISO 8601", param_hint="--since") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
