"""Queries in a subquery that refer to a row around it, and tables beside them that do not."""

from __future__ import annotations

from tests.support.soundness.case import Case

CORRELATED = {
    "beside a query of each": Case(
        "id",
        "SELECT p.id, (SELECT count(*) FROM (SELECT c.id AS k FROM c WHERE c.parent = p.cat) v"
        " JOIN o ON o.id = v.k) AS n FROM p",
    ),
    "left beside a query of each": Case(
        "id",
        "SELECT p.id, (SELECT string_agg(o.state::text, ',' ORDER BY o.state)"
        " FROM (SELECT c.id AS k FROM c WHERE c.parent = p.cat) v LEFT JOIN o ON o.id = v.k) AS n FROM p",
    ),
    "a query of each on the nullable side": Case(
        "id",
        "SELECT p.id, (SELECT count(v.k) FROM o LEFT JOIN (SELECT c.id AS k FROM c WHERE c.parent = p.cat) v"
        " ON o.id = v.k WHERE o.state = 1) AS n FROM p",
    ),
    "full join with a query of each": Case(
        "id",
        "SELECT p.id, (SELECT count(*) FROM (SELECT c.id AS k FROM c WHERE c.parent = p.cat) v"
        " FULL JOIN o ON o.id = v.k WHERE v.k IS NOT NULL) AS n FROM p",
    ),
    "names of breadcrumbs": Case(
        "id",
        "SELECT p.id, (WITH RECURSIVE t(k) AS (SELECT c.id FROM c WHERE c.id = p.cat UNION SELECT c.parent"
        " FROM t JOIN c ON c.id = t.k) SELECT string_agg(x.name, '/' ORDER BY x.id, x.name)"
        " FROM t JOIN c x ON x.id = t.k) AS path FROM p",
    ),
    "names of breadcrumbs, if there are any": Case(
        "id",
        "SELECT p.id, (WITH RECURSIVE t(k) AS (SELECT c.id FROM c WHERE c.id = p.cat UNION SELECT c.parent"
        " FROM t JOIN c ON c.id = t.k) SELECT string_agg(coalesce(x.code, '?'), '/' ORDER BY t.k, x.code)"
        " FROM t LEFT JOIN s x ON x.id = t.k) AS path FROM p",
    ),
    "orders of each subtree": Case(
        "id",
        "SELECT c.id, (WITH RECURSIVE t(k) AS (SELECT c.id UNION SELECT d.id FROM t JOIN c d"
        " ON d.parent = t.k) SELECT count(*) FROM t JOIN p ON p.cat = t.k JOIN i ON i.pid = p.id)"
        " AS n FROM c",
    ),
    "a union of each": Case(
        "id",
        "SELECT p.id, (WITH t(k) AS (SELECT c.id FROM c WHERE c.id = p.cat UNION ALL SELECT ps.sid FROM ps"
        " WHERE ps.pid = p.id) SELECT string_agg(x.name, '/' ORDER BY x.name) FROM t JOIN c x ON x.id = t.k)"
        " AS names FROM p",
    ),
    "what is left of each": Case(
        "id",
        "SELECT p.id, EXISTS (SELECT FROM (SELECT i.oid FROM i WHERE i.pid = p.id EXCEPT SELECT ps.sid"
        " FROM ps WHERE ps.pid = p.id) t(k) JOIN o ON o.id = t.k) AS has FROM p",
    ),
    "two queries of each": Case(
        "id",
        "SELECT p.id, (SELECT count(*) FROM (SELECT i.oid AS k FROM i WHERE i.pid = p.id) v JOIN"
        " (SELECT o.id AS k, o.state FROM o WHERE o.cust = p.cat) w ON w.k = v.k JOIN c ON c.id = w.state)"
        " AS n FROM p",
    ),
    "groups of each": Case(
        "id",
        "SELECT p.id, (SELECT string_agg(c.name || v.n, ',' ORDER BY c.name, v.n) FROM (SELECT i.oid AS k,"
        " count(*) AS n FROM i WHERE i.pid = p.id GROUP BY i.oid HAVING sum(i.n) > 2) v JOIN c ON c.id = v.k)"
        " AS names FROM p",
    ),
    "the first of each": Case(
        "id",
        "SELECT p.id, (SELECT max(c.name) FROM (SELECT i.oid AS k FROM i WHERE i.pid = p.id ORDER BY i.n,"
        " i.id LIMIT 1) v JOIN c ON c.id = v.k) AS name FROM p",
    ),
    "by the number among each": Case(
        "id",
        "SELECT p.id, (SELECT count(*) FROM (SELECT row_number() OVER (ORDER BY i.n, i.id) AS k FROM i"
        " WHERE i.pid = p.id) v JOIN c ON c.id = v.k) AS n FROM p",
    ),
    "a query of each in a query of each": Case(
        "id",
        "SELECT p.id, (SELECT count(*) FROM (SELECT o.cust AS k FROM (SELECT i.oid AS j FROM i"
        " WHERE i.pid = p.id) w JOIN o ON o.id = w.j) v JOIN c ON c.id = v.k) AS n FROM p",
    ),
    "begun by a query of each": Case(
        "id",
        "SELECT p.id, (WITH RECURSIVE t(k) AS (SELECT c.parent FROM (SELECT ps.sid AS j FROM ps"
        " WHERE ps.pid = p.id) w JOIN c ON c.id = w.j UNION SELECT c.parent FROM t JOIN c ON c.id = t.k)"
        " SELECT count(*) FROM t JOIN s ON s.id = t.k) AS n FROM p",
    ),
    "null-safe beside a query of each": Case(
        "id",
        "SELECT p.id, (SELECT count(*) FROM (SELECT c.parent AS k FROM c WHERE c.id = p.cat) v"
        " JOIN o ON o.cust IS NOT DISTINCT FROM v.k) AS n FROM p",
    ),
    "not in what is beside a query of each": Case(
        "id",
        "SELECT p.id FROM p WHERE p.id NOT IN (SELECT o.cust FROM (SELECT c.id AS k FROM c"
        " WHERE c.parent = p.cat) v JOIN o ON o.id = v.k)",
    ),
    "lateral over a query of each": Case(
        "id",
        "SELECT p.id, l.state FROM p CROSS JOIN LATERAL (SELECT o.state FROM (SELECT c.id AS k FROM c"
        " WHERE c.parent = p.cat) v JOIN o ON o.id = v.k) l",
    ),
    "left lateral over a query of each": Case(
        "id",
        "SELECT p.id, l.state FROM p LEFT JOIN LATERAL (SELECT o.state FROM (SELECT c.id AS k FROM c"
        " WHERE c.parent = p.cat) v JOIN o ON o.id = v.k) l ON l.state > 1",
    ),
    "beside a query of each and a table of each": Case(
        "id",
        "SELECT p.id, (SELECT count(*) FROM (SELECT c.id AS k FROM c WHERE c.parent = p.cat) v"
        " JOIN o ON o.id = v.k JOIN i ON i.oid = o.id AND i.pid = p.id) AS n FROM p",
    ),
    "asked of a query of each": Case(
        "id",
        "SELECT p.id, (SELECT count(*) FROM (SELECT i.oid AS k, i.n AS z FROM i WHERE i.pid > p.cat) v"
        " JOIN o ON o.id = v.k WHERE v.z = p.id) AS n FROM p",
    ),
    "asked of the nullable side of a query of each": Case(
        "id",
        "SELECT p.id, (SELECT count(*) FROM (SELECT i.oid AS k, c.parent AS z FROM i LEFT JOIN c"
        " ON c.id = i.n WHERE i.pid = p.id) v JOIN o ON o.id = v.k WHERE v.z IS NOT DISTINCT FROM p.cat)"
        " AS n FROM p",
    ),
    "asked of an aggregate of each": Case(
        "id",
        "SELECT p.id, (SELECT count(*) FROM (SELECT i.oid AS k, count(*) AS z FROM i WHERE i.pid > p.cat"
        " GROUP BY i.oid) v JOIN o ON o.id = v.k WHERE v.z = p.id) AS n FROM p",
    ),
    "ways of each by a step with a left join": Case(
        "id",
        "SELECT p.id, (WITH RECURSIVE t(k) AS (SELECT c.id FROM c WHERE c.id = p.cat UNION"
        " SELECT coalesce(o.cust, c.parent) FROM t JOIN c ON c.id = t.k LEFT JOIN o ON o.id = c.id)"
        " SELECT string_agg(s.code, ',' ORDER BY s.code) FROM t JOIN s ON s.id = t.k) AS ks FROM p",
    ),
    "two steps beside a query of each": Case(
        "id",
        "SELECT p.id, (SELECT count(*) FROM (SELECT c.id AS k FROM c WHERE c.parent = p.cat) v"
        " JOIN o ON o.id = v.k JOIN i ON i.oid = o.cust) AS n FROM p",
    ),
    "windows beside a query of each": Case(
        "id",
        "SELECT p.id, (SELECT max(x.r) FROM (SELECT sum(o.state) OVER (PARTITION BY o.cust) AS r"
        " FROM (SELECT c.id AS k FROM c WHERE c.parent = p.cat) v JOIN o ON o.id = v.k) x) AS r FROM p",
    ),
    "an uncorrelated arm": Case(
        "id",
        "SELECT p.id, (SELECT count(*) FROM (SELECT c.id FROM c WHERE c.parent = p.cat UNION SELECT s.id"
        " FROM s) v(k) JOIN o ON o.id = v.k) AS n FROM p",
    ),
    "of a nullable row around": Case(
        "id",
        "SELECT c.id, (SELECT count(*) FROM (SELECT i.oid AS k FROM i WHERE i.pid IS NOT DISTINCT FROM p.id)"
        " v JOIN o ON o.id = v.k) AS n FROM c LEFT JOIN p ON p.cat = c.id",
    ),
}
