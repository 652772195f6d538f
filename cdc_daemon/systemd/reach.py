"""Whether the daemon, as a service, can read a file: the unit hides folders, and its user has few rights."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

HIDDEN = tuple(
    Path("/", *parts) for parts in (("home",), ("root",), ("run", "user"), ("tmp",), ("var", "tmp"))
)
"""Folders that the unit hides from the daemon (ProtectHome=, PrivateTmp=)."""

_READ, _PASS = 0o4, 0o1


@dataclass(frozen=True)
class Account:
    """A user with its groups.

    Attributes:
        uid: None: a user that does not exist yet, and has the rights of everybody.
    """

    uid: int | None = None
    gids: frozenset[int] = frozenset()

    def may(self, status: os.stat_result, wanted: int) -> bool:
        """Whether the user has the wanted rights on a file."""
        if self.uid == 0:
            return True
        mode = stat.S_IMODE(status.st_mode)
        shift = 6 if status.st_uid == self.uid else 3 if status.st_gid in self.gids else 0
        return (mode >> shift) & wanted == wanted


def account_of(user: str | None, group: str | None = None) -> Account:
    """Return the account of a user of this machine, with a further group.

    Args:
        user: None: one that systemd makes while the service runs.

    Raises:
        KeyError: there is no such user or group. Its argument is a sentence.
    """
    further = set[int]()
    if group is not None:
        further.add(grp.getgrnam(group).gr_gid)
    if user is None:
        return Account(None, frozenset(further))
    entry = pwd.getpwnam(user)
    return Account(entry.pw_uid, frozenset({*os.getgrouplist(user, entry.pw_gid), *further}))


def obstacle(path: Path, account: Account) -> str | None:
    """Return why the service can't read a file, to follow its path in a sentence; None if it can."""
    real = path.resolve()
    for folder in HIDDEN:
        if real.is_relative_to(folder):
            return f"lies below {folder}, which the service does not see"
    for each in [*reversed(real.parents), real]:
        try:
            status = each.stat()
        except OSError as error:
            return f"can't be read: {error.strerror}"
        if not account.may(status, _PASS if stat.S_ISDIR(status.st_mode) else _READ):
            return "can't be read by the user of the service" + (
                "" if each == real else f": {each} is closed"
            )
    return None
