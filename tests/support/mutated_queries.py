"""Queries that are a little otherwise than those that people wrote."""

from __future__ import annotations

import random
from collections.abc import Sequence

from cdc_daemon.analysis.model.dialect import parse, render

UNWRITABLE = (ValueError, AttributeError, TypeError, KeyError)
"""Errors of sqlglot at trees that no query has."""


def mutant(chance: random.Random, query: str, others: Sequence[str]) -> str:
    """A query in which a node was dropped, or replaced by one of its own or of another query.

    Half of the replacements are of the node's own kind, which PostgreSQL more often takes.
    """
    tree = parse(query)
    node = chance.choice(list(tree.walk())[1:])
    if chance.random() < 0.3:
        node.pop()
        return render(tree)
    donor = parse(chance.choice(others)) if chance.random() < 0.3 else tree
    nodes = list(donor.walk())[1:]
    alike = [each for each in nodes if type(each) is type(node) and each != node]
    node.replace(chance.choice(alike if alike and chance.random() < 0.5 else nodes).copy())
    return render(tree)
