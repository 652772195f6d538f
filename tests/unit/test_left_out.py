"""Tests whose server is not installed: left out for a person, failed in CI."""

from __future__ import annotations

import pytest

from tests.receivers.processes import program


def test_a_missing_program_leaves_its_test_out_and_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(
        pytest.skip.Exception, match="no-such-server is not installed: sudo make test-servers"
    ):
        program("no-such-server", package="no-such-package")


def test_in_ci_a_missing_program_fails_its_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(FileNotFoundError, match="install no-such-package"):
        program("no-such-server", package="no-such-package")
