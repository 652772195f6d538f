"""The signals of a daemon: stop, stop at once, read the configuration again."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType

EXIT_AT_ONCE = 130


@contextmanager
def heeded(reload: Callable[[], None]) -> Generator[threading.Event]:
    """Return an event that SIGTERM and SIGINT set. The second signal ends the process at once.

    Args:
        reload: called in a thread of its own after SIGHUP, once at a time. A signal that comes meanwhile has
            it called once more. With a terminal, SIGHUP means that the terminal was closed, and stops the
            daemon like Ctrl-C.
    """
    leave, wanted = threading.Event(), threading.Event()
    one_at_a_time = threading.Lock()

    def ask(_number: int, _frame: FrameType | None) -> None:
        if leave.is_set():
            # Interrupted work is repeated after the next start, because cursors move last.
            os._exit(EXIT_AT_ONCE)
        leave.set()

    def call() -> None:
        with one_at_a_time:
            if wanted.is_set() and not leave.is_set():
                wanted.clear()
                reload()

    def hang_up(_number: int, _frame: FrameType | None) -> None:
        wanted.set()
        # In a separate thread, because the handler may have interrupted a log call and would wait for its
        # lock.
        threading.Thread(target=call, name="reload", daemon=True).start()

    handlers = {signal.SIGTERM: ask, signal.SIGINT: ask}
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # `nohup` ignores the signal
        handlers[signal.SIGHUP] = ask if sys.stdin and sys.stdin.isatty() else hang_up
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield leave
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
