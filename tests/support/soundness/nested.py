"""Further queries over the shop: views, recursion, grouping sets, functions in FROM, joins by anything."""

from __future__ import annotations

from tests.support.soundness.case import Case

VIEWS = """
CREATE VIEW pc AS SELECT p.id, p.sku, p.cat, c.name FROM p LEFT JOIN c ON c.id = p.cat;
CREATE VIEW stocked (product, shop, n) WITH (security_barrier) AS
    SELECT ps.pid, ps.sid, sum(ps.qty) FROM ps GROUP BY ps.pid, ps.sid;
CREATE VIEW sold AS SELECT pc.id, pc.name, i.n FROM pc JOIN i ON i.pid = pc.id;
CREATE VIEW cheapest AS SELECT DISTINCT ON (p.cat) p.cat, p.id FROM p ORDER BY p.cat, p.price, p.id;
CREATE SCHEMA "Other";
CREATE VIEW "Other"."Tree of" ("Id", "Root", path) AS
    WITH RECURSIVE t AS (
        SELECT c.id, c.id AS root, c.name FROM c WHERE c.parent IS NULL
        UNION ALL SELECT c.id, t.root, t.name || '/' || c.name FROM c JOIN t ON c.parent = t.id
        WHERE length(t.name) < 6
    ) SELECT t.id, t.root, t.name FROM t;
"""

_TREE = """WITH RECURSIVE t AS (
    SELECT c.id, c.parent, c.name AS path, 1 AS depth, c.id AS root FROM c WHERE c.parent IS NULL
    UNION ALL
    SELECT c.id, c.parent, t.path || '/' || c.name, t.depth + 1, t.root FROM c JOIN t ON c.parent = t.id
    WHERE t.depth < 4
) """

NESTED = {
    # views
    "view": Case("id", "SELECT pc.id, pc.name FROM pc"),
    "view of a view": Case("id", "SELECT sold.id, sum(sold.n) AS n FROM sold GROUP BY sold.id"),
    "view with renamed columns": Case(
        "k", "SELECT v.k, s.code FROM stocked AS v(k, l) JOIN s ON s.id = v.l WHERE v.n > 1"
    ),
    "view read twice": Case(
        "id", "SELECT x.id, y.sku AS other FROM pc x LEFT JOIN pc y ON y.cat = x.id AND y.name = 'a'"
    ),
    "view in a subquery": Case(
        "id", "SELECT p.id FROM p WHERE p.id IN (SELECT stocked.product FROM stocked WHERE stocked.n > 2)"
    ),
    "view with distinct on": Case("id", "SELECT c.id, w.id AS p FROM c LEFT JOIN cheapest w ON w.cat = c.id"),
    "view in another schema": Case(
        "id", 'SELECT p.id, t.path FROM p LEFT JOIN "Other"."Tree of" t ON t."Id" = p.cat'
    ),
    "view as a whole row": Case("id", "SELECT p.id, row_to_json(pc) AS v FROM p JOIN pc ON pc.id = p.id"),
    # recursion
    "tree with paths": Case("id", _TREE + "SELECT t.id, t.path, t.depth FROM t"),
    "tree, entity by the root": Case("root", _TREE + "SELECT t.root, count(*) AS n FROM t GROUP BY t.root"),
    "tree joined": Case("id", _TREE + "SELECT p.id, t.path FROM p LEFT JOIN t ON t.id = p.cat"),
    "tree, root and node": Case("root,id", _TREE + "SELECT t.root, t.id, t.path FROM t"),
    "products by root": Case("root", _TREE + "SELECT t.root, p.sku FROM t JOIN p ON p.cat = t.id"),
    "tree read twice": Case(
        "id", _TREE + "SELECT x.id, y.path FROM t x LEFT JOIN t y ON y.id = x.root AND y.depth = 1"
    ),
    "tree by union": Case(
        "id",
        "WITH RECURSIVE t(id, top) AS (SELECT c.id, c.name FROM c WHERE c.parent = 1 UNION "
        "SELECT c.id, t.top FROM t JOIN c ON c.parent = t.id) SELECT t.id, t.top FROM t",
    ),
    "step over two tables": Case(
        "k",
        "WITH RECURSIVE t(k) AS (SELECT o.id FROM o WHERE o.state = 1 UNION SELECT i.pid FROM t "
        "JOIN i ON i.oid = t.k JOIN p ON p.id = i.pid AND p.cat > 1) SELECT t.k FROM t",
    ),
    "step with a left join": Case(
        "k",
        "WITH RECURSIVE t(k, n) AS (SELECT p.cat, 0 FROM p WHERE p.id = 1 UNION ALL SELECT coalesce("
        "c.parent, t.k), t.n + 1 FROM t LEFT JOIN c ON c.id = t.k WHERE t.n < 4) "
        "SELECT t.k, count(*) AS n FROM t GROUP BY t.k",
    ),
    "step with a left join that it yields": Case(
        "k",
        "WITH RECURSIVE t(k, n) AS (SELECT p.cat, 0 FROM p WHERE p.id < 3 UNION ALL SELECT c.parent, "
        "t.n + 1 FROM t LEFT JOIN c ON c.id = t.k WHERE t.n < 4) "
        "SELECT t.k, count(*) AS n FROM t GROUP BY t.k",
    ),
    "step with a subquery": Case(
        "id",
        "WITH RECURSIVE t AS (SELECT c.id, c.name FROM c WHERE c.parent IS NULL UNION SELECT c.id, c.name "
        "FROM c JOIN t ON c.parent = t.id WHERE EXISTS (SELECT FROM p WHERE p.cat = c.id)) "
        "SELECT t.id, t.name FROM t",
    ),
    "tree with cycle": Case(
        "id",
        "WITH RECURSIVE t(id, parent) AS (SELECT c.id, c.parent FROM c WHERE c.parent = 1 UNION ALL "
        "SELECT c.id, c.parent FROM c JOIN t ON c.parent = t.id) CYCLE id SET again USING way "
        "SELECT t.id, t.again FROM t",
    ),
    "ancestors of each": Case(
        "id",
        "WITH RECURSIVE t AS (SELECT c.id, c.parent, c.name, 1 AS n FROM c UNION ALL SELECT t.id, c.parent, "
        "c.name, t.n + 1 FROM t JOIN c ON c.id = t.parent WHERE t.n < 4) "
        "SELECT t.id, string_agg(t.name, '/' ORDER BY t.n, t.name) AS path FROM t GROUP BY t.id",
    ),
    "breadcrumbs": Case(
        "id",
        "SELECT p.id, (WITH RECURSIVE t AS (SELECT c.id, c.parent, c.name, 1 AS n FROM c WHERE c.id = p.cat "
        "UNION ALL SELECT c.id, c.parent, c.name, t.n + 1 FROM t JOIN c ON c.id = t.parent WHERE t.n < 4) "
        "SELECT string_agg(t.name, '/' ORDER BY t.n DESC, t.name) FROM t) AS path FROM p",
    ),
    "subtree of each": Case(
        "id",
        "SELECT s.id, t.n FROM s CROSS JOIN LATERAL (WITH RECURSIVE t AS (SELECT c.id, c.name FROM c "
        "WHERE c.parent = s.web UNION SELECT c.id, c.name FROM t JOIN c ON c.parent = t.id) "
        "SELECT count(*) AS n FROM t) t",
    ),
    "breadcrumbs beyond a left join": Case(
        "id",
        "SELECT p.id, (WITH RECURSIVE t AS (SELECT c.id, c.parent, c.name, 1 AS n FROM c WHERE c.id = s.web "
        "UNION ALL SELECT c.id, c.parent, c.name, t.n + 1 FROM t JOIN c ON c.id = t.parent WHERE t.n < 4) "
        "SELECT string_agg(t.name, '/' ORDER BY t.n DESC, t.name) FROM t) AS path "
        "FROM p LEFT JOIN s ON s.id = p.cat",
    ),
    "subtree of each, without an end": Case(
        "id,node",
        "SELECT s.id, t.id AS node, t.names FROM s CROSS JOIN LATERAL (WITH RECURSIVE t AS (SELECT "
        "c.id, c.name "
        "FROM c WHERE c.parent = s.web UNION SELECT c.id, c.name FROM t JOIN c ON c.parent = t.id) "
        "SELECT t.id, string_agg(t.name, ',' ORDER BY t.name) AS names FROM t GROUP BY t.id) t",
    ),
    "an ancestor of each": Case(
        "id",
        "SELECT p.id FROM p WHERE EXISTS (WITH RECURSIVE t(up) AS (SELECT c.parent FROM c WHERE c.id = p.cat "
        "UNION SELECT c.parent FROM t JOIN c ON c.id = t.up) SELECT FROM t JOIN o ON o.id = t.up "
        "AND o.state = 1)",
    ),
    "ways of each over two tables": Case(
        "id",
        "SELECT p.id, (WITH RECURSIVE t(k) AS (SELECT ps.sid FROM ps WHERE ps.pid = p.id UNION "
        "SELECT i.n FROM t "
        "JOIN o ON o.cust = t.k JOIN i ON i.oid = o.id) SELECT string_agg(t.k::text, ',' ORDER BY "
        "t.k) FROM t) "
        "AS ks FROM p",
    ),
    "ways of each from two bases": Case(
        "id",
        "SELECT p.id, (WITH RECURSIVE t(k) AS ((SELECT ps.sid FROM ps WHERE ps.pid = p.id UNION "
        "SELECT c.parent "
        "FROM c WHERE c.id > p.cat) UNION SELECT c.parent FROM t JOIN c ON c.id = t.k) "
        "SELECT string_agg(t.k::text, ',' ORDER BY t.k) FROM t) AS ks FROM p",
    ),
    "ways of each with a start that is carried": Case(
        "id",
        "SELECT p.id, (WITH RECURSIVE t(a, k) AS (SELECT c.name, c.parent FROM c WHERE c.id = p.cat UNION "
        "SELECT t.a, c.parent FROM t JOIN c ON c.id = t.k AND c.name <> t.a) "
        "SELECT string_agg(t.a || t.k::text, ',' ORDER BY t.a, t.k) FROM t) AS ks FROM p",
    ),
    "ways of each with a left join": Case(
        "id",
        "SELECT p.id, (WITH RECURSIVE t(k, n) AS (SELECT c.parent, 0 FROM c WHERE c.id = p.cat UNION ALL "
        "SELECT coalesce(c.parent, t.k), t.n + 1 FROM t LEFT JOIN c ON c.id = t.k WHERE t.n < 3) "
        "SELECT string_agg(t.k::text, ',' ORDER BY t.n, t.k) FROM t) AS ks FROM p",
    ),
    "ways of each by what a row around says": Case(
        "id",
        "SELECT p.id, (WITH RECURSIVE t(k) AS (SELECT c.id FROM c WHERE c.id = p.cat UNION SELECT "
        "c.id FROM t "
        "JOIN c ON c.parent = t.k AND c.name = p.sku) SELECT string_agg(t.k::text, ',' ORDER BY "
        "t.k) FROM t) AS ks "
        "FROM p",
    ),
    "ways of each from a left join": Case(
        "id",
        "SELECT p.id, (WITH RECURSIVE t(k) AS (SELECT c.parent FROM ps LEFT JOIN c ON c.id = ps.sid WHERE "
        "ps.pid = p.id UNION SELECT c.parent FROM t JOIN c ON c.id = t.k) "
        "SELECT string_agg(t.k::text, ',' ORDER BY t.k) FROM t) AS ks FROM p",
    ),
    "ways of each from null to null": Case(
        "id",
        "SELECT p.id, (WITH RECURSIVE t(k) AS (SELECT c.parent FROM c WHERE c.id = p.cat UNION "
        "SELECT c.parent "
        "FROM t JOIN c ON c.id IS NOT DISTINCT FROM t.k) SELECT string_agg(t.k::text, ',' ORDER BY "
        "t.k) FROM t) "
        "AS ks FROM p",
    ),
    "recursion among others": Case(
        "id",
        "WITH RECURSIVE u AS (SELECT t.id, p.sku FROM t JOIN p ON p.cat = t.id), t AS (SELECT c.id FROM c "
        "WHERE c.parent = 2 UNION SELECT c.id FROM c JOIN t ON c.parent = t.id) SELECT u.id, u.sku FROM u",
    ),
    "numbers": Case(
        "id",
        "WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT n.x + 1 FROM n WHERE n.x < 4) "
        "SELECT n.x AS id, count(p.id) AS c FROM n LEFT JOIN p ON p.cat = n.x GROUP BY n.x",
    ),
    # common table expressions
    "cte in a subquery": Case(
        "id",
        "WITH t AS MATERIALIZED (SELECT i.pid, max(i.n) AS n FROM i GROUP BY i.pid) SELECT p.id FROM p "
        "WHERE p.cat > (SELECT t.n FROM t WHERE t.pid = p.id) OR p.id IN (SELECT t.n FROM t)",
    ),
    "cte inside a subquery": Case(
        "id",
        "SELECT p.id, (WITH t AS (SELECT i.n FROM i WHERE i.pid = p.id) SELECT sum(t.n) FROM t) AS n FROM p",
    ),
    "cte that nothing reads": Case(
        "id",
        "WITH t AS (SELECT c.id FROM c), u AS (SELECT t.id FROM t), v AS (SELECT o.id FROM o) "
        "SELECT p.id, (SELECT count(*) FROM v WHERE v.id = p.cat) AS n FROM p",
    ),
    "cte beside a limit": Case(
        "id",
        "WITH t AS NOT MATERIALIZED (SELECT p.id, p.cat FROM p) SELECT c.id, x.id AS best FROM c LEFT JOIN "
        "LATERAL (SELECT t.id FROM t WHERE t.cat = c.id ORDER BY t.id LIMIT 1) x ON true",
    ),
}

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
