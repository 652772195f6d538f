"""The pages of the documentation site: which files of the repository they are, and where their links lead."""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import TypeAlias

Nav: TypeAlias = "list[tuple[str, str | Nav]]"
"""Titles with the page, or with the pages below; in the order of the menu."""

INDEX = "docs/README.md"
"""The page that lists the others: the menu follows it."""

MORE = {
    "README.md": "index.md",
    INDEX: "contents.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "vulnerabilities.md",
    "bench/results.md": "benchmarks.md",
}
"""Pages that stand elsewhere in the repository than in the site."""

_LINK = re.compile(r"(?P<picture>!?)\[(?P<text>[^][]*(?:\[[^][]*\][^][]*)*)\]\((?P<target>[^()\s]+)\)")
_FENCE = re.compile(r"^(```|~~~).*?^\1[^\n]*$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#{1,6} (?P<title>.+)$", re.MULTILINE)
_LISTED = re.compile(r"^(?:-|\d+\.) \[(?P<title>[^]]+)\]\((?P<target>[^)#]+\.md)\)", re.MULTILINE)


def write(root: Path, folder: Path) -> Nav:
    """Write every page below a folder, with the files that pages link to.

    Args:
        root: the repository.
        folder: a new folder for the pages.

    Returns:
        The menu.
    """
    pages = page_names(root)
    for source, name in pages.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_page(root, source, pages, folder), "utf-8")
    return _nav(root, pages)


def page_names(root: Path) -> dict[str, str]:
    """Return the page of each Markdown file that is one, both relative to their roots."""
    docs = {path.relative_to(root).as_posix() for path in (root / "docs").rglob("*.md")}
    found = {source: source.removeprefix("docs/") for source in sorted(docs)}
    return {**found, **{source: name for source, name in MORE.items() if (root / source).is_file()}}


def _page(root: Path, source: str, pages: dict[str, str], folder: Path) -> str:
    """The text of a page, with links to where their targets stand in the site."""
    text = (root / source).read_text("utf-8")
    here = PurePosixPath(pages[source]).parent

    def moved(link: re.Match[str]) -> str:
        target, hash_, anchor = link["target"].partition("#")
        if not target or re.match(r"[a-z]+:", target):
            return link[0]
        wanted = os.path.normpath((root / source).parent / target)
        name = Path(wanted).relative_to(root).as_posix()
        if name in pages:
            to = os.path.relpath(pages[name], here)
        elif Path(wanted).is_file():
            to = os.path.relpath(_copied(root, name, folder, as_text=not link["picture"]), here)
        else:  # a folder: the site has no listings
            return link["text"]
        return f"{link['picture']}[{link['text']}]({to}{hash_}{anchor})"

    seen: Counter[str] = Counter()

    def anchored(heading: re.Match[str]) -> str:
        name = anchor(heading["title"])
        seen[name] += 1
        return f"{heading[0]} {{ #{name}{f'-{seen[name] - 1}' if seen[name] > 1 else ''} }}"

    # Code stands as it is: what looks like a link or a heading in it is none.
    pieces: list[str] = []
    end = 0
    for fence in [*_FENCE.finditer(text), None]:
        prose = text[end : fence.start() if fence else len(text)]
        pieces.append(_HEADING.sub(anchored, _LINK.sub(moved, prose)))
        if fence:
            pieces.append(fence[0])
            end = fence.end()
    return "".join(pieces)


def anchor(heading: str) -> str:
    """Return the anchor that code hosts give a heading, so that a link works in both.

    Args:
        heading: its text in Markdown.
    """
    text = _LINK.sub(lambda link: link["text"], heading)
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")


def _copied(root: Path, name: str, folder: Path, *, as_text: bool) -> str:
    """Copy a file that is no page; return its path in the site. As text, a browser shows it."""
    copy = f"files/{name}.txt" if as_text else f"files/{name}"
    (folder / copy).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(root / name, folder / copy)
    return copy


def _nav(root: Path, pages: dict[str, str]) -> Nav:
    listed = [(link["title"], link["target"]) for link in _LISTED.finditer((root / INDEX).read_text("utf-8"))]
    named = [(title, os.path.normpath(Path("docs", target))) for title, target in listed]
    main: Nav = [(title, pages[source]) for title, source in named if "decisions/" not in source]
    decisions: Nav = [(title, pages[source]) for title, source in named if "decisions/" in source]
    more: Nav = [
        ("Contents", pages[INDEX]),
        *((title, MORE[source]) for title, source in _OTHERS.items() if source in pages),
    ]
    return [("Start", MORE["README.md"]), *main, ("Decisions", decisions), ("More", more)]


_OTHERS = {"Changelog": "CHANGELOG.md", "Contributing": "CONTRIBUTING.md", "Vulnerabilities": "SECURITY.md"}
