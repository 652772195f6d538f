"""`cdc-daemon init`: writes a first configuration."""

from __future__ import annotations

from pathlib import Path

import click

from cdc_daemon.cli.terminal import echo
from cdc_daemon.errors import ConfigurationError

FILES = ("cdc.toml", "feeds/example.sql")


def starter_directory() -> Path:
    """Return the folder of the files that `init` copies: in the installed package or in the source tree."""
    packaged = Path(__file__).parent.parent / "_config"
    return packaged if packaged.is_dir() else Path(__file__).parent.parent.parent / "config"


@click.command(short_help="Write a first configuration.")
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
def init(directory: Path) -> None:
    """Write a commented configuration to DIRECTORY, with an example feed.

    The configuration shows every setting with its default. The command never overwrites a file.

    \b
    Example:
      cdc-daemon init shop
      cdc-daemon --config shop/cdc.toml check
    """
    present = [directory / name for name in FILES if (directory / name).exists()]
    if present:
        raise ConfigurationError(
            [(str(path), "exists already and is left as it is", "name another directory") for path in present]
        )
    for name in FILES:
        target = directory / name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            # "x" fails if another process has written the file since the check above.
            with target.open("x", encoding="utf-8") as file:
                file.write((starter_directory() / name).read_text("utf-8"))
        except OSError as error:
            raise ConfigurationError([(str(target), f"can't be written: {error.strerror}", None)]) from error
        echo(f"Wrote {target}")
    echo(
        f"Next: set database.dsn in {directory / FILES[0]} and write a feed's SELECT to "
        f"{directory / FILES[1]}, then run"
    )
    echo(f"  cdc-daemon --config {directory / FILES[0]} check")
