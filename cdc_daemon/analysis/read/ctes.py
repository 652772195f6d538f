"""WITH: the queries behind the names that it declares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from sqlglot import exp

from cdc_daemon.analysis.model.dialect import Tree


@dataclass(frozen=True)
class Cte:
    """A common table expression.

    Attributes:
        columns: the names that its declaration gives to its first columns.
        within: the names that its own query may use.
        recursive: whether it reads itself.
        added: the columns that SEARCH and CYCLE add.
        clauses: the SEARCH and CYCLE clauses.
        itself: whether it stands for the rows before, in the step of a recursive CTE.
        collations: the collations of its columns, in order.
    """

    tree: Tree
    columns: tuple[str, ...]
    within: Mapping[str, Cte]
    recursive: bool = False
    added: tuple[str, ...] = ()
    clauses: Mapping[str, Tree] = field(default_factory=dict[str, Tree])
    itself: bool = False
    collations: tuple[frozenset[str], ...] = ()


def declared(tree: Tree, known: Mapping[str, Cte]) -> Mapping[str, Cte]:
    """The CTEs that a query can read; its WITH is removed.

    A CTE becomes a derived table wherever it is read, so CTEs need no rules of their own, MATERIALIZED or
    not.
    """
    clause = tree.args.get("with_")
    if clause is None:
        return known
    recursive = bool(clause.args.get("recursive"))
    found = dict(known)
    for cte in clause.expressions:
        # Under RECURSIVE a query may use names that are declared further down, else only those above.
        within = found if recursive else dict(found)
        reads_itself = recursive and _reads(cte.this, cte.alias)
        clauses = {name: cte.args[name] for name in ("search", "cycle") if cte.args.get(name) is not None}
        added = tuple(
            part.name
            for each in clauses.values()
            for part in (each.args.get("expression"), each.args.get("using"))
            if isinstance(part, exp.Identifier)
        )
        found[cte.alias] = Cte(cte.this, alias_columns(cte), within, reads_itself, added, clauses)
    tree.set("with_", None)
    return found


def _reads(tree: Tree, name: str) -> bool:
    return any(table.name == name and not table.db for table in tree.find_all(exp.Table))


def unread(tree: Tree) -> Iterator[exp.CTE]:
    """The CTEs of a query, at any depth, that nothing reads. PostgreSQL does not run them.

    A name that an inner WITH declares again counts as a use of both.
    """
    for clause in tree.find_all(exp.With):
        # Where each is used: a use in a CTE that nothing reads, itself among them, is none.
        users: dict[str, list[exp.CTE | None]] = {cte.alias: [] for cte in clause.expressions}
        for table in clause.parent.find_all(exp.Table) if clause.parent is not None else ():
            if table.name in users and not table.db:
                users[table.name].append(_inside(table, clause))
        waiting: list[exp.CTE] = list(clause.expressions)
        found: list[exp.CTE] = []
        while lonely := [cte for cte in waiting if all(user in (cte, *found) for user in users[cte.alias])]:
            found += lonely
            waiting = [cte for cte in waiting if cte not in lonely]
        yield from found


def _inside(node: Tree, clause: exp.With) -> exp.CTE | None:
    """The CTE that holds a node; None if the node belongs to the query of the WITH."""
    at: Tree | None = node
    while at is not None and at.parent is not clause:
        at = at.parent
    return at if isinstance(at, exp.CTE) else None


def alias_columns(node: Tree) -> tuple[str, ...]:
    """The column names of an alias such as `AS t(a, b)`."""
    alias = node.args.get("alias")
    columns = alias.args.get("columns") if isinstance(alias, exp.TableAlias) else None
    return tuple(part.name for part in columns or ())
