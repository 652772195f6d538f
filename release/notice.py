"""`python -m release.notice`: writes NOTICE, the licences of what cdc-daemon installs, from its metadata."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

NOTICE = Path(__file__).parent.parent / "NOTICE"

NOT_SHIPPED = frozenset({"audit", "deb", "dev", "manifests"})
"""Extras for those who work on cdc-daemon itself."""

_HEAD = """\
cdc-daemon is under the MIT licence (LICENSE).

It contains no code of others. Installing it installs the packages below, each under its own licence; those of
an extra only with that extra. The licences are those that the packages' metadata name, in the versions of
constraints.txt. Made by `make notice`.

"""

_OLDEST = {"python_version": "3.11", "python_full_version": "3.11.2"}
"""The Python of Debian 12, for which some packages need others."""

_CLASSIFIERS = {
    "License :: OSI Approved :: Apache Software License": "Apache-2.0",
    "License :: OSI Approved :: BSD License": "BSD",
    "License :: OSI Approved :: ISC License (ISCL)": "ISC",
    "License :: OSI Approved :: MIT License": "MIT",
    "License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}


@dataclass(frozen=True, order=True)
class Package:
    """An installed package; `extras` are those of cdc-daemon that want it, none if it is always installed."""

    name: str
    version: str
    licence: str
    page: str
    extras: tuple[str, ...]

    def __str__(self) -> str:
        extras = f" (extra {', '.join(self.extras)})" if self.extras else ""
        lines = (f"{self.name} {self.version}{extras}", self.licence, self.page)
        return "\n    ".join(line for line in lines if line) + "\n"


def notice() -> str:
    """The text of NOTICE, as the installed packages say it."""
    return _HEAD + "\n".join(map(str, packages()))


def packages() -> list[Package]:
    """What cdc-daemon and its extras install here, and what that needs."""
    wanted: dict[str, set[str]] = {}
    provided = metadata.metadata("cdc-daemon").get_all("Provides-Extra") or []
    for extra in ("", *sorted(set(provided) - NOT_SHIPPED)):
        for name in _closure("cdc-daemon", extra):
            wanted.setdefault(name, set()).add(extra)
    return sorted(
        _package(name, () if "" in extras else tuple(sorted(extras))) for name, extras in wanted.items()
    )


def _closure(name: str, extra: str) -> set[str]:
    found: set[str] = set()
    waiting = list(_needs(name, extra))
    while waiting:
        each, its_extras = waiting.pop()
        if each not in found:
            found.add(each)
            waiting += [need for its in ("", *its_extras) for need in _needs(each, its)]
    return found


def _needs(distribution: str, extra: str) -> Iterator[tuple[str, set[str]]]:
    for line in metadata.requires(distribution) or []:
        requirement = Requirement(line)
        marker, name = requirement.marker, str(canonicalize_name(requirement.name))
        here = marker is None or marker.evaluate({"extra": extra})
        if here or (marker and marker.evaluate({"extra": extra, **_OLDEST}) and _is_installed(name)):
            yield name, requirement.extras


def _is_installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _package(name: str, extras: tuple[str, ...]) -> Package:
    found = metadata.metadata(name)
    return Package(name, found["Version"], _licence(found), _page(found), extras)


def _licence(found: metadata.PackageMetadata) -> str:
    expression = _field(found, "License-Expression")
    if expression:
        return expression
    classified = [_CLASSIFIERS[each] for each in found.get_all("Classifier") or [] if each in _CLASSIFIERS]
    said = _field(found, "License").split("\n", 1)[0].strip()
    return " AND ".join(classified) or said or "see the package"


def _page(found: metadata.PackageMetadata) -> str:
    for line in found.get_all("Project-URL") or []:
        label, _, url = line.partition(",")
        if re.fullmatch(r"home ?page|source( code)?|repository|github", label.strip(), re.IGNORECASE):
            # The repository will do: a folder in it is moved sooner than the whole.
            return re.sub(r"/(?:tree|blob)/.*", "", url.strip())
    return _field(found, "Home-page")


def _field(found: metadata.PackageMetadata, name: str) -> str:
    """The first value of a field; "" where there is none."""
    return str((found.get_all(name) or [""])[0])


if __name__ == "__main__":
    NOTICE.write_text(notice(), "utf-8")
