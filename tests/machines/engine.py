"""A container engine with images made of Debian's packages: no image registry is needed.

The engine is the one that `docker` reaches. Where none runs, root starts one for the time of the tests. The
base of all images, made by debootstrap, stays in a cache: CDC_TEST_CACHE, default `~/.cache/cdc-daemon`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SUITE = "bookworm"
BASE_IMAGE = f"cdc-daemon-tests/debian:{SUITE}"
START_SECONDS = 60.0


class EngineMissing(Exception):
    """No container engine runs, and none can be started here. The text says what to do."""


def cache() -> Path:
    """Return the folder of what is made once."""
    folder = Path(os.environ.get("CDC_TEST_CACHE") or Path.home() / ".cache" / "cdc-daemon")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def engine() -> Iterator[None]:
    """Have an engine that `docker` reaches, by `DOCKER_HOST` if it had to be started.

    Raises:
        EngineMissing: there is none.
    """
    if _answers():
        yield
        return
    program = shutil.which("dockerd")
    if program is None or os.geteuid() != 0:
        raise EngineMissing(
            "no container engine answers `docker info`. Start one that this user may use; root with a Docker "
            "engine installed (dockerd) need not"
        )
    with tempfile.TemporaryDirectory(prefix="cdc-daemon-engine-") as name:
        folder = Path(name)
        address = f"unix://{folder}/socket"
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [
                    *(program, "--data-root", cache() / "docker", "--exec-root", folder / "exec"),
                    *("--pidfile", folder / "pid", "--host", address),
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        before = os.environ.get("DOCKER_HOST")
        os.environ["DOCKER_HOST"] = address
        try:
            deadline = time.monotonic() + START_SECONDS
            while not _answers():
                if process.poll() is not None or time.monotonic() > deadline:
                    told = (folder / "log").read_text("utf-8", errors="replace").splitlines()[-3:]
                    raise EngineMissing("dockerd did not start here: " + " / ".join(told))
                time.sleep(0.2)
            yield
        finally:
            process.terminate()
            process.wait()
            if before is None:
                del os.environ["DOCKER_HOST"]
            else:
                os.environ["DOCKER_HOST"] = before


def docker(*arguments: str | Path, given: str | None = None, check: bool = True) -> str:
    """Run `docker` and return its output, both streams.

    Raises:
        AssertionError: it failed. The text has the output.
    """
    done = subprocess.run(
        ["docker", *arguments],
        input=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        # The classic builder: BuildKit's is a separate program, which Debian does not bring.
        env={**os.environ, "DOCKER_BUILDKIT": "0"},
    )
    if check and done.returncode:
        raise AssertionError(f"docker {arguments[0]} failed ({done.returncode}):\n{done.stdout}")
    return done.stdout


def base_image() -> str:
    """Return the name of an image of a minimal Debian; made by debootstrap if it is not there."""
    if _has(BASE_IMAGE):
        return BASE_IMAGE
    tree = cache() / f"debian-{SUITE}"
    if not (tree / "etc" / "debian_version").exists():
        _bootstrap(tree)
    archive = subprocess.Popen(["tar", "-C", tree, "-c", "."], stdout=subprocess.PIPE)
    subprocess.run(["docker", "import", "-", BASE_IMAGE], stdin=archive.stdout, check=True)
    if archive.wait():
        raise AssertionError(f"tar could not read {tree}")
    return BASE_IMAGE


def build(folder: Path, tag: str, *, context: Path | None = None) -> str:
    """Build the Dockerfile of a folder on `base_image`; the engine's cache makes a second build short."""
    docker(
        *("build", "--build-arg", f"BASE={base_image()}", "--tag", tag),
        *("--file", folder / "Dockerfile", context or folder),
    )
    return tag


def _bootstrap(tree: Path) -> None:
    program = shutil.which("debootstrap")
    if program is None or os.geteuid() != 0:
        raise EngineMissing("the base image needs root and debootstrap: apt-get install debootstrap")
    new = tree.with_name(f"{tree.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    subprocess.run(
        [program, "--variant=minbase", "--include=ca-certificates", SUITE, new],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    new.rename(tree)


def _has(image: str) -> bool:
    return (
        subprocess.run(["docker", "image", "inspect", image], capture_output=True, check=False).returncode
        == 0
    )


def _answers() -> bool:
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0
