"""Sessions of the dashboard, from a log-in to its end, and how guessing of passwords is slowed down."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from cdc_daemon.dashboard.access.users import UsersFile
from cdc_daemon.dashboard.access.viewer import Right
from cdc_daemon.dashboard.api import PREFIX
from tests.dashboard.conftest import HERE, Serve
from tests.dashboard.persons import (
    ALL_ACTIONS,
    PASSWORD,
    basic,
    cheap_hashes,
    log_in,
    token,
    users_file,
)


@pytest.fixture(autouse=True)
def _cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with cheap_hashes(monkeypatch):
        yield


@pytest.fixture
def users(tmp_path: Path) -> Path:
    return users_file(tmp_path)


def test_a_log_in_gets_a_new_session_so_that_a_planted_one_is_worth_nothing(
    serve: Serve, users: Path
) -> None:
    client = serve(users=str(users))
    planted = token(client)
    before = client.cookies["cdc_9464"]
    assert log_in(client, "both").status_code == 303
    after = client.cookies["cdc_9464"]
    assert after != before
    assert token(client, "/") != planted
    thief = serve(users=str(users))
    thief.cookies.set("cdc_9464", before)
    assert thief.get("/").status_code == 303


def test_a_cookie_is_kept_from_scripts_and_other_sites_and_under_tls_from_clear_text(
    serve: Serve, users: Path
) -> None:
    given = log_in(serve(users=str(users)), "both").headers["set-cookie"]
    assert re.search(r"^cdc_9464=.*; HttpOnly; Max-Age=43200; Path=/; SameSite=strict$", given)
    given = log_in(serve(users=str(users), address="https://cdc.example"), "both").headers["set-cookie"]
    assert re.search(r"^__Host-cdc=.*; HttpOnly; Max-Age=43200; Path=/; SameSite=strict; Secure$", given)
    assert "domain" not in given.lower()


def test_a_forged_or_changed_cookie_is_worth_nothing(serve: Serve, users: Path) -> None:
    client = serve(users=str(users))
    log_in(client, "both")
    payload, _, rest = client.cookies["cdc_9464"].partition(".")
    for forged in (payload, f"{payload[:-2]}AA.{rest}", f"{payload}.{rest[:-2]}AA", "e30.x.y", "."):
        thief = serve(users=str(users))
        thief.cookies.set("cdc_9464", forged)
        assert thief.get("/").status_code == 303


def test_a_session_ends_with_a_log_out_another_password_or_the_user(serve: Serve, users: Path) -> None:
    file = UsersFile(users)

    def logged_in() -> TestClient:
        client = serve(users=str(users))
        log_in(client, "both")
        assert client.get("/").status_code == 200
        return client

    client = logged_in()
    copied = client.cookies["cdc_9464"]
    assert client.post("/logout", data={"csrf": token(client, "/")}).headers["location"] == "/login"
    client.cookies.set("cdc_9464", copied)
    assert client.get("/").status_code == 303, "also for who copied the cookie"
    client = logged_in()
    file.add("both", "another good password", frozenset(Right))
    assert client.get("/").status_code == 303
    file.add("both", PASSWORD, frozenset(Right))
    client = logged_in()
    file.remove("both")
    assert client.get("/").status_code == 303


def test_a_right_that_is_taken_away_is_gone_at_once(serve: Serve, users: Path) -> None:
    client = serve(users=str(users), all_actions=ALL_ACTIONS)
    log_in(client, "both")
    held = token(client, "/")
    UsersFile(users).add("both", PASSWORD, frozenset())
    log_in(client, "both")
    assert client.post("/act", data={"csrf": token(client, "/")}).status_code == 403
    assert client.post("/act", data={"csrf": held}).status_code == 403


# Logging in.


def test_a_wrong_password_and_an_unknown_user_are_told_alike(serve: Serve, users: Path) -> None:
    client = serve(users=str(users))
    wrong, unknown = log_in(client, "both", "wrong password"), log_in(client, "nobody", "wrong password")
    assert (wrong.status_code, unknown.status_code) == (401, 401)
    hide = re.compile(r'value="[0-9a-f]{64}"')
    assert hide.sub("", wrong.text) == hide.sub("", unknown.text)
    assert "user or password is wrong" in wrong.text
    assert client.get("/").status_code == 303


def test_guessing_is_slowed_down_for_an_address_and_told_how_long(serve: Serve, users: Path) -> None:
    client = serve(users=str(users))
    for n in range(10):
        assert log_in(client, f"user{n}", "wrong password").status_code == 401
    limited = log_in(client, "both")
    assert limited.status_code == 429
    assert "too many failed log-ins" in limited.text
    assert client.get(f"{PREFIX}/", headers=basic("both")).status_code == 429, "the same for programs"


def test_guessing_one_name_from_many_addresses_is_slowed_down(serve: Serve, users: Path) -> None:
    client = serve(users=str(users))
    door = client.app.user_middleware[1].kwargs["door"]  # type: ignore[attr-defined]
    for n in range(20):
        door.attempts.fail(f"192.0.2.{n}", "both")
    assert log_in(client, "both").status_code == 429
    assert log_in(client, "reader").status_code == 303


@pytest.mark.parametrize(
    "wanted",
    ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "/\t/evil.example"],
)
def test_a_log_in_never_leads_to_another_site(serve: Serve, users: Path, wanted: str) -> None:
    assert log_in(serve(users=str(users)), "both", next=wanted).headers["location"] == "/"
    assert log_in(serve(users=str(users)), "both", next="/?x=1").headers["location"] == "/?x=1"


def test_an_address_like_another_host_is_not_led_to(serve: Serve, users: Path) -> None:
    came = {"sec-fetch-site": "cross-site"}
    answer = serve(users=str(users)).get(f"{HERE}//evil.example/x", headers=came)
    assert 'url=/evil.example/x"' in answer.text


def test_a_host_header_that_spells_the_log_in_opens_no_page(serve: Serve, users: Path) -> None:
    for host in ("127.0.0.1:9464/login?", "127.0.0.1:9464/static/?", "127.0.0.1:9464/login#"):
        assert serve(users=str(users)).get("/", headers={"host": host}).status_code != 200


def test_a_link_from_another_site_finds_the_session_again(serve: Serve, users: Path) -> None:
    client = serve(users=str(users))
    answer = client.get("/?a=%22><script>", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 200
    assert 'content="0; url=/?a=%22' in answer.text
    assert "<script>" not in answer.text
