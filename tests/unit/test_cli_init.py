"""`init`, and the configuration that it writes."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

from click.testing import CliRunner
from pydantic import BaseModel

from cdc_daemon.cli import main
from cdc_daemon.cli.init import FILES, starter_directory
from cdc_daemon.settings import load
from cdc_daemon.settings.model import DaemonSettings, FeedSettings
from cdc_daemon.settings.section import settable
from cdc_daemon.settings.sections import SINGLE
from cdc_daemon.sinks.registry import SINKS

FORMS = {
    "mirror-dsn": "dbname=shop",
    "redis-url": "redis://cache/0",
    "nats-url": "tls://events",
    "rabbitmq-url": "amqp://queue",
}
"""What stands in the secrets' files of the starter, where it must have a form."""


def uncommented(text: str) -> str:
    """The text with every setting that is commented out put in force; sentences stay comments."""
    return re.sub(r"^# (?=\[|\w+ = )", "", text, flags=re.MULTILINE)


def test_init_writes_a_configuration_that_is_valid_as_it_is(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["init", str(tmp_path / "shop")])
    assert result.exit_code == 0
    assert all((tmp_path / "shop" / name).is_file() for name in FILES)
    assert f"cdc-daemon --config {tmp_path}/shop/cdc.toml check" in result.stdout
    settings = load(tmp_path / "shop" / "cdc.toml", {})
    assert list(settings.feeds) == ["example"]
    assert list(settings.sinks) == ["out"]


def test_init_writes_over_nothing(tmp_path: Path) -> None:
    (tmp_path / "cdc.toml").write_text("mine")
    result = CliRunner().invoke(main, ["init", str(tmp_path)])
    assert result.exit_code == 2
    assert result.stderr.startswith(f"Error: {tmp_path}/cdc.toml: exists already")
    assert (tmp_path / "cdc.toml").read_text() == "mine"
    assert not (tmp_path / "feeds").exists()


def test_a_folder_that_can_not_be_made_is_an_error_of_ours(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = CliRunner().invoke(main, ["init", str(tmp_path / "file" / "below")])
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")


def test_the_defaults_that_the_starter_shows_are_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "feeds").mkdir()
    for name in FILES:
        (tmp_path / name).write_text((starter_directory() / name).read_text("utf-8"))
    plain = load(tmp_path / "cdc.toml", {})
    text = uncommented((tmp_path / "cdc.toml").read_text())
    text = text.replace('users = "dashboard-users.json"\n', "")  # it does not go with proxy_address
    for secret in re.findall(r'_file = "([^"]+)"', text):
        # What fits every kind of secret that has no form of its own.
        (tmp_path / secret).write_text(FORMS.get(secret, f"whsec_{'c2VjcmV0' * 4}"))
    (tmp_path / "cdc.toml").write_text(text)
    shown = load(tmp_path / "cdc.toml", {})
    assert shown.daemon == plain.daemon
    assert shown.database == plain.database.model_copy(update={"owner_role": "cdc_owner"})
    assert shown.feeds["example"] == plain.feeds["example"].model_copy(update={"reads": ("public.tax_rate",)})
    assert shown.sinks["out"] == plain.sinks["out"]
    assert {sink.type for sink in shown.sinks.values()} == set(SINKS)


def test_the_starter_shows_every_setting() -> None:
    text = uncommented((starter_directory() / "cdc.toml").read_text("utf-8"))
    shown = set(re.findall(r"^(\w+) = ", text, flags=re.MULTILINE))
    models: tuple[type[BaseModel], ...] = (*SINGLE.values(), FeedSettings, *SINKS.values())
    for model in models:
        # A secret is shown as its file: that is how it should be given.
        missing = {name for name in settable(model) if name not in shown and f"{name}_file" not in shown}
        assert not missing, model.__name__


def test_the_service_waits_longer_for_the_end_than_the_daemon_drains() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(starter_directory() / "systemd" / "cdc-daemon.service")
    service = unit["Service"]
    assert float(service["TimeoutStopSec"]) > DaemonSettings().drain_seconds
    assert service["Type"] == "notify"
    assert float(service["WatchdogSec"]) >= 10, "the supervisor looks after its workers once a second"
    assert DaemonSettings().state_dir == Path("/var/lib") / service["StateDirectory"]
    assert service["LimitCORE"] == "0", "a core file holds every secret"
