"""What `sinks test` says of the way to an HTTP target, step by step."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import trustme

from tests.receivers.http import Target, answer
from tests.unit.sinks.conftest import CERTIFICATE, Opened


def probed(sink: object) -> list[tuple[str, bool]]:
    return [(step.name, step.failure is None) for step in sink.probe("products")]  # type: ignore[attr-defined]


def test_every_step_to_a_target_that_is_well_passes(opened: Opened, target: Target) -> None:
    steps = list(opened(target.url, token="of-nobody", headers={"X-Tenant": "shop"}).probe("products"))  # noqa: S106 # of nobody
    assert [(step.name, step.failure) for step in steps] == [
        ("DNS", None),
        ("TCP", None),
        ("authorization", None),
        ("accept", None),
    ]
    assert [step.said for step in steps] == [
        "127.0.0.1: 127.0.0.1",
        f"connected to 127.0.0.1 port {target.url.split(':')[2].split('/')[0]}",
        "sent: Bearer, X-Tenant",
        "took an empty batch",
    ]
    (request,) = target.requests
    assert (request.path, request.content) == ("/feeds/products", b"[]")


def test_lines_are_probed_with_none(opened: Opened, target: Target) -> None:
    assert probed(opened(target.url, framing="ndjson"))[-1] == ("accept", True)
    assert target.requests[0].body == b""


def test_tls_tells_its_version_and_how_long_the_certificate_lasts(opened: Opened, tls_target: Target) -> None:
    steps = {step.name: step for step in opened(tls_target.url, ca_file=CERTIFICATE).probe("products")}
    assert list(steps) == ["DNS", "TCP", "TLS", "authorization", "accept"]
    assert steps["TLS"].said.startswith("TLSv1.3, certificate valid until ")


def test_a_name_that_is_unknown_ends_it_at_dns(opened: Opened) -> None:
    assert probed(opened("http://nowhere.invalid/")) == [("DNS", False)]


def test_a_port_that_nobody_listens_on_ends_it_at_tcp(opened: Opened) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert probed(opened(f"http://127.0.0.1:{port}/")) == [("DNS", True), ("TCP", False)]


def test_an_authority_that_is_not_trusted_ends_it_at_tls(
    opened: Opened, tls_target: Target, tmp_path: Path
) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    steps = probed(opened(tls_target.url, ca_file=tmp_path / "other.pem"))
    assert steps == [("DNS", True), ("TCP", True), ("TLS", False)]


def test_a_server_that_is_silent_in_the_handshake_ends_it_at_tls(opened: Opened) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/"
        assert probed(opened(url, timeout_seconds=0.3))[-1] == ("TLS", False)


@pytest.mark.parametrize("status", [401, 403])
def test_a_target_that_does_not_let_in_ends_it_at_authorization(
    opened: Opened, target: Target, status: int
) -> None:
    target.script.append(answer(status))
    steps = list(opened(target.url).probe("products"))
    assert (steps[-1].name, steps[-1].said) == ("authorization", "nothing is set")
    assert str(status) in str(steps[-1].failure)
    assert steps[-1].failure
    assert steps[-1].failure.hint


def test_a_server_of_tokens_that_gives_none_ends_it_at_authorization(opened: Opened, target: Target) -> None:
    target.script.append(answer(401, b'{"error":"invalid_client"}'))
    sink = opened(
        target.url,
        oauth2_token_url=target.url.format(feed="token"),
        oauth2_client_id="a",
        oauth2_client_secret="of-nobody",  # noqa: S106 # of nobody
    )
    assert probed(sink) == [("DNS", True), ("TCP", True), ("authorization", False)]


def test_a_target_that_refuses_an_empty_batch_is_reached_all_the_same(opened: Opened, target: Target) -> None:
    target.script.extend([answer(400, b"nothing in it")] * 2)
    sink = opened(target.url)
    *_, last = sink.probe("products")
    assert (last.name, last.failure) == ("accept", None)
    assert last.said == "refused an empty batch, as it may: answered 400 Bad Request: nothing in it"
    assert sink.deliver("products", ()) == ()


@pytest.mark.parametrize("status", [404, 500])
def test_a_target_that_takes_nothing_ends_it_at_accept(opened: Opened, target: Target, status: int) -> None:
    target.script.append(answer(status))
    assert probed(opened(target.url)) == [
        ("DNS", True),
        ("TCP", True),
        ("authorization", True),
        ("accept", False),
    ]
