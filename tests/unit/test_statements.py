"""The named statements under `sql/`."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

import cdc_daemon
from cdc_daemon.pg import statements
from cdc_daemon.pg.statements import sql_directory, texts

FILES = sorted(
    str(path.relative_to(sql_directory()).with_suffix(""))
    for folder in ("queries", "objects")
    for path in (sql_directory() / folder).glob("*.sql")
)


@pytest.mark.parametrize("file", FILES)
def test_every_file_can_be_read_and_none_of_its_statements_is_empty(file: str) -> None:
    found = texts(file)
    assert found
    assert all(found.values()), [name for name, text in found.items() if not text]


def test_two_statements_of_one_name_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "queries").mkdir()
    (tmp_path / "queries" / "feed_twice.sql").write_text("-- name: due\nSELECT 1\n\n-- name: due\nSELECT 2\n")
    monkeypatch.setattr(statements, "sql_directory", lambda: tmp_path)
    with pytest.raises(ValueError, match=r"feed_twice\.sql: two statements are called due"):
        texts("queries/feed_twice")


@pytest.mark.parametrize("file", FILES)
def test_every_statement_has_a_sentence(file: str) -> None:
    text = (sql_directory() / f"{file}.sql").read_text("utf-8")
    assert re.findall(r"^-- name: (\w+)\n(?!--)", text, re.MULTILINE) == []


@pytest.mark.parametrize("file", FILES)
def test_every_statement_is_used(file: str) -> None:
    noun = file.rpartition("/")[2]
    assert [name for name in texts(file) if not _is_used(noun, name)] == []


def _is_used(noun: str, name: str) -> bool:
    whole, patterns = _strings()
    if f"{noun}.{name}" in whole:
        return True
    for pattern in patterns:
        if re.fullmatch(pattern, f"{noun}.{name}"):
            # Of f"{noun}.{name}" the name must be told somewhere; f"capture.trigger_{event}" tells it.
            whole_name = pattern == rf"{noun}\..+"
            return not whole_name or name in whole or any(re.fullmatch(each, name) for each in patterns)
    return False


@cache
def _strings() -> tuple[frozenset[str], frozenset[str]]:
    """Every string of the program, and every f-string that begins with text, as a pattern."""
    whole: set[str] = set()
    patterns: set[str] = set()
    for path in Path(cdc_daemon.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                whole.add(node.value)
            elif isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
                parts = [
                    re.escape(str(each.value)) if isinstance(each, ast.Constant) else ".+"
                    for each in node.values
                ]
                patterns.add("".join(parts))
    return frozenset(whole), frozenset(patterns)
