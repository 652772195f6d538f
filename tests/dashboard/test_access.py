"""Each right is tried without it at each entry of the route table; and every way around the gate."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cdc_daemon.dashboard.access.viewer import Right
from cdc_daemon.dashboard.api import PREFIX
from cdc_daemon.dashboard.definitions import Action, Asked, Nothing, View
from cdc_daemon.dashboard.routes import VIEWS
from tests.dashboard.conftest import HERE, Serve
from tests.dashboard.persons import ALL_ACTIONS, acted, basic, cheap_hashes, log_in, token, users_file

NAMES = {"feed": "items", "sink": "file", "key": '{"id":1}'}


@dataclass(frozen=True)
class Told:
    """The answer of a view of these tests."""

    name: str


def tell(asked: Asked, _question: Nothing) -> Told:
    return Told(asked.viewer.name)


GUARDED = View("guarded", "/guarded", "Guarded", tell, needs=frozenset({Right.DOCUMENTS}))
ALL_VIEWS = (*VIEWS, GUARDED)


@pytest.fixture(autouse=True)
def _cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with cheap_hashes(monkeypatch):
        yield


@pytest.fixture
def users(tmp_path: Path) -> Path:
    return users_file(tmp_path)


def filled(routed: View | Action) -> str:
    """The path with a value for each of its parts."""
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda found: NAMES.get(found[1], "1"), routed.path)


# Rights, at every entry of the table.


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_nobody_sees_a_view_without_logging_in(serve: Serve, users: Path, view: View) -> None:
    client = serve(users=str(users))
    path = filled(view)
    page = client.get(path)
    assert (page.status_code, page.headers["location"].partition("?")[0]) == (303, "/login")
    assert client.get(f"/live{path}").status_code == 303
    twin = client.get(PREFIX + path)
    assert twin.status_code == 401
    assert twin.headers["www-authenticate"].startswith("Basic ")


@pytest.mark.parametrize("action", ALL_ACTIONS, ids=lambda action: action.name)
def test_nobody_acts_without_logging_in(serve: Serve, users: Path, action: Action) -> None:
    client = serve(users=str(users), all_actions=ALL_ACTIONS)
    path = filled(action)
    assert client.post(path, data={"csrf": token(client)}).status_code == 401
    assert client.post(PREFIX + path, json={}).status_code == 401
    assert acted == []


@pytest.mark.parametrize("view", [view for view in ALL_VIEWS if view.needs], ids=lambda view: view.name)
def test_a_view_is_refused_to_those_who_lack_a_right(serve: Serve, users: Path, view: View) -> None:
    for user, rights in {
        "reader": set[Right](),
        "documents": {Right.DOCUMENTS},
        "actions": {Right.ACTIONS},
    }.items():
        if view.needs <= rights:
            continue
        client = serve(users=str(users), views=ALL_VIEWS)
        log_in(client, user)
        assert client.get(filled(view)).status_code == 403
        assert client.get(f"/live{filled(view)}").status_code == 403
        assert client.get(PREFIX + filled(view)).status_code == 403
        assert (
            serve(users=str(users), views=ALL_VIEWS)
            .get(PREFIX + filled(view), headers=basic(user))
            .status_code
            == 403
        )


@pytest.mark.parametrize("action", ALL_ACTIONS, ids=lambda action: action.name)
@pytest.mark.parametrize("user", ["reader", "documents"])
def test_an_action_is_refused_to_those_who_may_not_act(
    serve: Serve, users: Path, action: Action, user: str
) -> None:
    client = serve(users=str(users), all_actions=ALL_ACTIONS)
    log_in(client, user)
    held = token(client, "/")
    assert client.post(filled(action), data={"csrf": held}).status_code == 403
    headers = {"X-CSRF-Token": held}
    assert client.post(PREFIX + filled(action), json={}, headers=headers).status_code == 403
    program = serve(users=str(users), all_actions=ALL_ACTIONS)
    assert program.post(PREFIX + filled(action), json={}, headers=basic(user)).status_code == 403
    assert acted == []


@pytest.mark.parametrize("action", ALL_ACTIONS, ids=lambda action: action.name)
def test_nobody_acts_on_a_loopback_address_unless_it_is_allowed(serve: Serve, action: Action) -> None:
    client = serve(all_actions=ALL_ACTIONS)
    assert client.post(filled(action), data={}).status_code == 403
    assert client.post(PREFIX + filled(action), json={}).status_code == 403
    assert acted == []


def test_those_who_may_act_do_and_are_named(serve: Serve, users: Path) -> None:
    client = serve(users=str(users), all_actions=ALL_ACTIONS)
    log_in(client, "both")
    assert client.post("/act", data={"csrf": token(client, "/")}).status_code == 303
    assert "acted" in client.get("/").text
    program = serve(users=str(users), all_actions=ALL_ACTIONS)
    assert program.post(f"{PREFIX}/act", json={}, headers=basic("actions")).json() == {"told": "acted"}
    local = serve(actions=True, all_actions=ALL_ACTIONS)
    assert local.post(f"{PREFIX}/act", json={}).status_code == 200
    assert acted == ["both", "actions", "local"]


# Cross-site requests.


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": f"{HERE}.evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
def test_another_site_can_not_act_even_with_the_token(
    serve: Serve, users: Path, headers: dict[str, str]
) -> None:
    client = serve(users=str(users), all_actions=ALL_ACTIONS)
    log_in(client, "both")
    held = token(client, "/")
    assert client.post("/act", data={"csrf": held}, headers=headers).status_code == 403
    with_token = {**headers, "X-CSRF-Token": held}
    assert client.post(f"{PREFIX}/act", json={}, headers=with_token).status_code == 403
    local = serve(actions=True, all_actions=ALL_ACTIONS)
    assert local.post(f"{PREFIX}/act", json={}, headers=headers).status_code == 403
    assert acted == []


@pytest.mark.parametrize("sent", ["", "0" * 64, "é"])
def test_a_form_without_its_token_is_refused(serve: Serve, users: Path, sent: str) -> None:
    client = serve(users=str(users), all_actions=ALL_ACTIONS)
    log_in(client, "both")
    assert client.post("/act", data={"csrf": sent}).status_code == 403
    assert client.post(f"{PREFIX}/act", json={}).status_code == 403, "a browser's cookie alone is not enough"
    assert client.post("/logout", data={"csrf": sent}).status_code == 403
    assert acted == []


def test_a_token_of_another_session_is_refused(serve: Serve, users: Path) -> None:
    one, other = serve(users=str(users), all_actions=ALL_ACTIONS), serve(users=str(users))
    log_in(one, "both")
    log_in(other, "both")
    assert one.post("/act", data={"csrf": token(other, "/")}).status_code == 403


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
def test_what_a_form_of_another_site_can_send_is_no_request_to_the_api(serve: Serve, kind: str) -> None:
    local = serve(actions=True, all_actions=ALL_ACTIONS)
    answer = local.post(f"{PREFIX}/act", content=b"{}", headers={"Content-Type": kind} if kind else {})
    assert answer.status_code == 403
    assert acted == []


# A trusted proxy.

PROXY = {"proxy_address": "10.0.0.7", "proxy_documents": ["anna"], "proxy_actions": ["*"]}


def test_a_user_of_the_proxy_has_the_rights_that_the_settings_give(serve: Serve) -> None:
    client = serve(client=("10.0.0.7", 1), all_actions=ALL_ACTIONS, **PROXY)
    page = client.get("/", headers={"X-Forwarded-User": "anna"}).text
    assert "anna" in page
    assert "read-only" not in page
    assert "without documents" not in page
    assert "without documents" in client.get("/", headers={"X-Forwarded-User": "ben"}).text
    program = serve(client=("::ffff:10.0.0.7", 1), all_actions=ALL_ACTIONS, **PROXY)
    assert program.post(f"{PREFIX}/act", json={}, headers={"X-Forwarded-User": "ben"}).status_code == 200
    assert acted == ["ben"]


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-User": "anna"},
        {"X-Forwarded-User": "anna", "X-Forwarded-For": "10.0.0.7"},
        {"X-Forwarded-User": "anna", "X-Real-IP": "10.0.0.7", "Forwarded": "for=10.0.0.7"},
    ],
    ids=str,
)
@pytest.mark.parametrize("address", ["10.0.0.8", "127.0.0.1", "::1", "testclient"])
def test_a_header_from_another_address_than_the_proxys_names_nobody(
    serve: Serve, headers: dict[str, str], address: str
) -> None:
    client = serve(client=(address, 1), **PROXY)
    assert client.get("/", headers=headers).status_code == 403
    assert client.get(f"{PREFIX}/", headers=headers).status_code == 403


@pytest.mark.parametrize(
    "names",
    [[], [""], [" "], ["anna", "ben"], ["anna\x01"], ["a" * 201]],
    ids=["none", "empty", "blank", "two", "sign", "long"],
)
def test_a_proxy_must_name_one_user(serve: Serve, names: list[str]) -> None:
    client = serve(client=("10.0.0.7", 1), **PROXY)
    headers = [(b"X-Forwarded-User", name.encode()) for name in names]
    assert client.get("/", headers=headers).status_code == 401


# A site whose name resolves to 127.0.0.1.


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:9464",
        "127.0.0.1.evil.example",
        "",
        "/",
        "@x",
        "localhost.evil.example:1",
    ],
)
def test_a_loopback_address_answers_only_to_names_of_this_machine(serve: Serve, host: str) -> None:
    client = serve(actions=True, all_actions=ALL_ACTIONS)
    for answer in (
        client.get("/", headers={"Host": host}),
        client.get(f"{PREFIX}/", headers={"Host": host}),
        client.post(f"{PREFIX}/act", json={}, headers={"Host": host}),
    ):
        assert answer.status_code in {400, 421}
    assert acted == []


@pytest.mark.parametrize("host", ["127.0.0.1:9464", "localhost:8080", "LOCALHOST", "[::1]:9464", "[::1]"])
def test_a_loopback_address_answers_to_each_of_its_names(serve: Serve, host: str) -> None:
    assert serve().get("/", headers={"Host": host}).status_code == 200


# Headers, on every kind of answer.


@pytest.mark.parametrize(
    "path", ["/", "/nothing", "/login", f"{PREFIX}/", f"{PREFIX}/openapi.json", "/static/dashboard.css"]
)
def test_every_answer_forbids_frames_foreign_content_and_inline_scripts(
    serve: Serve, users: Path, path: str
) -> None:
    headers = serve(users=str(users)).get(path).headers
    policy = headers["content-security-policy"]
    assert "unsafe" not in policy
    assert {"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"} <= set(
        policy.split("; ")
    )
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    assert ("no-store" in headers["cache-control"]) == (not path.startswith("/static/"))
    assert "access-control-allow-origin" not in headers
