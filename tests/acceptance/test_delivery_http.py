"""The daemon delivers to an HTTP server that fails, and is killed; the server ends with the feed."""

from __future__ import annotations

import itertools
import json
import random
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from cdc_daemon.service import Service
from cdc_daemon.settings import load
from tests.receivers.http import Request, Target, answer, serving
from tests.receivers.http_faults import BROKEN, NOT_NOW, TOO_LARGE
from tests.support.command import Command, Feed, Key, eventually, execute, loads, query

FEED = Feed("SELECT id, name, price, json_build_object('n', id % 7, 'note', note) AS detail FROM product")
FAULTS = {
    name: make
    for name, make in {**BROKEN, **NOT_NOW, **TOO_LARGE}.items()
    # These hold the sink with growing pauses; the others come many a time within one call.
    if name not in {"401", "a redirect"}
}


def items_of(request: Request) -> list[dict[str, Any]]:
    """With numbers as `loads` reads them."""
    lines = request.content.splitlines() if "ndjson" in request.headers["Content-Type"] else [request.content]
    return [item for line in lines for item in _listed(loads(line))]


def _listed(parsed: Any) -> list[dict[str, Any]]:
    return parsed if isinstance(parsed, list) else [parsed]


def _whole(state: dict[Key, Any], item: dict[str, Any]) -> None:
    if item["op"] != "snapshot_end":
        _put(state, tuple(item["key"].values()), item["data"])


def _bare(state: dict[Key, Any], item: dict[str, Any]) -> None:
    if item.keys() != {"snapshot_end"}:
        _put(state, (item["id"],), None if item.get("deleted") else item)


def _event(state: dict[Key, Any], item: dict[str, Any]) -> None:
    if item["type"] != "cdc.snapshot.ended":
        _put(state, tuple(json.loads(item["subject"]).values()), item.get("data"))


def _patched(state: dict[Key, Any], item: dict[str, Any]) -> None:
    if item.get("op") == "snapshot_end":
        return
    key = tuple(item["key"].values())
    _put(state, key, _merged(state[key], item["patch"]) if "patch" in item else item["data"])


def _merged(target: Any, patch: Any) -> Any:
    """RFC 7396, section 2."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = _merged(result.get(name), value)
    return result


def _put(state: dict[Key, Any], key: Key, document: Any) -> None:
    if document is None:
        state.pop(key, None)
    else:
        state[key] = document


READERS: dict[str, Callable[[dict[Key, Any], dict[str, Any]], None]] = {
    "records": _whole,
    "documents": _bare,
    "cloudevents": _event,
    "merge-patch": _patched,
}


class Delivered:
    """The daemon and its target, and what a receiver makes of what came."""

    def __init__(self, command: Command, target: Target, format_: str) -> None:
        self.command = command
        self.target = target
        self.format = format_

    def documents(self) -> dict[Key, Any]:
        """What a receiver that takes everything as it comes has in the end."""
        state: dict[Key, Any] = {}
        for request in list(self.target.requests):
            for item in items_of(request) if request.taken else []:
                READERS[self.format](state, item)
        return state

    def catch_up(self) -> None:
        """`run --once`, in this process: it is not killed, and starts in a tenth of the time."""
        Service(load(self.command.config, {}), self.command.dsn).run_once()

    def in_step(self) -> None:
        """A daemon catches up; then the receiver has what the query says."""
        self.catch_up()
        assert self.documents() == query(self.command.dsn, FEED)

    def change(self, chance: random.Random) -> None:
        """One transaction of an application."""
        first = chance.randrange(1, 300)
        execute(
            self.command.dsn,
            chance.choice(
                (
                    f"UPDATE product SET price = price + 0.10 WHERE id BETWEEN {first} AND {first + 60}",
                    f"UPDATE product SET note = NULL WHERE id BETWEEN {first} AND {first + 20}",
                    f"UPDATE product SET note = 'n{first}' WHERE id BETWEEN {first} AND {first + 20}",
                    f"DELETE FROM product WHERE id BETWEEN {first} AND {first + 10}",
                    (
                        "INSERT INTO product SELECT n, 'again', 1.50 FROM generate_series(1, 300) AS n"
                        f" WHERE n BETWEEN {first} AND {first + 30} ON CONFLICT DO NOTHING"
                    ),
                )
            ),
        )


@pytest.fixture
def target() -> Iterator[Target]:
    yield from serving(None)


@pytest.fixture(params=sorted(READERS))
def delivered(
    request: pytest.FixtureRequest, database: str, tmp_path: Path, target: Target
) -> Iterator[Delivered]:
    execute(
        database,
        "CREATE TABLE product (id int PRIMARY KEY, name text, price numeric(10, 2), note text)",
        "INSERT INTO product SELECT n, 'Product ' || n, n, 'first' FROM generate_series(1, 300) AS n",
    )
    sink = (
        f'[sinks.web]\ntype = "http"\nurl = "{target.url}"\nformat = "{request.param}"\n'
        "batch_records = 20\nin_flight = 4\ntimeout_seconds = 5\nmax_attempts = 1000\n"
    )
    command = Command(tmp_path, database, {"products": FEED}, sinks=sink)
    command.call("install")
    found = Delivered(command, target, request.param)
    found.in_step()
    yield found
    target.ended.set()
    command.close()


def test_the_target_has_the_feed_after_faults_of_every_kind(delivered: Delivered) -> None:
    chance = random.Random(11)  # noqa: S311 # the same every time
    target = delivered.target
    faults = itertools.cycle(FAULTS.items())
    for _ in range(4):
        for _ in range(4):
            delivered.change(chance)
        # Not too many at a time: pauses grow with failures in a row.
        target.script.extend(make(target) for _, make in itertools.islice(faults, 5))
        delivered.catch_up()
        while target.script:  # what was refused waits for its time; the rest may fail no more
            target.script.popleft()
    execute(delivered.command.dsn, "UPDATE cdc.failed_item SET next_attempt_at = now()")
    delivered.in_step()
    assert not all(request.taken for request in target.requests), "there were faults"
    patches = ["patch" in item for request in target.requests for item in items_of(request)]
    assert any(patches) == (delivered.format == "merge-patch")


@pytest.mark.parametrize("delivered", ["records", "merge-patch"], indirect=True)
def test_the_target_has_the_feed_after_kills_in_the_middle_of_requests(delivered: Delivered) -> None:
    chance = random.Random(12)  # noqa: S311 # the same every time
    target, command = delivered.target, delivered.command
    reached, go_on = threading.Event(), threading.Event()

    def hold(handler: BaseHTTPRequestHandler) -> None:
        reached.set()
        go_on.wait(20)
        answer(204)(handler)

    for number in range(2):
        daemon = command.start()
        daemon.await_event("feed_planned")
        # One request of a round is held back, the others are answered: some of a call were taken.
        target.script.extend([answer(204)] * number + [hold])
        delivered.change(chance)
        delivered.change(chance)
        eventually("a request is under way", reached.is_set)
        daemon.kill()
        go_on.set()
        reached.clear()
        go_on.clear()
        target.script.clear()
        delivered.change(chance)
    delivered.in_step()
