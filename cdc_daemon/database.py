"""The database of the configuration: a server somewhere, or the private one in `state_dir`."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from cdc_daemon.pg.embedded import EmbeddedServer
from cdc_daemon.settings import Settings


@contextmanager
def database(settings: Settings) -> Generator[str]:
    """The connection string to use; the private server is started if need be.

    It runs as long as any command uses it: each holds a shared lock on a file beside it, and who can turn
    its own into an exclusive one was the last and stops it.
    """
    if not settings.database.embedded:
        yield settings.database.conninfo
        return
    directory = settings.daemon.state_dir / "postgresql"
    with _shared(directory) as is_last:
        server = EmbeddedServer(directory)
        dsn = server.start()
        try:
            yield dsn
        finally:
            if is_last():
                server.stop()


@contextmanager
def _shared(directory: Path) -> Generator[_LastUser]:
    # The private server of root runs as another user, who has to pass through, and to read nothing.
    directory.parent.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
    users = directory.parent / f"{directory.name}.users"
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    with os.fdopen(os.open(users, flags, 0o600), "r+") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield _LastUser(file.fileno())


class _LastUser:
    """Whether nobody else holds the shared lock; asked for once, at the end."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __call__(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
