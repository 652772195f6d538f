"""Rules of the filters that hold while another table stands still, and what takes each out."""

from __future__ import annotations

from tests.mutations.mutants import Mutation

NARROWED = (
    Mutation(
        "a row that an outer join keeps without a match counts",
        "join_filters",
        "        and keeps_out(scope, source, q)\n",
        "",
        killed_by=("test_join_filters",),
    ),
    Mutation(
        "a condition with a call or the clock may say something else tomorrow",
        "join_filters",
        "        and all(map(_steady, q.tree.walk()))\n",
        "",
        killed_by=("test_join_filters",),
    ),
    Mutation(
        "the day of a constant may be another tomorrow",
        "join_filters",
        " and node.this not in _OF_THE_CLOCK",
        "",
        killed_by=("test_join_filters",),
    ),
    Mutation(
        "only a table that is referred to by a unique key is looked at",
        "join_filters",
        "if real in key} <= known\n",
        "if real in key} <= known or True\n",
        killed_by=("test_join_filters",),
    ),
    Mutation(
        "only a table with a condition of its own is looked at",
        "join_filters",
        "    if not own or not any(",
        "    if not any(",
        killed_by=("test_join_filters",),
    ),
    Mutation(
        "a table changes whenever a row of it does",
        "join_filters",
        "    if source.table.name == beside.table.name:\n",
        "    if False:\n",
        killed_by=("test_join_filters",),
    ),
    Mutation(
        "a table that nobody watches is never known to stand still",
        "join_filters",
        "    if not beside.table.watchable or beside.table.foreign_parts:\n",
        "    if False:\n",
        killed_by=("test_join_filters",),
    ),
    Mutation(
        "what the filter reads of the changed row is a link",
        "analyse",
        "        links.update(*(found.links for found in narrowed))\n",
        "",
        killed_by=("test_join_filters",),
    ),
)
