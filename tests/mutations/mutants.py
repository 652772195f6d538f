"""The analysis with one rule taken out: its modules loaded a second time, one of them with a changed text."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.util
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from cdc_daemon.analysis import analyse
from cdc_daemon.analysis.catalogue import Catalogue, FeedQuery
from cdc_daemon.analysis.plan import Analysis

Analyse = Callable[[FeedQuery, Catalogue], Analysis]

_PACKAGE = "cdc_daemon.analysis"
# Plain values that the caller compares with its own: one copy of them.
_SHARED = {f"{_PACKAGE}.plan", f"{_PACKAGE}.catalogue", f"{_PACKAGE}.conditions"}


class Mutation(NamedTuple):
    """One rule, and how to take it out.

    Attributes:
        rule: what the analysis does, as a sentence.
        module: the file in `cdc_daemon/analysis`, without suffix.
        old, new: a text that stands in it exactly once, and what takes its place.
        killed_by: names of queries in analysis_queries.CASES, one of which must lose an entity.
        fixtures: or, if the rule is one of precision: the place (file) of fixtures, one of which must change.
    """

    rule: str
    module: str
    old: str
    new: str
    killed_by: tuple[str, ...] = ()
    fixtures: tuple[str, ...] = ()


def text_of(module: str) -> str:
    return (Path(analyse.__code__.co_filename).parent / f"{module.replace('.', '/')}.py").read_text("utf-8")


@contextmanager
def mutant(mutation: Mutation) -> Iterator[Analyse]:
    """`analyse` without the rule.

    Raises:
        AssertionError: its text is not there exactly once: the code has moved on, and so must the mutation.
    """
    text = text_of(mutation.module)
    assert text.count(mutation.old) == 1, (
        f"{mutation.module}.py has {text.count(mutation.old)} of: {mutation.old}"
    )
    kept = {
        name: module
        for name, module in sys.modules.items()
        if (name == _PACKAGE or name.startswith(f"{_PACKAGE}.")) and name not in _SHARED
    }
    parent = sys.modules["cdc_daemon"]
    for name in kept:
        del sys.modules[name]
    finder = _Finder(f"{_PACKAGE}.{mutation.module}", text.replace(mutation.old, mutation.new))
    sys.meta_path.insert(0, finder)
    try:
        yield importlib.import_module(f"{_PACKAGE}.analyse").analyse
    finally:
        sys.meta_path.remove(finder)
        for name in [each for each in sys.modules if each.startswith(_PACKAGE) and each not in _SHARED]:
            del sys.modules[name]
        sys.modules.update(kept)
        parent.analysis = kept[_PACKAGE]  # type: ignore[attr-defined]


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def __init__(self, name: str, text: str) -> None:
        self._name = name
        self._text = text

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._name:
            return None
        return importlib.util.spec_from_loader(fullname, self)

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self._text, f"<mutant of {self._name}>", "exec"), module.__dict__)  # noqa: S102 # our own
