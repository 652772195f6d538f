"""Queries that leave rows out by a constant."""

from __future__ import annotations

from tests.support.soundness.case import Case

FILTERED = {
    "eav": Case(
        "id",
        "SELECT p.id, n.val AS name, d.val AS text FROM p"
        " LEFT JOIN a n ON n.pid = p.id AND n.attr = 1 AND n.sid = 2"
        " LEFT JOIN a d ON d.pid = p.id AND d.attr = 2 AND d.sid IN (1, 2)",
    ),
    "filter above the outer join": Case(
        "id",
        "SELECT p.id, ps.qty FROM p LEFT JOIN ps ON ps.pid = p.id AND ps.qty = 2 WHERE ps.sid IS NULL",
    ),
    "filter inside of the nullable side": Case(
        "id",
        "SELECT p.id, o.state FROM p"
        " LEFT JOIN (i JOIN o ON o.id = i.oid AND o.state = 1 AND i.n IS NULL) ON i.pid = p.id",
    ),
    "filter of an inner join above an outer one": Case(
        "id",
        "SELECT p.id, c.name FROM (p LEFT JOIN c ON c.id = p.cat)"
        " JOIN ps ON ps.pid = p.id AND c.parent IS NULL",
    ),
    "filter of an outer join above another": Case(
        "id",
        "SELECT ps.pid AS id, c.name FROM ps LEFT JOIN (p LEFT JOIN c ON c.id = p.cat)"
        " ON ps.pid = p.id AND c.parent IS NULL AND p.price > 1",
    ),
    "filter of the preserved side": Case(
        "id", "SELECT c.id, o.cust FROM o RIGHT JOIN c ON c.id = o.id AND c.parent = 1 AND o.state = 2"
    ),
    "filter before a full join": Case(
        "k",
        "SELECT coalesce(x.id, o.id) AS k, x.name, o.cust"
        " FROM (SELECT c.id, c.name FROM c WHERE c.parent = 1) x FULL JOIN o ON o.id = x.id",
    ),
    "filter above a full join": Case(
        "k",
        "SELECT coalesce(c.id, o.id) AS k, c.name, o.cust FROM c FULL JOIN o ON o.id = c.id"
        " WHERE c.parent = 1 OR o.state IS NULL",
    ),
    "full join reduced by its filter": Case(
        "id", "SELECT c.id, o.cust FROM c FULL JOIN o ON o.id = c.id WHERE c.parent = 1"
    ),
    "filter of an anti-join": Case(
        "id",
        "SELECT p.id FROM p WHERE NOT EXISTS"
        " (SELECT FROM a WHERE a.pid = p.id AND a.attr = 1 AND a.val IS NOT NULL)",
    ),
    "filter of NOT IN": Case(
        "id", "SELECT p.id FROM p WHERE p.id NOT IN (SELECT i.pid FROM i WHERE i.n = 2)"
    ),
    "filter with OR": Case(
        "id",
        "SELECT p.id, a.val FROM p JOIN a ON a.pid = p.id"
        " WHERE (a.attr = 1 AND a.sid = 1) OR (a.attr IN (2, 3) AND a.val IS NULL AND lower(a.val) IS NULL)",
    ),
    "filter with NOT": Case(
        "id", "SELECT p.id, a.val FROM p JOIN a ON a.pid = p.id WHERE NOT (a.attr = 1 OR a.sid IS NULL)"
    ),
    "filter before DISTINCT ON": Case(
        "cust", "SELECT DISTINCT ON (o.cust) o.cust, o.id FROM o WHERE o.state = 1 ORDER BY o.cust, o.id"
    ),
    "filter before a window": Case(
        "id",
        "SELECT i.id, i.n, sum(i.n) OVER (PARTITION BY i.oid) AS s FROM i WHERE i.pid NOT IN (1, 2)",
    ),
    "filter before the first of each": Case(
        "id",
        "SELECT p.id, t.id AS first FROM p LEFT JOIN LATERAL"
        " (SELECT i.id FROM i WHERE i.pid = p.id AND i.n > 1 ORDER BY i.id LIMIT 1) t ON true",
    ),
    "filter before a limit": Case("id", "SELECT p.id, p.sku FROM p WHERE p.cat = 1 ORDER BY p.id LIMIT 2"),
    "filter of a CTE that is read twice": Case(
        "id",
        "WITH t AS (SELECT a.pid, a.val FROM a WHERE a.attr = 1) SELECT p.id, t.val, u.val AS other FROM p"
        " JOIN t ON t.pid = p.id LEFT JOIN t u ON u.pid = p.cat AND u.val = 'a'",
    ),
    "a match that counts": Case(
        "sid", "SELECT ps.sid, ps.qty FROM ps JOIN p ON p.id = ps.pid WHERE p.cat = 1"
    ),
    "a match that counts, of a value by the name of its attribute": Case(
        "id",
        "SELECT i.id, v.list FROM i LEFT JOIN LATERAL (SELECT json_agg(a.val ORDER BY a.val, a.sid) AS list"
        " FROM a JOIN p ON p.id = a.attr WHERE a.pid = i.n AND p.sku IN ('a', 'b')) v ON true",
    ),
    "a match that counts within the nullable side": Case(
        "id",
        "SELECT c.id, ps.qty FROM c LEFT JOIN (ps JOIN p ON p.id = ps.pid AND p.cat = 1 AND p.price > 1)"
        " ON ps.sid = c.id",
    ),
    "no match counts as well": Case(
        "sid", "SELECT ps.sid, p.sku FROM ps LEFT JOIN p ON p.id = ps.pid AND p.cat = 1 WHERE p.sku IS NULL"
    ),
    "a match that counts, of one use of two": Case(
        "id",
        "WITH t AS (SELECT i.id, i.pid, p.cat FROM i JOIN p ON p.id = i.pid) SELECT t.id, u.n FROM t"
        " LEFT JOIN (SELECT t.id, count(*) AS n FROM t WHERE t.cat = 1 GROUP BY t.id) u ON u.id = t.id",
    ),
}
"""Queries with constant conditions, and places where none may be moved into capture."""
