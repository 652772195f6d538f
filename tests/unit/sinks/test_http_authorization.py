"""Who we are: fixed headers, and tokens of OAuth 2.0 that are fetched, kept and renewed."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from cdc_daemon.errors import SinkUnavailable
from cdc_daemon.settings import load
from cdc_daemon.settings.secret_texts import secret_texts
from cdc_daemon.sinks.http import HttpSettings
from cdc_daemon.sinks.http.authorization import ClientCredentials, Token
from cdc_daemon.sinks.http.client import Client
from tests.receivers.http import Script, Target, answer, serving
from tests.receivers.http_faults import never
from tests.unit.sinks.conftest import Opened
from tests.unit.sinks.target import record

SECRET = "hush/hush+ä"  # noqa: S105 - looked for in errors; signs that have to be encoded


@pytest.fixture
def issuer() -> Iterator[Target]:
    yield from serving(None)


def token(text: str, expires_in: object = 3600) -> Script:
    said = {"access_token": text, "token_type": "Bearer", "expires_in": expires_in}
    return answer(200, json.dumps(said).encode(), Content_Type="application/json")


def oauth2(issuer: Target, **more: str) -> dict[str, str]:
    return {
        "oauth2_token_url": issuer.url.format(feed="token"),
        "oauth2_client_id": "shop",
        "oauth2_client_secret": SECRET,
        **more,
    }


def authorizations(target: Target) -> list[str | None]:
    return [request.headers.get("Authorization") for request in target.requests]


def test_user_and_password_go_as_basic(opened: Opened, target: Target) -> None:
    opened(target.url, user="shop", password="pä:ss").deliver("products", [record(1)])  # noqa: S106 # of nobody
    (sent,) = authorizations(target)
    assert sent is not None
    assert base64.b64decode(sent.removeprefix("Basic ")).decode() == "shop:pä:ss"


def test_without_a_word_nothing_is_sent(opened: Opened, target: Target) -> None:
    opened(target.url).deliver("products", [record(1)])
    assert authorizations(target) == [None]


def test_a_password_is_in_no_error_in_any_form(opened: Opened, target: Target) -> None:
    sink = opened(target.url, user="shop", password="correct-horse")  # noqa: S106 # of nobody
    encoded = base64.b64encode(b"shop:correct-horse")
    target.script.append(answer(500, b"got Basic " + encoded + b", which is correct-horse"))
    with pytest.raises(SinkUnavailable) as raised:
        sink.deliver("products", [record(1)])
    assert encoded.decode() not in str(raised.value)
    assert "correct-horse" not in str(raised.value)


def test_secrets_stand_in_files_and_variables(tmp_path: Path, target: Target) -> None:
    (tmp_path / "password").write_text("from-a-file\n")
    (tmp_path / "more").write_text("X-Tenant: shop\nX-Api-Key:  k1 \n\n")
    (tmp_path / "cdc.toml").write_text(
        '[database]\ndsn = "dbname=shop"\n[sinks.catalog]\ntype = "http"\nuser = "me"\n'
        f'url = "{target.url}"\npassword_file = "password"\nheaders_file = "more"\n'
    )
    settings = load(tmp_path / "cdc.toml", {})
    sink = settings.sinks["catalog"].open("catalog")
    sink.deliver("products", [record(1)])
    sink.close()
    (request,) = target.requests
    assert request.headers["Authorization"] == "Basic " + base64.b64encode(b"me:from-a-file").decode()
    assert (request.headers["X-Tenant"], request.headers["X-Api-Key"]) == ("shop", "k1")
    assert {"from-a-file", "shop", "k1"} <= set(secret_texts(settings))

    settings = load(tmp_path / "cdc.toml", {"CDC_SINKS_CATALOG_PASSWORD": "from-a-variable"})
    sink = settings.sinks["catalog"].open("catalog")
    sink.deliver("products", [record(1)])
    sink.close()
    sent = authorizations(target)[-1]
    assert sent == "Basic " + base64.b64encode(b"me:from-a-variable").decode()


def test_a_token_is_asked_for_as_the_standard_says_and_kept(
    opened: Opened, target: Target, issuer: Target
) -> None:
    issuer.script.append(token("t1"))
    sink = opened(target.url, **oauth2(issuer, oauth2_scope="a b", oauth2_audience="https://c"))
    sink.deliver("products", [record(1)])
    sink.deliver("products", [record(2)])
    assert authorizations(target) == ["Bearer t1", "Bearer t1"]
    (asked,) = issuer.requests
    assert asked.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert parse_qs(asked.body.decode()) == {
        "grant_type": ["client_credentials"],
        "scope": ["a b"],
        "audience": ["https://c"],
    }
    basic = base64.b64decode(asked.headers["Authorization"].removeprefix("Basic ")).decode()
    assert basic == "shop:hush%2Fhush%2B%C3%A4"


def test_id_and_secret_may_go_in_the_body(opened: Opened, target: Target, issuer: Target) -> None:
    issuer.script.append(token("t1"))
    opened(target.url, **oauth2(issuer, oauth2_client_auth="body")).deliver("products", [record(1)])
    (asked,) = issuer.requests
    assert "Authorization" not in asked.headers
    sent = parse_qs(asked.body.decode())
    assert (sent["client_id"], sent["client_secret"]) == (["shop"], [SECRET])


def test_a_token_that_is_not_accepted_is_renewed_once(opened: Opened, target: Target, issuer: Target) -> None:
    issuer.script.extend([token("t1"), token("t2")])
    target.script.append(answer(401))
    sink = opened(target.url, **oauth2(issuer))
    assert sink.deliver("products", [record(1)]) == ()
    assert authorizations(target) == ["Bearer t1", "Bearer t2"]

    issuer.script.append(token("token-3"))
    target.script.extend([answer(401, b"no token-3 and no t2")] * 2)
    with pytest.raises(SinkUnavailable, match=r"401 .*no \*\*\* and no") as raised:
        sink.deliver("products", [record(2)])
    assert raised.value.hint
    assert len(issuer.requests) == 3


def test_a_fixed_token_that_is_not_accepted_is_not_tried_twice(opened: Opened, target: Target) -> None:
    target.script.append(answer(401))
    with pytest.raises(SinkUnavailable, match="401"):
        opened(target.url, token="t").deliver("products", [record(1)])  # noqa: S106 # of nobody
    assert len(target.requests) == 1


def test_all_feeds_and_requests_of_a_sink_share_a_token(target: Target, issuer: Target) -> None:
    issuer.script.append(token("t1"))
    settings = HttpSettings.model_validate(
        {"url": target.url, "in_flight": 8, "batch_records": 1, **oauth2(issuer)}
    )
    sinks = [settings.open("catalog") for _ in range(3)]
    threads = [
        threading.Thread(target=sink.deliver, args=(f"feed{n}", [record(m) for m in range(8)]))
        for n, sink in enumerate(sinks)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    for sink in sinks:
        sink.close()
    assert len(target.requests) == 24
    assert len(issuer.requests) == 1
    assert set(authorizations(target)) == {"Bearer t1"}


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def asking(issuer: Target, clock: Clock) -> ClientCredentials:
    url = issuer.url.format(feed="token")
    return ClientCredentials(
        token_url=url,
        client_id="shop",
        client_secret=SECRET,
        authenticates_in="header",
        more={},
        token=Token(),
        connected=lambda: Client(url, context=None, connections=1, connect_seconds=5),
        where="sink catalog",
        clock=clock,
    )


@pytest.mark.parametrize(
    ("expires_in", "kept_seconds"),
    [(3600, 3540), ("3600", 3540), (120, 90), (None, 240), (0, 240), (True, 240), ("soon", 240)],
)
def test_a_token_is_renewed_shortly_before_its_end(
    issuer: Target, expires_in: object, kept_seconds: float
) -> None:
    clock = Clock()
    authorization = asking(issuer, clock)
    issuer.script.extend([token("t1", expires_in), token("t2", expires_in)])
    never = float("1e9")
    assert authorization.header(never) == "Bearer t1"
    clock.now = kept_seconds - 0.1
    assert authorization.header(never) == "Bearer t1"
    clock.now = kept_seconds
    assert authorization.header(never) == "Bearer t2"


def test_a_token_that_another_request_renewed_already_is_not_thrown_away(issuer: Target) -> None:
    authorization = asking(issuer, Clock())
    issuer.script.extend([token("t1"), token("t2"), token("t3")])
    first = authorization.header(1e9)
    assert authorization.refused(first)
    second = authorization.header(1e9)
    assert authorization.refused(first)  # by a request that was sent with the old one
    assert authorization.header(1e9) == second == "Bearer t2"


@pytest.mark.parametrize(
    ("step", "what"),
    [
        (
            answer(401, b'{"error":"invalid_client","error_description":"bad hush/hush+\xc3\xa4"}'),
            "invalid_client",
        ),
        (answer(400, b'{"error":"invalid_scope"}'), "invalid_scope"),
        (answer(500, b"<html>"), "answered 500"),
        (answer(200, b"<html>"), "answered 200"),
        (answer(200, b"[]"), "answered 200"),
        (answer(200, b'{"access_token":"a b"}'), "answered 200"),
        (answer(200, b'{"access_token":"a","token_type":"mac"}'), "no bearer token"),
        (answer(302, Location="/elsewhere"), "answered 302"),
    ],
)
def test_no_token_holds_the_sink_and_says_why_without_the_secret(
    opened: Opened, target: Target, issuer: Target, step: Script, what: str
) -> None:
    issuer.script.append(step)
    sink = opened(target.url, **oauth2(issuer))
    with pytest.raises(SinkUnavailable, match=what) as raised:
        sink.deliver("products", [record(1)])
    text = f"{raised.value} {raised.value.hint}"
    assert SECRET not in text
    assert "oauth2" in str(raised.value.hint) or "headers" in str(raised.value.hint)
    assert not target.requests
    issuer.script.append(token("t1"))
    sink.deliver("products", [record(1)])


def test_who_waits_for_a_token_that_another_asks_for_waits_no_longer_than_it_may(issuer: Target) -> None:
    authorization = asking(issuer, Clock())
    with authorization.token.asking, pytest.raises(SinkUnavailable, match="no token came in time"):
        authorization.header(time.monotonic() + 0.01)
    issuer.script.append(token("t1"))
    assert authorization.header(1e9) == "Bearer t1"


def test_a_server_of_tokens_that_is_down_or_silent_holds_the_sink(
    opened: Opened, target: Target, issuer: Target
) -> None:
    issuer.script.append(never(issuer))
    with pytest.raises(SinkUnavailable, match="no token could be asked for"):
        opened(target.url, timeout_seconds=0.3, **oauth2(issuer)).deliver("products", [record(1)])
