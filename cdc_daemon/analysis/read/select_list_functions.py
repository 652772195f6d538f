"""A set-returning function in the select list, rewritten as a function in FROM.

`SELECT t.id, unnest(t.tags) AS tag FROM t` yields the rows of `SELECT t.id, e.tag FROM t CROSS JOIN LATERAL
unnest(t.tags) AS e (tag)`. In this form its value is a column of a source, which routes can bind and compare.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from cdc_daemon.analysis.model.collations import collations_of, marked
from cdc_daemon.analysis.model.dialect import Tree, column, quoted
from cdc_daemon.analysis.model.scopes import QUERY, Source, expressions_without_queries, refs_of
from cdc_daemon.analysis.read.functions import SET_RETURNING, Functions
from cdc_daemon.analysis.read.names import type_of

# Built-in functions of one column; the others yield rows of several.
_ONE_COLUMN = SET_RETURNING - frozenset(
    """aclexplode json_each json_each_text json_populate_recordset json_to_recordset jsonb_each
    jsonb_each_text jsonb_populate_recordset jsonb_to_recordset unnest""".split()  # noqa: SIM905 # as a list it would fill a page
)
_VALUE = "value"


def set_in_select_list(
    tree: exp.Select, functions: Functions, sources: Mapping[str, Source]
) -> exp.Anonymous | None:
    """The only set-returning function of a select list, if it can be moved to FROM; else None.

    It can't next to GROUP BY, aggregates and windows, which are computed before it, nor if another clause
    repeats it.
    """
    clauses = ("group", "having", "windows", "order", "distinct")
    if any(tree.args.get(clause) for clause in clauses):
        return None
    nodes = [node for output in tree.expressions for node in expressions_without_queries(output)]
    if any(isinstance(node, (exp.Window, exp.WithinGroup)) for node in nodes):
        return None
    calls = [node for node in nodes if isinstance(node, exp.Anonymous)]
    several = [node for node in calls if not functions.of_one_row(exp.Anonymous(this=node.name))]
    if len(several) != 1 or isinstance(several[0].parent, exp.Dot):
        return None
    (call,) = several
    name = call.name.lower()
    scalars = name == "unnest" and len(call.expressions) == 1 and _of_scalars(call.expressions[0], sources)
    return call if scalars or name in _ONE_COLUMN else None


def beside_from(tree: exp.Select, call: exp.Anonymous, uid: str, visible: frozenset[str]) -> Source:
    """Move the function to the end of FROM, and put a column of the new source in its place.

    Args:
        uid: the alias of the new source.
        visible: the sources to which it can refer.
    """
    outer = frozenset(ref for ref in refs_of(call) if ref.source in visible)
    item = exp.Lateral(this=call.copy(), alias=exp.TableAlias(this=quoted(uid), columns=[quoted(_VALUE)]))
    call.replace(marked(column(uid, _VALUE), collations_of(call)))
    if tree.args.get("from_") is None:
        tree.set("from_", exp.From(this=item))
    else:
        tree.append("joins", exp.Join(this=item, kind="CROSS"))
    return Source(uid=uid, alias=uid, columns=(_VALUE,), item=item, outer=outer)


def _of_scalars(tree: Tree, sources: Mapping[str, Source]) -> bool:
    """Whether an array has scalar elements; for composite elements unnest() yields several columns."""
    tree = tree.unnest()
    if isinstance(tree, exp.Column):
        source = sources.get(tree.table)
        return source is not None and tree.name in source.columns and _scalars(type_of(source, tree.name))
    if isinstance(tree, exp.Anonymous):
        return tree.name.lower() in ("string_to_array", "regexp_split_to_array")
    return isinstance(tree, exp.Cast) and tree.to.this == exp.DType.ARRAY and not _reads(tree)


def _scalars(type_: str | None) -> bool:
    """Whether a type is not a user's own; such a type, named with its schema, may be a composite."""
    return type_ is not None and type_.endswith("[]") and "." not in type_


def _reads(tree: Tree) -> bool:
    return any(isinstance(node, QUERY) for node in tree.walk())
