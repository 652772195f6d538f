"""systemd's journal, a real one in a namespace of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from tests.receivers.processes import leave_out
from tests.support.command import eventually

_PROGRAM = Path("/usr/lib/systemd/systemd-journald")
_RUNTIME = Path("/run/systemd")
_STORES = (Path("/run/log/journal"), Path("/var/log/journal"))


@dataclass(frozen=True)
class Journald:
    """A running journal.

    Attributes:
        namespace: its name, for `journalctl --namespace`.
    """

    namespace: str

    @property
    def socket(self) -> str:
        return str(_RUNTIME / f"journal.{self.namespace}" / "socket")

    def entries(self, *matches: str) -> list[dict[str, Any]]:
        """The entries that journalctl finds, oldest first."""
        command = ["journalctl", f"--namespace={self.namespace}", "--output=json", "--no-pager", "--quiet"]
        found = subprocess.run([*command, *matches], capture_output=True, check=True).stdout
        return [orjson.loads(line) for line in found.splitlines()]


@contextmanager
def running() -> Generator[Journald]:
    """Start a journal; stop it and remove what it stored."""
    if not _PROGRAM.exists() or os.geteuid() != 0:
        leave_out("systemd-journald, run by root,", package="systemd")
    journal = Journald(f"cdc{uuid.uuid4().hex[:8]}")
    program = subprocess.Popen([_PROGRAM, journal.namespace], stderr=subprocess.DEVNULL)
    try:
        eventually("the journal listens", lambda: Path(journal.socket).exists())
        yield journal
    finally:
        program.terminate()
        program.wait()
        for store in _STORES:
            for folder in store.glob(f"*.{journal.namespace}"):
                shutil.rmtree(folder)
        shutil.rmtree(_RUNTIME / f"journal.{journal.namespace}", ignore_errors=True)
