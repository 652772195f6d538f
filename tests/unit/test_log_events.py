"""What the package logs and what its registry of events says are the same."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import cdc_daemon
from cdc_daemon.events import EVENTS

PACKAGE = Path(cdc_daemon.__file__).parent
LEVELS = {"debug", "info", "warning", "error", "critical", "exception"}
FROM_STRUCTLOG = {"library_logged"}  # made by the formatter of library messages, not by a call
ABOUT_THE_CALL = {"about", "exc_info"}


@dataclass(frozen=True)
class Call:
    event: str
    fields: frozenset[str]
    place: str
    throttled: bool
    open: bool
    """Has fields that can't be read off the call: `**fields`."""


def _calls() -> Iterator[Call]:
    for path in sorted(PACKAGE.rglob("*.py")):
        text = path.read_text("utf-8")
        if "log." not in text and ".log(" not in text:
            continue  # each worker of the tests reads all of this
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and (event := _event(node)):
                fields = frozenset(keyword.arg for keyword in node.keywords if keyword.arg) - ABOUT_THE_CALL
                throttled = not isinstance(node.args[0], ast.Constant)
                is_open = any(keyword.arg is None for keyword in node.keywords)
                yield Call(event, fields, f"{path.relative_to(PACKAGE)}:{node.lineno}", throttled, is_open)


def _event(node: ast.Call) -> str | None:
    """The event of `log.info("event", …)` or `throttle.log(log.info, "event", …)`."""
    match node:
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id="log"), attr=level),
            args=[ast.Constant(value=str(event)), *_],
        ):
            return event if level in LEVELS else None
        case ast.Call(
            func=ast.Attribute(attr="log"), args=[ast.Attribute(), ast.Constant(value=str(event)), *_]
        ):
            return event
    return None


CALLS = list(_calls())


def test_calls_of_both_kinds_are_seen() -> None:
    assert {"daemon_stopped", "database_lost"} <= {call.event for call in CALLS}


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.event}-{call.place}")
def test_every_logged_event_and_field_is_in_the_registry(call: Call) -> None:
    assert call.event in EVENTS, f"{call.place} logs {call.event}, which cdc_daemon/events.py lacks"
    assert call.fields <= set(EVENTS[call.event].fields), call.place


def test_every_event_of_the_registry_is_logged_somewhere() -> None:
    assert set(EVENTS) - FROM_STRUCTLOG == {call.event for call in CALLS}


@pytest.mark.parametrize("event", sorted({call.event for call in CALLS if not call.open}))
def test_every_field_of_the_registry_is_logged_somewhere(event: str) -> None:
    calls = [call for call in CALLS if call.event == event]
    repeated = {"repeated"} if any(call.throttled for call in calls) else set[str]()
    assert set(EVENTS[event].fields) == repeated.union(*(call.fields for call in calls))


def test_loggers_are_called_log_so_that_these_tests_see_their_calls() -> None:
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Call):
                made = node.value.func
                if isinstance(made, ast.Name) and made.id == "get_logger":
                    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                    assert [ast.unparse(target) for target in targets] == ["log"], path


@pytest.mark.parametrize("event", sorted(EVENTS))
def test_every_event_says_what_it_means_and_what_to_do(event: str) -> None:
    assert EVENTS[event].meaning.endswith(".")
    assert EVENTS[event].advice.endswith(".")
