"""`make docs`: the pages, their links, the switch between versions; nothing of it comes from another host."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cdc_daemon import __version__
from release import site, site_check, site_pages


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of this repository, strictly built."""
    folder = tmp_path_factory.mktemp("site")
    assert site.build(folder) == 0
    return folder / "site"


def test_no_link_leads_nowhere_and_no_page_loads_from_another_host(built: Path) -> None:
    assert list(site_check.faults(built)) == []


def test_it_has_the_architecture_each_decision_and_a_search(built: Path) -> None:
    assert (built / "architecture.html").is_file()
    decisions = {path.stem for path in (site.ROOT / "docs" / "decisions").glob("*.md")}
    assert {path.stem for path in (built / "decisions").glob("*.html")} == decisions
    assert "xid" in (built / "search.json").read_text("utf-8")


def test_a_file_that_a_page_links_to_is_in_the_site_as_text(built: Path) -> None:
    assert 'href="files/config/cdc.toml.txt"' in (built / "sinks.html").read_text("utf-8")
    copy = built / "files" / "config" / "cdc.toml.txt"
    assert copy.read_text("utf-8") == (site.ROOT / "config" / "cdc.toml").read_text("utf-8")


def test_pictures_are_in_the_site(built: Path) -> None:
    assert 'src="files/docs/pictures/overview.png"' in (built / "index.html").read_text("utf-8")
    copy = built / "files" / "docs" / "pictures" / "overview.png"
    assert copy.read_bytes() == (site.ROOT / "docs" / "pictures" / "overview.png").read_bytes()


def test_links_and_headings_move_and_code_stays(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "README.md").write_text("1. [Other](other.md)\n", "utf-8")
    (tmp_path / "docs" / "other.md").write_text(
        "# `[a.<name>]`\n[r](../README.md#x) [f](../docs) [w](https://a.example)\n```sh\n# [r](no.md)\n```\n",
        "utf-8",
    )
    (tmp_path / "README.md").write_text("# X\n", "utf-8")
    nav = site_pages.write(tmp_path, tmp_path / "pages")
    assert ("Other", "other.md") in nav
    assert (tmp_path / "pages" / "other.md").read_text("utf-8") == (
        "# `[a.<name>]` { #aname }\n[r](index.md#x) f [w](https://a.example)\n```sh\n# [r](no.md)\n```\n"
    )


def test_a_foreign_address_and_a_broken_link_are_found(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(
        '<h1 id="there">t</h1><a href="#there">a</a><a href="#gone">b</a><a href="gone.html">c</a>'
        '<script src="https://cdn.example/x.js"></script><a href="https://db.example">d</a>',
        "utf-8",
    )
    (tmp_path / "style.css").write_text("@import '//fonts.example/a.css';", "utf-8")
    assert list(site_check.faults(tmp_path)) == [
        "page.html: loads https://cdn.example/x.js",
        "page.html: leads to #gone, where no heading has that anchor",
        "page.html: leads to gone.html, which does not exist",
        "style.css: loads //fonts.example/a.css",
    ]


def test_versions_stand_beside_each_other_and_the_newest_release_is_shown(tmp_path: Path) -> None:
    sites = tmp_path / "docs"
    for version in ("0.10.0", "0.9.0", "0.11.0.dev0"):
        made = tmp_path / "site"
        made.mkdir()
        (made / "index.html").write_text(version, "utf-8")
        site.publish(made, sites, version)
    listed = json.loads((sites / "versions.json").read_text("utf-8"))
    assert [each["version"] for each in listed] == ["0.11.0.dev0", "0.10.0", "0.9.0"]
    assert [each["aliases"] for each in listed] == [[], ["latest"], []]
    assert "url=0.10.0/index.html" in (sites / "index.html").read_text("utf-8")


def test_the_header_names_the_version(built: Path) -> None:
    assert f"cdc-daemon {__version__}" in (built / "index.html").read_text("utf-8")
