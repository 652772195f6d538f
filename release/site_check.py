"""Checks a built site: each link leads to a page and a heading, no page loads anything from another host."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_LOADED = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "audio": "src",
    "embed": "src",
    "object": "data",
    "link": "href",
}
"""Elements whose address a browser loads, and the attribute with the address."""

_NOT_LOADED = frozenset({"canonical", "prev", "next", "alternate"})
"""Relations of a <link> that a browser does not load."""

_IN_STYLE = re.compile(r"url\(\s*['\"]?((?:https?:)?//[^)'\"]+)|@import\s+['\"]((?:https?:)?//[^'\"]+)")


class _Page(HTMLParser):
    """What a page links to, loads, and offers as targets."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        loaded = given.get(_LOADED.get(tag, ""))
        if loaded and not (tag == "link" and given.get("rel") in _NOT_LOADED):
            self.loads.append(loaded)


def faults(site: Path) -> Iterator[str]:
    """Yield a line for each link that leads nowhere, and each address on another host that a page loads."""

    @cache
    def page(path: Path) -> _Page:
        return _Page(path.read_text("utf-8"))

    for path in sorted(site.rglob("*.html")):
        name = path.relative_to(site)
        if name.name == "404.html":  # its addresses are absolute: nobody knows where it is shown
            continue
        for address in page(path).loads:
            if urlsplit(address).netloc:
                yield f"{name}: loads {address}"
            elif not (path.parent / unquote(urlsplit(address).path)).is_file():
                yield f"{name}: loads {address}, which does not exist"
        for address in page(path).links:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc or address == "":
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file():
                yield f"{name}: leads to {address}, which does not exist"
            elif (
                parts.fragment
                and target.suffix == ".html"
                and unquote(parts.fragment) not in page(target).anchors
            ):
                yield f"{name}: leads to {address}, where no heading has that anchor"
    for path in sorted(site.rglob("*.css")):
        for found in _IN_STYLE.finditer(path.read_text("utf-8")):
            yield f"{path.relative_to(site)}: loads {found[1] or found[2]}"
