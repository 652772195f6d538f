"""Queries that compare by IS NOT DISTINCT FROM, for which NULL is a value like others."""

from __future__ import annotations

from tests.support.soundness.case import Case

NULL_SAFE = {
    "null-safe join to the key": Case(
        "id", "SELECT p.id, i.n FROM i JOIN p ON p.id IS NOT DISTINCT FROM i.pid"
    ),
    "null-safe in where": Case("id", "SELECT p.id, c.name FROM p, c WHERE NOT p.cat IS DISTINCT FROM c.id"),
    "null-safe left join": Case(
        "id", "SELECT p.id, c.name FROM p LEFT JOIN c ON c.parent IS NOT DISTINCT FROM p.cat"
    ),
    "null-safe above a right join": Case(
        "id",
        "SELECT p.id, o.state FROM p RIGHT JOIN o ON o.cust = p.cat WHERE p.id IS NOT DISTINCT FROM o.id",
    ),
    "null-safe rows": Case(
        "id",
        "SELECT p.id, ps.qty FROM p JOIN ps ON (ps.pid, ps.sid) IS NOT DISTINCT FROM (p.id, p.cat)",
    ),
    "null-safe siblings": Case(
        "id", "SELECT c.id, d.name FROM c JOIN c d ON d.parent IS NOT DISTINCT FROM c.parent"
    ),
    "null-safe chain": Case(
        "id",
        "SELECT p.id, s.code FROM p JOIN ps ON ps.pid IS NOT DISTINCT FROM p.id"
        " JOIN s ON s.id IS NOT DISTINCT FROM ps.sid",
    ),
    "null-safe with a constant": Case(
        "id", "SELECT o.id, i.n FROM o JOIN i ON i.oid = o.id WHERE o.state IS NOT DISTINCT FROM 1"
    ),
    "null-safe in exists": Case(
        "id",
        "SELECT p.id, EXISTS (SELECT FROM i WHERE i.pid IS NOT DISTINCT FROM p.cat) AS has FROM p",
    ),
    "null-safe after an outer join": Case(
        "id",
        "SELECT p.id, x.name FROM p LEFT JOIN c ON c.id = p.cat"
        " JOIN c x ON x.parent IS NOT DISTINCT FROM c.parent",
    ),
    "null-safe across types": Case(
        "id", "SELECT p.id, a.val FROM p JOIN a ON a.pid IS NOT DISTINCT FROM p.cat"
    ),
    "not distinct or distinct": Case(
        "id",
        "SELECT p.id, c.name FROM p JOIN c ON NOT (c.id IS DISTINCT FROM p.cat OR c.parent = p.id)",
    ),
    "subtree of each while null-safe": Case(
        "id",
        "SELECT p.id, (WITH RECURSIVE t(r, k) AS (SELECT c.id, c.parent FROM c WHERE c.id = p.cat UNION"
        " SELECT e.id, t.k FROM t JOIN c e ON e.parent = t.r"
        " WHERE EXISTS (SELECT FROM o WHERE o.cust IS NOT DISTINCT FROM t.k))"
        " SELECT count(*) FROM t) AS n FROM p",
    ),
    "null-safe window": Case(
        "id",
        "SELECT o.id, count(*) OVER (PARTITION BY o.cust) AS n FROM o"
        " JOIN i ON i.oid IS NOT DISTINCT FROM o.id",
    ),
    "null-safe group": Case(
        "id",
        "SELECT p.cat AS id, sum(ps.qty) AS n FROM p JOIN ps ON ps.pid IS NOT DISTINCT FROM p.cat"
        " GROUP BY p.cat",
    ),
    "somebody's own equality is true of two NULLs": Case(
        "k",
        "SELECT COALESCE(c.id, -p.id) AS k, p.sku FROM p LEFT JOIN c ON c.id = p.cat"
        " WHERE c.parent OPERATOR(own.=) NULLIF(p.id, 1)",
        rows="INSERT INTO p VALUES (1, 2, 'a'); INSERT INTO c VALUES (2, 2, 'b')",
        change="DELETE FROM c",
    ),
    "somebody's own equality is true of different values": Case(
        "k",
        "SELECT b.parent AS k, a.name FROM c a JOIN c b ON a.id OPERATOR(own.=) b.parent",
        rows="INSERT INTO c VALUES (1, NULL, 'a'), (4, 3, 'b')",
        change="UPDATE c SET name = 'c' WHERE id = 1",
    ),
}
