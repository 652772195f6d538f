"""README and docs hold together: links lead somewhere, commands exist, no machine is named."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from cdc_daemon.cli import main

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference.md"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FENCED = re.compile(r"^ *```\w*\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_NAMED_FILE = re.compile(r"`((?:cdc_daemon|sql|tests|config|bench|docs)/[\w./*-]+)`")
_DATE_AND_STATUS = re.compile(r"^# \d+\. .+\n\n\*\d{4}-\d{2}-\d{2}\. (Accepted|Replaced by)\b.*\*\n")
_END_OF_COMMAND = re.compile(r"[;|<>&#]")
# Written in pieces, so that this file does not name what it forbids.
_PLACES = re.compile(r"(?<![\w.}-])/(?:" + "|".join(("wo" + "rk", "ro" + "ot", "ho" + "me")) + r")(?:/|\b)")
_REGISTRIES = tuple(
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("crates", "io"),
        ("docker", "io"),
        ("ghcr", "io"),
        ("quay", "io"),
        ("proxy", "golang", "org"),
    )
)
_MADE = frozenset({"__pycache__", "var", "out", "build", "dist"})  # by commands; .gitignore has them


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as code hosts make them."""
    text = _FENCED.sub("", page.read_text("utf-8"))
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def broken_links(page: Path) -> Iterator[str]:
    for link in _LINK.findall(_FENCED.sub("", page.read_text("utf-8"))):
        if link.startswith(("https:", "http:", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            yield link


def shown_commands(text: str) -> Iterator[list[str]]:
    """The arguments of every `cdc-daemon …` in the code of a page, up to where the shell goes on."""
    blocks = _FENCED.findall(text)
    lines = [line for block in blocks for line in block.splitlines()]
    for code in [*lines, *_INLINE.findall(_FENCED.sub("", text))]:
        match = re.match(r"^\s*(?:\$ )?cdc-daemon(\s.*|$)", code)
        if match:
            yield shlex.split(_END_OF_COMMAND.split(match[1])[0])


def refuse_unknown(arguments: list[str]) -> None:
    """Parse as click would.

    Raises:
        click.UsageError: no such command or option.
    """
    context = click.Context(main, info_name="cdc-daemon")
    _, rest, _ = main.make_parser(context).parse_args(list(arguments))
    if not rest:
        return
    command = main.get_command(context, rest[0])
    if command is None:
        raise click.UsageError(f"no command {rest[0]}")
    command.make_parser(click.Context(command, parent=context)).parse_args(list(rest[1:]))


def _is_kept(path: Path) -> bool:
    """Whether a file or folder is of the repository: neither made here nor a tool's own."""
    first = path.relative_to(ROOT).parts[0]
    hidden = first.startswith(".") and first not in {".ci", ".gitignore", ".importlinter"}
    made = path.name in _MADE or path.name.endswith(".egg-info") or (path / "pyvenv.cfg").exists()
    return not (hidden or made)


def texts_of_the_repository() -> Iterator[tuple[Path, str]]:
    # Virtual environments have a hundred thousand files: their folders are not entered.
    for folder, folders, names in os.walk(ROOT):
        folders[:] = sorted(name for name in folders if _is_kept(Path(folder, name)))
        for path in (Path(folder, name) for name in sorted(names)):
            if _is_kept(path) and path.is_file():
                yield path, path.read_text("utf-8", errors="replace")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    assert list(broken_links(page)) == []


def test_a_link_to_nothing_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# One two\n[a](page.md#one-two) [b](gone.md) [c](#three) [d](https://db.example)\n", "utf-8"
    )
    assert list(broken_links(page)) == ["gone.md", "#three"]


# The reference writes commands with placeholders, and a test of its own holds it to the program both ways.
@pytest.mark.parametrize(
    "page", [page for page in PAGES if page != REFERENCE], ids=lambda page: str(page.relative_to(ROOT))
)
def test_every_command_that_is_shown_exists_with_its_options(page: Path) -> None:
    for arguments in shown_commands(page.read_text("utf-8")):
        refuse_unknown(arguments)


def test_the_readme_shows_the_commands_of_a_first_run() -> None:
    shown = {
        arguments[0] for arguments in shown_commands((ROOT / "README.md").read_text("utf-8")) if arguments
    }
    assert {"init", "check", "plan", "install", "run", "status"} <= shown


@pytest.mark.parametrize(
    "text", ["`cdc-daemon fly`", "```sh\n$ cdc-daemon run --twice | cat\n```", "`cdc-daemon --colour run`"]
)
def test_a_command_or_option_that_does_not_exist_is_found(text: str) -> None:
    (arguments,) = shown_commands(text)
    with pytest.raises(click.UsageError):
        refuse_unknown(arguments)


def test_every_decision_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text("utf-8")
    for page in sorted((ROOT / "docs" / "decisions").glob("*.md")):
        assert f"(decisions/{page.name})" in index, page.name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    named = set(_NAMED_FILE.findall(page.read_text("utf-8")))
    assert [name for name in named if not any(ROOT.glob(name.rstrip("/")))] == []


def test_every_decision_has_a_date_and_a_status() -> None:
    for page in sorted((ROOT / "docs" / "decisions").glob("*.md")):
        assert _DATE_AND_STATUS.match(page.read_text("utf-8")), page.name


def test_no_file_names_a_path_of_somebodys_machine_or_a_package_registry() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {name}"
        for path, text in texts_of_the_repository()
        for name in [*(match[0] for match in _PLACES.finditer(text)), *(r for r in _REGISTRIES if r in text)]
    ]
    assert found == []
