"""The analysis with one rule taken out: one changed module, loaded a second time with those that use it."""

from __future__ import annotations

import ast
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from types import ModuleType
from typing import NamedTuple

from cdc_daemon.analysis.model.catalogue import Catalogue, FeedQuery
from cdc_daemon.analysis.model.plan import Analysis
from tests.mutations.anchors import changed, find
from tests.support.analysis_modules import modules

Analyse = Callable[[FeedQuery, Catalogue], Analysis]

_PACKAGE = "cdc_daemon.analysis"
# Plain values that the caller compares with its own: one copy of them.
_SHARED = {f"{_PACKAGE}.model.{name}" for name in ("plan", "catalogue", "conditions")}


class Mutation(NamedTuple):
    """One rule, and how to take it out.

    Attributes:
        rule: what the analysis does, as a sentence.
        at: the qualified name of the function, class or variable that has the rule; see `anchors.find`.
        old, new: an expression or statements that it holds exactly once, and what takes their place.
        killed_by: what must fail without it, by the table that it stands in: names of queries of the
            soundness test, one of which must lose an entity; files of tests/fixtures/analysis, one route of
            which must change; modules of unit tests; themes of tests/fixtures/verdicts.
    """

    rule: str
    at: str
    old: str
    new: str
    killed_by: tuple[str, ...]


@contextmanager
def mutant(mutation: Mutation, *users: ModuleType) -> Iterator[Analyse]:
    """`analyse` without the rule.

    Args:
        users: modules that imported something of the analysis: they have the mutant's instead, for as long.

    Raises:
        NoSuchPlace: its place is not there exactly once: the code has moved on, and so must the mutation.
    """
    anchor = find(mutation.at, mutation.old, mutation.new)
    mutated = f"{_PACKAGE}.{anchor.module}".removesuffix(".__init__")
    anew = _users(mutated) - (_SHARED - {mutated})
    kept = {name: sys.modules[name] for name in anew & sys.modules.keys()}
    parent = sys.modules["cdc_daemon"]
    for name in kept:
        del sys.modules[name]
    finder = _Finder(mutated, changed(anchor, mutation.old, mutation.new), kept[mutated])
    sys.meta_path.insert(0, finder)
    try:
        analyse_ = importlib.import_module(f"{_PACKAGE}.analyse").analyse
        with ExitStack() as stack:
            for user in users:
                stack.enter_context(_using(user, kept))
            yield analyse_
    finally:
        sys.meta_path.remove(finder)
        for name in anew:
            sys.modules.pop(name, None)
        sys.modules.update(kept)
        parent.analysis = kept[_PACKAGE]  # type: ignore[attr-defined]


@cache
def _users(module: str) -> frozenset[str]:
    """Return a module, the packages that it is in, and all modules that import one of these, or its users.

    A module that is none of them can't tell the mutant from the original, so there is one copy of it. Loading
    all modules for each mutation took most of the time.
    """
    found, waiting = set[str](), {module}
    while waiting:
        name = waiting.pop()
        found.add(name)
        users = {user for user, imported in _imports().items() if name in imported}
        package = name.rpartition(".")[0]
        waiting |= (users | ({package} if package.startswith(_PACKAGE) else set[str]())) - found
    return frozenset(found)


@cache
def _imports() -> Mapping[str, frozenset[str]]:
    """Return the modules that each module of the analysis imports at any place, and the names in them."""
    return {
        f"{_PACKAGE}.{name}".removesuffix(".__init__"): frozenset(_imported(tree))
        for name, tree in modules().items()
    }


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom():
                assert node.module and node.level == 0  # noqa: PT018 # no import is relative
                yield node.module
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
            case _:
                pass


@contextmanager
def _using(user: ModuleType, kept: Mapping[str, ModuleType]) -> Iterator[None]:
    """Give a module the mutant's functions and classes where it has the original's."""
    before = dict(vars(user))
    for name, value in before.items():
        home = str(getattr(value, "__module__", None))
        if home in kept and getattr(kept[home], getattr(value, "__name__", ""), None) is value:
            own = str(getattr(value, "__name__", ""))
            setattr(user, name, getattr(importlib.import_module(home), own))
    try:
        yield
    finally:
        vars(user).update(before)


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def __init__(self, name: str, tree: ast.Module, original: ModuleType) -> None:
        self._name = name
        self._tree = tree
        self._folder = getattr(original, "__path__", None)  # of a package

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._name:
            return None
        spec = importlib.util.spec_from_loader(fullname, self, is_package=self._folder is not None)
        if spec is not None and self._folder is not None:
            spec.submodule_search_locations = list(self._folder)
        return spec

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self._tree, f"<mutant of {self._name}>", "exec"), module.__dict__)  # noqa: S102 # our own
