"""Queries with windows, DISTINCT ON and grouping sets that stand in one another."""

from __future__ import annotations

from tests.support.soundness.case import Case

STACKED = {
    "windows by one column in one another": Case(
        "id",
        "SELECT q.id, q.n, q.x, rank() OVER (PARTITION BY q.pid ORDER BY q.n, q.id) AS y FROM ("
        "SELECT q.*, count(*) OVER (PARTITION BY q.pid) AS x FROM ("
        "SELECT i.id, i.pid, i.n, sum(i.n) OVER (PARTITION BY i.pid) AS w FROM i) q WHERE q.w > 2) q",
    ),
    "windows by two columns in one another": Case(
        "id",
        "SELECT q.id, q.n, q.x, count(*) OVER (PARTITION BY q.pid) AS y FROM ("
        "SELECT q.*, count(*) OVER (PARTITION BY q.oid) AS x FROM ("
        "SELECT i.id, i.oid, i.pid, i.n, count(*) OVER (PARTITION BY i.pid) AS w FROM i) q WHERE q.w > 1) q",
    ),
    "the first of the first of the first": Case(
        "id",
        "SELECT q.id, q.n FROM ("
        "SELECT q.*, row_number() OVER (PARTITION BY q.oid ORDER BY q.n, q.id) AS r2 FROM ("
        "SELECT q.*, row_number() OVER (PARTITION BY q.pid ORDER BY q.n, q.id) AS r1 FROM ("
        "SELECT i.*, row_number() OVER (PARTITION BY i.n ORDER BY i.id, i.oid, i.pid) AS r0 FROM i) q"
        " WHERE q.r0 = 1) q WHERE q.r1 = 1) q WHERE q.r2 = 1",
    ),
    "windows above a join of windows": Case(
        "k",
        "SELECT a.cust AS k, count(*) OVER (PARTITION BY a.cust, b.pid) AS n, b.w FROM ("
        "SELECT o.id, o.cust, rank() OVER (PARTITION BY o.state ORDER BY o.id) AS r FROM o) a JOIN ("
        "SELECT i.oid, i.pid, sum(i.n) OVER (PARTITION BY i.pid) AS w FROM i) b ON b.oid = a.id"
        " WHERE a.r < 3",
    ),
    "distinct on in distinct on": Case(
        "oid",
        "SELECT DISTINCT ON (q.oid) q.oid, q.pid, q.n FROM ("
        "SELECT DISTINCT ON (i.pid) i.oid, i.pid, i.n FROM i ORDER BY i.pid, i.n, i.oid) q"
        " ORDER BY q.oid, q.n, q.pid",
    ),
    "grouping sets of grouping sets": Case(
        "k",
        "SELECT coalesce(q.cust, -1) AS k, sum(q.n) AS n FROM (SELECT o.cust, o.state, count(*) AS n FROM o "
        "GROUP BY GROUPING SETS ((o.cust), (o.state), (o.cust, o.state))) q "
        "GROUP BY GROUPING SETS ((q.cust), ())",
    ),
    "a window above a window that may be null": Case(
        "k",
        "SELECT q.cat AS k, q.id, count(*) OVER (PARTITION BY q.cat) AS x FROM ("
        "SELECT p.id, c.parent AS cat, count(*) OVER (PARTITION BY c.parent) AS w FROM p "
        "LEFT JOIN c ON c.id = p.cat) q WHERE q.w > 1",
    ),
}
