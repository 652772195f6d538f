"""A query as scopes: each SELECT with its sources, conjuncts and outputs, every name resolved.

The trees are those of the definition, rewritten in place so that each source has an alias of its own in the
whole query (its `uid`) and each column names that alias: a piece can then be moved into another statement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import cached_property
from itertools import chain
from typing import NamedTuple, TypeAlias, TypeVar

from sqlglot import exp

from cdc_daemon.analysis.model.catalogue import Table
from cdc_daemon.analysis.model.dialect import Tree

T = TypeVar("T")

WHOLE_ROW = "\0*"
"""As the column of a Ref: the row itself. No column can have this name, but one may be called `*`."""


QUERY = (exp.Select, exp.SetOperation)
"""A query in an expression, whatever stands around it."""


class Ref(NamedTuple):
    """A column of a source."""

    source: str
    column: str


class Membership(Enum):
    """How a subquery's rows are compared with the value on its left, if they are."""

    NONE = auto()
    POSITIVE = auto()
    """IN where NULL counts as false: only equal values are touched."""
    EXACT = auto()
    """NOT IN, or IN as a value: true, false and NULL must be told apart."""


@dataclass(eq=False)
class Source:
    """Something a SELECT reads: an item of FROM, or (`subquery`) a subquery inside one of its expressions.

    Attributes:
        uid: its alias, unique in the whole query.
        alias: its alias in the definition.
        columns: the names under which the scope refers to its columns, in order.
        item: the FROM item that reads its current rows; None for a subquery.
        table: for a table: what the catalogue says of it.
        real: for a table: the name in the catalogue of each of `columns`.
        body: for a derived table, CTE or subquery: what it selects from.
        outer: columns of other sources that it refers to (LATERAL, correlation).
        origin: the same for all copies of one place in the definition (a CTE that is read twice).
        place: the origin where the feed's query reads it: for a table inside a view, that of the view.
        membership, left: for `left IN (subquery)` and friends.
        join: for a subquery in an outer join's ON: that join.
        query: for a subquery: itself, in its place.
        itself: in the step of a recursive CTE: it is that CTE.
        collations: for one without a query of its own (`itself`): those of its columns, where it has some.
    """

    uid: str
    alias: str
    columns: tuple[str, ...]
    item: Tree | None = None
    table: Table | None = None
    real: Mapping[str, str] = field(default_factory=dict[str, str])
    body: Body | None = None
    outer: frozenset[Ref] = frozenset()
    origin: int = 0
    place: int = 0
    membership: Membership = Membership.NONE
    left: tuple[Tree, ...] = ()
    join: OuterJoin | None = None
    query: Tree | None = None
    itself: bool = False
    collations: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])

    @property
    def subquery(self) -> bool:
        return self.item is None


@dataclass(eq=False)
class OuterJoin:
    """A join that may yield a row with one side all NULL.

    Attributes:
        sides: the sources under each of its arms.
        nullable: whether that arm may be all NULL.
    """

    sides: tuple[frozenset[str], frozenset[str]]
    nullable: tuple[bool, bool]

    @property
    def span(self) -> frozenset[str]:
        return self.sides[0] | self.sides[1]


class Identity(Enum):
    """How a value that came from the changed row stands to the column's own."""

    IDENTICAL = auto()
    """It is the value itself: any function of it is the same."""
    EQUAL = auto()
    """`=` calls them equal, no more (1.0 and 1.00, citext)."""


@dataclass(eq=False)
class Side:
    """One side of an equality.

    Attributes:
        column: the column that it is, or is a mere relabelling of (varchar as text); None for anything else.
        given: it holds values of the changed row already, all of them exact or not.
        type: that of the value given, where it is known.
    """

    tree: Tree
    refs: frozenset[Ref]
    column: Ref | None
    given: Identity | None = None
    type: str | None = None


@dataclass(eq=False)
class Conjunct:
    """A condition that holds for every row of its scope (or, with `join`, for every match of that join).

    Attributes:
        refs: the columns in it, those of outer scopes too.
        sides: both sides, if it is an equality (`=` or IS NOT DISTINCT FROM).
        strict: the sources of which a NULL column keeps it from being true.
        join: the outer join whose ON it is part of; None for WHERE and inner joins.
        span: the sources under the join whose ON it is part of; None for WHERE.
        identical: an equality of two columns whose equal values are the same in every respect.
        given: it holds values of the changed row (it came out of a subquery or LATERAL).
        free: it may stand alone between the changed row and a source (a rider of NOT IN).
        implied: it follows from others by the keys of the catalogue; it carries values, and is never written.
        loose: it compares its inner column for equality, so an equal value will do.
        carries: of `sides`, the value of one may stand for the other's in other conditions.
    """

    tree: Tree
    refs: frozenset[Ref]
    sides: tuple[Side, Side] | None = None
    identical: bool = False
    given: bool = False
    strict: frozenset[str] = frozenset()
    join: OuterJoin | None = None
    span: frozenset[str] | None = None
    null_guard: bool = False
    implied: bool = False
    loose: bool = False
    carries: bool = True

    @cached_property
    def sources(self) -> frozenset[str]:
        """The sources of the columns in it."""
        return frozenset(ref.source for ref in self.refs)


@dataclass(eq=False)
class Chosen:
    """`x = (subquery)`: where that holds, x is the value of a row of the subquery.

    `x = COALESCE((subquery), (subquery), y)` has several that may have chosen it.

    Attributes:
        left: x, or the members of a row.
        among: the uid of a subquery, or an expression of one row of this scope.
        condition: itself; its `refs` are without what the subqueries read.
    """

    left: tuple[Tree, ...]
    among: tuple[str | Tree, ...]
    condition: Conjunct

    @cached_property
    def subqueries(self) -> frozenset[str]:
        """The uids among what may have chosen it."""
        return frozenset(each for each in self.among if isinstance(each, str))


@dataclass(frozen=True, eq=False)
class Construct:
    """Something that lets a row change others, so that a route leads to all of them.

    Attributes:
        what, remedy: one sentence together, the place between them.
        node: a call of the definition, or an expression behind one of the keywords `words`, by which its
            place is found; None inside a view.
    """

    what: str
    remedy: str
    node: Tree | None = None
    words: tuple[str, ...] = ()


Note: TypeAlias = Construct | str
"""Why something could not be bound."""


@dataclass(eq=False)
class Scope:
    """One SELECT.

    Attributes:
        sources: by uid, FROM items first, in order.
        outputs: the expression of each output column, by position; `names` are their names.
        bindable: per output, whether a changed row's values can give it (no aggregate, window, subquery).
        siblings: partition keys of each window and of DISTINCT ON: rows of one partition change together;
            `windows` are these.
        chained: DISTINCT ON chooses among rows that carry windows: a row may change some of other partitions.
        limit: its LIMIT, OFFSET or FETCH: any row of the scope may come or go with any other.
        grouped: rows are merged by GROUP BY or DISTINCT, so an equal value may stand for this row's own.
        used: per source, its columns that this scope or a subquery in it refers to.
        select: the SELECT itself, its columns resolved.
        chosen: its conditions that compare with what a subquery chooses.
    """

    sources: Mapping[str, Source]
    joins: Sequence[OuterJoin]
    conjuncts: Sequence[Conjunct]
    names: tuple[str, ...]
    outputs: tuple[Tree, ...]
    bindable: tuple[bool, ...]
    partitions: Sequence[tuple[Tree, ...]] = ()
    windows: Sequence[Construct] = ()
    chained: bool = False
    limit: Construct | None = None
    grouped: bool = False

    used: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    select: exp.Select | None = None
    chosen: Sequence[Chosen] = ()

    def correlated(self, source: Source) -> bool:
        """Whether a source is a query in FROM that refers to columns around this scope, and none in it."""
        within = source.body is not None and not source.subquery and bool(source.outer)
        return within and not any(ref.source in self.sources for ref in source.outer)


@dataclass(eq=False)
class SetOperation:
    """UNION, INTERSECT, EXCEPT: rows of any arm reach the result by position. One arm: a LIMIT around a
    query.

    Attributes:
        distinct: an equal value may stand for a row's own.
        each_once: equal rows are one row (not so with ALL).
    """

    arms: tuple[Body, ...]
    names: tuple[str, ...]
    limit: Construct | None
    distinct: bool
    each_once: bool = False


@dataclass(eq=False)
class Recursion:
    """A recursive CTE: the rows of `base`, and again and again those that `step` makes of the rows before.

    Attributes:
        itself: the source of `step` that is the CTE; its item reads all rows that the CTE has.
        names: of the step's columns, then of those that SEARCH and CYCLE add.
        distinct: UNION, so an equal value may stand for a row's own.
        correlated: it refers to columns of the query around it.
    """

    base: Body
    step: Scope
    itself: str
    names: tuple[str, ...]
    distinct: bool
    correlated: bool


Body: TypeAlias = Scope | SetOperation | Recursion


def expressions_without_queries(tree: Tree) -> Iterator[Tree]:
    """The nodes of an expression, without going into the subqueries in it (which are yielded themselves)."""
    yield tree
    if isinstance(tree, QUERY):
        return
    for child in tree.iter_expressions():
        yield from expressions_without_queries(child)


def refs_of(tree: Tree) -> frozenset[Ref]:
    """Every column in a resolved tree, those inside its subqueries too."""
    return frozenset(
        Ref(node.table, WHOLE_ROW if isinstance(node.this, exp.Star) else node.name)
        for node in tree.find_all(exp.Column)
    )


def fold(
    body: Body,
    *,
    select: Callable[[Scope], T],
    arms: Callable[[SetOperation, list[T]], T],
    recursion: Callable[[Recursion], T],
) -> T:
    """What a function yields for a query, by its kind.

    Args:
        arms: gets what the fold yields for each arm.
        recursion: decides by itself which of `base` and `step` it looks at.
    """
    match body:
        case Scope():
            return select(body)
        case SetOperation():
            each = [fold(arm, select=select, arms=arms, recursion=recursion) for arm in body.arms]
            return arms(body, each)
        case Recursion():
            return recursion(body)


def joined(_: SetOperation, arms: Iterable[Iterable[T]]) -> Iterator[T]:
    """As `arms` of a fold that yields items: those of one arm after the other."""
    return chain.from_iterable(arms)


def scopes_of(body: Body) -> Iterator[Scope]:
    """The SELECTs of a query and those of everything inside, outermost first."""
    return fold(
        body,
        select=_scopes_within,
        arms=joined,
        recursion=lambda body: chain(scopes_of(body.base), scopes_of(body.step)),
    )


def _scopes_within(scope: Scope) -> Iterator[Scope]:
    yield scope
    for source in scope.sources.values():
        if source.body is not None:
            yield from scopes_of(source.body)
