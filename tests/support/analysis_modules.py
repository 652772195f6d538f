"""The modules of the analysis, parsed."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from cdc_daemon.analysis.analyse import analyse

PACKAGE = Path(analyse.__code__.co_filename).parent


@cache
def modules() -> Mapping[str, ast.Module]:
    """Every module of the analysis, parsed."""
    return {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts): ast.parse(path.read_text("utf-8"))
        for path in sorted(PACKAGE.rglob("*.py"))
    }
