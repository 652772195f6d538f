"""Persons log in and out, and see what their rights allow."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from cdc_daemon.dashboard.access.viewer import Right
from cdc_daemon.dashboard.routes import VIEWS
from tests.browser.addresses import addresses
from tests.browser.browser import NARROW, Look, Viewer, barriers, focused, log_in, overflow, path_of
from tests.browser.living_shop import PASSWORDS, LivingShop

NOBODY = Look(user=None)
READER = Look(user="reader")


@pytest.mark.parametrize("look", [NOBODY, Look("dark", user=None), Look(width=NARROW, user=None)])
def test_the_log_in_is_sound(shown: Viewer, look: Look) -> None:
    page = shown.open("/login", look, whatever=True)
    assert barriers(page) == []
    assert overflow(page) <= 0
    noted = shown.noted(look)
    assert (noted.faults, noted.foreign) == ([], [])


@pytest.mark.parametrize("scripts", [True, False])
def test_a_person_logs_in_by_keyboard_and_comes_to_the_page_that_was_asked_for(
    shown: Viewer, shop: LivingShop, scripts: bool
) -> None:
    look = Look(user=None, scripts=scripts)
    page = shown.open("/?", look, whatever=True)
    if path_of(page) != "/login":
        page.get_by_role("link", name="Log in").click()
    page.get_by_label("User").focus()
    page.keyboard.type("operator")
    page.keyboard.press("Tab")
    assert "password" in focused(page).lower()
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    page.get_by_text("user or password is wrong").wait_for()
    log_in(page, shop.address, "operator", PASSWORDS["operator"])
    assert path_of(page) == "/"
    page.get_by_role("button", name="Log out").click()
    assert shown.open("/", look, whatever=True).get_by_role("heading", name="Feeds").count() == 0


def test_a_reader_sees_no_documents_and_no_forms(shown: Viewer) -> None:
    """Neither content nor buttons: a page that needs the right to documents says which right is missing."""
    needing = {view.name for view in VIEWS if Right.DOCUMENTS in view.needs}
    for name, address in addresses():
        page = shown.open(address, READER, whatever=True)
        text = page.inner_text("main")
        assert "@shop.example" not in text, address
        if name in needing:
            assert "documents" in text
        assert _actions(page.locator("form[method=post]").evaluate_all(_TARGETS)) == [], address
    shown.noted(READER)


_TARGETS = "forms => forms.map(form => new URL(form.action).pathname)"


def _actions(targets: Sequence[str]) -> Sequence[str]:
    return [target for target in targets if target != "/logout"]
