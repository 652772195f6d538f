"""Targets of every kind that can be had here, and what goes wrong with them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import pytest

from tests.receivers.http import HttpReceiver, Request, Script, answer, raw
from tests.receivers.kinds import PAST_A_PROXY, STOPPABLE
from tests.receivers.proxy import Proxy
from tests.receivers.receiver import Documents, Receiver
from tests.support.grammar.schemas import Chance

Undo = Callable[[], None]
_TIMEOUT_SECONDS = 2.0


@dataclass
class Target:
    """A receiver with a proxy before it, where its client can be sent through one."""

    name: str
    receiver: Receiver
    proxy: Proxy | None
    _is_down: bool = field(default=False)

    @property
    def section(self) -> str:
        """What stands in the configuration."""
        settings = {
            "type": self.receiver.kind,
            "timeout_seconds": _TIMEOUT_SECONDS,
            "batch_records": 20,
            **self.receiver.settings(self.proxy.port if self.proxy else None),
        }
        lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
        return "\n".join([f"[sinks.{self.name.replace('-', '_')}]", *lines, ""])

    def documents(self, feed: str) -> Documents:
        return self.receiver.documents(feed)

    def fail(self, chance: Chance, what: str) -> Undo | None:
        """Begin a fault: `down`, `slow`, `silent`, `answers lost` or `half the answers failing`.

        Returns:
            what ends it; None where the target has no such fault, or is down already.
        """
        if self._is_down:
            return None
        if what == "down":
            self._is_down = True
            self.receiver.stop()
            return self._start
        if isinstance(self.receiver, HttpReceiver):
            return self._fail_by_answers(self.receiver, chance, what)
        return self._fail_on_the_way(self.proxy, chance, what) if self.proxy else None

    def _start(self) -> None:
        self.receiver.start()
        self._is_down = False

    def _fail_by_answers(self, receiver: HttpReceiver, chance: Chance, what: str) -> Undo:
        target = receiver.target
        ended = target.ended

        def admit(_request: Request, _under_way: int) -> Script | None:
            match what:
                case "answers lost":
                    return raw(b"") if chance.percent(70) else None
                case "half the answers failing":
                    return answer(503) if chance.percent(50) else None
                case _:
                    ended.wait(0.3 if what == "slow" else _TIMEOUT_SECONDS + 1)
                    return None

        target.admit = admit

        def undo() -> None:
            target.admit = lambda _request, _under_way: None

        return undo

    def _fail_on_the_way(self, proxy: Proxy, chance: Chance, what: str) -> Undo:
        match what:
            case "slow":
                proxy.delay_seconds = 0.02
            case "silent":
                proxy.be_silent()
            case "answers lost":
                proxy.cut_answers_after(chance.number(0, 500))
            case _:
                proxy.cut_after(chance.number(0, 20_000))
        return proxy.heal

    def forget(self) -> None:
        """Drop what was kept of earlier rounds."""
        if isinstance(self.receiver, HttpReceiver):
            self.receiver.target.requests.clear()


@contextmanager
def targets(kinds: tuple[str, ...], say: Callable[[str], None]) -> Iterator[list[Target]]:
    """Targets of these kinds, each with a server of its own; a line for each kind that is not installed.

    Raises:
        FileNotFoundError: CI is set, and one is not installed.
    """
    with ExitStack() as stack:
        made: list[Target] = []
        for kind in kinds:
            try:
                receiver = STOPPABLE[kind]()
            except pytest.skip.Exception as left_out:
                say(f"left out: {kind} ({left_out})")
                continue
            stack.callback(_end, receiver)
            proxy = None
            if kind != "http" and kind not in PAST_A_PROXY:
                assert receiver.address is not None
                proxy = Proxy(receiver.address)
                proxy.start()
                stack.callback(proxy.stop)
            made.append(Target(kind, receiver, proxy))
        yield made


def _end(receiver: Receiver) -> None:
    receiver.close()
    if not isinstance(receiver, HttpReceiver) and receiver.kind != "postgres":  # whose close ends the server
        receiver.stop()
