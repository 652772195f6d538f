"""A configuration without a file: variables declare feeds and sinks; where a file is looked for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner

from cdc_daemon.cli import main
from cdc_daemon.cli.configuration_file import find
from cdc_daemon.errors import ConfigurationError
from cdc_daemon.settings import load
from cdc_daemon.sinks.http.settings import HttpSettings
from cdc_daemon.sinks.postgres import PostgresSettings

WHOLE = {
    "CDC_DATABASE_DSN": "dbname=shop",
    "CDC_DAEMON_BATCH_ENTITIES": "7",
    "CDC_FEEDS_PRODUCTS_QUERY_TEXT": "SELECT p.sku, p.name FROM product AS p",
    "CDC_FEEDS_PRODUCTS_KEY": "sku,name",
    "CDC_SINKS_CATALOG_TYPE": "http",
    "CDC_SINKS_CATALOG_URL": "https://catalog.example/{feed}",
    "CDC_SINKS_CATALOG_HEADERS": '{"X-Tenant": "shop"}',
}


def faults_of(environ: Mapping[str, str]) -> list[tuple[str, str, str | None]]:
    with pytest.raises(ConfigurationError) as caught:
        load(None, environ)
    return caught.value.faults


def test_variables_alone_are_a_whole_configuration() -> None:
    settings = load(None, WHOLE)
    assert settings.database.conninfo == "dbname=shop"
    assert settings.daemon.batch_entities == 7
    products = settings.feeds["products"]
    assert products.text == WHOLE["CDC_FEEDS_PRODUCTS_QUERY_TEXT"]
    assert products.key == ("sku", "name")
    assert products.sinks == ("catalog",), "a feed goes to every sink, as in a file"
    catalog = settings.sinks["catalog"]
    assert isinstance(catalog, HttpSettings)
    assert catalog.headers["X-Tenant"].get_secret_value() == "shop"


def test_a_feed_of_variables_may_have_its_query_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "products.sql").write_text("SELECT 1 AS sku")
    settings = load(
        None,
        {"CDC_DATABASE_DSN": "dbname=x", "CDC_FEEDS_A_QUERY": "products.sql", "CDC_FEEDS_A_KEY": "sku"},
    )
    assert settings.feeds["a"].text == "SELECT 1 AS sku"
    assert settings.feeds["a"].query_location == tmp_path / "products.sql"


def test_secrets_of_variables_may_be_in_files(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t0p-secret\n")
    settings = load(None, {**WHOLE, "CDC_SINKS_CATALOG_TOKEN_FILE": str(tmp_path / "token")})
    catalog = settings.sinks["catalog"]
    assert isinstance(catalog, HttpSettings)
    assert catalog.token is not None
    assert catalog.token.get_secret_value() == "t0p-secret"


def test_variables_add_a_sink_to_those_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "cdc.toml"
    path.write_text('[database]\ndsn = "dbname=x"\n[sinks.out]\ntype = "stdout"\n')
    settings = load(path, {"CDC_SINKS_MORE_TYPE": "file", "CDC_SINKS_MORE_PATH": "out/{feed}"})
    assert list(settings.sinks) == ["out", "more"]


def test_a_variable_that_sets_something_declares_nothing() -> None:
    mirror = {
        "CDC_SINKS_A_TYPE": "postgres",
        "CDC_SINKS_A_DSN": "dbname=mirror",
        "CDC_SINKS_A_TABLE": "shop.{feed}",
        "CDC_SINKS_A_DOCUMENT_TYPE": "json",
    }
    settings = load(None, {"CDC_DATABASE_DSN": "dbname=x", **mirror})
    assert list(settings.sinks) == ["a"]
    sink = settings.sinks["a"]
    assert isinstance(sink, PostgresSettings)
    assert sink.document_type == "json"


def test_faults_of_variables_name_the_variable() -> None:
    found = {where: what for where, what, _ in faults_of({**WHOLE, "CDC_SINKS_CATALOG_TYPE": "htp"})}
    assert "CDC_SINKS_CATALOG_TYPE" in found
    found = {where: what for where, what, _ in faults_of({**WHOLE, "CDC_FEEDS_PRODUCTS_QUERY_TEXT": "--"})}
    assert found == {"CDC_FEEDS_PRODUCTS_QUERY_TEXT": "holds no query"}
    found = {where: what for where, what, _ in faults_of({**WHOLE, "CDC_FEEDS_PRODUCTS_QUERY": "p.sql"})}
    assert found == {"CDC_FEEDS_PRODUCTS_QUERY_TEXT": "is set together with `query`"}
    found = {where: what for where, what, _ in faults_of({"CDC_DAEMON_SESSIONS": "9"})}
    assert found == {"the environment: database.dsn": "is missing"}


def test_a_feed_without_a_query_is_told_both_ways_to_give_one(tmp_path: Path) -> None:
    path = tmp_path / "cdc.toml"
    path.write_text('[database]\ndsn = "dbname=x"\n[feeds.a]\nkey = ["id"]\n')
    with pytest.raises(ConfigurationError) as caught:
        load(path, {})
    [(where, what, hint)] = caught.value.faults
    assert (where, what) == (f"{path}: feeds.a.query", "is missing")
    assert "query_text" in str(hint)


def test_the_file_is_looked_for_in_the_documented_order(tmp_path: Path) -> None:
    here, system = tmp_path / "cdc.toml", tmp_path / "etc.toml"
    places = [here, system]
    with pytest.raises(ConfigurationError, match="do not exist"):
        find(None, {"CDC_SERVICE_HOST": "10.0.0.1", "CDC_CONFIG": ""}, places=places)
    assert find(None, {"CDC_DATABASE_DSN": "dbname=x"}, places=places) is None
    system.touch()
    assert find(None, {"CDC_DATABASE_DSN": "dbname=x"}, places=places) == system
    here.touch()
    assert find(None, {}, places=places) == here
    assert find(tmp_path / "named.toml", {}, places=places) == tmp_path / "named.toml"


def test_a_command_reads_the_option_before_the_variable_before_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each file has a fault, and the message names the file that was read.
    for name in ("option.toml", "variable.toml", "cdc.toml"):
        (tmp_path / name).write_text("[databse]\n")
    monkeypatch.chdir(tmp_path)
    for name in [each for each in os.environ if each.startswith("CDC_")]:
        monkeypatch.delenv(name)
    runner = CliRunner()
    assert "cdc.toml: databse" in runner.invoke(main, ["status"]).stderr
    monkeypatch.setenv("CDC_CONFIG", "variable.toml")
    assert "variable.toml: databse" in runner.invoke(main, ["status"]).stderr
    assert "option.toml: databse" in runner.invoke(main, ["--config", "option.toml", "status"]).stderr
