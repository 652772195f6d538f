"""The functions that are more than functions of one row: aggregates and set-returning functions."""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp

from cdc_daemon.analysis.model.catalogue import Catalogue
from cdc_daemon.analysis.model.dialect import Tree
from cdc_daemon.analysis.model.scopes import expressions_without_queries

# `SELECT proname FROM pg_aggregate JOIN pg_proc …` of PostgreSQL 18: the catalogue adds those of extensions
# and users, and this list keeps a catalogue that was read without functions (a test's) from being trusted
# wrongly.
AGGREGATES = frozenset(
    """any_value array_agg avg bit_and bit_or bit_xor bool_and bool_or corr count covar_pop covar_samp
    cume_dist dense_rank every grouping json_agg json_agg_strict json_arrayagg json_object_agg
    json_object_agg_strict json_object_agg_unique json_object_agg_unique_strict json_objectagg jsonb_agg
    jsonb_agg_strict jsonb_object_agg jsonb_object_agg_strict jsonb_object_agg_unique
    jsonb_object_agg_unique_strict max min mode percent_rank percentile_cont percentile_disc range_agg
    range_intersect_agg rank regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx
    regr_sxy regr_syy stddev stddev_pop stddev_samp string_agg sum var_pop var_samp
    variance xmlagg""".split()  # noqa: SIM905 # as a list it would fill a page
)
SET_RETURNING = frozenset(
    """aclexplode generate_series generate_subscripts json_array_elements json_array_elements_text json_each
    json_each_text json_object_keys json_populate_recordset json_to_recordset jsonb_array_elements
    jsonb_array_elements_text jsonb_each jsonb_each_text jsonb_object_keys jsonb_path_query
    jsonb_populate_recordset jsonb_to_recordset regexp_matches regexp_split_to_table string_to_table
    unnest""".split()  # noqa: SIM905 # as above
)


class Functions:
    """The aggregates and set-returning functions that a query may call.

    A name counts if it is such a function in any schema. An aggregate that is mistaken for a plain function
    would bind a value that no row has. The opposite mistake only binds less.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self.aggregates = AGGREGATES | {f.name for f in catalogue.functions if f.kind == "aggregate"}
        self._many = self.aggregates | SET_RETURNING | {f.name for f in catalogue.functions if f.returns_set}

    def of_one_row(self, tree: Tree) -> bool:
        """Whether an expression is a function of one row of its SELECT and nothing else."""
        return not any(
            isinstance(node, (exp.Select, exp.SetOperation, exp.Window, exp.WithinGroup))
            or (isinstance(node, exp.Anonymous) and node.name.lower() in self._many)
            for node in expressions_without_queries(tree)
        )


def aggregates_all_rows(select: exp.Select, outputs: Iterable[Tree]) -> bool:
    """Whether a SELECT yields one row for all of its rows, even if there are none.

    It has an aggregate among its outputs and no GROUP BY. `count(*) FILTER (WHERE …) OVER (…)` is no
    aggregate; the inner call of `sum(count(*)) OVER (…)` is one.
    """
    return select.args.get("group") is None and any(
        isinstance(node, exp.Anonymous) and node.name.lower() in AGGREGATES and not _is_over_a_window(node)
        for output in outputs
        for node in expressions_without_queries(output)
    )


def _is_over_a_window(call: exp.Anonymous) -> bool:
    node: exp.Expr = call
    while isinstance(node.parent, (exp.Filter, exp.WithinGroup)) and node.parent.this is node:
        node = node.parent
    return isinstance(node.parent, exp.Window) and node.parent.this is node
