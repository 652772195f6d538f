"""`python -m release.site`: the documentation as a site of static pages, in dist/docs/VERSION.

The pages are the Markdown files of this repository. Links from them to other files lead to copies: the site
needs no other host. dist/docs keeps other versions; `versions.json` lists them for the switch in the header.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from packaging.version import Version

from cdc_daemon import __version__
from release import site_check, site_pages

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build" / "site"
SITES = ROOT / "dist" / "docs"

CONFIGURATION = """\
[project]
site_name = "cdc-daemon {version}"
site_description = "Keeps JSON documents in step with PostgreSQL tables"
docs_dir = "pages"
site_dir = "site"
use_directory_urls = false
nav = {nav}

[project.theme]
# Fonts of the reader's system: a site that loads none from elsewhere tells nobody what is read.
font = false
features = ["navigation.indexes", "navigation.top", "search.highlight", "toc.follow", "content.code.copy"]

[[project.theme.palette]]
media = "(prefers-color-scheme: light)"
scheme = "default"

[[project.theme.palette]]
media = "(prefers-color-scheme: dark)"
scheme = "slate"

[project.extra]
generator = false

[project.extra.version]
provider = "mike"

[project.markdown_extensions.toc]
permalink = true

[project.markdown_extensions.attr_list]
[project.markdown_extensions.admonition]
[project.markdown_extensions.tables]
[project.markdown_extensions.pymdownx.highlight]
[project.markdown_extensions.pymdownx.superfences]
[project.markdown_extensions.pymdownx.inlinehilite]
"""


_REDIRECT = """\
<!doctype html><meta charset="utf-8"><title>cdc-daemon</title>
<meta http-equiv="refresh" content="0; url={address}"><a href="{address}">Documentation</a>
"""


def main() -> int:
    """Build the site of this version and check it.

    Returns:
        0; 1 if a page can't be built, a link leads nowhere, or a page loads something from another host.
    """
    shutil.rmtree(BUILD, ignore_errors=True)
    if build(BUILD):
        return 1
    faults = list(site_check.faults(BUILD / "site"))
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults:
        return 1
    site = publish(BUILD / "site", SITES, __version__)
    print(f"{len(list(site.rglob('*.html')))} pages, each link leads somewhere: {site / 'index.html'}")
    return 0


def build(folder: Path) -> int:
    """Build the site in a new folder, below `site`.

    Returns:
        The exit code of the generator, which ends with 1 after a warning.
    """
    nav = site_pages.write(ROOT, folder / "pages")
    configuration = CONFIGURATION.format(version=__version__, nav=_toml(nav))
    (folder / "zensical.toml").write_text(configuration, "utf-8")
    zensical = Path(sys.executable).with_name("zensical")
    return subprocess.run([zensical, "build", "--clean", "--strict"], cwd=folder, check=False).returncode


def publish(site: Path, sites: Path, version: str) -> Path:
    """Move a built site to the folder of its version, and list all versions, the newest first.

    Returns:
        The folder of the version.
    """
    sites.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(sites / version, ignore_errors=True)
    shutil.move(site, sites / version)
    versions = sorted(
        (folder.name for folder in sites.iterdir() if (folder / "index.html").is_file()),
        key=Version,
        reverse=True,
    )
    released = [each for each in versions if not Version(each).is_prerelease]
    newest = (released or versions)[0]
    listed = [
        {"version": each, "title": each, "aliases": ["latest"] if each == newest else []} for each in versions
    ]
    (sites / "versions.json").write_text(json.dumps(listed, indent=2) + "\n", "utf-8")
    (sites / "index.html").write_text(_REDIRECT.format(address=f"{newest}/index.html"), "utf-8")
    return sites / version


def _toml(nav: site_pages.Nav) -> str:
    """A list of tables with one key each, as TOML writes it in one line."""
    return "[" + ", ".join(f"{{ {json.dumps(title)} = {_value(what)} }}" for title, what in nav) + "]"


def _value(what: str | site_pages.Nav) -> str:
    return json.dumps(what) if isinstance(what, str) else _toml(what)


if __name__ == "__main__":
    sys.exit(main())
