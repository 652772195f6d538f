"""The configuration: what it may say, every fault at once, and who overrides whom."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from cdc_daemon.errors import ConfigurationError
from cdc_daemon.settings import Settings, load
from cdc_daemon.sinks.file import FileSettings
from cdc_daemon.sinks.http import HttpSettings

MINIMAL = """
[database]
dsn = "postgresql://cdc@db/shop"
[feeds.products]
query = "products.sql"
key = ["sku"]
[sinks.catalog]
type = "http"
url = "https://catalog.test/{feed}"
[sinks.out]
type = "file"
path = "out/{feed}.ndjson"
"""

Write = Callable[[str], Path]
Fault = tuple[str, str, str | None]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    (tmp_path / "products.sql").write_text("SELECT sku FROM product")

    def _write(text: str) -> Path:
        path = tmp_path / "cdc.toml"
        path.write_text(text)
        return path

    return _write


def faults_of(path: Path, environ: Mapping[str, str] | None = None, **overrides: object) -> list[Fault]:
    with pytest.raises(ConfigurationError) as caught:
        load(path, environ or {}, {f"log.{name}": value for name, value in overrides.items()})
    return caught.value.faults


def only_fault(path: Path, environ: Mapping[str, str] | None = None) -> Fault:
    [fault] = faults_of(path, environ)
    return fault


def test_a_minimal_configuration_has_the_documented_defaults(write: Write) -> None:
    settings = load(write(MINIMAL), {})
    feed = settings.feeds["products"]
    assert (feed.key, feed.entity, feed.sinks, feed.hash_exclude) == (
        ("sku",),
        ("sku",),
        ("catalog", "out"),
        (),
    )
    assert feed.text == "SELECT sku FROM product"
    assert settings.database.conninfo == "postgresql://cdc@db/shop"
    assert (settings.daemon.poll_seconds, settings.daemon.idle_poll_seconds) == (0.02, 1.0)


def test_relative_paths_are_relative_to_the_configuration_file(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(MINIMAL + '[daemon]\nstate_dir = "state"\n')
    monkeypatch.chdir("/")
    settings = load(path, {})
    out = settings.sinks["out"]
    assert isinstance(out, FileSettings)
    assert settings.daemon.state_dir == tmp_path / "state"
    assert settings.feeds["products"].query == tmp_path / "products.sql"
    assert out.path == f"{tmp_path}/out/{{feed}}.ndjson"


def test_absolute_paths_stay(write: Write) -> None:
    settings = load(write(MINIMAL + '[daemon]\nstate_dir = "/somewhere"\n'), {})
    assert settings.daemon.state_dir == Path("/somewhere")


def test_an_option_goes_over_the_environment_and_that_over_the_file(write: Write) -> None:
    path = write(MINIMAL + '[log]\nlevel = "warning"\n[daemon]\nbatch_entities = 7\ndrain_seconds = 3\n')
    environ = {"CDC_LOG_LEVEL": "error", "CDC_DAEMON_BATCH_ENTITIES": "8"}
    settings = load(path, environ, {"log.level": "debug"})
    daemon = settings.daemon
    assert (settings.log.level, daemon.batch_entities, daemon.drain_seconds) == ("debug", 8, 3.0)


def test_the_environment_reaches_every_kind_of_value(write: Write) -> None:
    environ = {
        "CDC_FEEDS_PRODUCTS_HASH_EXCLUDE": "a, b",
        "CDC_SINKS_CATALOG_COMPRESSION": "gzip",
        "CDC_SINKS_CATALOG_HEADERS": '{"X-Shop": "1"}',
        "CDC_SINKS_OUT_TIMEOUT_SECONDS": "2.5",
        "CDC_DAEMON_DRAIN_SECONDS": "",
    }
    settings = load(write(MINIMAL), environ)
    catalog = settings.sinks["catalog"]
    assert isinstance(catalog, HttpSettings)
    assert settings.feeds["products"].hash_exclude == ("a", "b")
    assert catalog.compression == "gzip"
    assert catalog.headers["X-Shop"].get_secret_value() == "1"
    assert settings.sinks["out"].timeout_seconds == 2.5
    assert settings.daemon.drain_seconds == 30.0, "a variable set to nothing counts as unset"


def test_a_name_with_a_hyphen_is_reached_with_an_underscore(write: Write) -> None:
    path = write(MINIMAL.replace("[sinks.out]", "[sinks.my-out]"))
    assert load(path, {"CDC_SINKS_MY_OUT_BATCH_RECORDS": "5"}).sinks["my-out"].batch_records == 5


def test_a_variable_that_is_no_setting_is_a_fault_with_the_nearest_one(write: Write) -> None:
    assert only_fault(write(MINIMAL), {"CDC_DAEMON_POLL_SECOND": "1"}) == (
        "CDC_DAEMON_POLL_SECOND",
        "is no setting of cdc-daemon",
        "`CDC_DAEMON_POLL_SECONDS`, the nearest known name",
    )


def test_what_kubernetes_sets_for_a_service_called_cdc_daemon_is_no_fault(write: Write) -> None:
    service = {
        "CDC_DAEMON_SERVICE_HOST": "10.0.0.1",
        "CDC_DAEMON_SERVICE_PORT": "80",
        "CDC_DAEMON_SERVICE_PORT_METRICS": "80",
        "CDC_DAEMON_PORT": "tcp://10.0.0.1:80",
        "CDC_DAEMON_PORT_80_TCP": "tcp://10.0.0.1:80",
        "CDC_DAEMON_PORT_80_TCP_ADDR": "10.0.0.1",
    }
    load(write(MINIMAL), {**service, "CDC_CONFIG": "x", "CDC_TEST_DSN": "y"})


def test_a_setting_of_an_earlier_version_is_pointed_to_its_new_name(write: Write) -> None:
    _, what, hint = only_fault(write(MINIMAL + '[daemon]\nlog_level = "info"\n'))
    assert (what, hint) == ("is no known setting", "it is now `level` below [log]")


def test_all_faults_are_told_at_once(write: Write) -> None:
    text = """
        [database]
        dsn = "embedded:"
        [daemon]
        poll_seconds = 0
        log_level = "info"
        [log]
        level = "loud"
        [feeds.products]
        query = "absent.sql"
        sinks = ["catalgo"]
        [sinks.catalog]
        type = "htp"
    """
    path = write(text)
    places = [where for where, _, _ in faults_of(path, {"CDC_NONSENSE": "1"}, format="xml")]
    fields = [
        "daemon.poll_seconds",
        "daemon.log_level",
        "log.level",
        "sinks.catalog.type",
        "feeds.products.key",
    ]
    fields += ["feeds.products.query", "feeds.products.sinks"]
    assert sorted(places) == sorted(
        ["CDC_NONSENSE", "--log-format", *(f"{path}: {field}" for field in fields)]
    )


@pytest.mark.parametrize(
    ("section", "line", "field", "what"),
    [
        ("daemon", "poll_seconds = 0", "poll_seconds", "is 0; it should be greater than 0"),
        ("daemon", 'poll_seconds = "1"', "poll_seconds", "is '1'; it should be a valid number"),
        ("daemon", "poll_seconds = nan", "poll_seconds", "is nan; it should be a finite number"),
        ("daemon", "batch_entities = 1.0", "batch_entities", "is 1.0; it should be a valid integer"),
        ("daemon", "state_dir = 5", "state_dir", "is 5; it should be a valid string"),
        (
            "feeds.products",
            "hash_exclude = ['a', 'a']",
            "hash_exclude",
            "is ['a', 'a']; it must not name 'a' twice",
        ),
        ("feeds.products", "entity = []", "entity", "is []; it should name at least one"),
        ("feeds.products", "hash_exclude = 'a'", "hash_exclude", "is 'a'; it should be a list"),
    ],
)
def test_a_wrong_value_is_named_with_file_field_and_rule(
    write: Write, section: str, line: str, field: str, what: str
) -> None:
    text = MINIMAL + ("[daemon]\n" if section == "daemon" else "")
    path = write(text.replace(f"[{section}]\n", f"[{section}]\n{line}\n"))
    where, said, hint = only_fault(path)
    assert (where, said) == (f"{path}: {section}.{field}", what)
    assert hint


@pytest.mark.parametrize(
    ("old", "new", "where", "hint"),
    [
        ("key =", "keys =", "feeds.products.keys", "`key`, the nearest known name"),
        ("[sinks.out]", "[sink.out]", "sink", "`sinks`, the nearest known name"),
        ("dsn =", "dns =", "database.dns", "`dsn`, the nearest known name"),
        ("url =", "ulr =", "sinks.catalog.ulr", "`url`, the nearest known name"),
        ('type = "http"', 'type = "htp"', "sinks.catalog.type", "`http`, the nearest known name"),
    ],
)
def test_an_unknown_name_comes_with_the_nearest_known_one(
    write: Write, old: str, new: str, where: str, hint: str
) -> None:
    path = write(MINIMAL.replace(old, new))
    assert (f"{path}: {where}", hint) in [(place, remedy) for place, _, remedy in faults_of(path)]


def test_a_setting_outside_its_section_is_told_where_it_belongs(write: Write) -> None:
    path = write("poll_seconds = 1\n" + MINIMAL)
    assert only_fault(path) == (
        f"{path}: poll_seconds",
        "is no section of the configuration",
        "it belongs below [daemon]",
    )


def test_the_text_of_a_query_can_not_be_set(write: Write) -> None:
    path = write(MINIMAL.replace("key =", 'text = "SELECT 1"\nkey ='))
    assert only_fault(path)[:2] == (f"{path}: feeds.products.text", "is no known setting")


@pytest.mark.parametrize(
    ("content", "place"), [("[database]\ndsn = \n", "2:7"), ("[a", "1:3"), ("a = 'x", "1:7")]
)
def test_a_syntax_fault_names_line_and_column(write: Write, content: str, place: str) -> None:
    path = write(content)
    where, what, _ = only_fault(path)
    assert where == f"{path}:{place}"
    assert what.startswith("is not TOML: ")


def test_a_missing_file_points_to_init(tmp_path: Path) -> None:
    where, what, hint = only_fault(tmp_path / "cdc.toml")
    assert (where, what) == (f"{tmp_path}/cdc.toml", "does not exist")
    assert hint is not None
    assert "cdc-daemon init" in hint


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (None, "is 'products.sql', which does not exist"),
        (b" \n-- soon\n/* or\nlater */", "is 'products.sql', which holds no query"),
        (b"SELECT '\xff'", "is 'products.sql', which is not UTF-8"),
    ],
)
def test_a_query_file_without_a_query_is_a_fault(
    write: Write, tmp_path: Path, content: bytes | None, what: str
) -> None:
    path = write(MINIMAL)
    (tmp_path / "products.sql").unlink()
    if content is not None:
        (tmp_path / "products.sql").write_bytes(content)
    assert only_fault(path)[:2] == (f"{path}: feeds.products.query", what)


def test_a_feed_may_name_no_sink_at_all(write: Write) -> None:
    assert load(write(MINIMAL.replace("key =", "sinks = []\nkey =")), {}).feeds["products"].sinks == ()


@pytest.mark.parametrize("name", ["Products", "1st", "a-b", "é", "a" * 41])
def test_a_feed_whose_name_can_not_be_part_of_a_tables_name_is_refused(write: Write, name: str) -> None:
    path = write(MINIMAL.replace("[feeds.products]", f'[feeds."{name}"]'))
    assert "can't be the name of a feed" in only_fault(path)[1]


def test_feeds_whose_names_differ_in_capitals_alone_are_refused(write: Write) -> None:
    path = write(MINIMAL + '[feeds.proDucts]\nquery = "products.sql"\nkey = ["sku"]\n')
    assert only_fault(path)[:2] == (
        f"{path}: feeds.proDucts",
        "differs from 'products' by small and capital letters only",
    )


@pytest.mark.parametrize(
    "name", ["products_log", "products_log_0", "products_revision", "products_entity", "products_refresh_at"]
)
def test_feeds_whose_tables_would_meet_are_refused(write: Write, name: str) -> None:
    path = write(MINIMAL + f'[feeds.{name}]\nquery = "products.sql"\nkey = ["sku"]\n')
    assert only_fault(path)[:2] == (
        f"{path}: feeds.{name}",
        "would share a table's name with feed 'products'",
    )


def test_a_feed_called_state_would_meet_a_table_of_ours(write: Write) -> None:
    path = write(MINIMAL.replace("[feeds.products]", "[feeds.state]"))
    assert "uses itself" in only_fault(path)[1]


def test_sinks_that_one_variable_would_mean_are_refused(write: Write) -> None:
    path = write(MINIMAL + '[sinks.a-b]\ntype = "stdout"\n[sinks.a_b]\ntype = "stdout"\n')
    assert only_fault(path)[0] == f"{path}: sinks.a_b"


def test_pauses_that_contradict_each_other_are_a_fault_of_their_section(write: Write) -> None:
    path = write(MINIMAL + "[daemon]\npoll_seconds = 2\n")
    assert only_fault(path)[:2] == (f"{path}: daemon", "must not have idle_poll_seconds below poll_seconds")


def test_a_missing_dsn_says_what_one_is(write: Write) -> None:
    path = write(re.sub("dsn = .*", "", MINIMAL))
    where, what, hint = only_fault(path)
    assert (where, what) == (f"{path}: database.dsn", "is missing")
    assert hint is not None
    assert "embedded:" in hint


def test_embedded_is_a_database(write: Write) -> None:
    settings = load(write(re.sub("dsn = .*", 'dsn = "embedded:"', MINIMAL)), {})
    assert settings.database.embedded


def test_settings_can_not_be_changed(write: Write) -> None:
    settings: Settings = load(write(MINIMAL), {})
    with pytest.raises(ValueError, match="frozen"):
        settings.daemon.poll_seconds = 1
