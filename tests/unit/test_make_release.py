"""`make release` in a clone: what it refuses, what a dry run leaves, what a release makes."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from release import changelog
from release.refused import Refused

ROOT = Path(__file__).parents[2]
VERSION = "9.8.0"
# Their tools take long, or are not everywhere.
LEFT_OUT = [word for name in ("deb", "docs", "image") for word in ("--without", name)]
CHANGES = "# Changelog\n\n## Unreleased\n\n### Added\n\n- A thing.\n\n## 0.1.0\n\nFirst.\n"


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of this repository with one unreleased change."""
    folder = tmp_path_factory.mktemp("release") / "clone"
    git(ROOT, "clone", "--quiet", "--no-tags", "--depth", "1", f"file://{ROOT}", str(folder))
    git(folder, "config", "user.name", "Somebody")
    git(folder, "config", "user.email", "somebody@example.com")
    git(folder, "checkout", "--quiet", "-B", "main")
    for name in git(ROOT, "ls-files", "release").splitlines():  # also what is not committed yet
        (folder / name).write_bytes((ROOT / name).read_bytes())
    (folder / "CHANGELOG.md").write_text(CHANGES)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "Before the release")
    return folder


@pytest.fixture
def clone(original: Path) -> Iterator[Path]:
    """The clone as it was before the test."""
    head = git(original, "rev-parse", "HEAD")
    yield original
    git(original, "reset", "--quiet", "--hard", head)
    for tag in git(original, "tag", "--list").splitlines():
        git(original, "tag", "--delete", tag)


def release(folder: Path, *arguments: str, check: str = "true") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "release", VERSION, "--check", check, *LEFT_OUT, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=100)


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stderr.splitlines()[0]


def test_it_refuses_what_is_not_ready(clone: Path) -> None:
    assert refusal(release(clone, check="false")) == "Error: the check failed: false"
    assert refusal(release(clone, check="touch new")) == "Error: files differ from the last commit:"
    (clone / "new").unlink()
    git(clone, "tag", f"v{VERSION}")
    assert refusal(release(clone)) == f"Error: the tag v{VERSION} exists"
    git(clone, "tag", "--delete", f"v{VERSION}")
    (clone / "cdc_daemon" / "__init__.py").write_text('__version__ = "9.9.0.dev0"\n')
    assert refusal(release(clone)) == f"Error: {VERSION} does not follow 9.9.0.dev0"


def test_a_dry_run_builds_everything_and_leaves_git_as_it_was(clone: Path) -> None:
    before = git(clone, "rev-parse", "HEAD")
    done = release(clone, "--dry-run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("Dry run: nothing was committed or tagged.\n")
    assert git(clone, "rev-parse", "HEAD") == before
    assert git(clone, "tag", "--list") == git(clone, "status", "--porcelain") == ""
    assert len(git(clone, "worktree", "list").splitlines()) == 1
    folder = clone / "dist" / f"dry-run-{VERSION}"
    wheel, sources = f"cdc_daemon-{VERSION}-py3-none-any.whl", f"cdc_daemon-{VERSION}.tar.gz"
    bill = f"cdc-daemon-{VERSION}.cdx.json"
    assert {path.name for path in folder.iterdir()} == {wheel, sources, bill, "SHA256SUMS"}
    for line in (folder / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert json.loads((folder / bill).read_text())["metadata"]["component"]["version"] == VERSION
    with zipfile.ZipFile(folder / wheel) as content:
        page = content.read(f"cdc_daemon-{VERSION}.data/data/share/man/man1/cdc-daemon.1").decode()
    assert f'"cdc-daemon {VERSION}"' in page
    with tarfile.open(folder / sources) as archive:
        file = archive.extractfile(f"cdc_daemon-{VERSION}/CHANGELOG.md")
        assert file is not None
        assert re.search(rf"^## {VERSION} - \d{{4}}-\d\d-\d\d$", file.read().decode(), re.MULTILINE)


def test_a_release_is_a_tagged_commit_and_the_branch_goes_on_with_the_next_version(clone: Path) -> None:
    before = git(clone, "rev-parse", "HEAD")
    done = release(clone)
    assert done.returncode == 0, done.stdout + done.stderr
    assert git(clone, "rev-parse", f"v{VERSION}^{{commit}}") == git(clone, "rev-parse", "HEAD~1")
    assert git(clone, "rev-parse", "HEAD~2") == before
    assert git(clone, "show", f"v{VERSION}:cdc_daemon/__init__.py").endswith(f'__version__ = "{VERSION}"')
    assert git(clone, "show", "HEAD:cdc_daemon/__init__.py").endswith('__version__ = "9.9.0.dev0"')
    said = git(clone, "for-each-ref", "--format=%(contents)", f"refs/tags/v{VERSION}")
    assert said == f"cdc-daemon {VERSION}\n\n### Added\n\n- A thing."
    assert git(clone, "status", "--porcelain") == ""


def test_what_is_unreleased_becomes_the_section_of_the_version() -> None:
    new, section = changelog.cut(CHANGES, "0.2.0", date(2026, 1, 2))
    assert section == "### Added\n\n- A thing."
    assert new == CHANGES.replace("## Unreleased\n", "## Unreleased\n\n## 0.2.0 - 2026-01-02\n")


@pytest.mark.parametrize(
    "text",
    [
        "# Changelog\n\n## 0.1.0\n\n- x\n",
        "## Unreleased\n\n### Added\n\n## 0.1.0\n",
        "## Unreleased\n\n- x\n\n## 0.2.0\n",
    ],
    ids=["no section", "nothing in it", "released already"],
)
def test_a_changelog_without_the_changes_is_refused(text: str) -> None:
    with pytest.raises(Refused, match=r"CHANGELOG\.md has"):
        changelog.cut(text, "0.2.0", date(2026, 1, 2))
