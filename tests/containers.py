"""`make test-containers`: the integration tests on a PostgreSQL server in a container.

The image comes from CDC_TEST_IMAGE (default `postgres:17`); arguments are handed on to pytest.
"""

from __future__ import annotations

import os
import subprocess
import sys

from docker.errors import DockerException  # type: ignore[import-untyped]
from testcontainers.community.postgres import PostgresContainer

from tests.support.servers import EXTERNAL_VARIABLE

SETTINGS = {
    "max_prepared_transactions": "20",
    "max_connections": "200",
    "fsync": "off",
    "full_page_writes": "off",
}


def main() -> int:
    """Start a container, run the tests on it, remove it.

    Returns:
        pytest's exit code; 2 where no Docker engine answers; 130 after Ctrl-C.
    """
    image = os.environ.get("CDC_TEST_IMAGE", "postgres:17")
    command = ["postgres"]
    for name, value in SETTINGS.items():
        command += ["-c", f"{name}={value}"]
    try:
        with PostgresContainer(image, username="postgres", dbname="postgres", driver=None).with_command(
            command
        ) as container:
            environment = {**os.environ, EXTERNAL_VARIABLE: container.get_connection_url()}
            arguments = ["--servers=external", "tests/integration", *sys.argv[1:]]
            return subprocess.run(
                [sys.executable, "-m", "pytest", *arguments], env=environment, check=False
            ).returncode
    except DockerException as error:
        print(f"No server in a container: {error}", file=sys.stderr)
        print("Start a Docker engine that this user may use, and see that it has the image.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130  # pytest had the same signal and has told what it had done


if __name__ == "__main__":
    sys.exit(main())
