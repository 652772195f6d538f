"""Reads the benchmark's statements. Each is a file in `bench/sql/`."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import LiteralString

FOLDER = Path(__file__).parent / "sql"


@cache
def query(name: str) -> LiteralString:
    """Return the text of one statement."""
    # The text is a file of the project and no user's input, as LiteralString requires.
    return (FOLDER / f"{name}.sql").read_text("utf-8")  # pyright: ignore[reportReturnType]
