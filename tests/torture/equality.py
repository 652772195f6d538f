"""What every sink holds, against what the query says."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, cast

from cdc_daemon.pg.session import connect
from tests.receivers.receiver import folded, meaning, seen
from tests.support.command import Command, Feed
from tests.support.grammar.schemas import SEARCH_PATH
from tests.torture.sinks import Target

_SHOWN = 3
_NOT_READABLE = frozenset({"http", "rabbitmq"})
"""Targets that tell nobody what they hold."""


def differences(command: Command, feeds: dict[str, Feed], targets: list[Target]) -> Iterator[str]:
    """One line for each sink and feed that does not hold what the query says.

    Documents are compared as a collection: each has its key within it, and names of some targets hold the
    values of keys alone.
    """
    for name, feed in feeds.items():
        wanted = documents_of_the_query(command.dsn, feed)
        sinks: dict[str, Callable[[str], list[Any]]] = {
            "file": lambda of: _of_the_file(command, of),
            **{target.name: lambda of, t=target: list(t.documents(of).values()) for target in targets},
        }
        for sink, held_by in sinks.items():
            held = Counter(map(_text, held_by(name)))
            if held != wanted:
                yield (
                    f"{sink}, {name}: {wanted.total()} documents wanted, {held.total()} held; "
                    f"missing {_some(wanted - held)}; too many {_some(held - wanted)}"
                )


def verification(command: Command, targets: list[Target]) -> Iterator[str]:
    """What `verify` finds after all has come to rest: nothing, if it and the daemon are right."""
    readable = [target.name.replace("-", "_") for target in targets if target.name not in _NOT_READABLE]
    for options in ((), *(("--sink", sink) for sink in ("file", *readable))):
        arguments = command.arguments("verify", "--json", *options)
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode:
            said = (done.stdout + done.stderr)[-2000:]
            yield f"verify {' '.join(options)} ended with {done.returncode}: {said}"


def documents_of_the_query(dsn: str, feed: Feed) -> Counter[str]:
    """The documents that a feed's query yields now."""
    text = f"SELECT row_to_json(q)::text FROM (\n{feed.query}\n) AS q"
    with connect(dsn, search_path=SEARCH_PATH) as connection:
        rows = connection.execute(text.encode()).fetchall()
    return Counter(_text(meaning(row[0])) for row in rows)


def _of_the_file(command: Command, feed: str) -> list[Any]:
    path = command.file(feed)
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    return list(folded(seen(line) for line in lines if line.endswith(b"\n")).values())


def _text(document: Any) -> str:
    return json.dumps(_plain(document), sort_keys=True, ensure_ascii=False)


def _plain(value: Any) -> Any:
    """The value without the sign of a zero, which jsonb does not keep."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return "0" if value == "-0" else value


def _some(documents: Counter[str]) -> str:
    shown = list(documents)[:_SHOWN]
    return f"{documents.total()} ({'; '.join(shown)})" if shown else "0"
