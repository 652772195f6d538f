"""A query as scopes: each SELECT with its sources, conditions and outputs, every name resolved.

The trees are those of the definition, rewritten in place. Each source gets an alias that is unique in the
whole query (its `uid`), and each column names that alias. So a piece of the query can be moved into another
statement.
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
    """How a value is compared with the rows of a subquery."""

    NONE = auto()
    POSITIVE = auto()
    """IN where NULL counts as false: only equal values are touched."""
    EXACT = auto()
    """NOT IN, or IN as a value: true, false and NULL must be told apart."""


@dataclass(eq=False)
class Source:
    """Something that a SELECT reads: an item of FROM, or a subquery in an expression.

    Attributes:
        uid: its alias, unique in the whole query.
        alias: its alias in the definition.
        columns: the names by which the SELECT refers to its columns, in order.
        item: the FROM item that reads its current rows; None for a subquery in an expression.
        table: what the catalogue says about it, if it is a table.
        real: the name in the catalogue of each of `columns`, if it is a table.
        body: its query, if it is a derived table, CTE, view or subquery.
        outer: the columns of other sources that it refers to (LATERAL, correlation).
        origin: the number of its occurrence in the definition. All copies of a CTE or view share it.
        read_at: the origin of what the feed's query names: the table itself, or the view that reads it.
        membership, left: for `left IN (subquery)` and similar conditions.
        join: the outer join whose ON holds it, if it is a subquery in an ON.
        query: its tree, if it is a subquery in an expression.
        itself: whether it is the CTE, in the step of that recursive CTE.
        collations: the collations of its columns, if it has no query of its own (`itself`).
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
    read_at: int = 0
    membership: Membership = Membership.NONE
    left: tuple[Tree, ...] = ()
    join: OuterJoin | None = None
    query: Tree | None = None
    itself: bool = False
    collations: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])

    @property
    def subquery(self) -> bool:
        """Whether it is a subquery in an expression."""
        return self.item is None


@dataclass(eq=False)
class OuterJoin:
    """A join that may yield rows with one side all NULL.

    Attributes:
        sides: the sources of its left and right side.
        nullable: whether that side may be all NULL.
    """

    sides: tuple[frozenset[str], frozenset[str]]
    nullable: tuple[bool, bool]

    @property
    def span(self) -> frozenset[str]:
        """The sources of both sides."""
        return self.sides[0] | self.sides[1]


class Identity(Enum):
    """Whether a value from the changed row is identical to the column's own value, or only equal."""

    IDENTICAL = auto()
    """It is the value itself: any function of it is the same."""
    EQUAL = auto()
    """`=` calls them equal, no more (1.0 and 1.00, citext)."""


@dataclass(eq=False)
class Side:
    """One side of an equality.

    Attributes:
        column: the column that it is, perhaps relabelled (varchar as text); None for any other expression.
        given: set if the side holds values of the changed row: whether they are identical or only equal.
        type: the type of that value, if known.
    """

    tree: Tree
    refs: frozenset[Ref]
    column: Ref | None
    given: Identity | None = None
    type: str | None = None


@dataclass(eq=False)
class Conjunct:
    """A condition that holds for every row of its SELECT, or with `join` for every match of that join.

    Attributes:
        refs: its columns, including those of outer queries.
        sides: both sides, if it is an equality (`=` or IS NOT DISTINCT FROM).
        identical: whether equal values of its two columns are identical.
        given: whether it holds values of the changed row, because it came out of a subquery or LATERAL.
        strict: the sources of which a NULL column keeps it from being true.
        join: the outer join whose ON holds it; None for WHERE and inner joins.
        span: the sources of the join whose ON holds it; None for WHERE.
        null_guard: whether it may alone connect the changed row with a source: a NULL test of NOT IN.
        implied: whether it follows from the keys of the catalogue. It carries values and is never written.
        by_equality: whether it compares its inner column for equality, so that an equal value will do.
        carries: whether the value of one side may replace the other side in other conditions.
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
    by_equality: bool = False
    carries: bool = True

    @property
    def equated(self) -> tuple[Ref, Ref] | None:
        """The two columns, of different sources, that it equates; None for any other condition."""
        one, other = (None, None) if self.sides is None else (side.column for side in self.sides)
        return None if one is None or other is None or one.source == other.source else (one, other)

    @cached_property
    def sources(self) -> frozenset[str]:
        """The sources of its columns."""
        return frozenset(ref.source for ref in self.refs)


@dataclass(eq=False)
class SubqueryEquality:
    """A condition `x = (subquery)`: where it holds, x is the value of some row of the subquery.

    In `x = COALESCE((subquery), (subquery), y)` several may have chosen the value.

    Attributes:
        left: x, or the members of a row.
        candidates: for each candidate the uid of a subquery, or an expression of this SELECT.
        condition: the condition. Its `refs` leave out what the subqueries read.
    """

    left: tuple[Tree, ...]
    candidates: tuple[str | Tree, ...]
    condition: Conjunct

    @cached_property
    def subqueries(self) -> frozenset[str]:
        """The uids of the subqueries among the candidates."""
        return frozenset(each for each in self.candidates if isinstance(each, str))


@dataclass(frozen=True, eq=False)
class Construct:
    """A construct by which one row changes others, so that a route leads to all of them.

    Attributes:
        what, remedy: the two parts of a sentence, between which its location is printed.
        node: a call, or an expression behind one of the keywords `words`, by which its location is found.
            None inside a view.
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
        sources: by uid, in order, FROM items first.
        conjuncts: the conditions of WHERE and ON.
        outputs: the expression of each output column; `names` are their names.
        bindable: for each output, whether one row's values yield it (no aggregate, window or subquery).
        partitions: the partition keys of each window and of DISTINCT ON. The rows of a partition change
            together.
        windows: the construct of each of `partitions`.
        distinct_on_after_windows: whether DISTINCT ON chooses among rows with windows, so that a row may
            change another partition.
        limit: its LIMIT, OFFSET or FETCH: any row may come or go with any other.
        grouped: whether GROUP BY or DISTINCT merges rows, so that an equal value may replace a row's own.
        used: for each source, the columns to which this SELECT or a subquery in it refers.
        select: its tree, with resolved columns.
        subquery_equalities: the conditions that compare a value with one that a subquery chooses.
    """

    sources: Mapping[str, Source]
    joins: Sequence[OuterJoin]
    conjuncts: Sequence[Conjunct]
    names: tuple[str, ...]
    outputs: tuple[Tree, ...]
    bindable: tuple[bool, ...]
    partitions: Sequence[tuple[Tree, ...]] = ()
    windows: Sequence[Construct] = ()
    distinct_on_after_windows: bool = False
    limit: Construct | None = None
    grouped: bool = False

    used: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    select: exp.Select | None = None
    subquery_equalities: Sequence[SubqueryEquality] = ()

    def correlated(self, source: Source) -> bool:
        """Whether a source is a query in FROM that refers to columns of outer queries and to none of this
        SELECT.
        """
        within = source.body is not None and not source.subquery and bool(source.outer)
        return within and not any(ref.source in self.sources for ref in source.outer)


@dataclass(eq=False)
class SetOperation:
    """UNION, INTERSECT or EXCEPT: rows of every arm reach the result, by position.

    With one arm it is a LIMIT around a query.

    Attributes:
        distinct: whether an equal value may replace a row's own.
        each_once: whether equal rows are one row (not with ALL).
        compares: whether a row is there or not by the rows of the other arm (INTERSECT, EXCEPT).
    """

    arms: tuple[Body, ...]
    names: tuple[str, ...]
    limit: Construct | None
    distinct: bool
    each_once: bool = False
    compares: bool = False


@dataclass(eq=False)
class Recursion:
    """A recursive CTE: the rows of `base`, and those that `step` derives from rows before, again and again.

    Attributes:
        itself: the uid of the CTE in `step`. Its item reads all rows of the CTE.
        names: the names of the step's columns, then of those that SEARCH and CYCLE add.
        distinct: whether it is a UNION, so that an equal value may replace a row's own.
        correlated: whether it refers to columns of an outer query.
    """

    base: Body
    step: Scope
    itself: str
    names: tuple[str, ...]
    distinct: bool
    correlated: bool


Body: TypeAlias = Scope | SetOperation | Recursion


def expressions_without_queries(tree: Tree) -> Iterator[Tree]:
    """Yield the nodes of an expression. Subqueries are yielded, but not entered."""
    yield tree
    if isinstance(tree, QUERY):
        return
    for child in tree.iter_expressions():
        yield from expressions_without_queries(child)


def refs_of(tree: Tree) -> frozenset[Ref]:
    """The columns of a resolved tree, including those inside its subqueries."""
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
    """Apply the function for its kind to a query, and return the result.

    Args:
        arms: gets the set operation and the results for its arms.
        recursion: looks at `base` and `step` itself, if it needs to.
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
    """The items of all arms in turn: an `arms` function for folds that yield items."""
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
