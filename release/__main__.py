"""`make release VERSION=x.y.z`: checks, builds and tags a release; with DRY_RUN=1 it changes nothing in git.

Everything is made in a working tree of its own. If a step fails, this one and its branch are as they were.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
from packaging.version import InvalidVersion, Version

from release import artifacts, changelog
from release.refused import Refused

ROOT = Path(__file__).parents[1]
VERSION_FILE = "cdc_daemon/__init__.py"
CHANGELOG = "CHANGELOG.md"
_VERSION = re.compile(r'^__version__ = "(.+)"$', re.MULTILINE)


@click.command()
@click.argument("version")
@click.option("--dry-run", is_flag=True, help="Check and build everything; commit and tag nothing.")
@click.option(
    "--check",
    default=".ci/run",
    show_default=True,
    help="The command that must succeed: by default all that every change must pass.",
)
@click.option(
    "--without",
    multiple=True,
    type=click.Choice(sorted(artifacts.OPTIONAL)),
    help="Leave this out, where its tools are missing.",
)
def main(version: str, dry_run: bool, check: str, without: tuple[str, ...]) -> None:
    """Make the release VERSION of what the present branch has, in dist/release-VERSION."""
    try:
        built = make(version, check=check, without=without, dry_run=dry_run)
    except Refused as refused:
        print(f"Error: {refused.what}\nTry: {refused.hint}", file=sys.stderr)
        sys.exit(1)
    for path in built:
        print(path.relative_to(ROOT))
    print("Dry run: nothing was committed or tagged." if dry_run else _REMAINS.format(version=version))


_REMAINS = "Tagged v{version}. To publish it: git push --follow-tags, then upload the files above."


def make(version: str, *, check: str, without: Collection[str], dry_run: bool) -> list[Path]:
    """Make a release.

    Args:
        version: a greater one than the present.
        check: a command that must succeed.
        without: names of files to leave out (`artifacts.OPTIONAL`).
        dry_run: whether to build the files and nothing else.

    Returns:
        Its files.

    Raises:
        Refused: something is not ready, or a step failed. Nothing was committed or tagged.
    """
    text, section = _require_ready(version)
    artifacts.require_tools(without)
    print(f"Checking: {check}", flush=True)
    if subprocess.run(shlex.split(check), cwd=ROOT, check=False).returncode:
        raise Refused(f"the check failed: {check}", "mend what it says")
    _require_clean()  # a check may write files
    with _working_tree() as tree:
        _write(tree, version, text)
        commit = _commit(tree, f"Release {version}")
        folder = ROOT / "dist" / f"{'dry-run' if dry_run else 'release'}-{version}"
        built = artifacts.build(tree, version, folder, without)
        if not dry_run:
            _tag(tree, version, commit, section)
    return built


def _require_ready(version: str) -> tuple[str, str]:
    """Check what needs no build.

    Returns:
        The changelog with a section for the version, and that section.
    """
    present = Version(_present_version())
    try:
        wanted = Version(version)
    except InvalidVersion:
        raise Refused(f"{version!r} is no version", "VERSION=1.2.3") from None
    if wanted.is_devrelease or str(wanted) != version or wanted <= present:
        raise Refused(f"{version} does not follow {present}", "a greater version, such as 1.2.3")
    if _git(ROOT, "tag", "--list", f"v{version}"):
        raise Refused(f"the tag v{version} exists", "another version")
    if not _git(ROOT, "branch", "--show-current"):
        raise Refused("no branch is checked out", "git switch main")
    _require_clean()
    text = (ROOT / CHANGELOG).read_text("utf-8")
    return changelog.cut(text, version, datetime.now(UTC).date())


def _require_clean() -> None:
    if changed := _git(ROOT, "status", "--porcelain"):
        raise Refused(f"files differ from the last commit:\n{changed}", "commit them, or remove them")


def _present_version() -> str:
    (found,) = _VERSION.findall((ROOT / VERSION_FILE).read_text("utf-8"))
    return str(found)


@contextmanager
def _working_tree() -> Iterator[Path]:
    """A working tree of the present commit, which disappears at the end."""
    with tempfile.TemporaryDirectory(prefix="cdc-release-") as folder:
        tree = Path(folder, "tree")
        _git(ROOT, "worktree", "add", "--quiet", "--detach", str(tree), "HEAD")
        try:
            yield tree
        finally:
            _git(ROOT, "worktree", "remove", "--force", str(tree))


def _write(tree: Path, version: str, changelog_text: str | None = None) -> None:
    path = tree / VERSION_FILE
    text = _VERSION.sub(f'__version__ = "{version}"', path.read_text("utf-8"))
    path.write_text(text, "utf-8")
    if changelog_text is not None:
        (tree / CHANGELOG).write_text(changelog_text, "utf-8")


def _commit(tree: Path, subject: str) -> str:
    _git(tree, "commit", "--quiet", "--all", "--message", subject)
    return _git(tree, "rev-parse", "HEAD")


def _tag(tree: Path, version: str, commit: str, section: str) -> None:
    """Tag the release, begin the next version, and move the branch there."""
    release = Version(version)
    _write(tree, f"{release.major}.{release.minor + 1}.0.dev0")
    _commit(tree, f"After {version}")
    _git(ROOT, "merge", "--quiet", "--ff-only", _git(tree, "rev-parse", "HEAD"))
    message = f"cdc-daemon {version}\n\n{section}"
    # Lines of the changelog that begin with # are headings, and no comments.
    _git(ROOT, "tag", "--annotate", f"v{version}", commit, "--cleanup=verbatim", "--message", message)


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refused(f"git {arguments[0]}: {done.stderr.strip()}", "see what git says")
    return done.stdout.strip()


if __name__ == "__main__":
    main()
