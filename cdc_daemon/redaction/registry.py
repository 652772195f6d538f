"""The secrets of this process."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable

from cdc_daemon.redaction.needles import Needles

_MOST_MET = 200
"""Tokens are renewed for as long as the daemon runs; what is older than so many newer ones is forgotten."""


class _Registry:
    """Of the process, and not handed down: a border that was not handed it would hide nothing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: frozenset[str] = frozenset()
        self._met: OrderedDict[str, None] = OrderedDict()
        self.needles = Needles()

    def know(self, secrets: Iterable[str]) -> None:
        with self._lock:
            self._known = frozenset(secrets)
            self._compile()

    def meet(self, secrets: Iterable[str]) -> None:
        with self._lock:
            before = len(self._met)
            for secret in secrets:
                if secret not in self._known:
                    self._met[secret] = None
            if len(self._met) == before:
                return
            while len(self._met) > _MOST_MET:
                self._met.popitem(last=False)
            self._compile()

    def forget(self) -> None:
        with self._lock:
            self._known = frozenset()
            self._met.clear()
            self._compile()

    def _compile(self) -> None:
        self.needles = Needles.of((*self._known, *self._met))


_registry = _Registry()


def know(secrets: Iterable[str]) -> None:
    """Hide these from now on, in the place of those that were known before."""
    _registry.know(secrets)


def meet(*secrets: str | None) -> None:
    """Hide these as well: what was not in the configuration, and is met at run time."""
    _registry.meet(secret for secret in secrets if secret)


def forget() -> None:
    """Hide nothing that was known or met."""
    _registry.forget()


def needles() -> Needles:
    """What is looked for now."""
    return _registry.needles
