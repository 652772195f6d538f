"""Whatever another module of the analysis may call says what it returns."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.support.analysis_modules import modules


def test_every_public_function_and_class_has_a_docstring() -> None:
    without = [f"{module}: {name}" for module, tree in modules().items() for name in _undocumented(tree, "")]
    assert not without


def _undocumented(tree: ast.Module | ast.ClassDef, within: str) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            if ast.get_docstring(node) is None:
                yield f"{within}{node.name}"
            if isinstance(node, ast.ClassDef):
                yield from _undocumented(node, f"{node.name}.")
