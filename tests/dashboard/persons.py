"""Users of the dashboard with each set of rights, an action that they try, and how they log in."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from cdc_daemon.dashboard.access import passwords
from cdc_daemon.dashboard.access.users import UsersFile
from cdc_daemon.dashboard.access.viewer import Right
from cdc_daemon.dashboard.definitions import Action, Asked, Done, Nothing
from cdc_daemon.dashboard.routes import ACTIONS

PASSWORD = "correct horse battery"  # noqa: S105 # of a test

acted: list[str] = []
"""Names of those who acted in this test."""


def act(asked: Asked, _question: Nothing) -> Done:
    acted.append(asked.viewer.name)
    return Done("acted")


ACT = Action("act", "/act", "Act", act)
ALL_ACTIONS = (*ACTIONS, ACT)


@contextmanager
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Passwords are hashed at little cost, and nobody has acted yet."""
    monkeypatch.setattr(passwords, "COST", 1 << 10)
    passwords.nobodys.cache_clear()
    acted.clear()
    yield
    passwords.nobodys.cache_clear()


def users_file(folder: Path) -> Path:
    """A file with a user for each set of rights: reader, documents, actions, both."""
    path = folder / "users.json"
    file = UsersFile(path)
    file.add("reader", PASSWORD, frozenset())
    file.add("documents", PASSWORD, frozenset({Right.DOCUMENTS}))
    file.add("actions", PASSWORD, frozenset({Right.ACTIONS}))
    file.add("both", PASSWORD, frozenset(Right))
    return path


def token(client: TestClient, page: str = "/login") -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', client.get(page).text)
    assert found is not None
    return found[1]


def log_in(client: TestClient, user: str, password: str = PASSWORD, **more: str) -> Any:
    fields = {"csrf": token(client), "user": user, "password": password, **more}
    return client.post("/login", data=fields)


def basic(user: str, password: str = PASSWORD) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}
