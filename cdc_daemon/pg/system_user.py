"""Runs the server's programs as the system user that they need.

`subprocess` changes the user (`user`, `group`, `extra_groups`). su and runuser would need a login shell, a
PAM stack and a terminal, and the user `nobody` has none of them.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from cdc_daemon.errors import ConfigurationError

SystemUser = pwd.struct_passwd

# The variables that the programs get. They must not get passwords (CDC_*, PG*, AWS_*), or NOTIFY_SOCKET,
# through which the server would report to systemd that the daemon is ready.
_PASSED_ON = frozenset(
    {"PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"}
)
_CANDIDATES = ("postgres", "nobody")
# Where root puts data if an unprivileged user can't reach the configured place.
_REACHABLE = Path("/var/lib/cdc-daemon")


def server_user(data: Path) -> SystemUser | None:
    """Return the system user to run as: None for our own, else the owner of `data`, or an existing user.

    Raises:
        ConfigurationError: root runs the daemon, and there is no user that PostgreSQL could run as.
    """
    if os.geteuid() != 0:
        return None
    with contextlib.suppress(FileNotFoundError, KeyError):
        owner = pwd.getpwuid(data.stat().st_uid)
        if owner.pw_uid != 0:
            return owner
    for name in _CANDIDATES:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise ConfigurationError(
        [
            (
                "embedded server",
                "PostgreSQL does not run as root, and there is neither a user `postgres` nor `nobody`",
                "start cdc-daemon as an ordinary user",
            )
        ]
    )


def can_reach(path: Path, user: SystemUser) -> bool:
    """Whether a user may enter a folder or run a program, by all rules of the system (modes, ACLs)."""
    return run_as(["test", "-x", path], user).returncode == 0


def give(path: Path, user: SystemUser | None) -> None:
    """Make the user the owner of a file or folder, unless we are that user."""
    if user is not None:
        os.chown(path, user.pw_uid, user.pw_gid)


def reachable_directory(user: SystemUser) -> Path:
    """Return a folder of root that every user can enter, for data that can't be at the configured place."""
    # Not in /tmp, where any user may have created a folder of that name before.
    _REACHABLE.mkdir(mode=0o755, parents=True, exist_ok=True)
    if not can_reach(_REACHABLE, user):
        raise ConfigurationError(
            [(str(_REACHABLE), f"the user {user.pw_name} can't enter it", f"chmod 755 {_REACHABLE}")]
        )
    return _REACHABLE


def passed_on() -> dict[str, str]:
    """Return the environment for the server's programs."""
    ours = {name: value for name, value in os.environ.items() if name in _PASSED_ON}
    return {**ours, "LC_ALL": "C"}


def run_as(command: Sequence[str | Path | int], user: SystemUser | None) -> subprocess.CompletedProcess[str]:
    """Run a program in `/` and collect its output. The user may be unable to enter our own folder."""
    # A file, not a pipe: the server inherits it and would keep a pipe open as long as it runs.
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.run(  # noqa: S603 # programs that we found, arguments that we made
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                check=False,
                cwd="/",
                env=passed_on(),
                user=None if user is None else user.pw_uid,
                group=None if user is None else user.pw_gid,
                extra_groups=None if user is None else (),
            )
        except PermissionError as error:
            raise ConfigurationError(
                [
                    (
                        "embedded server",
                        f"{command[0]} can't be run"
                        + ("" if user is None else f" as {user.pw_name}")
                        + f": {error.strerror}",
                        "start cdc-daemon as an ordinary user, or as root with the right to change user",
                    )
                ]
            ) from error
        said.seek(0)
        return subprocess.CompletedProcess(
            process.args, process.returncode, said.read().decode(errors="replace").strip()
        )
