"""The browser notices what a page must be free of: a test that finds nothing means something."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser.browser import NARROW, Look, Viewer, barriers, culprits, overflow, viewer
from tests.receivers.http import Target, answer

_BAD = b"""<!doctype html><html lang="en"><title>bad</title>
<main><p style="color: #999; background: #fff">pale</p><input>
<div id="wide" style="width: 500px">wide</div></main>
<script>console.error("noted"); undefined_name()</script><img alt="" src="http://127.0.0.1:9/foreign.png">"""

_GOOD = b"""<!doctype html><html lang="en"><title>good</title><main><h1>Good</h1>
<p id="said">no script</p></main><script>said.textContent = "a script"</script>"""


@pytest.fixture(scope="module")
def shown() -> Iterator[Viewer]:
    target = Target()
    target.admit = lambda request, _: answer(
        200, {"/bad": _BAD, "/good": _GOOD}.get(request.path, b""), Content_Type="text/html"
    )
    target.start()
    try:
        with viewer(f"http://127.0.0.1:{target.port}") as found:
            yield found
    finally:
        target.stop()


def test_faults_of_scripts_and_requests_to_other_hosts_are_noted(shown: Viewer) -> None:
    shown.open("/bad")
    noted = shown.noted()
    assert any("noted" in fault for fault in noted.faults)
    assert any("undefined_name" in fault for fault in noted.faults)
    assert noted.foreign == ["http://127.0.0.1:9/foreign.png"]
    assert shown.noted().faults == [], "each is told once"


def test_barriers_and_elements_wider_than_a_telephone_are_found(shown: Viewer) -> None:
    page = shown.open("/bad", Look(width=NARROW))
    found = "\n".join(barriers(page))
    assert "color-contrast" in found
    assert "label" in found
    assert overflow(page) > 100
    assert culprits(page) == ['<div id="wide" style="width: 500px">wide</div>']


def test_a_good_page_has_none_and_scripts_can_be_off(shown: Viewer) -> None:
    page = shown.open("/good", Look(width=NARROW))
    shown.noted(Look(width=NARROW))
    assert barriers(page) == []
    assert overflow(page) == 0
    assert page.inner_text("#said") == "a script"
    assert shown.open("/good", Look(scripts=False)).inner_text("#said") == "no script"
