"""`cdc-daemon service`: writes and removes the unit of systemd that runs the daemon."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import click

from cdc_daemon.cli.configuration_file import find
from cdc_daemon.cli.init import starter_directory
from cdc_daemon.cli.invocation import invocation
from cdc_daemon.cli.suggesting import SuggestingGroup
from cdc_daemon.cli.terminal import echo
from cdc_daemon.errors import CdcError, ConfigurationError
from cdc_daemon.settings.named_files import NamedFiles, named_files
from cdc_daemon.systemd import reach, systemctl
from cdc_daemon.systemd.unit import Installation, fitted, is_untouched

UNITS = Path("/etc/systemd/system")

_INSTANCE = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")

_FOR_ALL_USERS = (
    "install it for all users: PIPX_HOME=/opt/pipx PIPX_BIN_DIR=/usr/local/bin pipx install cdc-daemon"
)
_TO_ETC = "move it to /etc/cdc-daemon, and let the user of the service read it (chmod a+rX)"


class UnitRefused(CdcError):
    """The unit is not ours to change, or can't be written."""


@click.group(cls=SuggestingGroup, short_help="Write or remove the unit of systemd.")
def service() -> None:
    """Write or remove the unit of systemd that runs the daemon.

    \b
    Examples:
      cdc-daemon init /etc/cdc-daemon
      cdc-daemon service install --dry-run
      cdc-daemon service install
      systemctl enable --now cdc-daemon
    """


_instance = click.option(
    "--instance", metavar="NAME", help="One of several: cdc-daemon@NAME, with /etc/cdc-daemon/NAME/cdc.toml."
)
_directory = click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=UNITS,
    help="Folder of the unit. Default: /etc/systemd/system.",
)
_dry_run = click.option("--dry-run", is_flag=True, help="Only show it.")
_overwrite = click.option(
    "--overwrite", is_flag=True, help="Also if somebody else has written or edited the unit."
)


@service.command(short_help="Write the unit.")
@_dry_run
@_instance
@click.option("--user", metavar="NAME", help="A user that exists. Default: one that systemd makes.")
@click.option("--group", metavar="NAME", help="Group that may read files of a file sink. Needs --user.")
@click.option(
    "--command",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Path of cdc-daemon. Default: of this command.",
)
@_directory
@_overwrite
def install(
    dry_run: bool,
    instance: str | None,
    user: str | None,
    group: str | None,
    command: Path | None,
    directory: Path,
    overwrite: bool,
) -> None:
    """Write a unit of systemd that fits this installation.

    The unit has the path of this command, the configuration that this command finds, and a credential for
    each secret that the configuration has in a file beside it (dsn_file = "dsn"). Such a file may be readable
    by root alone. The command starts nothing. Call it again after a change of these; if nothing differs, it
    does nothing.

    \b
    Examples:
      cdc-daemon --config /etc/cdc-daemon/cdc.toml service install
      cdc-daemon service install --instance shop
      cdc-daemon service install --user cdc-daemon --group readers
    """
    if group and not user:
        raise click.UsageError("--group needs --user: others can't reach files of a user that systemd makes.")
    unit, config, started = _unit(instance), _config(instance), _command(command)
    files = named_files(config)
    _require_reach(started, config, files, user, group)
    credentials: dict[str, str] = {}
    for name in files.secrets:
        if "/" in name:
            told = "the user of the service must be able to read it"
            echo(f"Note: {config.parent / name} can't be a credential: {told}", err=True)
        else:
            credentials[name] = str(config.parent / name)
    template = starter_directory() / "systemd" / ("cdc-daemon@.service" if instance else "cdc-daemon.service")
    text = fitted(
        template.read_text("utf-8"),
        Installation(started, str(config), user, group, credentials, systemctl.version()),
    )
    if dry_run:
        click.echo(text, nl=False)
        return
    _write(directory / unit, text, overwrite=overwrite)
    for path in credentials.values():
        if not Path(path).exists():
            echo(f"Next: write the secret to {path}, with rights for root alone (chmod 600)")
    echo(f"Next: systemctl enable --now {unit.removesuffix('.service')}")


@service.command(short_help="Stop the service and remove its unit.")
@_dry_run
@_instance
@_directory
@_overwrite
def uninstall(dry_run: bool, instance: str | None, directory: Path, overwrite: bool) -> None:
    """Stop the service and remove its unit; the database, the configuration and state_dir stay.

    \b
    Example:
      cdc-daemon service uninstall
    """
    unit = _unit(instance)
    path = directory / unit
    if not path.exists():
        echo(f"Nothing to do: there is no {path}")
        return
    _require_ours(path, overwrite=overwrite)
    if dry_run:
        echo(f"Would stop {unit} and remove {path}")
        return
    in_use = directory == UNITS and systemctl.runs()
    if in_use:
        systemctl.call("disable", "--now", unit)
    try:
        path.unlink()
    except OSError as error:
        raise _not_written(path, error) from error
    echo(f"Removed {path}")
    if in_use:
        systemctl.call("daemon-reload")


def _unit(instance: str | None) -> str:
    if instance is None:
        return "cdc-daemon.service"
    if not _INSTANCE.fullmatch(instance):
        rule = "should be a small letter or digit, then at most 39 small letters, digits, _ and -"
        raise click.BadParameter(f"{instance!r} {rule}", param_hint="--instance")
    return f"cdc-daemon@{instance}.service"


def _config(instance: str | None) -> Path:
    """Return the absolute path of the configuration file.

    Raises:
        ConfigurationError: there is none.
    """
    named = invocation().config
    if named is None and instance is not None:
        named = Path("/etc/cdc-daemon") / instance / "cdc.toml"
    found = find(named, {})
    if found is None or not found.is_file():
        place = Path("/etc/cdc-daemon") if found is None else found.parent
        raise ConfigurationError([(str(found), "does not exist", f"write it first: cdc-daemon init {place}")])
    return found.absolute()


def _command(given: Path | None) -> tuple[str, ...]:
    """Return the command that the unit starts: an absolute path, and arguments."""
    if given is not None:
        return (str(given.absolute()),)
    found = shutil.which(sys.argv[0])
    if found and Path(found).name != "__main__.py":
        return (str(Path(found).absolute()),)
    return (sys.executable, "-m", "cdc_daemon")


def _require_reach(
    command: tuple[str, ...], config: Path, files: NamedFiles, user: str | None, group: str | None
) -> None:
    """Check that the service will be able to read its program, its configuration and its queries.

    Raises:
        ConfigurationError: it will not. The error has a fault for each.
    """
    try:
        account = reach.account_of(user, group)
    except KeyError as error:
        hint = f"useradd --system --shell /usr/sbin/nologin {user}; groupadd --system {group or user}"
        raise ConfigurationError([("service install", str(error.args[0]), hint)]) from error
    # A link to the command may be in reach although its interpreter is not.
    needed = dict.fromkeys([Path(command[0]), Path(sys.executable)], _FOR_ALL_USERS)
    needed |= dict.fromkeys([config, *(config.parent / each for each in files.queries)], _TO_ETC)
    faults: list[tuple[str, str, str | None]] = [
        (str(path), reason, hint)
        for path, hint in needed.items()
        if (reason := reach.obstacle(path, account))
    ]
    if faults:
        raise ConfigurationError(faults)


def _write(path: Path, text: str, *, overwrite: bool) -> None:
    if path.exists() and path.read_text("utf-8") == text:
        echo(f"Nothing to do: {path} is as wanted")
        return
    if path.exists():
        _require_ours(path, overwrite=overwrite)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f"{path.name}.new")
        new.write_text(text, "utf-8")
        new.chmod(0o644)
        new.replace(path)
    except OSError as error:
        raise _not_written(path, error) from error
    echo(f"Wrote {path}")
    if path.parent == UNITS and systemctl.runs():
        systemctl.call("daemon-reload")


def _require_ours(path: Path, *, overwrite: bool) -> None:
    if not overwrite and not is_untouched(path.read_text("utf-8")):
        raise UnitRefused(
            "was written or edited by somebody else",
            where=str(path),
            hint=f"move the changes to `systemctl edit {path.stem}`, then give --overwrite",
        )


def _not_written(path: Path, error: OSError) -> UnitRefused:
    return UnitRefused(f"can't be changed: {error.strerror}", where=str(path), hint="run the command as root")
