"""`cdc-daemon dashboard` and a daemon serve it as they are configured, or refuse to start."""

from __future__ import annotations

import json
import ssl
import stat
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner

from cdc_daemon.cli import main
from cdc_daemon.dashboard.access.guard import require_usable
from cdc_daemon.dashboard.access.users import UsersFile, UsersUnusable
from cdc_daemon.errors import ConfigurationError
from cdc_daemon.settings import load
from cdc_daemon.settings.http import WebSettings
from cdc_daemon.settings.named_files import named_files
from tests.receivers.certificates import Certificates
from tests.support.command import Command, Running, eventually

PASSWORD = "correct horse battery"  # noqa: S105 # of a test


@pytest.fixture
def command(database: str, tmp_path: Path) -> Command:
    """A configuration over a database that has no feed; nothing here needs one."""
    return Command(tmp_path, database, {})


def configure(command: Command, **http: object) -> None:
    lines = [f"{name} = {json.dumps(value)}" for name, value in http.items()]
    command.write()
    with command.config.open("a") as file:
        file.write("\n[http]\n" + "\n".join(lines) + "\n")


def url_of(running: Running) -> str:
    """The address that the command tells."""
    eventually("it tells its address", lambda: "The dashboard is at" in running.text())
    return running.text().partition("The dashboard is at ")[2].split()[0]


def call(command: Command, *arguments: str, typed: str | None = None) -> str:
    """Run a command in this process, which is quicker than one of its own."""
    done = CliRunner().invoke(main, ["--config", str(command.config), *arguments], input=typed)
    assert done.exit_code == 0, done.output
    return done.output


def add_user(command: Command, *arguments: str) -> str:
    return call(command, "dashboard", "user", "add", *arguments, typed=f"{PASSWORD}\n")


def status(url: str, headers: dict[str, str] | None = None, context: ssl.SSLContext | None = None) -> int:
    asked = urllib.request.Request(url, headers=headers or {})  # noqa: S310 # of the test itself
    try:
        with urllib.request.urlopen(asked, context=context) as answer:  # noqa: S310 # of the test itself
            return int(answer.status)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code


def test_the_command_alone_serves_until_it_is_stopped(command: Command) -> None:
    running = command.start("dashboard", "--listen", "127.0.0.1:0")
    try:
        url = url_of(running)
        assert status(url) == 200
        assert status(url, {"Host": "evil.example"}) == 421
        assert running.end() == 0
    finally:
        command.close()


def test_no_header_makes_a_program_of_this_machine_the_proxy(command: Command) -> None:
    configure(command, listen="127.0.0.1:0", proxy_address="10.0.0.7", proxy_actions=["*"])
    running = command.start("dashboard")
    try:
        forged = {"X-Forwarded-For": "10.0.0.7", "X-Forwarded-User": "anna", "X-Real-IP": "10.0.0.7"}
        assert status(url_of(running), forged) == 403
    finally:
        running.end()
        command.close()


def test_users_are_kept_in_a_private_file_and_log_in_over_tls(command: Command, tmp_path: Path) -> None:
    certificates = Certificates(tmp_path).make()
    certificate, key = certificates.server
    configure(
        command,
        listen="127.0.0.1:0",
        users="users.json",
        certificate_file=str(certificate),
        key_file=str(key),
    )
    assert add_user(command, "anna", "--documents") == "anna: added.\n"
    assert add_user(command, "ben", "--actions", "--documents") == "ben: added.\n"
    assert call(command, "dashboard", "user", "list") == "anna  documents\nben  actions, documents\n"
    file = tmp_path / "users.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert PASSWORD not in file.read_text()
    call(command, "dashboard", "user", "remove", "ben")
    assert call(command, "dashboard", "user", "list") == "anna  documents\n"
    listed = json.loads(call(command, "dashboard", "user", "list", "--json"))
    assert listed == [{"name": "anna", "rights": ["documents"]}]
    running = command.start("dashboard")
    try:
        url = url_of(running)
        assert url.startswith("https://127.0.0.1:")
        context = ssl.create_default_context(cafile=str(certificates.authority))
        assert status(f"{url}api/v1/help", context=context) == 401
        assert status(f"{url}api/v1/help", {"Authorization": "Basic YW5uYTp3cm9uZw=="}, context) == 401
        assert status(f"{url}login", context=context) == 200
        with pytest.raises(OSError, match=r"."):
            status(url.replace("https:", "http:"))
    finally:
        running.end()
        command.close()


@pytest.mark.parametrize(
    ("name", "password", "told"),
    [
        ("local", PASSWORD, "can't be the name"),
        ("a b", PASSWORD, "can't be the name"),
        ("<script>", PASSWORD, "can't be the name"),
        ("anna", "short", "too short"),
        ("anna", "", "too short"),
    ],
)
def test_a_name_or_a_password_that_is_no_good_is_refused(
    tmp_path: Path, name: str, password: str, told: str
) -> None:
    with pytest.raises(UsersUnusable, match=told):
        UsersFile(tmp_path / "users.json").add(name, password, frozenset())


def test_nothing_starts_with_users_that_can_not_be_used(tmp_path: Path) -> None:
    path = tmp_path / "users.json"
    file = UsersFile(path)

    def refused() -> str:
        with pytest.raises(ConfigurationError) as caught:
            require_usable(WebSettings(users=path))
        ((_, what, hint),) = caught.value.faults
        return f"{what}; {hint}"

    assert "does not exist; write it with `cdc-daemon dashboard user add NAME`" in refused()
    file.add("anna", PASSWORD, frozenset())
    path.chmod(0o640)
    assert f"chmod 600 {path}" in refused()
    path.chmod(0o600)
    file.remove("anna")
    assert "has no user" in refused()
    path.write_text("{}")
    assert "has another form" in refused()


@pytest.mark.parametrize("by", ["run", "dashboard"])
def test_nothing_starts_with_a_certificate_that_can_not_be_used(
    command: Command, tmp_path: Path, by: str
) -> None:
    (tmp_path / "x.pem").write_text("nothing")
    configure(command, listen="127.0.0.1:0", certificate_file="x.pem", key_file="x.pem")
    call(command, "install")
    words = command.arguments(by)
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "http.certificate_file: can't be used with key_file" in done.stderr


def test_a_service_finds_its_users_and_certificate_among_its_credentials(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(command, users="users.json", certificate_file="c.pem", key_file="k.pem")
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    for name in ("users.json", "c.pem"):
        (credentials / name).write_text("")
    found = load(command.config, {"CREDENTIALS_DIRECTORY": str(credentials)}).http
    assert (found.users, found.certificate_file) == (credentials / "users.json", credentials / "c.pem")
    assert found.key_file == tmp_path / "k.pem"
    assert named_files(command.config, {}).secrets == ("users.json", "c.pem", "k.pem")
    (credentials / "users.json").unlink()
    UsersFile(credentials / "users.json").add("anna", PASSWORD, frozenset())
    (credentials / "users.json").chmod(0o440)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    assert list(UsersFile(credentials / "users.json").read().users) == ["anna"]


@pytest.mark.parametrize(
    ("http", "told"),
    [
        ({"listen": "0.0.0.0:9464"}, "to everybody"),
        ({"listen": "[::]:9464"}, "to everybody"),
        ({"listen": "cdc.example:9464", "actions": True}, "to everybody"),
        ({"listen": "0.0.0.0:9464", "users": "u.json"}, "clear text"),
        ({"users": "u.json", "proxy_address": "10.0.0.7"}, "not both"),
        ({"users": "u.json", "actions": True}, "actions"),
        ({"proxy_address": "10.0.0.7", "actions": True}, "actions"),
        ({"proxy_address": "proxy.example"}, "IP address"),
        ({"certificate_file": "c.pem"}, "together"),
    ],
    ids=str,
)
def test_a_configuration_that_lets_strangers_in_is_refused(http: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        WebSettings.model_validate(http)


@pytest.mark.parametrize(
    "http",
    [
        {"listen": "0.0.0.0:9464", "dashboard": False},
        {"listen": "0.0.0.0:9464", "proxy_address": "10.0.0.7"},
        {"listen": "0.0.0.0:9464", "users": "u.json", "certificate_file": "c.pem", "key_file": "k.pem"},
        {"listen": "0.0.0.0:9464", "users": "u.json", "allow_cleartext": True},
        {"listen": "[::1]:9464", "actions": True},
    ],
    ids=str,
)
def test_a_configuration_that_guards_the_dashboard_is_taken(http: dict[str, object]) -> None:
    WebSettings.model_validate(http)
