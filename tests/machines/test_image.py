"""The container image, and compose.yaml with all its services, by the commands of docs/deploying.md."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.machines import engine
from tests.machines.machine import eventually
from tests.machines.pages import commands

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
COMPOSE_FOLDER = ROOT / "deploy" / "container"

Compose = Callable[..., str]


@pytest.fixture(scope="module")
def image(containers: None, wheels: Path) -> str:
    """The image, built as `make image` builds it, on a Debian that debootstrap made."""
    return engine.build(COMPOSE_FOLDER, "cdc-daemon", context=wheels)


@pytest.fixture(scope="module")
def compose(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compose]:
    """Runs a script of bash in a copy of the folder, whose services the page's commands have started."""
    folder = tmp_path_factory.mktemp("compose") / "cdc"
    shutil.copytree(COMPOSE_FOLDER, folder)
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    environment = {
        **os.environ,
        "CDC_IMAGE": image,
        "CDC_PORT": str(port),
        "POSTGRES_IMAGE": engine.build(HERE / "postgres", "cdc-daemon-tests/postgres"),
        "REDIS_IMAGE": engine.build(HERE / "redis", "cdc-daemon-tests/redis"),
    }

    def run(script: str) -> str:
        if subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode:
            script = script.replace("docker compose ", "docker-compose ")  # Debian 12 has the older program
        script = script.replace(" run --rm ", " run --rm -T ").replace(" exec ", " exec -T ")
        done = subprocess.run(
            ["bash", "-euc", script],
            cwd=folder,
            env=environment,
            input="a long password\n",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    try:
        run(commands("docs/deploying.md", "compose"))
        environment["ADDRESS"] = f"http://127.0.0.1:{port}"
        yield run
    finally:
        run("docker compose down --volumes --timeout 5")


def inspected(compose: Compose, service: str, template: str) -> str:
    return compose(f"docker inspect --format '{template}' $(docker compose ps -q {service})").strip()


def test_the_image_runs_as_nobody_special_and_has_neither_pip_nor_a_compiler(image: str) -> None:
    told = engine.docker("run", "--rm", "--entrypoint", "id", image)
    assert told.startswith("uid=10001")
    looked = engine.docker(
        *("run", "--rm", "--entrypoint", "sh", image),
        *("-c", "command -v pip gcc; ls /opt/cdc-daemon/bin; find /opt/cdc-daemon /etc -writable | head"),
        check=False,
    )
    assert "pip" not in looked
    assert "gcc" not in looked
    assert "/opt/cdc-daemon/lib" not in looked, "the daemon can write none of its own files"


def test_the_image_starts_from_the_environment_alone(image: str) -> None:
    told = engine.docker(
        *("run", "--rm", "--read-only", "--cap-drop", "ALL", "--network", "none"),
        *("--env", "CDC_DATABASE_DSN=host=nowhere.invalid dbname=shop"),
        *(
            "--env",
            "CDC_FEEDS_PRODUCTS_QUERY_TEXT=SELECT sku FROM product",
            "--env",
            "CDC_FEEDS_PRODUCTS_KEY=sku",
        ),
        *("--env", "CDC_SINKS_OUT_TYPE=stdout", image, "check"),
        check=False,
    )
    assert "nowhere.invalid" in told
    assert "must" not in told, "no setting is missing"


def test_a_change_reaches_the_sink(compose: Compose) -> None:
    compose(
        "docker compose exec postgres psql --username postgres --dbname shop "
        "--command \"UPDATE product SET price = 100 WHERE sku = 'A-1'\""
    )
    eventually(
        "the change is delivered",
        lambda: '"price":100' in compose("docker compose exec redis redis-cli HGETALL products:A-1"),
    )


def test_the_containers_are_healthy_and_confined(compose: Compose) -> None:
    for service in ("daemon", "dashboard"):
        eventually(
            f"{service} is healthy",
            lambda service=service: inspected(compose, service, "{{.State.Health.Status}}") == "healthy",
        )
        assert inspected(compose, service, "{{.HostConfig.ReadonlyRootfs}}") == "true"
        assert inspected(compose, service, "{{.HostConfig.CapDrop}}") == "[ALL]"
        assert inspected(compose, service, "{{.Config.User}}") == "10001:10001"


def test_the_dashboard_asks_who_it_is(compose: Compose) -> None:
    address = compose("echo $ADDRESS").strip()
    with urllib.request.urlopen(f"{address}/", timeout=10) as answer:  # noqa: S310 # http, our own
        assert "login" in answer.geturl() or "log" in answer.read().decode().lower()


def test_a_stop_is_clean(compose: Compose) -> None:
    compose("docker compose stop daemon")
    assert inspected(compose, "daemon", "{{.State.ExitCode}}") == "0"
    events = compose("docker compose logs --no-color daemon").splitlines()
    stopped = [line for line in events if '"daemon_stopped"' in line]
    assert json.loads(stopped[-1][stopped[-1].index("{") :])["unstopped"] == []
