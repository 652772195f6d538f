"""The benchmark's own statements, one a file in `bench/sql/`."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import LiteralString

FOLDER = Path(__file__).parent / "sql"


@cache
def query(name: str) -> LiteralString:
    """The text of one statement."""
    # A file of ours and nobody's input: that is what LiteralString stands for.
    return (FOLDER / f"{name}.sql").read_text("utf-8")  # pyright: ignore[reportReturnType]
