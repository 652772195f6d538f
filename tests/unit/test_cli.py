"""The command line against a real database: what it prints, where, and with which exit code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner

from cdc_daemon import __version__
from cdc_daemon.cli import main
from cdc_daemon.cli.group import COMMANDS
from tests.support.called import Call, Connect, calling, delivered, shop_in


@pytest.fixture
def folder(tmp_path: Path, database: str, connect: Connect) -> Path:
    return shop_in(tmp_path, database, connect())


@pytest.fixture
def call(folder: Path) -> Call:
    return calling(folder)


def test_the_version_is_told_without_a_configuration() -> None:
    assert CliRunner().invoke(main, ["--version"]).stdout == f"cdc-daemon, version {__version__}\n"


def test_what_needs_no_configuration_loads_neither_the_driver_nor_the_parser_nor_the_settings() -> None:
    code = (
        "import sys, cdc_daemon.cli; print({'psycopg', 'sqlglot', 'pydantic', 'structlog'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


_OF_PLANS = {"sqlglot", "cdc_daemon.analysis.analyse", "cdc_daemon.workers.query_planning"}
_OF_DAEMONS = {"h11", "jinja2", "opentelemetry", "prometheus_client", "starlette", "uvicorn"}
_OF_SINKS = {"aio_pika", "botocore", "confluent_kafka", "nats", "opensearchpy", "redis", "urllib3"}
_HEAVY = _OF_PLANS | _OF_DAEMONS | _OF_SINKS | {"rich"}  # structlog imports rich if it is installed


def _heavy_after(code: str, *arguments: str) -> set[str]:
    """The heavy modules that a process has loaded at its end. Its last line of output tells all modules."""
    code = f"import sys\n{code}\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    return _HEAVY & {*done.stdout.splitlines()[-1].split()}


def test_a_command_loads_the_analysis_when_it_plans_a_feed_and_a_library_when_it_is_used() -> None:
    plans_always = {"check", "plan"}
    names = [f"cdc_daemon.cli.{name}" for name in COMMANDS if name not in plans_always]
    assert _heavy_after(f"import {', '.join(names)}") == set()


def test_a_command_that_ran_has_loaded_nothing_that_it_did_not_need(call: Call, folder: Path) -> None:
    assert call("install").exit_code == 0
    run = "from cdc_daemon.cli import main\nmain(sys.argv[1:], standalone_mode=False)"
    config = ("--config", str(folder / "cdc.toml"))
    assert _heavy_after(run, *config, "audit") == set()
    assert _heavy_after(run, *config, "failed") == set()
    assert _heavy_after(run, *config, "status") == _OF_PLANS  # it compares what is installed with the plans


def test_a_configuration_that_is_not_there_is_an_error_with_a_remedy_and_no_traceback(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "cdc_daemon", "--config", tmp_path / "absent.toml", "status"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith(f"Error: {tmp_path}/absent.toml: does not exist. Try: ")
    assert len(ended.stderr.splitlines()) == 1


def test_check_says_that_all_is_well(call: Call) -> None:
    result = call("check")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "All is well: products.\n", "")


def test_check_tells_each_fault_of_the_configuration_on_a_line_of_its_own(call: Call, folder: Path) -> None:
    with (folder / "cdc.toml").open("a") as file:
        file.write("[daemon]\npoll_seconds = 0\nbatch_entitise = 7\n")
    result = call("check")
    assert result.exit_code == 2
    first, second = result.stderr.splitlines()
    assert first.startswith(
        f"Error: {folder}/cdc.toml: daemon.batch_entitise: is no known setting. Try: `batch_entities`"
    )
    assert second.startswith(
        f"Error: {folder}/cdc.toml: daemon.poll_seconds: is 0; it should be greater than 0. Try: "
    )


def test_check_tells_faults_of_several_queries_at_once(call: Call, folder: Path) -> None:
    for name, query in (("absent", "SELECT x AS sku FROM nowhere"), ("broken", "SELECT FROM WHERE")):
        (folder / f"{name}.sql").write_text(query)
        with (folder / "cdc.toml").open("a") as file:
            file.write(f'[feeds.{name}]\nquery = "{name}.sql"\nkey = ["sku"]\n')
    result = call("check")
    assert result.exit_code == 2
    lines = result.stderr.splitlines()
    assert [line.startswith("Error: ") for line in lines] == [True, True]
    assert "nowhere" in lines[0]
    told = orjson.loads(call("check", "--json").stdout)
    assert [set(fault) for fault in told["faults"]] == [{"where", "what", "hint", "verdict"}] * 2
    assert call("check", "products").exit_code == 0, "only the feeds that are named are looked at"


def test_a_feed_that_is_not_configured_comes_with_the_nearest_one(call: Call) -> None:
    for command in ("check", "plan", "resync"):
        result = call(command, "product")
        assert result.exit_code == 2
        assert (
            result.stderr
            == "Error: feed product: is not configured. Try: `products`, the nearest known name\n"
        )


def test_a_database_that_is_away_has_an_exit_code_of_its_own(call: Call, folder: Path) -> None:
    (folder / "dsn").write_text("host=127.0.0.1 port=1 password=geheim-und-lang")
    for command in ("check", "plan", "install", "status"):
        result = call(command)
        assert result.exit_code == 3
        assert result.stderr.startswith("Error: database: ")
        assert "geheim" not in result.output


def test_plan_shows_routes_and_what_would_be_installed(call: Call) -> None:
    told = orjson.loads(call("plan", "--json").stdout)
    by_table = {found["table"]: found for found in told["feeds"]["products"]["occurrences"]}
    assert set(by_table) == {"public.product", "public.stock"}
    product, stock = by_table["public.product"], by_table["public.stock"]
    assert (product["alias"], product["kind"], product["links"]) == ("p", "direct", ["sku"])
    assert (stock["alias"], stock["kind"], stock["links"]) == ("s", "join", ["product_id"])
    assert stock["columns"] == ["product_id", "quantity"]
    assert "delta" in stock["routes"][0]["sql"]
    assert set(told["objects"]) == {"create", "replace", "drop"}
    assert "trigger cdc_capture_insert on public.stock" in told["objects"]["create"]
    for line in ("public.stock as s at 4:11: join", "create  trigger cdc_capture_insert on public.stock"):
        assert line in call("plan").stdout


def test_install_says_what_it_does_and_a_second_one_does_nothing(call: Call) -> None:
    wanted = call("install", "--dry-run").stdout.replace("Would do:", "Done:")
    first, second = call("install"), call("install")
    assert first.stdout == wanted
    assert first.stdout.startswith("Done:\n  create  schema cdc\n")
    assert (second.exit_code, second.stdout) == (0, "Nothing to do: all stands as wanted.\n")
    assert call("plan").stdout.endswith("install would do nothing: all stands as wanted.\n")


def test_the_script_is_sql_on_standard_output_and_changes_nothing(call: Call, connect: Connect) -> None:
    script = call("install", "--script")
    assert script.exit_code == 0
    assert "CREATE SCHEMA cdc" in script.stdout
    assert script.stdout.count("BEGIN;") == script.stdout.count("COMMIT;") > 0
    assert connect().execute("SELECT to_regnamespace('cdc')").fetchone() == (None,)
    assert call("install", "--script", "--dry-run").exit_code == 2


def test_one_broken_feed_keeps_install_from_dropping_what_it_needs(
    call: Call, folder: Path, connect: Connect
) -> None:
    assert call("install").exit_code == 0
    (folder / "products.sql").write_text("SELECT sku FROM nowhere")
    result = call("install")
    assert result.exit_code == 2
    assert connect().execute("SELECT to_regclass('cdc.feed_products') IS NOT NULL").fetchone() == (True,)


def test_run_once_delivers_and_status_tells_how_it_stands(call: Call, folder: Path) -> None:
    assert call("install").exit_code == 0
    assert call("run", "--once").exit_code == 0
    assert sorted(record["key"]["sku"] for record in delivered(folder)) == ["A-1", "B-2"]
    told = orjson.loads(call("status", "--json").stdout)
    products = told["feeds"]["products"]
    assert (products["state"], products["rows"], products["tombstones"], products["backlog"]) == (
        "not followed",
        2,
        0,
        0,
    )
    assert products["sinks"]["out"]["delivered"] == 2
    assert (products["sinks"]["out"]["failed_items"], products["lag_seconds"], told["drift"]) == (0, 0.0, [])
    text = call("status").stdout
    for piece in (
        "no daemon runs",
        "feed products: not followed",
        "rows 2",
        "sink out: undelivered 0   delivered 2",
        "drift: none",
    ):
        assert piece in text


def test_status_before_an_install_says_what_is_missing(call: Call) -> None:
    result = call("status")
    assert result.exit_code == 0
    assert "feed products: missing" in result.stdout
    assert "create schema cdc" in result.stdout


def test_records_on_standard_output_are_alone_there(folder: Path, call: Call) -> None:
    (folder / "cdc.toml").write_text(
        (folder / "cdc.toml")
        .read_text()
        .replace('"file"', '"stdout"')
        .replace('path = "out/{feed}.ndjson"', "")
    )
    assert call("install").exit_code == 0
    ended = subprocess.run(
        [sys.executable, "-m", "cdc_daemon", "--config", folder / "cdc.toml", "run", "--once"],
        capture_output=True,
        check=True,
    )
    records = [orjson.loads(line) for line in ended.stdout.splitlines()]
    logged = [orjson.loads(line) for line in ended.stderr.splitlines()]
    assert [record["op"] for record in records] == ["upsert", "upsert", "snapshot_end"]
    assert [line["event"] for line in logged][-1] == "daemon_stopped"


def test_a_forced_resync_of_one_key_delivers_that_document_again(call: Call, folder: Path) -> None:
    assert call("install").exit_code == 0
    assert call("run", "--once").exit_code == 0
    result = call("resync", "products", "--by-key", "sku=A-1", "--force", "--wait")
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "products: 1 entity recomputed.")
    assert call("run", "--once").exit_code == 0
    assert [record["key"]["sku"] for record in delivered(folder)][2:] == ["A-1"]


@pytest.mark.parametrize("given", [["sku"], ["=A-1"], ["sku=A-1", "sku=B-2"]])
def test_a_key_that_is_not_column_and_value_is_refused(call: Call, given: list[str]) -> None:
    result = call("resync", "products", *(f"--by-key={pair}" for pair in given))
    assert result.exit_code == 2
    assert "--by-key" in result.stderr


def test_uninstall_says_that_it_looked(call: Call, connect: Connect) -> None:
    assert call("install").exit_code == 0
    result = call("uninstall")
    assert result.exit_code == 0
    assert result.stdout == "Removed. Looked again: nothing of cdc-daemon is left in the database.\n"
    assert connect().execute("SELECT to_regnamespace('cdc')").fetchone() == (None,)


def test_secrets_are_in_no_output(folder: Path, call: Call, database: str) -> None:
    (folder / "dsn").write_text(f"{database} sslpassword=geheim-und-lang")
    for arguments in (["check"], ["plan"], ["install"], ["run", "--once"], ["status"], ["uninstall"]):
        result = call("--log-level", "debug", *arguments)
        assert result.exit_code == 0, result.output
        assert "geheim" not in result.output
