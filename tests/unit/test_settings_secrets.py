"""Secrets: read from files too, and never shown."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from cdc_daemon.errors import ConfigurationError
from cdc_daemon.redaction import forget, hide, hide_passwords, know
from cdc_daemon.settings import Settings, load
from cdc_daemon.settings.secret_texts import secret_texts
from cdc_daemon.sinks.http import HttpSettings

SECRET = "geheim-und-lang"  # noqa: S105 (it opens nothing)
CONFIGURATION = f"""
[database]
dsn = "postgresql://cdc:{SECRET}@db/shop?sslmode=verify-full"
[sinks.catalog]
type = "http"
url = "https://catalog.test/"
token = "{SECRET}"
headers = {{ X-Key = "{SECRET}" }}
"""

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def _write(text: str) -> Path:
        (tmp_path / "cdc.toml").write_text(text)
        return tmp_path / "cdc.toml"

    return _write


def token_of(settings: Settings) -> str | None:
    catalog = settings.sinks["catalog"]
    assert isinstance(catalog, HttpSettings)
    return catalog.token.get_secret_value() if catalog.token else None


def test_no_representation_of_the_settings_shows_a_secret(write: Write) -> None:
    settings = load(write(CONFIGURATION), {})
    for text in (repr(settings), str(settings), str(settings.effective()), settings.database.shown):
        assert SECRET not in text
    assert settings.database.shown == "postgresql://cdc:***@db/shop?sslmode=verify-full"
    assert settings.effective()["sinks"]["catalog"]["url"] == "https://catalog.test/"


def test_every_secret_is_known_to_whoever_hides_them(write: Write) -> None:
    assert set(secret_texts(load(write(CONFIGURATION), {}))) == {SECRET, f"cdc:{SECRET}"}


@pytest.mark.parametrize("given", ["literal", "in a file", "in the environment"])
@pytest.mark.parametrize(
    ("dsn", "secrets"),
    [
        ("host=db1.test dbname=shop20261130 user=cdc", ()),
        (
            "host=db1.test dbname=shop20261130 user=cdc password = '1t\\'s geheim' sslmode=verify-full",
            ("1t's geheim", "1t\\'s geheim"),
        ),
        ("postgresql://cdc@db1.test,[::1]:5433/shop20261130", ()),
        (
            "postgresql://cdc:p%40ss%2Fwort@db1.test/shop20261130?sslmode=verify-full",
            ("p@ss/wort", "p%40ss%2Fwort"),
        ),
        (
            "postgresql://db1.test/shop20261130?user=cdc&password=ge%2Bheim&sslpassword=schl%C3%BCssel&sslmode=verify-full",
            ("ge+heim", "ge%2Bheim", "schlüssel", "schl%C3%BCssel"),
        ),
    ],
)
def test_of_a_connection_string_only_the_passwords_are_hidden(
    write: Write, tmp_path: Path, dsn: str, secrets: tuple[str, ...], given: str
) -> None:
    (tmp_path / "dsn").write_text(f"{dsn}\n")
    lines = {"literal": f"dsn = {json.dumps(dsn)}", "in a file": 'dsn_file = "dsn"', "in the environment": ""}
    environ = {"CDC_DATABASE_DSN": dsn} if given == "in the environment" else {}
    settings = load(write(f"[database]\n{lines[given]}\n"), environ)
    know(secret_texts(settings))
    try:
        shown = hide(settings.database.shown)
        assert all(part in shown for part in ("db1.test", "shop20261130", "cdc"))
        for secret in secrets:
            for text in (
                secret,
                f"cdc:{secret}",
                b64encode(secret.encode()).decode(),
                quote(secret, safe=""),
            ):
                assert text not in hide(f"the server said: {text}.")
            assert secret not in shown
    finally:
        forget()


@pytest.mark.parametrize(
    "line",
    [
        f'dsn = "postgresql://cdc:{SECRET}@[db/shop"',
        f'dsn = "password={SECRET} x"',
        f'dsn = ["{SECRET}"]',
        'dsn = ""',
    ],
)
def test_a_fault_of_a_secret_does_not_show_it(write: Write, line: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(write(f"[database]\n{line}\n"), {})
    [(where, what, _)] = caught.value.faults
    assert where.endswith("database.dsn")
    assert SECRET not in str(caught.value.faults)
    assert SECRET not in str(caught.value)
    assert what


def test_a_secret_may_stand_in_a_file_of_its_own(write: Write, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{SECRET}\n")
    path = write(CONFIGURATION.replace(f'token = "{SECRET}"', 'token_file = "token"'))
    assert token_of(load(path, {})) == SECRET


def test_credentials_of_systemd_come_before_the_configurations_folder(write: Write, tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (tmp_path / "dsn").write_text("postgresql://beside")
    (credentials / "dsn").write_text("postgresql://credential")
    path = write('[database]\ndsn_file = "dsn"\n')
    assert load(path, {}).database.conninfo == "postgresql://beside"
    assert (
        load(path, {"CREDENTIALS_DIRECTORY": str(credentials)}).database.conninfo == "postgresql://credential"
    )


def test_a_later_layer_wins_whether_it_gives_the_secret_or_its_file(write: Write, tmp_path: Path) -> None:
    (tmp_path / "dsn").write_text("postgresql://from-file")
    direct, by_file = write('[database]\ndsn = "postgresql://direct"\n'), {"CDC_DATABASE_DSN_FILE": "dsn"}
    assert load(direct, by_file).database.conninfo == "postgresql://from-file"
    path = write('[database]\ndsn_file = "absent"\n')
    assert load(path, {"CDC_DATABASE_DSN": "postgresql://direct"}).database.conninfo == "postgresql://direct"


def test_a_secret_and_its_file_in_one_layer_are_a_fault(write: Write, tmp_path: Path) -> None:
    (tmp_path / "dsn").write_text("x")
    path = write('[database]\ndsn = "embedded:"\ndsn_file = "dsn"\n')
    for environ in ({}, {"CDC_DATABASE_DSN": "embedded:", "CDC_DATABASE_DSN_FILE": "dsn"}):
        with pytest.raises(ConfigurationError) as caught:
            load(path, environ)
        [(_, what, hint)] = caught.value.faults
        assert (what, hint) == ("is set together with `dsn`", "keep one of the two")


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff"])
def test_a_secrets_file_that_can_not_be_used_is_one_fault(
    write: Write, tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "dsn").write_bytes(content)
    path = write('[database]\ndsn_file = "dsn"\n')
    with pytest.raises(ConfigurationError) as caught:
        load(path, {})
    [(where, what, _)] = caught.value.faults
    assert where == f"{path}: database.dsn_file"
    assert what.startswith("names a file that can't be used: ")


def test_a_secret_that_another_user_may_read_can_be_set_in_its_place(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_text = Path.read_text

    def refused(path: Path, *arguments: str) -> str:
        if path.name == "token":  # root reads every file, so the system refuses nothing here
            raise PermissionError(13, "Permission denied", str(path))
        return read_text(path, *arguments)

    monkeypatch.setattr(Path, "read_text", refused)
    path = write(
        '[database]\ndsn = "embedded:"\n'
        '[sinks.the-catalog]\ntype = "http"\nurl = "https://catalog.test/"\ntoken_file = "token"\n'
    )
    with pytest.raises(ConfigurationError) as caught:
        load(path, {})
    [(_, what, hint)] = caught.value.faults
    assert what == "names a file that can't be used: Permission denied"
    assert hint == (
        "run the command as a user who may read it, or set CDC_SINKS_THE_CATALOG_TOKEN: "
        "any text will do for a command that does not reach the sink"
    )
    sink = load(path, {"CDC_SINKS_THE_CATALOG_TOKEN": "none"}).sinks["the-catalog"]
    assert isinstance(sink, HttpSettings)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://u:p%40ss@h/db", "postgresql://u:***@h/db"),
        ("at https://u:p@h and postgres://v:q@h", "at https://u:***@h and postgres://v:***@h"),
        ("host=h password=p dbname=d", "host=h password=*** dbname=d"),
        (r"password = 'a \' b' host=h", "password = *** host=h"),
        ("postgresql://h/db?password=p&user=u", "postgresql://h/db?password=***&user=u"),
        ("sslpassword=p", "sslpassword=***"),
        ("postgresql://u@h/db", "postgresql://u@h/db"),
        ("time 12:30 a@b", "time 12:30 a@b"),
    ],
)
def test_passwords_are_hidden_in_every_form_that_libpq_takes(text: str, shown: str) -> None:
    assert hide_passwords(text) == shown
