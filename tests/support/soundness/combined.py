"""Queries with groups, set operations, functions in FROM, joins of several kinds, and windows."""

from __future__ import annotations

from tests.support.soundness.case import Case

COMBINED = {
    # groups
    "grouping sets": Case(
        "cat",
        "SELECT p.cat, p.sku, grouping(p.cat, p.sku) AS g, count(*) AS n FROM p "
        "GROUP BY GROUPING SETS ((p.cat, p.sku), (p.cat))",
    ),
    "cube": Case(
        "k,g",
        "SELECT coalesce(o.cust, 0) AS k, grouping(o.cust) AS g, sum(i.n) AS n FROM o JOIN i ON i.oid = o.id "
        "GROUP BY CUBE (o.cust)",
    ),
    "rollup of two tables": Case(
        "cust,pid",
        "SELECT coalesce(o.cust, 0) AS cust, coalesce(i.pid, 0) AS pid, count(*) AS n FROM o JOIN i "
        "ON i.oid = o.id GROUP BY ROLLUP (o.cust, i.pid)",
    ),
    "grouping sets derived": Case(
        "id",
        "SELECT c.id, t.n, t.g FROM c JOIN (SELECT p.cat, count(*) AS n, grouping(p.price) AS g FROM p "
        "GROUP BY p.cat, ROLLUP (p.price) HAVING count(*) > 1) t ON t.cat = c.id",
        rows="INSERT INTO p VALUES (1, 1, 'a', 1); INSERT INTO c VALUES (1)",
        change="INSERT INTO p VALUES (2, 1, 'a', 2)",
    ),
    "filter and ordered sets": Case(
        "cat",
        "SELECT p.cat, count(*) FILTER (WHERE p.sku = 'a') AS a, percentile_disc(0.5) WITHIN GROUP "
        "(ORDER BY p.id) AS m FROM p GROUP BY p.cat",
    ),
    "filter with a subquery": Case(
        "cat",
        "SELECT p.cat, count(*) FILTER (WHERE EXISTS (SELECT FROM ps WHERE ps.pid = p.id)) AS a "
        "FROM p GROUP BY p.cat",
    ),
    # set operations
    "union with values": Case("id", "SELECT p.id, p.sku FROM p UNION ALL VALUES (7, 'x'), (8, 'y')"),
    "nested set operations": Case(
        "k",
        "(SELECT p.cat AS k FROM p UNION SELECT c.parent FROM c) EXCEPT (SELECT s.web FROM s INTERSECT "
        "SELECT o.cust FROM o)",
    ),
    "limit around a union of each": Case(
        "id",
        "SELECT p.id, t.n FROM p CROSS JOIN LATERAL (SELECT i.n FROM i WHERE i.pid = p.id UNION ALL "
        "SELECT ps.qty FROM ps WHERE ps.pid = p.id ORDER BY 1 LIMIT 1) t",
    ),
    "in a union": Case(
        "id",
        "SELECT p.id FROM p WHERE p.cat IN (SELECT c.id FROM c UNION SELECT s.id FROM s WHERE s.web = 1)",
    ),
    # functions in FROM
    "function over a subquery": Case(
        "id",
        "SELECT p.id, t.x FROM p CROSS JOIN LATERAL unnest(ARRAY(SELECT ps.qty FROM ps WHERE ps.pid = p.id)) "
        "WITH ORDINALITY AS t(x, n)",
    ),
    "join behind elements": Case(
        "id",
        "SELECT p.id, (SELECT string_agg(c.name, ',' ORDER BY u.n, c.name) FROM unnest(p.tags) WITH "
        "ORDINALITY AS u(tag, n) JOIN c ON c.id = u.tag) AS names FROM p",
    ),
    "elements in an exists": Case(
        "id",
        "SELECT p.id FROM p WHERE EXISTS (SELECT 1 FROM c, unnest(p.tags) AS u(tag) WHERE c.id = u.tag "
        "AND c.parent = 1)",
        rows="INSERT INTO p VALUES (1, 1, 'a', 1, '{2, 3}'); INSERT INTO c VALUES (3, 2)",
        change="UPDATE c SET parent = 1",
    ),
    "values of a row around": Case(
        "id",
        "SELECT p.id, (SELECT string_agg(c.name, ',' ORDER BY v.n, c.name)"
        " FROM (VALUES (p.cat, 1), (p.id, 2)) AS v(k, n) JOIN c ON c.id = v.k) AS names FROM p",
    ),
    "values of a row around that may be NULL": Case(
        "id",
        "SELECT p.id, (SELECT count(*) FROM i CROSS JOIN LATERAL (VALUES (p.cat), (i.n)) AS v(k)"
        " JOIN c ON c.parent IS NOT DISTINCT FROM v.k WHERE i.pid = p.id) AS n FROM p",
    ),
    "a query without a table over a row around": Case(
        "id",
        "SELECT p.id, EXISTS (SELECT FROM (SELECT p.cat AS k WHERE p.price > 2 UNION ALL SELECT p.id) v"
        " JOIN o ON o.cust = v.k) AS has FROM p",
    ),
    "elements that are not there": Case(
        "id",
        "SELECT p.id, (SELECT count(*) FROM c LEFT JOIN unnest(p.tags) AS u(tag) ON u.tag = c.id "
        "WHERE u.tag IS NULL AND c.parent = p.cat) AS n FROM p",
    ),
    "elements of a nullable side": Case(
        "id",
        "SELECT p.id, x.n FROM c LEFT JOIN p ON p.cat = c.id CROSS JOIN LATERAL (SELECT count(*) AS n "
        "FROM unnest(p.tags) WITH ORDINALITY AS u(tag, k) LEFT JOIN i ON i.oid = u.tag) x "
        "WHERE p.id IS NOT NULL",
    ),
    "unpivot": Case(
        "id",
        "SELECT p.id, v.what, v.n FROM p CROSS JOIN LATERAL (VALUES ('cat', p.cat), ('best', (SELECT "
        "max(i.n) FROM i WHERE i.pid = p.id))) AS v(what, n)",
    ),
    "rows from": Case(
        "id",
        "SELECT p.id, t.a, t.b FROM p, ROWS FROM (unnest(p.tags), generate_series(1, p.cat)) "
        "WITH ORDINALITY AS t(a, b, n)",
    ),
    "series": Case("id", "SELECT p.id, g.n FROM p LEFT JOIN generate_series(1, 3) AS g(n) ON g.n > p.cat"),
    "json elements joined": Case(
        "id",
        "SELECT p.id, c.name FROM p CROSS JOIN LATERAL jsonb_array_elements(to_jsonb(p.tags)) AS e(v) "
        "JOIN c ON c.id = (e.v #>> '{}')::int",
    ),
    "left join of a function": Case(
        "id",
        "SELECT p.id, c.name FROM p LEFT JOIN LATERAL unnest(p.tags) AS t(tag) ON true "
        "LEFT JOIN c ON c.id = t.tag",
    ),
    "values joined": Case(
        "n", "SELECT v.n, c.name FROM (VALUES (1, 'a'), (2, 'b')) v(n, w) JOIN c ON c.id = v.n"
    ),
    "function in the select list": Case("id", "SELECT p.id, unnest(p.tags) AS tag FROM p"),
    "beyond a lateral": Case(
        "id",
        "SELECT p.id, c.name FROM p CROSS JOIN LATERAL (SELECT i.n FROM i WHERE i.pid = p.id ORDER BY i.n, "
        "i.id LIMIT 1) x JOIN c ON c.id = x.n",
    ),
    "entity beyond two joins by ranges": Case(
        "id", "SELECT p.id, o.state FROM p JOIN i ON i.n < p.cat JOIN o ON o.id = i.oid"
    ),
    # joins
    "subquery in on of a full join": Case(
        "k",
        "SELECT coalesce(c.id, o.id) AS k, c.name, o.cust FROM c FULL JOIN o ON o.id = c.id AND EXISTS "
        "(SELECT FROM s WHERE s.id = o.cust)",
    ),
    "correlated subquery in on of a full join": Case(
        "k",
        "SELECT coalesce(c.id, -o.id) AS k, c.name, o.cust FROM c FULL JOIN o ON o.id = c.id AND c.parent IN "
        "(SELECT s.web FROM s WHERE s.id = o.state)",
    ),
    "natural join": Case("id", "SELECT c.id, o.cust FROM c NATURAL JOIN o"),
    "natural full join": Case("id", "SELECT id, x.cust, y.name FROM o x NATURAL FULL JOIN c y"),
    "join by a function": Case("id", "SELECT p.id, c.name FROM p JOIN c ON lower(c.name) = lower(p.sku)"),
    "join by a cast": Case("id", "SELECT p.id, x.attr FROM p JOIN a x ON x.val = p.id::text"),
    "join by equality and a range": Case(
        "id", "SELECT p.id, i.n FROM p JOIN i ON i.pid = p.id AND i.n BETWEEN p.cat AND p.cat + 2"
    ),
    "join by an array": Case("id", "SELECT p.id, c.name FROM p JOIN c ON c.id = ANY (p.tags)"),
    "join by containment": Case("id", "SELECT p.id, y.sku FROM p JOIN p y ON y.tags @> p.tags"),
    "joined to itself by key": Case(
        "id", "SELECT x.id, y.sku FROM p x JOIN p y ON y.id = x.id WHERE x.cat > 1"
    ),
    "entity through the same row": Case(
        "sku", "SELECT y.sku, i.n FROM p x JOIN p y ON y.id = x.id JOIN i ON i.pid = x.id"
    ),
    "the same row beyond left joins": Case(
        "sku",
        "SELECT y.sku, i.n FROM i LEFT JOIN p x ON x.id = i.pid LEFT JOIN p y ON y.id = x.id AND y.cat > 1",
    ),
    "the same value is not the same row": Case(
        "sku", "SELECT y.sku, i.n FROM p x JOIN p y ON y.cat = x.cat JOIN i ON i.pid = x.id"
    ),
    "the same row in one condition": Case(
        "id", "SELECT x.id, count(*) AS n FROM p x JOIN p y ON y.id = x.id OR y.cat = x.cat GROUP BY x.id"
    ),
    "row in any": Case(
        "id", "SELECT p.id FROM p WHERE ROW(p.id, p.cat) = ANY (SELECT ps.pid, ps.sid FROM ps)"
    ),
    "not equal to all of each": Case(
        "id", "SELECT p.id FROM p WHERE p.cat <> ALL (SELECT ps.sid FROM ps WHERE ps.qty = p.id)"
    ),
    "aggregate of each compared": Case(
        "id",
        "SELECT p.id FROM p WHERE (SELECT count(*) FROM i WHERE i.pid = p.id) > "
        "(SELECT coalesce(max(ps.qty), 0) FROM ps WHERE ps.pid = p.id)",
    ),
    "correlation over three levels": Case(
        "id",
        "SELECT s.id, ARRAY(SELECT (SELECT count(*) FROM i WHERE i.pid = ps.pid AND EXISTS (SELECT FROM o "
        "WHERE o.id = i.oid AND o.cust = s.web)) FROM ps WHERE ps.sid = s.id ORDER BY 1) AS n FROM s",
    ),
    # entities and windows
    "three tables, one entity": Case(
        "id,sid,cust", "SELECT p.id, s.id AS sid, o.cust FROM p CROSS JOIN s JOIN o ON o.state = s.web"
    ),
    "wider key": Case("cat", "SELECT p.cat, p.id, p.sku FROM p JOIN c ON c.id = p.cat"),
    "expression over two tables": Case(
        "k", "SELECT p.id || '-' || s.id AS k, ps.qty FROM ps JOIN p ON p.id = ps.pid JOIN s ON s.id = ps.sid"
    ),
    "window over an expression": Case(
        "id", "SELECT p.id, count(*) OVER (PARTITION BY p.cat % 2) AS n FROM p"
    ),
    "window beyond a join": Case(
        "id",
        "SELECT i.id, rank() OVER (PARTITION BY o.cust ORDER BY i.n, i.id) AS r FROM i "
        "JOIN o ON o.id = i.oid",
    ),
    "window over a group": Case(
        "cat",
        "SELECT p.cat, count(*) AS n, rank() OVER (PARTITION BY p.cat % 2 ORDER BY count(*)) AS r FROM p "
        "GROUP BY p.cat",
    ),
    "window over a key of a neighbour": Case(
        "id", "SELECT p.id, count(*) OVER (PARTITION BY o.state) AS n FROM p JOIN o ON o.id = p.id"
    ),
    "distinct on of a nullable neighbour": Case(
        "id",
        "SELECT DISTINCT ON (x.parent) y.name, y.id FROM c x LEFT JOIN c y ON y.parent = x.id "
        "ORDER BY x.parent, y.id, y.name",
    ),
    "distinct on of a merged key": Case(
        "cust",
        "SELECT DISTINCT ON (id) y.cust, y.state FROM c x NATURAL FULL JOIN o y ORDER BY id, y.cust, y.state",
    ),
    "window building on another": Case(
        "id",
        "SELECT i.id, sum(i.n) OVER (w ORDER BY i.id, i.n) AS n FROM i WINDOW w AS (PARTITION BY i.pid)",
    ),
}
