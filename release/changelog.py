"""Keep a Changelog (https://keepachangelog.com): what is unreleased becomes the section of a version."""

from __future__ import annotations

import re
from datetime import date

from release.refused import Refused

_UNRELEASED = re.compile(r"^## Unreleased\n(?P<body>.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)


def cut(text: str, version: str, day: date) -> tuple[str, str]:
    """Give what is unreleased to a version, and begin an empty section.

    Returns:
        The new changelog, and the section of the version without its heading.

    Raises:
        Refused: nothing is unreleased, or the version has a section already.
    """
    if re.search(rf"^## \[?{re.escape(version)}\b", text, re.MULTILINE):
        raise Refused(f"CHANGELOG.md has a section {version} already", "another version")
    found = _UNRELEASED.search(text)
    section = found["body"].strip() if found else ""
    if found is None or not re.search(r"^- ", section, re.MULTILINE):
        raise Refused(
            "CHANGELOG.md has nothing below `## Unreleased`", "write what a user of the release notices"
        )
    heading = f"## Unreleased\n\n## {version} - {day.isoformat()}\n\n{section}\n\n"
    return text[: found.start()] + heading + text[found.end() :].lstrip("\n"), section
