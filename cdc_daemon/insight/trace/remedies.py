"""What a person can do about a verdict."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping, Sequence

from cdc_daemon.insight.trace.facts import Facts, Holder
from cdc_daemon.insight.trace.verdict import Standing, Verdict


def hint(facts: Facts, verdict: Verdict) -> str | None:
    """Return what a person can do; None if nothing is to be done."""
    found = _REMEDIES.get(verdict.standing)
    return found(facts, verdict) if found else None


def blocking(holders: Sequence[Holder]) -> Sequence[Holder]:
    """Return the transactions that keep everybody from reading a table; if there are none, all of them."""
    return [each for each in holders if each.excludes] or holders


def _end_of(facts: Facts, _: Verdict) -> str | None:
    holder = next(iter(blocking(facts.state.holders)), None)
    if holder is None:
        return None
    if holder.prepared:
        return f"end it: ROLLBACK PREPARED '{holder.prepared}' or COMMIT PREPARED '{holder.prepared}'"
    return f"end it, or wait: SELECT pg_terminate_backend({holder.pid})"


def _resume(facts: Facts, verdict: Verdict) -> str | None:
    pause = next((each.pause for each in facts.sinks if each.name == verdict.sink), None)
    if pause is None:
        return None
    named = (("sink", pause.sink), ("feed", pause.feed))
    return f"`cdc-daemon resume{''.join(f' --{option} {value}' for option, value in named if value)}`"


def _retry(facts: Facts, verdict: Verdict) -> str:
    command = f"cdc-daemon retry {facts.feed} --sink {verdict.sink} {_key(facts, '--key')}"
    return f"correct the receiver or the row; then `{command}`"


def _key(facts: Facts, option: str) -> str:
    """Return the key as options of a command."""
    key = json.loads(facts.key, parse_float=str, parse_int=str)
    values = {name: value if isinstance(value, str) else json.dumps(value) for name, value in key.items()}
    return " ".join(f"{option} {shlex.quote(f'{name}={value}')}" for name, value in values.items())


_REMEDIES: Mapping[Standing, Callable[[Facts, Verdict], str | None]] = {
    Standing.NOT_CAPTURED: lambda facts, _: f"`cdc-daemon install`, then `cdc-daemon resync {facts.feed}`",
    Standing.FEED_STOPPED: lambda facts, _: (
        f"correct the reason (`cdc-daemon check {facts.feed}`); the daemon tries again by itself"
    ),
    Standing.NO_DAEMON: lambda _, __: "start the daemon: `systemctl start cdc-daemon`, or `cdc-daemon run`",
    Standing.BLOCKED: _end_of,
    Standing.SET_ASIDE: lambda facts, _: (
        f"correct the row or the query; `cdc-daemon retry {facts.feed}` tries it at once"
    ),
    Standing.QUERY_FAILS: lambda _, __: "correct the row or the query",
    Standing.DIFFERENT: lambda facts, _: f"`cdc-daemon resync {facts.feed} {_key(facts, '--by-key')}`",
    Standing.PAUSED: _resume,
    Standing.PARKED: _retry,
    Standing.REFUSED: _retry,
    Standing.SINK_FAILS: lambda _, verdict: f"`cdc-daemon sinks test {verdict.sink}`",
}
