"""Debian's Chromium, driven by Playwright, and what every page must be free of.

Playwright's own browsers are not downloaded: tests run without a network.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, Literal, cast
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright

from tests.receivers.processes import program

PROGRAMS = ("chromium-headless-shell", "chromium", "google-chrome")

Theme = Literal["light", "dark"]

WIDE = 1280
NARROW = 360
"""Widths of a window in CSS pixels: a desk's, and the narrowest telephone's."""

WCAG_2_2_AA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@dataclass(frozen=True)
class Look:
    """How a person looks at a page.

    Attributes:
        width: of the window in CSS pixels.
        scripts: whether the browser executes scripts.
        user: name of the user who is logged in; None: nobody.
    """

    theme: Theme = "light"
    width: int = WIDE
    scripts: bool = True
    user: str | None = "operator"


@dataclass
class Noted:
    """What happened behind the pages of one look, since it was last asked for.

    Attributes:
        faults: errors on the console, exceptions of scripts, and refused requests.
        foreign: addresses of other hosts that a page asked.
    """

    faults: list[str] = field(default_factory=list[str])
    foreign: list[str] = field(default_factory=list[str])


class Viewer:
    """One browser, with a window for each look; pages of a look share a session, as tabs do.

    Args:
        home: address of the daemon's server: the only host that pages may ask.
        passwords: of users by name; a window logs its user in. Empty: the server asks nobody who they are.
    """

    def __init__(self, browser: Browser, home: str, passwords: Mapping[str, str]) -> None:
        self._browser = browser
        self._home = home
        self._passwords = passwords
        self._windows: dict[Look, tuple[Page, Noted]] = {}

    def window(self, look: Look = Look()) -> Page:
        """The window of this look."""
        return self._of(look)[0]

    def noted(self, look: Look = Look()) -> Noted:
        """What happened in it since the last call."""
        _, noted = self._of(look)
        taken = Noted(list(noted.faults), list(noted.foreign))
        noted.faults.clear()
        noted.foreign.clear()
        return taken

    def open(self, path: str, look: Look = Look(), *, whatever: bool = False) -> Page:
        """Go to a page, and wait until it is shown and, with scripts, live.

        Args:
            whatever: the page may be a refusal.
        """
        page = self.window(look)
        answer = page.goto(self._home + path, wait_until="load")
        assert whatever or (answer is not None and answer.ok), page.inner_text("main")
        if look.scripts and page.locator("section[data-live]").count():
            page.locator("[data-connection]:text-is('Live')").wait_for()
        return page

    def close(self) -> None:
        """Close all windows."""
        for page, _ in self._windows.values():
            page.context.close()
        self._windows.clear()

    def _of(self, look: Look) -> tuple[Page, Noted]:
        if look not in self._windows:
            context = self._browser.new_context(
                viewport={"width": look.width, "height": 800},
                color_scheme=look.theme,
                java_script_enabled=look.scripts,
                reduced_motion="reduce",
                locale="en-GB",
                timezone_id="UTC",
            )
            context.set_default_timeout(20_000)
            self._windows[look] = page, noted = context.new_page(), self._listening(context)
            if look.user is not None and look.user in self._passwords:
                log_in(page, self._home, look.user, self._passwords[look.user])
                assert noted.faults == []
        return self._windows[look]

    def _listening(self, context: BrowserContext) -> Noted:
        noted = Noted()

        def on_console(message: ConsoleMessage) -> None:
            if message.type in {"error", "warning"}:
                noted.faults.append(f"{message.type} at {message.location['url']}: {message.text}")

        def on_request(request: Request) -> None:
            if not request.url.startswith((self._home + "/", "data:")):
                noted.foreign.append(request.url)

        context.on("console", on_console)
        context.on("weberror", lambda error: noted.faults.append(f"exception: {error.error}"))
        context.on("request", on_request)
        return noted


def log_in(page: Page, home: str, user: str, password: str) -> None:
    """Log a user in by the form."""
    page.goto(f"{home}/login")
    page.get_by_label("User").fill(user)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


@contextlib.contextmanager
def viewer(home: str, passwords: Mapping[str, str] = MappingProxyType({})) -> Generator[Viewer]:
    """A browser for as long as the block lasts.

    No loop of asyncio can run in this thread meanwhile: Playwright's is in it.
    """
    path = program(*PROGRAMS, package=PROGRAMS[0])
    with sync_playwright() as playwright:
        # The sandbox needs rights that containers don't give; pages are our own.
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars"]
        )
        found = Viewer(browser, home, passwords)
        try:
            yield found
        finally:
            found.close()
            browser.close()


@cache
def _axe() -> str:
    return (resources.files("axe_playwright_python") / "axe.min.js").read_text("utf-8")


def barriers(page: Page) -> list[str]:
    """What axe-core finds against WCAG 2.2 AA, a line for each element."""
    page.evaluate(_axe())  # not as a script of the page: its Content-Security-Policy forbids that
    found = cast(
        "dict[str, Any]",
        page.evaluate("tags => axe.run(document, {runOnly: tags, resultTypes: ['violations']})", WCAG_2_2_AA),
    )
    return [
        f"{violation['id']}: {node['html'][:200]}: {node['failureSummary']}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


def repeated_ids(page: Page) -> list[str]:
    """IDs that several elements have: a live fragment would replace the wrong one."""
    ids = cast("list[str]", page.evaluate("[...document.querySelectorAll('[id]')].map(each => each.id)"))
    return sorted({each for each in ids if ids.count(each) > 1})


def overflow(page: Page) -> int:
    """By how many CSS pixels the page is wider than its window: a person would scroll sideways."""
    return cast("int", page.evaluate("document.documentElement.scrollWidth - innerWidth"))


def culprits(page: Page) -> list[str]:
    """The elements that reach beyond the right edge of the window, and that nothing around them clips."""
    return cast(
        "list[str]",
        page.evaluate(
            """() => [...document.body.querySelectorAll('*')]
            .filter(each => each.getBoundingClientRect().right > innerWidth + 1)
            .filter(each => {
                const clips = element => getComputedStyle(element).overflowX !== 'visible';
                let around = each.parentElement;
                while (around && !clips(around)) around = around.parentElement;
                return !around || around === document.body;
            })
            .map(each => each.outerHTML.slice(0, 120))"""
        ),
    )


def path_of(page: Page) -> str:
    """The path that the window shows."""
    return urlsplit(page.url).path


def focused(page: Page) -> str:
    """The focused element: its name, text or label; empty if it is the page itself."""
    return cast(
        "str",
        page.evaluate(
            """() => {
            const element = document.activeElement;
            if (!element || element === document.body) return '';
            const words = [element.getAttribute('aria-label'), element.innerText, element.name, element.id];
            return `${element.tagName.toLowerCase()} ${words.find(Boolean) || ''}`.trim();
        }"""
        ),
    )


def focus_is_visible(page: Page) -> bool:
    """Whether the focused element differs from how it looks without focus: by an outline or a shadow."""
    return cast(
        "bool",
        page.evaluate(
            """() => {
            const style = getComputedStyle(document.activeElement);
            const outlined = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1;
            return outlined || style.boxShadow !== 'none';
        }"""
        ),
    )
