"""Conditions in parts: conjuncts, the two sides of an equality, and the effect of NULL on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sqlglot import exp

from cdc_daemon.analysis.grammar.nodes import PrefixOperator
from cdc_daemon.analysis.model.catalogue import IDENTICAL, TEXTS
from cdc_daemon.analysis.model.collations import alike, one_collation
from cdc_daemon.analysis.model.dialect import Tree
from cdc_daemon.analysis.model.scopes import Conjunct, OuterJoin, Ref, Side, refs_of

_STRICT = (
    exp.EQ,
    exp.NEQ,
    exp.LT,
    exp.LTE,
    exp.GT,
    exp.GTE,
    exp.Like,
    exp.ILike,
    exp.RegexpLike,
    exp.Operator,
)
_COMPARISONS = frozenset({"=", "<>", "<", "<=", ">", ">="})
_COMPARES = "compares"
"""Marks an operator outside of pg_catalog that compares values of a type which is outside, too."""
_PASSING_NULL = (exp.Paren, exp.Cast, exp.Neg, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Collate)


def conjuncts_of(tree: Tree) -> Iterator[Tree]:
    """Yield the conditions that AND joins, without outermost parentheses."""
    tree = tree.unnest()
    if isinstance(tree, exp.And):
        yield from conjuncts_of(tree.left)
        yield from conjuncts_of(tree.right)
    else:
        yield tree


def mark_comparisons(tree: Tree, types: Mapping[Ref, str]) -> None:
    """Mark the operators of extensions and users that compare values of a type outside of pg_catalog.

    They are assumed to be strict, as B-tree operators are, and their `=` to be an equality. The type citext
    has such operators. A user's operator `=` over integers may mean anything.

    Args:
        types: `format_type` of the columns whose type is known; those outside of pg_catalog have a schema.
    """
    for node in tree.find_all(exp.Operator):
        schema, _, name = str(node.args.get("operator", "")).rpartition(".")
        sides = (node.this, node.expression)
        if schema and name in _COMPARISONS and all("." in _type_of(side, types) for side in sides):
            node.meta[_COMPARES] = True


def _type_of(side: Tree, types: Mapping[Ref, str]) -> str:
    at = side.unnest()
    if isinstance(at, exp.Cast):
        return at.to.sql(dialect="postgres")
    return types.get(Ref(at.table, at.name), "") if isinstance(at, exp.Column) else ""


def conjunct(
    tree: Tree, join: OuterJoin | None, span: frozenset[str] | None, types: Mapping[Ref, str]
) -> Iterator[Conjunct]:
    """Yield one condition, prepared. An equality of rows becomes one condition for each pair of members.

    Args:
        types: the `format_type` of the columns whose type is known.
    """
    equality = _equality(tree)
    if equality is not None:
        left, right = (members(side) for side in equality)
        if len(left) == len(right) > 1:
            for a, b in zip(left, right, strict=True):
                yield from conjunct(type(tree)(this=a.copy(), expression=b.copy()), join, span, types)
            return
    # By several collations, or one that is written out, columns are compared otherwise than elsewhere: an
    # equal value won't do.
    plain = equality is not None and one_collation(*equality)
    sides = (side_of(equality[0], types), side_of(equality[1], types)) if equality and plain else None
    yield Conjunct(
        tree=tree,
        refs=refs_of(tree),
        sides=sides,
        identical=sides is not None and _identical(sides, types),
        strict=strict_in(tree),
        join=join,
        span=span,
        carries=sides is not None and alike(sides[0].tree, sides[1].tree),
    )


def side_of(tree: Tree, types: Mapping[Ref, str]) -> Side:
    """One side of an equality. `varchar::text` is the same value as the column."""
    refs = refs_of(tree)
    at = tree.unnest()
    while (
        isinstance(at, exp.Cast)
        and at.to.this in (exp.DType.TEXT, exp.DType.VARCHAR)
        and not at.to.expressions
    ):
        at = at.this.unnest()
        if isinstance(at, exp.Column) and types.get(next(iter(refs))) not in TEXTS:
            return Side(tree, refs, None)
    plain = isinstance(at, exp.Column) and not isinstance(at.this, exp.Star) and len(refs) == 1
    return Side(tree, refs, next(iter(refs)) if plain else None)


def _identical(sides: tuple[Side, Side], types: Mapping[Ref, str]) -> bool:
    found = {types.get(side.column) if side.column else None for side in sides}
    return len(found) == 1 and not found.isdisjoint(IDENTICAL)


def reduce_outer_joins(joins: Sequence[OuterJoin], conjuncts: Sequence[Conjunct]) -> Sequence[OuterJoin]:
    """Leave out outer joins whose NULL-extended rows are dropped by WHERE: they are inner joins.

    PostgreSQL's planner does the same (`reduce_outer_joins`).
    """
    changed = True
    remaining = list(joins)
    while changed:
        changed = False
        for join in list(remaining):
            for n in (0, 1):
                if join.nullable[n] and any(
                    _always_holds(q, remaining) and q.strict & join.sides[n] for q in conjuncts
                ):
                    join.nullable = (False, join.nullable[1]) if n == 0 else (join.nullable[0], False)
                    changed = True
            if join.nullable == (False, False):
                remaining.remove(join)
                for q in conjuncts:
                    if q.join is join:
                        q.join = None
    return remaining


def _always_holds(q: Conjunct, joins: Sequence[OuterJoin]) -> bool:
    """Whether a condition holds for every row, unlike an ON from which a NULL-extended row is exempt."""
    if q.join is not None:
        return False
    return q.span is None or not any(
        join.nullable[n] and q.span <= join.sides[n] for join in joins for n in (0, 1)
    )


def _equality(tree: Tree) -> tuple[Tree, Tree] | None:
    named = False
    if isinstance(tree, exp.Operator):
        schema, _, name = str(tree.args["operator"]).rpartition(".")
        named = name == "=" and (schema in ("", "pg_catalog") or _COMPARES in tree.meta)
    if not named and not isinstance(tree, (exp.EQ, exp.NullSafeEQ)):
        return None
    sides = (tree.this, tree.expression)
    return None if any(isinstance(side, (exp.Any, exp.All)) for side in sides) else sides


def members(tree: Tree) -> tuple[Tree, ...]:
    """The members of a row constructor. Any other expression is a row of one member."""
    tree = tree.unnest()
    if isinstance(tree, exp.Tuple) or (isinstance(tree, exp.Anonymous) and tree.name.lower() == "row"):
        return tuple(tree.expressions)
    return (tree,)


def true_of_none(tree: Tree) -> bool:
    """Whether it is a comparison with ALL of a possibly empty set, which is then true even for NULL."""
    right = tree.args.get("expression")
    if not isinstance(right, exp.Anonymous) or right.name.lower() != "all":
        return isinstance(right, exp.All)
    array = right.expressions[0].unnest()
    while isinstance(array, exp.Cast):
        array = array.this.unnest()
    if isinstance(array, exp.Array):
        return not array.expressions
    return not (isinstance(array, exp.Literal) and array.name.strip("{} "))


def strict_in(tree: Tree) -> frozenset[str]:
    """The sources of which a NULL column keeps a condition from being true."""
    return frozenset(ref.source for ref in strict_refs(tree))


def _may_take_null(tree: Tree) -> bool:
    """Whether an operator may yield something other than NULL for a NULL operand.

    The operators of pg_catalog that are parsed as a generic operator node are all strict. Operators of
    extensions and users need not be, unless they compare values of a type that is not PostgreSQL's own.
    """
    schema = str(tree.args.get("operator", "")).rpartition(".")[0]
    return bool(schema) and schema != "pg_catalog" and _COMPARES not in tree.meta


def strict_refs(tree: Tree) -> frozenset[Ref]:
    """The columns whose NULL keeps the condition from being true, or makes the expression NULL."""
    tree = tree.unnest()
    if isinstance(tree, exp.Column):
        return refs_of(tree) if not isinstance(tree.this, exp.Star) else frozenset()
    if isinstance(tree, _STRICT) and true_of_none(tree):
        return frozenset()
    if isinstance(tree, (*_STRICT, *_PASSING_NULL, PrefixOperator, exp.And)) and not _may_take_null(tree):
        found: frozenset[Ref] = frozenset()
        for child in tree.iter_expressions():
            if not isinstance(child, (exp.DataType, exp.Any, exp.All)):
                found |= strict_refs(child)
        return found
    negated = isinstance(tree, exp.Not)
    test = tree.this.unnest() if negated else tree
    if (
        isinstance(test, exp.Is)
        and isinstance(test.expression, exp.Null)
        and negated != bool(test.args.get("negate"))
    ):
        return strict_refs(test.this)
    return frozenset()
