"""What every check gets: a feed's query, as far as it was understood."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from sqlglot import exp

from cdc_daemon.analysis.model.catalogue import Catalogue, FeedQuery, Function, TableName
from cdc_daemon.analysis.model.dialect import Tree, Unreadable, parse
from cdc_daemon.analysis.model.plan import Verdict
from cdc_daemon.analysis.model.scopes import Body
from cdc_daemon.analysis.source_text import Location, Locations, SqlText, tables_read


@dataclass(frozen=True)
class LintContext:
    """A query, its catalogue, its tree and its scopes.

    Attributes:
        tree: the parsed definition; None if it can't be parsed.
        body: its scopes; None if a construct was not understood.
    """

    query: FeedQuery
    catalogue: Catalogue
    tree: exp.Query | None
    body: Body | None

    @cached_property
    def text(self) -> SqlText:
        """The user's text."""
        return SqlText(self.query.text)

    @cached_property
    def locations(self) -> Locations:
        """The locations of the definition's parts in the user's text."""
        return Locations(self.text, SqlText(self.query.definition))

    @cached_property
    def views(self) -> Mapping[TableName, exp.Query]:
        """The parsed definitions of the views that it reads, except those that can't be parsed."""
        found: dict[TableName, exp.Query] = {}
        for name, view in self.catalogue.views.items():
            try:
                found[name] = parse(view.definition)
            except Unreadable:
                continue
        return found

    def verdict(self, name: str, what: str, hint: str, location: Location | None) -> Verdict:
        """A verdict with its location."""
        return Verdict(name, what, hint, *(location or (None, None)))

    def location_of(self, relation: TableName) -> Location | None:
        """The location where the query reads a relation, or the view through which it does."""
        waiting, unread = [relation], dict(self.views)
        while waiting:
            name = waiting.pop()
            location = self.locations.of_relation(name)
            if location is not None:
                return location
            readers = [
                other
                for other, tree in unread.items()
                if any((node.db, node.name) == name for node in tables_read(tree))
            ]
            for other in readers:
                del unread[other]
            waiting += readers
        return None

    def locations_of_word(self, word: str) -> Iterator[Location | None]:
        """Yield the locations of a reserved word, and of views that contain it."""
        yield from self.text.keywords(word)
        for view in self.catalogue.views.values():
            if SqlText(view.definition).keywords(word):
                yield self.location_of(view.name)

    def calls(self, function: Function) -> list[Tree]:
        """The calls of a function in the definition."""
        return list(_calls(self.tree, function)) if self.tree is not None else []

    def locations_of(self, function: Function) -> Iterator[Location | None]:
        """Yield the locations where the query calls a function, or reads a view that does. None, once, if
        unknown.
        """
        found = {self.locations.of_call(call) for call in self.calls(function)}
        for name, tree in self.views.items():
            if any(_calls(tree, function)):
                found.add(self.location_of(name))
        known = sorted(location for location in found if location is not None)
        if known:
            yield from known
        else:
            yield self.locations.of_name(function.name, called=True)


def _calls(tree: Tree, function: Function) -> Iterator[Tree]:
    return (node for node in tree.find_all(exp.Anonymous) if is_call(node, function))


def is_call(node: exp.Anonymous, function: Function) -> bool:
    """Whether a node is a call of this function. PostgreSQL writes those of pg_catalog without schema."""
    around = node.parent
    schema = around.this.name if isinstance(around, exp.Dot) and around.expression is node else "pg_catalog"
    return (schema, node.name) == (function.schema, function.name)
