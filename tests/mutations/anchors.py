"""The one place in the analysis that a mutation changes: found by name and syntax, in whatever file.

A rule that named its file and its text broke whenever code moved or was laid out anew. So a rule names the
definition that it changes (`Reach.follow`, `_MOST_STATES`), and a piece of syntax inside of it.
"""

from __future__ import annotations

import ast
import builtins
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TypeAlias, TypeGuard

from tests.support.analysis_modules import PACKAGE, modules

_Body: TypeAlias = tuple[list[ast.stmt], list[ast.stmt]]
_Headed: TypeAlias = ast.If | ast.For | ast.While


class NoSuchPlace(AssertionError):
    """A rule's anchor is gone, or is there more than once: the code has moved on, and so must the rule."""


@dataclass(frozen=True)
class Anchor:
    """Where a rule stands.

    Attributes:
        module: below `cdc_daemon.analysis`, with dots.
        matched: the nodes that are to be replaced: one expression, or statements that follow each other.
        renamed: names of the pattern that the analysis no longer has, and what stands in their place.
        bodies: what stands in the place of each `...`: a body, and what follows `else`.
    """

    module: str
    matched: tuple[ast.AST, ...]
    renamed: Mapping[str, str]
    bodies: Sequence[_Body]


def find(at: str, old: str, new: str) -> Anchor:
    """The place that a rule changes.

    A name in `old` that the analysis had and has no more stands for any name: a function that is renamed
    needs no change of the rules that mention it. `if x: ...` stands for an `if` with any body and any `else`,
    which stay as they are; the same goes for `for` and `while`.

    Args:
        at: the qualified name of a function, method, class or module-level variable.
        old, new: an expression each, or statements each.

    Raises:
        NoSuchPlace: no definition of that name holds `old`, or it is held more than once.
    """
    pattern = _parsed(old, new)[0]
    found = [
        Anchor(module, matched, match.renamed, match.bodies)
        for module, node in _definitions().get(at, ())
        for matched, match in _matches(node, pattern)
    ]
    if len(found) != 1:
        held = f"{len(_definitions().get(at, ()))} definitions of {at}"
        raise NoSuchPlace(f"{held} hold it {len(found)} times: {old}")
    return found[0]


def changed(anchor: Anchor, old: str, new: str) -> ast.Module:
    """The module of a place with `new` in it."""
    replacement = _Filled(anchor).all(_parsed(old, new)[1])
    tree = ast.parse(_text(anchor.module))
    _Replacement(anchor.matched, replacement).generic_visit(tree)
    return ast.fix_missing_locations(tree)


def _text(module: str) -> str:
    return (PACKAGE / f"{module.replace('.', '/')}.py").read_text("utf-8")


def _parsed(old: str, new: str) -> tuple[list[ast.AST], list[ast.AST]]:
    try:
        return [ast.parse(old, mode="eval").body], [ast.parse(new, mode="eval").body]
    except SyntaxError:
        return [*ast.parse(old).body], [*ast.parse(new).body]


@cache
def _definitions() -> Mapping[str, Sequence[tuple[str, ast.AST]]]:
    found: dict[str, list[tuple[str, ast.AST]]] = defaultdict(list)
    for module, tree in modules().items():
        for name, node in _named(tree, ""):
            found[name].append((module, node))
    return found


def _named(tree: ast.AST, within: str) -> Iterator[tuple[str, ast.AST]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield f"{within}{node.name}", node
            yield from _named(node, f"{within}{node.name}.")
        elif isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(tree, ast.Module):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                yield ast.unparse(target), node
        else:
            yield from _named(node, within)


@cache
def _known_names() -> frozenset[str]:
    """Every name that the analysis uses anywhere, and those of Python."""
    names = set(dir(builtins))
    for tree in modules().values():
        for node in ast.walk(tree):
            names |= {value for _, value in ast.iter_fields(node) if isinstance(value, str)}
    return frozenset(names)


@dataclass
class _Match:
    renamed: dict[str, str] = field(default_factory=dict[str, str])
    bodies: list[_Body] = field(default_factory=list[_Body])

    def equal(self, found: object, wanted: object) -> bool:
        if isinstance(found, str) and isinstance(wanted, str):
            if found == wanted or wanted in _known_names():
                return found == wanted
            return self.renamed.setdefault(wanted, found) == found
        if isinstance(found, list) and isinstance(wanted, list):
            return len(found) == len(wanted) and all(map(self.equal, found, wanted))
        if not isinstance(found, ast.AST) or type(found) is not type(wanted):
            return found == wanted and type(found) is type(wanted)
        if isinstance(found, ast.Constant) and isinstance(wanted, ast.Constant):
            return found.value == wanted.value and type(found.value) is type(wanted.value)
        left_out = {"ctx"}  # an assignment's target may stand as a pattern by itself
        if isinstance(found, ast.If | ast.For | ast.While) and _is_open(wanted):
            self.bodies.append((found.body, found.orelse))
            left_out |= {"body", "orelse"}
        fields = [name for name in found._fields if name not in left_out]
        return all(self.equal(getattr(found, name), getattr(wanted, name)) for name in fields)


def _is_open(node: object) -> TypeGuard[_Headed]:
    """Whether a statement of a pattern has `...` as its body."""
    if not isinstance(node, ast.If | ast.For | ast.While) or node.orelse:
        return False
    only = node.body[0]
    return isinstance(only, ast.Expr) and isinstance(only.value, ast.Constant) and only.value.value is ...


def _matches(node: ast.AST, pattern: Sequence[ast.AST]) -> Iterator[tuple[tuple[ast.AST, ...], _Match]]:
    whole = _Match()
    if len(pattern) == 1 and whole.equal(node, pattern[0]):
        yield (node,), whole
    for parent in ast.walk(node):
        for _, value in ast.iter_fields(parent):
            children = value if isinstance(value, list) else [value]
            for start in range(len(children) - len(pattern) + 1):
                part, match = children[start : start + len(pattern)], _Match()
                if all(map(match.equal, part, pattern)):
                    yield tuple(part), match


class _Filled(ast.NodeTransformer):
    """Puts what was matched into what replaces it."""

    def __init__(self, anchor: Anchor) -> None:
        self._renamed = anchor.renamed
        self._bodies = iter(anchor.bodies)

    def all(self, nodes: Sequence[ast.AST]) -> list[ast.AST]:
        return [self.visit(node) for node in nodes]

    def visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.Name):
            node.id = self._renamed.get(node.id, node.id)
        elif isinstance(node, ast.Attribute):
            node.attr = self._renamed.get(node.attr, node.attr)
        elif _is_open(node):
            node.body, node.orelse = next(self._bodies)
            return node
        return self.generic_visit(node)


class _Replacement(ast.NodeTransformer):
    def __init__(self, matched: Sequence[ast.AST], new: Sequence[ast.AST]) -> None:
        # The tree is parsed anew for each mutation: a node is known again by its place in it.
        self._first, *self._others = map(_position, matched)
        self._new = new

    def visit(self, node: ast.AST) -> ast.AST | list[ast.AST] | None:
        position = _position(node)
        if position == self._first:
            return self._new[0] if isinstance(self._new[0], ast.expr) else list(self._new)
        return None if position in self._others else self.generic_visit(node)


def _position(node: ast.AST) -> tuple[object, ...]:
    places = ("lineno", "col_offset", "end_lineno", "end_col_offset")
    return type(node), *(getattr(node, name, None) for name in places)
