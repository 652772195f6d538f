"""TLS with authorities and certificates that are made here: who is trusted, and who we say we are."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from pydantic import ValidationError

from cdc_daemon.errors import SinkUnavailable
from cdc_daemon.sinks.http import HttpSettings
from tests.receivers.http import Target, serving
from tests.unit.sinks.conftest import Opened
from tests.unit.sinks.target import record

PASSWORD = "of-the-key"  # noqa: S105 - of a key that ends with the test


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


@pytest.fixture
def strict(authority: trustme.CA) -> Iterator[Target]:
    """A server that lets in only those who show a certificate of its authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    yield from serving(context)


def written(certificate: trustme.LeafCert, folder: Path, name: str) -> dict[str, Path]:
    """A certificate and its key in files, as settings name them."""
    chain, key = folder / f"{name}.pem", folder / f"{name}-key.pem"
    chain.write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    certificate.private_key_pem.write_to_path(key)
    return {"client_certificate_file": chain, "client_key_file": key}


def test_a_server_of_the_authority_that_is_set_is_trusted_over_kept_connections(
    opened: Opened, strict: Target, authority: trustme.CA, ca_file: Path, tmp_path: Path
) -> None:
    ours = written(authority.issue_cert("shop.example"), tmp_path, "client")
    sink = opened(strict.url, ca_file=ca_file, in_flight=4, batch_records=2, **ours)
    sink.deliver("products", [record(number) for number in range(8)])
    sink.deliver("products", [record(number) for number in range(8)])
    assert len(strict.documents()) == 8
    assert len({request.connection for request in strict.requests}) <= 4


def test_certificate_and_key_may_stand_in_one_file(
    opened: Opened, strict: Target, authority: trustme.CA, ca_file: Path, tmp_path: Path
) -> None:
    both = tmp_path / "both.pem"
    authority.issue_cert("shop.example").private_key_and_cert_chain_pem.write_to_path(both)
    opened(strict.url, ca_file=ca_file, client_certificate_file=both).deliver("products", [record(1)])
    assert len(strict.requests) == 1


def test_a_key_with_a_password_is_read_with_it(
    opened: Opened, strict: Target, authority: trustme.CA, ca_file: Path, tmp_path: Path
) -> None:
    ours = written(authority.issue_cert("shop.example"), tmp_path, "client")
    key = load_pem_private_key(ours["client_key_file"].read_bytes(), None)
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSWORD.encode()))
    ours["client_key_file"].write_bytes(locked)
    sink = opened(strict.url, ca_file=ca_file, client_key_password=PASSWORD, **ours)
    sink.deliver("products", [record(1)])
    assert len(strict.requests) == 1
    for wrong in ({}, {"client_key_password": "another"}):
        with pytest.raises(SinkUnavailable) as raised:
            opened(strict.url, ca_file=ca_file, **ours, **wrong).deliver("products", [record(1)])
        assert raised.value.hint


@pytest.mark.parametrize("who", ["nobody", "a stranger"])
def test_who_shows_no_certificate_or_one_of_another_authority_is_told_so(
    opened: Opened, strict: Target, ca_file: Path, tmp_path: Path, who: str
) -> None:
    stranger = trustme.CA().issue_cert("shop.example")
    shown = {} if who == "nobody" else written(stranger, tmp_path, "stranger")
    with pytest.raises(SinkUnavailable) as raised:
        opened(strict.url, ca_file=ca_file, timeout_seconds=5, **shown).deliver("products", [record(1)])
    # With TLS 1.3 the server says so after the handshake: an alert, or the end of the connection before it.
    if "TLS" in str(raised.value):
        assert "client_certificate_file" in str(raised.value.hint)
    else:
        assert "closed the connection" in str(raised.value)
    assert not strict.requests


def test_a_server_of_another_authority_is_not_trusted(opened: Opened, strict: Target, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    with pytest.raises(SinkUnavailable, match="certificate is not trusted"):
        opened(strict.url, ca_file=other).deliver("products", [record(1)])


def test_files_that_were_renewed_are_read_after_a_failure(
    opened: Opened, strict: Target, authority: trustme.CA, ca_file: Path, tmp_path: Path
) -> None:
    right = ca_file.read_bytes()
    trustme.CA().cert_pem.write_to_path(ca_file)
    ours = written(authority.issue_cert("shop.example"), tmp_path, "client")
    sink = opened(strict.url, ca_file=ca_file, **ours)
    with pytest.raises(SinkUnavailable, match="certificate is not trusted"):
        sink.deliver("products", [record(1)])
    ca_file.write_bytes(right)
    sink.deliver("products", [record(1)])
    assert len(strict.requests) == 1


@contextmanager
def old_tls(authority: trustme.CA) -> Iterator[Target]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    yield from serving(context)


def test_tls_1_2_is_spoken_too(opened: Opened, authority: trustme.CA, ca_file: Path) -> None:
    with old_tls(authority) as target:
        opened(target.url, ca_file=ca_file).deliver("products", [record(1)])
        assert len(target.requests) == 1


@pytest.mark.parametrize("name", ["ca_file", "client_certificate_file", "client_key_file"])
def test_a_file_that_can_not_be_read_is_named(
    opened: Opened, strict: Target, authority: trustme.CA, ca_file: Path, tmp_path: Path, name: str
) -> None:
    files = {"ca_file": ca_file, **written(authority.issue_cert("shop.example"), tmp_path, "client")}
    files[name] = tmp_path / "none.pem"
    with pytest.raises(SinkUnavailable, match=r"none\.pem can't be read") as raised:
        opened(strict.url, **files).deliver("products", [record(1)])
    assert name in str(raised.value.hint)


def test_a_file_that_holds_no_certificate_is_said_so(opened: Opened, strict: Target, tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("nothing")
    with pytest.raises(SinkUnavailable, match=r"empty\.pem can't be used") as raised:
        opened(strict.url, ca_file=tmp_path / "empty.pem").deliver("products", [record(1)])
    assert raised.value.hint


def test_a_key_without_a_certificate_is_a_fault_of_the_configuration() -> None:
    with pytest.raises(ValidationError, match="must have client_certificate_file"):
        HttpSettings.model_validate({"url": "https://a/", "client_key_file": "key.pem"})
