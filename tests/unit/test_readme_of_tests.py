"""tests/README.md names each test file, and no other; no tier of tests imports from another one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parents[1]
_SHARED = {"support", "receivers", "conftest"}
# The mutations run tests of other tiers, which must fail without the rule.
_BY_MUTATIONS = {"tests.integration.test_verdicts"}


def named() -> set[str]:
    return set(re.findall(r"\]\((\w[\w/.]*)\)", (TESTS / "README.md").read_text("utf-8")))


def imported(path: Path) -> Iterator[str]:
    """The modules of tests that a file imports."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "tests":
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.startswith("tests."))


def test_each_file_that_it_names_exists() -> None:
    assert sorted(name for name in named() if not (TESTS / name).exists()) == []


def test_each_test_file_is_named_with_what_it_proves() -> None:
    missing = {str(path.relative_to(TESTS)) for path in TESTS.rglob("test_*.py")} - named()
    lines = [
        f"| {(ast.get_docstring(ast.parse((TESTS / name).read_text('utf-8'))) or '').splitlines()[0]}"
        f" | [{name}]({name}) |"
        for name in sorted(missing)
    ]
    assert lines == [], "tests/README.md lacks these lines:\n" + "\n".join(lines)


def test_no_tier_imports_from_another_one() -> None:
    foreign = [
        f"{path.relative_to(TESTS)}: {module}"
        for path in sorted(TESTS.rglob("*.py"))
        for module in imported(path)
        if module.split(".")[1] not in {*_SHARED, path.relative_to(TESTS).parts[0]}
        and not (path.is_relative_to(TESTS / "mutations") and module in _BY_MUTATIONS)
    ]
    assert foreign == []
