"""WITH RECURSIVE: its base, its step, and a query that yields all its rows."""

from __future__ import annotations

from sqlglot import exp

from cdc_daemon.analysis.model.collations import of_outputs
from cdc_daemon.analysis.model.dialect import column, quoted
from cdc_daemon.analysis.model.scopes import Recursion, Scope, Source, refs_of, scopes_of
from cdc_daemon.analysis.read.context import Bodies, BuildContext, NotUnderstood
from cdc_daemon.analysis.read.ctes import Cte, declared
from cdc_daemon.analysis.read.names import NameScope


def read_recursion(
    context: BuildContext, bodies: Bodies, name: str, cte: Cte, around: NameScope | None
) -> tuple[Recursion, exp.Select]:
    """The scopes of a recursive CTE, and a SELECT that yields its rows, for one occurrence of it.

    Raises:
        NotUnderstood: a step does more than join further rows to the row before.
    """
    union = cte.tree.copy()
    if not isinstance(union, exp.Union):
        raise NotUnderstood(f"WITH RECURSIVE {name} that is no UNION: write it as base UNION ALL step")
    declaration = exp.CTE(this=union, alias=exp.TableAlias(this=quoted(name)))
    if cte.columns:
        declaration.args["alias"].set("columns", [quoted(each) for each in cte.columns])
    ctes = declared(union, cte.within)
    base = bodies.body(union.left, around, ctes)
    own = (*cte.columns, *base.names[len(cte.columns) :])
    columns = (*own, *cte.added)
    itself_only = Cte(union, columns, {}, itself=True, collations=of_outputs(base))
    step = bodies.body(union.right, around, {**ctes, name: itself_only})
    if not isinstance(step, Scope):
        raise NotUnderstood(f"WITH RECURSIVE {name}, whose step is more than one SELECT: write it as one")
    itself = _itself(name, step)
    rows = _rows(context, name, columns, declaration, cte)
    alias = exp.TableAlias(this=quoted(itself.uid), columns=[quoted(each) for each in itself.columns])
    itself.item = exp.Subquery(this=rows.copy(), alias=alias)
    distinct = bool(union.args.get("distinct"))
    outside = around.uids() if around is not None else frozenset[str]()
    correlated = any(ref.source in outside for ref in refs_of(rows))
    return Recursion(base, step, itself.uid, columns, distinct, correlated), rows


def _itself(name: str, step: Scope) -> Source:
    """The one source of the step that is the CTE."""
    if step.limit is not None or step.partitions:
        raise NotUnderstood(
            f"WITH RECURSIVE {name} with a window, DISTINCT ON or LIMIT in its step: move it to the query "
            f"that reads {name}"
        )
    found = [source for scope in scopes_of(step) for source in scope.sources.values() if source.itself]
    if len(found) != 1 or found[0].uid not in step.sources:
        raise NotUnderstood(
            f"WITH RECURSIVE {name}, whose step reads {name} in a subquery: join it in the step's own FROM"
        )
    return found[0]


def _rows(
    context: BuildContext, name: str, columns: tuple[str, ...], declaration: exp.CTE, cte: Cte
) -> exp.Select:
    alias = context.take(name)
    for each, clause in cte.clauses.items():
        declaration.set(each, clause.copy())
    return exp.Select(
        with_=exp.With(expressions=[declaration], recursive=True),
        expressions=[column(alias, each) for each in columns],
        from_=exp.From(this=exp.Table(this=quoted(name), alias=exp.TableAlias(this=quoted(alias)))),
    )
