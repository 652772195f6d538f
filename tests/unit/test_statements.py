"""The named statements under `sql/`."""

from __future__ import annotations

from pathlib import Path

import pytest

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
