"""Queries with one construct each: joins, subqueries, derived tables, groups."""

from __future__ import annotations

from tests.support.soundness.case import Case

PLAIN = {
    # joins
    "one table": Case("id", "SELECT id, sku FROM p WHERE cat > 1"),
    "foreign key": Case("id", "SELECT i.id, i.n, o.state FROM i JOIN o ON o.id = i.oid"),
    "parent is the entity": Case("id", "SELECT o.id, i.n FROM o JOIN i ON i.oid = o.id WHERE i.n > 1"),
    "grandparent": Case(
        "cust",
        "SELECT o.cust, p.sku, i.n FROM o JOIN i ON i.oid = o.id JOIN p ON p.id = i.pid WHERE p.cat = 2",
        rows="INSERT INTO o VALUES (1, 3, 1); INSERT INTO i VALUES (1, 1, 2, 1);"
        "INSERT INTO p VALUES (2, 2, 'a')",
        change="UPDATE p SET sku = 'b'",
    ),
    "comma join": Case("id", "SELECT o.id, p.sku FROM o, i, p WHERE i.oid = o.id AND p.id = i.pid"),
    "using": Case("id", "SELECT id, c.name, o.cust FROM c JOIN o USING (id)"),
    "using with an alias": Case(
        "id", "SELECT j.id, c.name, o.cust FROM c FULL JOIN o USING (id) AS j WHERE j.id > 1"
    ),
    "using left": Case("id", "SELECT id, c.name, o.cust FROM c LEFT JOIN o USING (id)"),
    "using right": Case("id", "SELECT id, c.name, o.cust FROM c RIGHT JOIN o USING (id)"),
    "using full": Case("id", "SELECT id, c.name, o.cust FROM c FULL JOIN o USING (id)"),
    "using twice": Case(
        "id", "SELECT id, c.name, o.cust, s.code FROM c JOIN o USING (id) LEFT JOIN s USING (id)"
    ),
    "self join": Case("id", "SELECT x.id, y.name AS parent FROM c x JOIN c y ON y.id = x.parent"),
    "self join left": Case(
        "id",
        "SELECT x.id, y.name, z.name AS n2 FROM c x LEFT JOIN c y ON y.id = x.parent "
        "LEFT JOIN c z ON z.id = y.parent",
    ),
    "left join": Case("id", "SELECT p.id, ps.qty FROM p LEFT JOIN ps ON ps.pid = p.id AND ps.qty > 1"),
    "left join chain": Case(
        "sku", "SELECT p.sku, i.n, o.state FROM p LEFT JOIN i ON i.pid = p.id LEFT JOIN o ON o.id = i.oid"
    ),
    "left join of a join": Case(
        "id", "SELECT p.id, o.state FROM p LEFT JOIN (i JOIN o ON o.id = i.oid) ON i.pid = p.id"
    ),
    "left join filtered": Case("id", "SELECT p.id FROM p LEFT JOIN ps ON ps.pid = p.id WHERE ps.pid IS NULL"),
    "left join made inner": Case("id", "SELECT p.id FROM p LEFT JOIN ps ON ps.pid = p.id WHERE ps.qty = 2"),
    "a coalesce of what a derived table leaves NULL": Case(
        "k",
        "SELECT coalesce(d.x, d.x) AS k, o.cust FROM (SELECT c.id AS x, p.id AS y FROM p LEFT JOIN c "
        "ON c.id = p.cat) d JOIN o ON o.id = d.y",
    ),
    "entity beyond a left join": Case(
        "k",
        "SELECT coalesce(c.parent, p.cat, 0) AS k, count(*) AS n FROM p LEFT JOIN c ON c.id = p.cat "
        "GROUP BY 1",
    ),
    "entity from the nullable side": Case(
        "parent", "SELECT c.parent, p.sku FROM p LEFT JOIN c ON c.id = p.cat"
    ),
    "left join on a second nullable": Case(
        "id",
        "SELECT p.id, s.code FROM p LEFT JOIN ps ON ps.pid = p.id LEFT JOIN s ON s.id = "
        "coalesce(ps.sid, p.cat)",
    ),
    "left join then inner": Case(
        "id", "SELECT p.id, s.code FROM p LEFT JOIN ps ON ps.pid = p.id JOIN s ON s.id = ps.sid"
    ),
    "right join": Case("id", "SELECT s.id, ps.qty FROM ps RIGHT JOIN s ON s.id = ps.sid AND ps.qty = s.web"),
    "full join": Case(
        "k", "SELECT coalesce(c.id, o.id) AS k, c.name, o.cust FROM c FULL JOIN o ON o.id = c.id"
    ),
    "full join entity of one side": Case(
        "cust", "SELECT o.cust, c.name FROM c FULL JOIN o ON o.id = c.parent"
    ),
    "nested outer joins": Case(
        "id",
        "SELECT s.id, x.qty, x.n FROM s LEFT JOIN (SELECT ps.sid, ps.qty, i.n FROM ps LEFT JOIN i "
        "ON i.pid = ps.pid) x ON x.sid = s.id",
    ),
    "null-safe beyond a left join": Case(
        "id",
        "SELECT p.id, s.code FROM p LEFT JOIN ps ON ps.pid = p.id LEFT JOIN s ON s.web IS NOT "
        "DISTINCT FROM ps.pid",
    ),
    "where on the nullable side": Case(
        "cust",
        "SELECT o.cust, ps.qty FROM o LEFT JOIN ps ON ps.pid = o.id WHERE ps.sid IS NOT DISTINCT "
        "FROM o.state",
    ),
    "range join": Case(
        "id", "SELECT p.id, count(i.n) AS n FROM p JOIN i ON i.n BETWEEN p.cat AND p.id GROUP BY p.id"
    ),
    "or in a join": Case(
        "id", "SELECT p.id, count(*) AS n FROM p JOIN i ON i.pid = p.id OR i.n = p.cat GROUP BY p.id"
    ),
    "null-safe join": Case("id", "SELECT p.id, c.name FROM p JOIN c ON c.id IS NOT DISTINCT FROM p.cat"),
    "row equality": Case("id", "SELECT p.id, x.val FROM p JOIN a x ON (x.pid, x.attr) = (p.id, p.cat)"),
    "expression key": Case("k", "SELECT p.id + 10 AS k, ps.qty FROM p JOIN ps ON ps.pid = p.id"),
    "expression in a join": Case("id", "SELECT p.id, o.state FROM p JOIN o ON o.id = p.cat + 1"),
    "equal is not identical": Case(
        "k", "SELECT x.price::text AS k, y.id FROM p x JOIN p y ON y.price = x.price"
    ),
    "equal beyond a group": Case(
        "k",
        "SELECT trim_scale(g.price) AS k, g.n FROM (SELECT p.price, count(*) AS n FROM p GROUP BY p.price) g",
    ),
    "text key": Case("sku", "SELECT p.sku, x.val FROM p JOIN a x ON x.val = p.sku"),
    # entities of several tables
    "product by store": Case(
        "id,sid",
        "SELECT p.id, s.id AS sid, x.val FROM p CROSS JOIN s LEFT JOIN a x ON x.pid = p.id AND x.sid = s.id "
        "AND x.attr = 2",
    ),
    "product by its stores": Case(
        "id,sid", "SELECT p.id, s.id AS sid, ps.qty FROM p JOIN ps ON ps.pid = p.id JOIN s ON s.id = ps.sid"
    ),
    "fallback value": Case(
        "id,sid",
        "SELECT p.id, s.id AS sid, coalesce((SELECT x.val FROM a x WHERE x.pid = p.id AND x.sid = "
        "s.id AND x.attr = 1"
        " ORDER BY x.val LIMIT 1), (SELECT x.val FROM a x WHERE x.pid = p.id AND x.sid = 1 AND x.attr = 1"
        " ORDER BY 1 LIMIT 1)) AS val FROM p, s WHERE EXISTS (SELECT FROM ps WHERE ps.pid = p.id AND "
        "ps.sid = s.web)",
    ),
    "the order and item trap": Case(
        "cust,pid", "SELECT o.cust, i.pid, sum(i.n) AS n FROM o JOIN i ON i.oid = o.id GROUP BY o.cust, i.pid"
    ),
    "three tables in the entity": Case(
        "cust,cat",
        "SELECT o.cust, p.cat, count(*) AS n FROM o JOIN i ON i.oid = o.id JOIN p ON p.id = i.pid "
        "GROUP BY 1, 2",
    ),
    # subqueries
    "correlated in select": Case(
        "id", "SELECT p.id, (SELECT sum(ps.qty) FROM ps WHERE ps.pid = p.id) AS qty FROM p"
    ),
    "correlated over two": Case(
        "id",
        "SELECT c.id, (SELECT string_agg(p.sku, ',' ORDER BY p.sku) FROM p JOIN ps ON ps.pid = p.id "
        "WHERE p.cat = c.id AND ps.qty > 1) AS skus FROM c",
    ),
    "correlated two deep": Case(
        "id",
        "SELECT s.id, (SELECT count(*) FROM ps WHERE ps.sid = s.id AND EXISTS (SELECT FROM i WHERE "
        "i.pid = ps.pid "
        "AND i.n = s.web)) AS n FROM s",
    ),
    "exists": Case(
        "id", "SELECT p.id FROM p WHERE EXISTS (SELECT 1 FROM ps WHERE ps.pid = p.id AND ps.qty > 1)"
    ),
    "not exists": Case("id", "SELECT p.id FROM p WHERE NOT EXISTS (SELECT 1 FROM ps WHERE ps.pid = p.id)"),
    "not exists over two": Case(
        "id",
        "SELECT p.id FROM p WHERE NOT EXISTS (SELECT FROM ps JOIN s ON s.id = ps.sid WHERE ps.pid = p.id)",
    ),
    "in": Case("id", "SELECT p.id FROM p WHERE p.cat IN (SELECT c.id FROM c WHERE c.parent > 1)"),
    "in or": Case("id", "SELECT p.id FROM p WHERE p.cat IN (SELECT c.id FROM c) OR p.sku = 'a'"),
    "in as a value": Case("id", "SELECT p.id, p.cat IN (SELECT c.id FROM c) AS known FROM p"),
    "not in": Case("id", "SELECT p.id FROM p WHERE p.cat NOT IN (SELECT c.parent FROM c WHERE c.name = 'a')"),
    "not in never null": Case("id", "SELECT p.id FROM p WHERE p.id NOT IN (SELECT s.id FROM s)"),
    "not in correlated": Case(
        "id", "SELECT p.id FROM p WHERE p.cat NOT IN (SELECT ps.qty FROM ps WHERE ps.pid = p.id)"
    ),
    "pair in": Case("id", "SELECT p.id FROM p WHERE (p.id, p.cat) IN (SELECT ps.pid, ps.qty FROM ps)"),
    "pair not in": Case(
        "id", "SELECT p.id FROM p WHERE (p.id, p.cat) NOT IN (SELECT ps.pid, ps.qty FROM ps)"
    ),
    "any and all": Case(
        "id",
        "SELECT p.id FROM p WHERE p.cat = ANY (SELECT c.id FROM c) AND p.id <> ALL (SELECT o.cust FROM o)",
    ),
    "greater than all": Case(
        "id", "SELECT p.id FROM p WHERE p.cat > ALL (SELECT ps.qty FROM ps WHERE ps.pid = p.id)"
    ),
    "scalar comparison": Case(
        "id", "SELECT p.id FROM p WHERE p.cat = (SELECT max(ps.qty) FROM ps WHERE ps.pid = p.id)"
    ),
    "uncorrelated scalar": Case("id", "SELECT p.id, (SELECT count(*) FROM c) AS n FROM p"),
    "subquery in on": Case(
        "id",
        "SELECT p.id, i.n FROM p LEFT JOIN i ON i.pid = p.id AND EXISTS (SELECT FROM o WHERE o.id = i.oid)",
    ),
    "subquery in on of both": Case(
        "id",
        "SELECT p.id, i.n FROM p LEFT JOIN i ON i.pid = p.id AND i.n IN (SELECT c.parent FROM c "
        "WHERE c.id = p.cat)",
    ),
    "array of a subquery": Case(
        "id", "SELECT p.id, ARRAY(SELECT ps.qty FROM ps WHERE ps.pid = p.id ORDER BY 1) AS q FROM p"
    ),
    "case with exists": Case(
        "id",
        "SELECT p.id, CASE WHEN EXISTS (SELECT FROM i WHERE i.pid = p.id) THEN (SELECT max(i.n) FROM i "
        "WHERE i.pid = p.id) ELSE 0 END AS n FROM p",
    ),
    # derived tables
    "derived": Case(
        "id",
        "SELECT p.id, t.n FROM p JOIN (SELECT i.pid, sum(i.n) AS n FROM i GROUP BY i.pid) t ON t.pid = p.id",
    ),
    "derived two deep": Case(
        "cat",
        "SELECT p.cat, sum(t.n) AS n FROM p JOIN (SELECT pid, sum(n) AS n FROM (SELECT i.pid, i.n "
        "FROM i JOIN o "
        "ON o.id = i.oid WHERE o.state = 1) u GROUP BY pid) t ON t.pid = p.id GROUP BY p.cat",
    ),
    "derived with renamed columns": Case(
        "k", "SELECT t.k, s.code FROM (SELECT ps.pid, ps.sid FROM ps) t(k, v) JOIN s ON s.id = t.v"
    ),
    "cte": Case(
        "id",
        "WITH t AS (SELECT pid, max(n) AS n FROM i GROUP BY pid) SELECT p.id, t.n FROM p LEFT JOIN t "
        "ON t.pid = p.id",
    ),
    "cte read twice": Case(
        "id",
        "WITH t(a, b) AS (SELECT c.id, c.parent FROM c WHERE c.name <> 'b') SELECT x.a AS id, y.b FROM t x "
        "LEFT JOIN t y ON y.a = x.b",
    ),
    "cte on cte": Case(
        "id",
        "WITH u AS (SELECT pid, n FROM i WHERE n > 1), v AS (SELECT pid, count(*) AS n FROM u GROUP BY pid) "
        "SELECT p.id, v.n FROM p JOIN v ON v.pid = p.id",
    ),
    "hop over a derived table": Case(
        "sku",
        "SELECT t.sku, ps.qty FROM (SELECT DISTINCT p.id, p.sku FROM p JOIN c ON c.id = p.cat) t "
        "JOIN ps ON ps.pid = t.id",
    ),
    "lateral": Case(
        "id", "SELECT p.id, t.n FROM p CROSS JOIN LATERAL (SELECT sum(i.n) AS n FROM i WHERE i.pid = p.id) t"
    ),
    "left lateral": Case(
        "id",
        "SELECT p.id, t.n FROM p LEFT JOIN LATERAL (SELECT i.n FROM i WHERE i.pid = p.id AND i.n = "
        "p.cat) t ON true",
    ),
    "top of each": Case(
        "id",
        "SELECT p.id, t.n FROM p LEFT JOIN LATERAL (SELECT i.n FROM i WHERE i.pid = p.id ORDER BY "
        "i.n DESC LIMIT 2) t ON true",
    ),
    "lateral after lateral": Case(
        "id",
        "SELECT p.id, u.state FROM p CROSS JOIN LATERAL (SELECT i.oid FROM i WHERE i.pid = p.id) t "
        "CROSS JOIN LATERAL (SELECT o.state FROM o WHERE o.id = t.oid OR o.cust = p.cat) u",
    ),
    "function in from": Case(
        "id", "SELECT p.id, t.tag FROM p CROSS JOIN LATERAL unnest(p.tags) AS t(tag) JOIN c ON c.id = t.tag"
    ),
    "entity from a function": Case("tag", "SELECT t.tag, p.sku FROM p CROSS JOIN unnest(p.tags) AS t(tag)"),
    "values": Case("id", "SELECT p.id, v.l FROM p JOIN (VALUES (1, 'x'), (2, 'y')) v(k, l) ON v.k = p.cat"),
    "ordinality": Case(
        "id", "SELECT p.id, t.tag, t.n FROM p, unnest(p.tags) WITH ORDINALITY t(tag, n) WHERE t.n < 3"
    ),
    # groups
    "group": Case(
        "cat",
        "SELECT p.cat, count(*) AS n, max(trim_scale(p.price)) AS m FROM p "
        "GROUP BY p.cat HAVING count(*) > 1",
    ),
    "group by key": Case(
        "id", "SELECT p.id, p.sku, sum(i.n) AS n FROM p LEFT JOIN i ON i.pid = p.id GROUP BY p.id"
    ),
    "group by another's key": Case(
        "sku", "SELECT p.sku, count(i.n) AS n FROM p JOIN i ON i.pid = p.id GROUP BY p.id"
    ),
    "having a subquery": Case(
        "cat",
        "SELECT p.cat, count(*) AS n FROM p GROUP BY p.cat HAVING EXISTS (SELECT FROM c WHERE c.id = p.cat)",
    ),
    "distinct": Case(
        "cust", "SELECT DISTINCT o.cust, p.cat FROM o JOIN i ON i.oid = o.id JOIN p ON p.id = i.pid"
    ),
    "distinct on": Case("cat", "SELECT DISTINCT ON (p.cat) p.cat, p.sku, p.id FROM p ORDER BY p.cat, p.id"),
    "distinct on, another entity": Case(
        "id", "SELECT DISTINCT ON (p.cat) p.cat, p.id FROM p ORDER BY p.cat, p.id"
    ),
    "window by entity": Case(
        "cat", "SELECT p.cat, p.id, rank() OVER (PARTITION BY p.cat ORDER BY p.price, p.id) AS r FROM p"
    ),
    "window by another column": Case(
        "id", "SELECT p.id, count(*) OVER (PARTITION BY p.cat) AS n FROM p JOIN c ON c.id = p.cat"
    ),
    "window without partition": Case("id", "SELECT p.id, count(*) OVER () AS n FROM p"),
    "named window": Case(
        "id", "SELECT i.id, sum(i.n) OVER w AS n FROM i WINDOW w AS (PARTITION BY i.oid ORDER BY i.id, i.n)"
    ),
    "two windows": Case(
        "id",
        "SELECT i.id, count(*) OVER (PARTITION BY i.oid) AS x, count(*) OVER (PARTITION BY i.pid) AS "
        "y FROM i",
    ),
    "newest of each": Case(
        "cat",
        "SELECT t.cat, t.id FROM (SELECT p.cat, p.id, row_number() OVER (PARTITION BY p.cat ORDER BY "
        "p.id) AS r "
        "FROM p) t WHERE t.r = 1",
    ),
    "limit": Case("id", "SELECT p.id, p.sku FROM p ORDER BY p.id LIMIT 2"),
    "union all": Case(
        "k",
        "SELECT p.id AS k, p.sku AS v FROM p UNION ALL SELECT o.cust, c.name FROM o JOIN c ON c.id = o.id",
    ),
    "union": Case("k", "SELECT p.cat AS k, p.sku AS v FROM p UNION SELECT c.id, c.name FROM c"),
    "except": Case("k", "SELECT p.cat AS k FROM p EXCEPT SELECT c.id FROM c"),
    "intersect": Case("k", "SELECT p.cat AS k FROM p INTERSECT ALL SELECT c.id FROM c"),
    "union derived": Case(
        "id",
        "SELECT p.id, t.n FROM p JOIN (SELECT pid, n FROM i UNION SELECT pid, qty FROM ps) t ON t.pid = p.id",
    ),
    "whole row": Case("id", "SELECT p.id, row_to_json(c) AS cat FROM p JOIN c ON c.id = p.cat"),
    "rollup": Case("cat", "SELECT p.cat, count(*) AS n FROM p GROUP BY ROLLUP (p.cat)"),
    "constant in the entity": Case(
        "id,kind", "SELECT p.id, 'x'::text AS kind, ps.qty FROM p JOIN ps ON ps.pid = p.id"
    ),
    "recursive": Case(
        "id",
        "WITH RECURSIVE t AS (SELECT c.id, c.parent FROM c WHERE c.parent = 1 UNION SELECT c.id, "
        "c.parent FROM c "
        "JOIN t ON c.parent = t.id) SELECT t.id, t.parent FROM t",
    ),
    "rollup of two": Case(
        "cat,g",
        "SELECT coalesce(p.cat, 0) AS cat, grouping(p.cat, p.sku) AS g, count(*) AS n FROM p "
        "GROUP BY ROLLUP (p.cat, p.sku)",
    ),
    "condition on the preserved side in on": Case(
        "id", "SELECT p.id, ps.qty FROM p LEFT JOIN ps ON ps.pid = p.id AND p.cat = 2"
    ),
    "window by two columns that may be NULL": Case(
        "id", "SELECT i.id, count(*) OVER (PARTITION BY nullif(i.oid, 1), nullif(i.oid, 2)) AS n FROM i"
    ),
    "limit around a union": Case("id", "SELECT p.id FROM p UNION SELECT c.id FROM c ORDER BY 1 LIMIT 2"),
    "tree with its root": Case(
        "root",
        "WITH RECURSIVE t AS (SELECT c.id, c.id AS root FROM c WHERE c.parent IS NULL UNION "
        "SELECT c.id, t.root FROM c JOIN t ON c.parent = t.id) "
        "SELECT t.root, count(*) AS n, string_agg(t.id::text, ',' ORDER BY t.id) AS ids "
        "FROM t GROUP BY t.root",
    ),
    "tree with the names of ancestors": Case(
        "id",
        "WITH RECURSIVE t AS (SELECT c.id, c.name, 0 AS depth FROM c WHERE c.parent IS NULL UNION ALL "
        "SELECT c.id, t.name || c.name, t.depth + 1 FROM c JOIN t ON c.parent = t.id WHERE t.depth < 3) "
        "SELECT t.id, string_agg(t.name, ',' ORDER BY t.name) AS names FROM t GROUP BY t.id",
    ),
    "tree over another table": Case(
        "id",
        "WITH RECURSIVE t AS (SELECT c.id FROM c WHERE c.parent IS NULL UNION SELECT c.id FROM c "
        "JOIN t ON c.parent = t.id JOIN o ON o.id = c.id) SELECT t.id FROM t",
    ),
    "entity beyond an anti-join": Case(
        "k",
        "SELECT coalesce(c.parent, p.cat, 0) AS k, count(*) AS n FROM p LEFT JOIN c ON c.id = p.cat "
        "WHERE c.id IS NULL GROUP BY 1",
    ),
    "entity that takes NULL from a left join": Case(
        "k",
        "SELECT coalesce(ps.sid, p.cat) AS k, count(*) AS n FROM p LEFT JOIN ps ON ps.pid = p.id "
        "WHERE coalesce(ps.sid, p.cat) > 0 GROUP BY 1",
    ),
    "not in a set that may hold NULL": Case(
        "id", "SELECT p.id FROM p WHERE p.id NOT IN (SELECT c.parent FROM c WHERE c.id = 1)"
    ),
    "window by the key of a left join": Case(
        "id", "SELECT p.id, count(*) OVER (PARTITION BY s.id) AS n FROM p LEFT JOIN s ON s.id = p.cat"
    ),
    "distinct on over a window": Case(
        "k",
        "SELECT DISTINCT ON (i.oid) i.id * 10 + i.n AS k, i.oid, count(*) OVER (PARTITION BY i.pid) AS c "
        "FROM i ORDER BY i.oid, 3, 1",
    ),
    "not in beyond a left join": Case(
        "id",
        "SELECT p.id FROM p LEFT JOIN s ON s.id = p.cat "
        "WHERE s.id NOT IN (SELECT x.id FROM s x WHERE x.web = 1)",
    ),
    "limit over many": Case("id", "SELECT o.id FROM o ORDER BY o.state, o.cust, o.id LIMIT 2"),
}
