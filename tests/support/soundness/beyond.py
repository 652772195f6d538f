"""Queries that look beyond outer joins: NULL-extended rows, NOT IN of rows, and whether a set is empty."""

from __future__ import annotations

from tests.support.soundness.case import Case

BEYOND = {
    "scalar subquery beyond a left join": Case(
        "id",
        "SELECT p.id, (SELECT max(o.cust) FROM o WHERE o.id = c.parent) AS m FROM p LEFT JOIN c ON "
        "c.id = p.cat",
    ),
    "exists beyond a left join": Case(
        "id",
        "SELECT p.id FROM p LEFT JOIN c ON c.id = p.cat WHERE NOT EXISTS (SELECT FROM o WHERE o.id "
        "= c.parent)",
    ),
    "null-safe subquery beyond a left join": Case(
        "id",
        "SELECT p.id, (SELECT count(*) FROM o WHERE o.id IS NOT DISTINCT FROM c.parent) AS n FROM p "
        "LEFT JOIN c ON c.id = p.cat AND c.name = 'a'",
    ),
    "subquery that takes NULL from a left join": Case(
        "id",
        "SELECT p.id, (SELECT count(*) FROM o WHERE o.id = coalesce(c.parent, 1)) AS n FROM p "
        "LEFT JOIN c ON c.id = p.cat",
    ),
    "lateral after a left join": Case(
        "id",
        "SELECT p.id, x.n FROM p LEFT JOIN c ON c.id = p.cat LEFT JOIN LATERAL "
        "(SELECT count(*) AS n FROM o WHERE o.id = c.parent) x ON true",
    ),
    "lateral inside of a nullable side": Case(
        "id",
        "SELECT p.id, x.cust FROM p LEFT JOIN (c CROSS JOIN LATERAL (SELECT o.cust FROM o "
        "WHERE o.id * 2 = c.parent + p.cat) x) ON c.id = p.cat",
    ),
    "entity from inside of a nullable side": Case(
        "k",
        "SELECT coalesce(c.id * 10, p.id) AS k, count(*) AS n FROM p LEFT JOIN (c CROSS JOIN LATERAL "
        "(SELECT o.cust FROM o WHERE o.id = c.parent + p.cat - 1) x) ON c.id = p.cat GROUP BY 1",
    ),
    "subquery beyond a full join": Case(
        "k",
        "SELECT coalesce(c.id, o.id) AS k, (SELECT count(*) FROM i WHERE i.oid = o.cust AND i.n = "
        "c.parent) AS x,"
        " (SELECT count(*) FROM s WHERE s.web IS NOT DISTINCT FROM c.parent) AS y FROM c FULL JOIN "
        "o ON o.id = c.id",
    ),
    "subquery beyond two left joins": Case(
        "id",
        "SELECT p.id, (SELECT max(i.n) FROM i WHERE i.oid = o.id AND i.pid = c.parent) AS n FROM p "
        "LEFT JOIN c ON c.id = p.cat LEFT JOIN o ON o.cust = c.id",
    ),
    "subquery two deep beyond a left join": Case(
        "id",
        "SELECT p.id, (SELECT count(*) FROM o WHERE EXISTS (SELECT FROM i WHERE i.oid = o.id AND "
        "i.pid = c.parent)) AS n FROM p LEFT JOIN c ON c.id = p.cat",
    ),
    "not in with a column of a left join": Case(
        "id",
        "SELECT p.id FROM p LEFT JOIN c ON c.id = p.cat WHERE c.parent NOT IN (SELECT o.cust FROM o "
        "WHERE o.state = 1)",
    ),
    "not in a join beyond a left join": Case(
        "id",
        "SELECT p.id FROM p LEFT JOIN s ON s.id = p.cat WHERE s.id NOT IN (SELECT i.n FROM i JOIN o "
        "ON o.id = i.oid)",
    ),
    "in as a value beyond a left join": Case(
        "id", "SELECT p.id, s.web IN (SELECT o.cust FROM o) AS known FROM p LEFT JOIN s ON s.id = p.cat"
    ),
    "not in, in the condition of a left join": Case(
        "id",
        "SELECT p.id, s.code FROM p LEFT JOIN c ON c.id = p.cat LEFT JOIN s ON s.web = p.id AND "
        "c.parent NOT IN (SELECT o.cust FROM o)",
    ),
    "window by the key of a left join, NULL together": Case(
        "id", "SELECT p.id, count(*) OVER (PARTITION BY s.id) AS n FROM p LEFT JOIN s ON s.id = p.cat"
    ),
    "window by two columns of a left join": Case(
        "id",
        "SELECT p.id, count(*) OVER (PARTITION BY s.web, s.code) AS n FROM p LEFT JOIN s ON s.id = p.cat",
    ),
    "window of a left join by a range": Case(
        "id",
        "SELECT p.id, count(*) OVER (PARTITION BY c.parent) AS n FROM p LEFT JOIN c ON c.id = p.cat "
        "AND c.parent < p.id",
    ),
    "window of a left join on a subquery": Case(
        "id",
        "SELECT p.id, count(*) OVER (PARTITION BY s.id) AS n FROM p LEFT JOIN s ON s.id = p.cat AND EXISTS "
        "(SELECT FROM o WHERE o.id = s.web)",
    ),
    # NOT IN of rows
    "pair not in, both may be NULL": Case(
        "id", "SELECT p.id FROM p WHERE (p.cat, p.sku) NOT IN (SELECT c.parent, c.name FROM c)"
    ),
    "pair not in a join": Case(
        "id",
        "SELECT p.id FROM p WHERE (p.cat, p.id) NOT IN (SELECT i.n, o.cust FROM i JOIN o ON o.id = i.oid)",
    ),
    "pair not in a group": Case(
        "id",
        "SELECT p.id FROM p WHERE (p.cat, p.id) NOT IN (SELECT ps.pid, max(ps.qty) FROM ps GROUP BY ps.pid)",
    ),
    "triple not in": Case(
        "id",
        "SELECT i.id FROM i WHERE (i.oid, i.pid, i.n) NOT IN (SELECT ps.pid, ps.sid, ps.qty FROM ps)",
    ),
    "four not in": Case(
        "id",
        "SELECT i.id FROM i WHERE (i.oid, i.pid, i.n, i.id) NOT IN (SELECT ps.pid, ps.sid, ps.qty, "
        "ps.sid FROM ps)",
    ),
    "pair not equal to all of each": Case(
        "id",
        "SELECT p.id FROM p WHERE (p.cat, p.id) <> ALL (SELECT ps.qty, ps.sid FROM ps WHERE ps.pid = p.id)",
    ),
    "pair in as a value": Case(
        "id", "SELECT p.id, (p.cat, p.sku) IN (SELECT c.id, c.name FROM c) AS known FROM p"
    ),
    # whether the set is empty
    "not in a set that is hardly ever empty": Case(
        "id", "SELECT i.id FROM i WHERE i.n NOT IN (SELECT c.parent FROM c)"
    ),
    "not in a filtered set": Case(
        "id",
        "SELECT i.id, i.n NOT IN (SELECT ps.qty FROM ps WHERE ps.sid = 1 AND ps.qty IS NOT NULL) AS x FROM i",
    ),
    "not in numerics": Case(
        "cat",
        "SELECT x.cat, count(*) AS n FROM p x WHERE x.price NOT IN (SELECT y.price FROM p y WHERE y.cat = 1)"
        " GROUP BY x.cat",
    ),
    "not in what a function yields": Case(
        "id", "SELECT i.id FROM i WHERE i.n NOT IN (SELECT unnest(p.tags) FROM p)"
    ),
    "pair not in what a function yields": Case(
        "id", "SELECT i.id FROM i WHERE (i.n, i.oid) NOT IN (SELECT p.cat, unnest(p.tags) FROM p)"
    ),
    "not in distinct": Case(
        "id",
        "SELECT i.id FROM i WHERE i.n NOT IN (SELECT DISTINCT o.cust FROM o)",
        rows="INSERT INTO i VALUES (1, 1, 1, 2); INSERT INTO o VALUES (1, 1, 1)",
        change="INSERT INTO o VALUES (1, 2, 1)",
    ),
    "not in the first": Case(
        "id", "SELECT i.id FROM i WHERE i.n NOT IN (SELECT o.cust FROM o ORDER BY o.cust, o.id LIMIT 1)"
    ),
    "not in a set of two tables that share its value": Case(
        "id",
        "SELECT i.id FROM i WHERE i.n NOT IN (SELECT o.id FROM o JOIN c ON c.id = o.id)",
        rows="INSERT INTO i VALUES (1, 1, 1, NULL); INSERT INTO o VALUES (1, 1, 1); INSERT INTO c VALUES (2)",
        change="INSERT INTO o VALUES (2, 1, 1); INSERT INTO c VALUES (1)",
    ),
    "not in all but the first": Case(
        "id",
        "SELECT i.id FROM i WHERE i.n NOT IN (SELECT o.cust FROM o ORDER BY o.cust, o.id, o.state OFFSET 5)",
    ),
    "not in groups": Case(
        "id", "SELECT i.id FROM i WHERE i.n NOT IN (SELECT o.cust FROM o GROUP BY o.cust HAVING count(*) > 1)"
    ),
    "not in a set that another table decides": Case(
        "id",
        "SELECT i.id FROM i WHERE i.n NOT IN (SELECT o.cust FROM o WHERE EXISTS (SELECT FROM s "
        "WHERE s.id = 1))",
    ),
}
"""What a subquery knows of a row that an outer join left NULL, and NOT IN."""
