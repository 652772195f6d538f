"""The unit of systemd that runs the daemon: the template in `config/systemd`, made to fit an installation."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

NOTIFY_RELOAD = 253
"""First version of systemd that has `Type=notify-reload`: `systemctl reload` then waits for the daemon."""

_HEADER = "# Written by `cdc-daemon service install`. Change it with `systemctl edit`, not here. "
_SEAL = re.compile(re.escape(_HEADER) + r"\[(\w+)\]\n")
_PLAIN_ARGUMENT = re.compile(r"[\w@+./:,=-]+")


@dataclass(frozen=True)
class Installation:
    """What differs from one machine to another.

    Attributes:
        command: the command and the arguments that come before `--config`.
        config: absolute path of the configuration file.
        user: an existing user; None: a user of systemd's, which exists only while the service runs.
        group: a group that may read what the service writes. It needs a user that exists.
        credentials: file of each credential, by its name.
        systemd: version of systemd; 0 if it is not known.
    """

    command: tuple[str, ...]
    config: str
    user: str | None = None
    group: str | None = None
    credentials: Mapping[str, str] = field(default_factory=dict[str, str])
    systemd: int = 0


def fitted(template: str, found: Installation) -> str:
    """Return the text of the unit, with a seal by which `is_untouched` notices an edit."""
    text = _with(
        template, "ExecStart", " ".join(map(_argument, (*found.command, "--config", found.config, "run")))
    )
    text = _with(
        text, "LoadCredential", *(f"{name}:{_value(path)}" for name, path in found.credentials.items())
    )
    if found.systemd >= NOTIFY_RELOAD:
        text = _with(_with(text, "Type", "notify-reload"), "ExecReload")
    if found.user is not None:
        text = _with(text, "DynamicUser", "no").replace(
            "DynamicUser=no\n",
            f"DynamicUser=no\nUser={found.user}\n" + (f"Group={found.group}\n" if found.group else ""),
        )
    if found.group is not None:
        # The group may pass through the folder, and sees there only what a sink lets it see.
        text = _with(text, "StateDirectoryMode", "0710")
    return f"{_HEADER}[{_seal(text)}]\n{text}"


def is_untouched(text: str) -> bool:
    """Whether a unit is as `fitted` returned it."""
    match = _SEAL.match(text)
    return match is not None and match[1] == _seal(text[match.end() :])


def _seal(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _with(text: str, key: str, *values: str) -> str:
    """Return the unit with these values of a key in place of those that it has."""
    lines = "".join(f"{key}={value}\n" for value in values)
    first, *others = re.finditer(rf"^{key}=.*\n", text, re.MULTILINE)
    for match in reversed(others):
        text = text[: match.start()] + text[match.end() :]
    return text[: first.start()] + lines + text[first.end() :]


def _argument(text: str) -> str:
    """Return an argument of a command line: quoted if need be, without specifiers and variables."""
    plain = _value(text).replace("$", "$$")
    if _PLAIN_ARGUMENT.fullmatch(plain):
        return plain
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _value(text: str) -> str:
    return text.replace("%", "%%")
