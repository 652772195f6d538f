"""Rules of the filters that hold while another table stands still, and what takes each out."""

from __future__ import annotations

from tests.mutations.mutants import Mutation

NARROWED = (
    Mutation(
        "a row that an outer join keeps without a match counts",
        "_join_filter",
        """\
(not q.implied
and beside.uid in q.sources
and q.sources <= both
and keeps_out(scope, source, q)
and keeps_out(scope, beside, q)
and all(_real(ref, source, beside) for ref in q.refs)
and all(map(_steady, q.tree.walk())))
""",
        """\
(not q.implied
and beside.uid in q.sources
and q.sources <= both
and keeps_out(scope, beside, q)
and all(_real(ref, source, beside) for ref in q.refs)
and all(map(_steady, q.tree.walk())))
""",
        killed_by=("test_join_filters",),
    ),
    Mutation(
        "a condition with a call or the clock may say something else tomorrow",
        "_join_filter",
        """\
(not q.implied
and beside.uid in q.sources
and q.sources <= both
and keeps_out(scope, source, q)
and keeps_out(scope, beside, q)
and all(_real(ref, source, beside) for ref in q.refs)
and all(map(_steady, q.tree.walk())))
""",
        """\
(not q.implied
and beside.uid in q.sources
and q.sources <= both
and keeps_out(scope, source, q)
and keeps_out(scope, beside, q)
and all(_real(ref, source, beside) for ref in q.refs))
""",
        killed_by=("test_join_filters",),
    ),
    Mutation(
        "the day of a constant may be another tomorrow",
        "_steady",
        "node.this in TYPES and node.this not in _OF_THE_CLOCK",
        "node.this in TYPES",
        killed_by=("test_join_filters",),
    ),
    Mutation(
        "only a table that is referred to by a unique key is looked at",
        "_join_filter",
        "{name for name, real in beside.real.items() if real in key} <= known",
        "{name for name, real in beside.real.items() if real in key} <= known or True",
        killed_by=("test_join_filters",),
    ),
    Mutation(
        "only a table with a condition of its own is looked at",
        "_join_filter",
        """\
not own or not any(
    {name for name, real in beside.real.items() if real in key} <= known
    for key in beside.table.unique_keys
)
""",
        """\
not any(
    {name for name, real in beside.real.items() if real in key} <= known
    for key in beside.table.unique_keys
)
""",
        killed_by=("test_join_filters",),
    ),
    Mutation(
        "a table changes whenever a row of it does",
        "_join_filter",
        "source.table.name == beside.table.name",
        "False",
        killed_by=("test_join_filters",),
    ),
    Mutation(
        "a table that nobody watches is never known to stand still",
        "_join_filter",
        "not beside.table.watchable or beside.table.foreign_parts",
        "False",
        killed_by=("test_join_filters",),
    ),
    Mutation(
        "what the filter reads of the changed row is a link",
        "_Collected.occurrence",
        "links.update(*(found.links for found in narrowed))",
        "pass",
        killed_by=("test_join_filters",),
    ),
)
