"""Further queries over the shop: views, recursion, common table expressions."""

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
        "UNION ALL SELECT c.id, c.parent, c.name, t.n + 1 FROM t JOIN c ON c.id = t.parent WHERE t.n < 3) "
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
