"""TLS of the sinks whose servers can be had with it here: what is not trusted gets nothing."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from cdc_daemon.errors import SinkUnavailable
from cdc_daemon.sinks.registry import SINKS
from cdc_daemon.sinks.sink import Sink
from tests.integration.sinks.targets import unique
from tests.integration.sinks.test_contract import FEED, upsert
from tests.receivers.http import answer, serving
from tests.receivers.nats import Nats
from tests.receivers.processes import own
from tests.receivers.redis import Redis
from tests.unit.sinks.conftest import CERTIFICATE


class _RedisTls(Redis):
    def command(self, folder: Path, ports: list[int]) -> list[str]:
        plain, secured = ports
        files = ("--tls-cert-file", "--tls-key-file", "--tls-ca-cert-file")
        options = [word for option in files for word in (option, str(CERTIFICATE))]
        return [
            *super().command(folder, [plain]),
            *("--tls-port", str(secured), "--tls-auth-clients", "no"),
            *options,
        ]

    name = "redis-tls"
    ports = 2


class _NatsTls(Nats):
    name = "nats-tls"

    def command(self, folder: Path, ports: list[int]) -> list[str]:
        files = ["--tlscert", str(CERTIFICATE), "--tlskey", str(CERTIFICATE)]
        return [*super().command(folder, ports), "--tls", *files]


@pytest.fixture(params=["nats", "opensearch", "redis"])
def secured(request: pytest.FixtureRequest) -> Iterator[dict[str, object]]:
    """The settings of a sink whose server shows a certificate that no authority of the system has signed."""
    kind = request.param
    if kind == "opensearch":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE)
        for target in serving(context):
            body = json.dumps({"errors": False, "items": [{"index": {"status": 201}}]}).encode()
            target.script.append(answer(200, body, Content_Type="application/json"))
            yield {"type": kind, "url": f"https://127.0.0.1:{target.port}"}
        return
    server = own(_RedisTls() if kind == "redis" else _NatsTls(), unique())
    url = f"rediss://127.0.0.1:{server.ports[-1]}/0" if kind == "redis" else f"tls://127.0.0.1:{server.port}"
    yield {"type": kind, "url": url}
    server.stop()


def opened(settings: dict[str, object], **more: object) -> Sink:
    kind = SINKS[str(settings["type"])]
    return kind.model_validate({**settings, "timeout_seconds": 10.0, **more}).open("target")


def test_a_server_is_trusted_only_with_its_authority(secured: dict[str, object]) -> None:
    sink = opened(secured)
    with pytest.raises(SinkUnavailable, match=r"(?i)certificate") as raised:
        sink.deliver(FEED, [upsert("a", 1)])
    assert raised.value.hint
    sink.close()
    trusting = opened(secured, ca_file=str(CERTIFICATE))
    assert not trusting.deliver(FEED, [upsert("a", 1)])
    trusting.close()


def test_a_file_of_tls_that_is_not_there_is_said(secured: dict[str, object]) -> None:
    sink = opened(secured, ca_file="/nowhere/ca.pem")
    with pytest.raises(SinkUnavailable) as raised:
        sink.deliver(FEED, [upsert("a", 1)])
    assert raised.value.hint
    sink.close()
