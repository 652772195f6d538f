"""TLS of every kind of sink: who is not trusted gets nothing, who shows no certificate is not let in.

HTTP's are in tests/unit/sinks/test_http_tls.py, with more: keys with passwords, files that are renewed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo
from pydantic import SecretStr

from cdc_daemon.errors import SinkUnavailable
from cdc_daemon.sinks.postgres import PostgresSettings
from cdc_daemon.sinks.registry import SINKS
from cdc_daemon.sinks.sink import Sink
from tests.receivers.records import FEED, upsert
from tests.receivers.secured import KINDS, PASSWORD, Door, door

NAMES = {"postgres": ("sslrootcert", "sslcert")}
"""What the settings of an authority and of our certificate are called, where it isn't the usual."""


@dataclass(frozen=True)
class Guarded:
    """A server that speaks TLS."""

    kind: str
    door: Door

    def opened(self, *, authority: Path | None, shows: bool = True, password: str = PASSWORD) -> Sink:
        settings = {"timeout_seconds": 5.0, **self.door.settings(password, authority, shows)}
        return SINKS[self.kind].model_validate({"type": self.kind, **settings}).open("target")

    @property
    def names(self) -> tuple[str, str]:
        return NAMES.get(self.kind, ("ca_file", "client_certificate_file"))


@pytest.fixture(scope="module", params=KINDS)
def guarded(request: pytest.FixtureRequest) -> Iterator[Guarded]:
    with door(request.param) as found:
        yield Guarded(request.param, found)


def refused(sink: Sink) -> SinkUnavailable:
    with pytest.raises(SinkUnavailable) as raised:
        sink.deliver(FEED, [upsert("a", 1)])
    sink.close()
    return raised.value


def test_a_server_is_trusted_only_with_its_authority(guarded: Guarded) -> None:
    certificates = guarded.door.certificates
    for authority in (None, certificates.other_authority):
        failure = refused(guarded.opened(authority=authority))
        assert "certificate" in str(failure).lower()
        assert guarded.names[0] in str(failure.hint)
    trusting = guarded.opened(authority=certificates.authority)
    assert not trusting.deliver(FEED, [upsert("a", 1)])
    trusting.close()


def test_a_server_that_asks_for_a_certificate_lets_nobody_in_without(guarded: Guarded) -> None:
    if not guarded.door.asks_for_certificate:
        assert "client_certificate_file" not in SINKS[guarded.kind].model_fields
        return
    failure = refused(guarded.opened(authority=guarded.door.certificates.authority, shows=False))
    assert guarded.names[1] in str(failure.hint)


def test_a_file_of_tls_that_is_not_there_is_said(guarded: Guarded) -> None:
    failure = refused(guarded.opened(authority=Path("/nowhere/ca.pem")))
    assert failure.hint
    *_, last = guarded.opened(authority=Path("/nowhere/ca.pem")).probe(FEED)
    assert (last.name, "/nowhere/ca.pem can't be read" in str(last.failure)) == ("TLS", True)
    assert last.failure
    assert guarded.names[0] in str(last.failure.hint)


def test_a_probe_tells_who_is_not_trusted(guarded: Guarded) -> None:
    for authority in (None, guarded.door.certificates.other_authority):
        sink = guarded.opened(authority=authority)
        *_, last = sink.probe(FEED)
        assert (last.name, "its certificate is not trusted" in str(last.failure)) == ("TLS", True)
        assert last.failure
        assert f"set {guarded.names[0]}" in str(last.failure.hint)


def test_a_probe_tells_that_a_certificate_is_asked_for(guarded: Guarded) -> None:
    if guarded.door.asks_for_certificate:
        sink = guarded.opened(authority=guarded.door.certificates.authority, shows=False)
        *_, last = sink.probe(FEED)
        sink.close()
        assert (last.name, last.failure is None) == ("authorization", False)
        assert last.failure
        assert guarded.names[1] in str(last.failure.hint)


def test_a_probe_tells_of_a_wrong_password(guarded: Guarded) -> None:
    if guarded.door.asks_for_password:
        sink = guarded.opened(authority=guarded.door.certificates.authority, password="another")  # noqa: S106 # a wrong one
        *_, last = sink.probe(FEED)
        sink.close()
        assert (last.name, last.failure is None) == ("authorization", False)
        assert last.failure
        assert str(last.failure.hint).startswith("correct ")
        assert "another" not in f"{last.said} {last.failure} {last.failure.hint}"


def test_a_probe_goes_all_the_way_where_everything_is_right(guarded: Guarded) -> None:
    sink = guarded.opened(authority=guarded.door.certificates.authority)
    steps = list(sink.probe(FEED))
    sink.close()
    assert [step.name for step in steps] == ["DNS", "TCP", "TLS", "authorization", "accept"]
    assert [step.failure for step in steps] == [None] * 5
    assert steps[2].said.startswith("TLSv1.3, certificate valid until ")


def test_the_name_and_not_the_address_of_a_postgresql_server_must_be_that_of_its_certificate() -> None:
    with door("postgres") as found:
        settings = found.settings(PASSWORD, found.certificates.authority, True)
        dsn = make_conninfo(str(settings["dsn"]), host="another.example", hostaddr="127.0.0.1")
        sink = PostgresSettings(dsn=SecretStr(dsn)).open("target")
        failure = refused(sink)
        *_, last = sink.probe(FEED)
        sink.close()
    assert 'does not match host name "another.example"' in str(failure)
    assert (last.name, "another.example" in str(last.failure)) == ("TLS", True)
