"""config/prometheus and config/grafana: rules that are valid and fire, metrics that exist."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cdc_daemon.web.metrics import DESCRIBED
from tests.receivers.processes import program
from tests.receivers.web import free_port
from tests.support.command import Command, Feed, eventually, execute
from tests.support.synced import ITEMS

pytestmark = pytest.mark.any_server

ROOT = Path(__file__).parents[2]
RULES = ROOT / "config" / "prometheus" / "alerts.yml"
BOARD = ROOT / "config" / "grafana" / "cdc-daemon.json"

CONDITIONS = {
    "CdcNoDaemonRuns": "cdc_daemons_running 0",
    "CdcDatabaseUnreachable": "cdc_database_answers 0",
    "CdcFeedStopped": 'cdc_feed_state{feed="f", state="stopped"} 1',
    "CdcFeedNotFollowed": 'cdc_feed_state{feed="f", state="not followed"} 1',
    "CdcFeedLate": 'cdc_feed_lag_seconds{feed="f"} 61',
    "CdcFeedLagUnknown": 'cdc_feed_lag_known{feed="f"} 0',
    "CdcEntitiesFailed": 'cdc_feed_failed_entities{feed="f"} 1',
    "CdcSinkFailing": 'cdc_sink_failing{sink="s", feed="f"} 1',
    "CdcSinkFarBehind": 'cdc_sink_undelivered_documents{sink="s", feed="f"} 10000',
    "CdcItemsParked": 'cdc_sink_parked_items{sink="s", feed="f"} 1',
    "CdcSinkPaused": 'cdc_sink_paused{sink="s", feed="f"} 1',
    "CdcOldTransaction": "cdc_oldest_blocker_seconds 601",
    "CdcCanarySilent": 'cdc_sink_delivered_records_total{sink="s", feed="canary"} 7',
    "CdcVerifyFoundDifferences": 'cdc_verify_differences{sink="", feed="f"} 1',
    "CdcVerifyFailing": 'cdc_verify_failing{sink="", feed="f"} 1',
}
"""A sample that makes each alert's condition. All others are as in a healthy daemon."""

HEALTHY = {
    "cdc_build": 'cdc_build{version="1"} 1',
    "cdc_daemons_running": "cdc_daemons_running 1",
    "cdc_database_answers": "cdc_database_answers 1",
    "cdc_feed_lag_known": 'cdc_feed_lag_known{feed="f"} 1',
    "cdc_feed_lag_seconds": 'cdc_feed_lag_seconds{feed="f"} 1',
}


def rules() -> dict[str, str]:
    """The text of each alert by its name."""
    parts = re.split(r"^ +- alert: ", RULES.read_text("utf-8"), flags=re.MULTILINE)[1:]
    return {part.partition("\n")[0]: part for part in parts}


def promtool(*arguments: str) -> str:
    done = subprocess.run(
        [program("promtool", package="prometheus"), *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def names_in(text: str) -> set[str]:
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(r"\bcdc_[a-z_]+", text)}


def expressions() -> list[str]:
    panels = json.loads(BOARD.read_text("utf-8"))["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


def test_every_rule_is_valid() -> None:
    assert f"{len(CONDITIONS)} rules found" in promtool("check", "rules", str(RULES))


def test_every_metric_that_rules_and_board_name_exists() -> None:
    text = "\n".join(re.findall(r"expr: (.*)", RULES.read_text("utf-8")) + expressions())
    assert names_in(text) <= set(DESCRIBED)
    assert len(names_in(text)) > 20


def test_every_runbook_is_a_heading_of_the_documentation() -> None:
    for name, rule in rules().items():
        [(page, anchor)] = re.findall(r"runbook: (docs/\S+\.md)#(\S+)", rule)
        titles = re.findall(r"^#+ (.*)$", (ROOT / page).read_text("utf-8"), flags=re.MULTILINE)
        anchors = {re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in titles}
        assert anchor in anchors, name


@pytest.mark.parametrize("alert", [None, *CONDITIONS])
def test_an_alert_fires_under_its_condition_and_no_other_does(alert: str | None, tmp_path: Path) -> None:
    samples = dict(HEALTHY)
    if alert:
        made = CONDITIONS[alert]
        samples[made.partition("{")[0].partition(" ")[0]] = made
    series = [
        {"series": sample.rpartition(" ")[0], "values": f"{sample.rpartition(' ')[2]}+0x2000"}
        for sample in samples.values()
    ]
    # The value and the texts of an alert are not what is tested: ALERTS has its name and state.
    expected = [{"labels": f'{{alertname="{alert}"}}', "value": 1}] if alert else []
    (tmp_path / "test.yml").write_text(
        json.dumps(
            {
                "rule_files": [str(RULES)],
                "evaluation_interval": "1m",
                "tests": [
                    {
                        "interval": "1m",
                        "input_series": series,
                        "promql_expr_test": [
                            {
                                "expr": 'sum by (alertname) (ALERTS{alertstate="firing"})',
                                "eval_time": "25h",
                                "exp_samples": expected,
                            }
                        ],
                    }
                ],
            }
        )
    )
    promtool("test", "rules", str(tmp_path / "test.yml"))


@pytest.fixture
def shop(tmp_path: Path, database: str) -> Iterator[Command]:
    execute(database, ITEMS, "CREATE TABLE tag (id int PRIMARY KEY, name text)")
    feeds = {
        "items": Feed("SELECT id, 1 / price AS part FROM item"),
        "tags": Feed("SELECT id, name FROM tag"),
    }
    command = Command(
        tmp_path,
        database,
        feeds,
        sinks=f'[sinks.down]\ntype = "http"\nurl = "http://127.0.0.1:{free_port()}/"\n',
    )
    yield command
    command.close()


def test_a_real_prometheus_scrapes_a_daemon_and_its_alerts_fire(shop: Command, tmp_path: Path) -> None:
    port, own = free_port(), free_port()
    with shop.config.open("a") as file:
        file.write(f'\n[http]\nlisten = "127.0.0.1:{port}"\n')
    shop.call("install")
    daemon = shop.start()
    daemon.await_event("http_started")
    # Without their durations, which a test can't wait for: these are tested above.
    (tmp_path / "alerts.yml").write_text(re.sub(r"for: \w+", "for: 0s", RULES.read_text("utf-8")))
    (tmp_path / "prometheus.yml").write_text(
        json.dumps(
            {
                "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
                "rule_files": [str(tmp_path / "alerts.yml")],
                "scrape_configs": [
                    {"job_name": "cdc-daemon", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
                ],
            }
        )
    )
    prometheus = subprocess.Popen(
        [
            program("prometheus", package="prometheus"),
            f"--config.file={tmp_path / 'prometheus.yml'}",
            f"--storage.tsdb.path={tmp_path / 'data'}",
            f"--web.listen-address=127.0.0.1:{own}",
            "--log.level=warn",
        ]
    )

    def asked(path: str) -> Any:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{own}/api/v1/{path}") as answer:
                return json.load(answer)["data"]
        except OSError:
            return {}

    def fires(name: str) -> bool:
        alerts = asked("alerts").get("alerts", ())
        return any((each["labels"]["alertname"], each["state"]) == (name, "firing") for each in alerts)

    try:
        eventually("the sink that is down is told", lambda: fires("CdcSinkFailing"), seconds=60)
        execute(shop.dsn, "UPDATE item SET price = 0 WHERE id = 1", "ALTER TABLE tag RENAME name TO title")
        eventually("the failed entity is told", lambda: fires("CdcEntitiesFailed"), seconds=60)
        eventually("the stopped feed is told", lambda: fires("CdcFeedStopped"), seconds=60)
        shop.call("pause", "--sink", "down", "--reason", "moves")
        eventually("the pause is told", lambda: fires("CdcSinkPaused"), seconds=60)
        known = set(asked("label/__name__/values"))
        exposed = {name for name in known if name.startswith("cdc_")}
        assert {name for name, (kind, _, _) in DESCRIBED.items() if kind == "counter"} <= exposed
        assert all(
            f"{name}_bucket" in exposed for name, (kind, _, _) in DESCRIBED.items() if kind == "histogram"
        )
        daemon.end()
        eventually("the missing daemon is told", lambda: fires("CdcNoDaemonRuns"), seconds=60)
    finally:
        prometheus.terminate()
        prometheus.wait()
