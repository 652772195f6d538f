"""What programs and people usually write: the latest row, LATERAL in LATERAL, groups side by side."""

from __future__ import annotations

from tests.support.soundness.case import Case

USUAL = {
    # the latest row
    "the latest row": Case(
        "id",
        "SELECT p.id, i.n FROM p LEFT JOIN i ON i.id = (SELECT z.id FROM i z WHERE z.pid = p.id"
        " ORDER BY z.n DESC NULLS LAST, z.id LIMIT 1)",
        rows="INSERT INTO p VALUES (1, 1, 'a'); INSERT INTO i VALUES (1, 1, 1, 1), (2, 1, 1, 2)",
        change="DELETE FROM i WHERE id = 2",
    ),
    "the latest row or none": Case(
        "id",
        "SELECT p.id, i.n FROM p LEFT JOIN i ON i.id = (SELECT max(z.id) FROM i z WHERE z.pid = p.id"
        " AND z.n > 1) WHERE i.n IS NULL OR i.oid > 1",
    ),
    "the latest row of several columns": Case(
        "id",
        "SELECT p.id, ps.qty FROM p JOIN ps ON (ps.pid, ps.sid) IN (SELECT z.pid, z.sid FROM ps z"
        " WHERE z.pid = p.cat ORDER BY z.sid DESC NULLS LAST LIMIT 1)",
    ),
    "the latest row and what hangs on it": Case(
        "id",
        "SELECT p.id, o.state FROM p LEFT JOIN i ON i.id = (SELECT min(z.id) FROM i z WHERE z.pid = p.id)"
        " LEFT JOIN o ON o.id = i.oid",
    ),
    "the latest row of the latest row": Case(
        "id",
        "SELECT p.id, i.n FROM p LEFT JOIN o ON o.id = (SELECT max(x.id) FROM o x WHERE x.cust = p.id)"
        " LEFT JOIN i ON i.id = (SELECT max(y.id) FROM i y WHERE y.oid = o.id)",
    ),
    "the latest row of one kind or of any": Case(
        "id",
        "SELECT p.id, i.n FROM p LEFT JOIN i ON i.id = coalesce((SELECT max(x.id) FROM i x"
        " WHERE x.pid = p.id AND x.n > 2), (SELECT max(y.id) FROM i y WHERE y.pid = p.id), p.cat)",
    ),
    "the latest row through a table": Case(
        "id",
        "SELECT c.id, i.n FROM c JOIN i ON i.id = (SELECT max(z.id) FROM i z JOIN p ON p.id = z.pid"
        " WHERE p.cat = c.id)",
    ),
    "the latest row as the entity": Case(
        "id", "SELECT i.id, p.sku FROM p JOIN i ON i.id = (SELECT max(z.id) FROM i z WHERE z.pid = p.id)"
    ),
    "the greatest and the least of different rows": Case(
        "id",
        "SELECT p.id, o.state FROM p JOIN o ON (o.id, o.cust) = (SELECT max(z.id), min(z.oid) FROM i z"
        " WHERE z.pid = p.id)",
        rows="INSERT INTO p VALUES (1, 1, 'a'); INSERT INTO i VALUES (3, 2, 1, 1), (1, 1, 1, 1);"
        "INSERT INTO o VALUES (3, 1, 1)",
        change="UPDATE o SET state = 2",
    ),
    # queries of each in queries of each
    "lateral beside a query of each": Case(
        "id",
        "SELECT p.id, x.v FROM p LEFT JOIN LATERAL (SELECT string_agg(b.id || ':' || r.n, ',' ORDER BY b.id,"
        " r.n) AS v FROM (SELECT i.id, i.oid FROM i WHERE i.pid = p.id) b LEFT JOIN LATERAL (SELECT count(*)"
        " AS n FROM o WHERE o.id = b.oid) r ON true) x ON true",
    ),
    "lateral beside the first of each": Case(
        "id",
        "SELECT p.id, x.v FROM p LEFT JOIN LATERAL (SELECT string_agg(b.id || ':' || r.n, ',' ORDER BY b.id,"
        " r.n) AS v FROM (SELECT i.id, i.oid FROM i WHERE i.pid = p.id ORDER BY i.id, i.oid LIMIT 2) b"
        " CROSS JOIN LATERAL (SELECT count(*) AS n FROM (SELECT o.cust FROM o WHERE o.id = b.oid ORDER BY"
        " o.cust LIMIT 1) d JOIN LATERAL (SELECT c.name FROM c WHERE c.id = d.cust) e ON true) r) x ON true",
    ),
    # grouped queries side by side
    "groups, full joined": Case(
        "k",
        "SELECT k, a.n AS n1, b.n AS n2 FROM (SELECT pid AS k, sum(n) AS n FROM i WHERE pid IS NOT NULL"
        " GROUP BY pid) a FULL JOIN (SELECT pid AS k, sum(qty) AS n FROM ps WHERE pid IS NOT NULL"
        " GROUP BY pid) b USING (k)",
    ),
    "three groups, full joined": Case(
        "k",
        "SELECT coalesce(a.k, b.k, d.k) AS k, a.n, b.n AS n2, d.n AS n3 FROM (SELECT pid AS k, count(*) AS n"
        " FROM i GROUP BY pid) a FULL JOIN (SELECT pid AS k, count(*) AS n FROM ps GROUP BY pid) b"
        " ON b.k = a.k FULL JOIN (SELECT cat AS k, count(*) AS n FROM p GROUP BY cat) d"
        " ON d.k = coalesce(a.k, b.k) WHERE coalesce(a.k, b.k, d.k) IS NOT NULL",
    ),
    "groups of text, full joined": Case(
        "k",
        "SELECT coalesce(a.k, b.k) AS k, a.n, b.n AS n2 FROM (SELECT name AS k, count(*) AS n FROM c"
        " WHERE name IS NOT NULL GROUP BY name) a FULL JOIN (SELECT code AS k, count(*) AS n FROM s"
        " WHERE code IS NOT NULL GROUP BY code) b ON b.k = a.k",
    ),
    "groups by an expression and a range": Case(
        "id",
        "SELECT p.id, sum(g.n) AS n FROM p LEFT JOIN (SELECT i.n AS k, count(*) AS n FROM i GROUP BY i.n) g"
        " ON g.k + 1 >= p.cat AND g.k < p.id GROUP BY p.id",
    ),
    # conditions over several tables
    "unequal to all of none": Case(
        "k",
        "SELECT coalesce(c.parent, p.cat, 0) AS k, count(*) AS n FROM p LEFT JOIN c ON c.id = p.cat"
        " WHERE c.parent <> ALL (p.tags[3:4]) GROUP BY 1",
        rows="INSERT INTO p VALUES (1, 1, 'a', 1, '{}'); INSERT INTO c VALUES (1, 2)",
        change="DELETE FROM c",
    ),
    "either of two that may be missing": Case(
        "id",
        "SELECT p.id, c.name FROM p LEFT JOIN ps ON ps.pid = p.id LEFT JOIN i ON i.pid = p.id"
        " LEFT JOIN c ON c.id = ps.sid OR c.parent = i.oid",
    ),
    "either of two": Case(
        "id",
        "SELECT p.id, c.name FROM p JOIN ps ON ps.pid = p.id JOIN i ON i.pid = p.id"
        " LEFT JOIN c ON c.id = ps.sid OR c.parent = i.oid",
    ),
    "CASE chooses the table, if it is there": Case(
        "id",
        "SELECT i.id, c.name FROM i JOIN p ON p.id = i.pid LEFT JOIN o ON o.id = i.oid JOIN c ON c.id ="
        " CASE WHEN o.cust > 2 THEN o.cust WHEN o.state = 1 THEN i.n ELSE p.cat END",
    ),
    "CASE chooses the table": Case(
        "id",
        "SELECT i.id, c.name FROM i JOIN p ON p.id = i.pid JOIN o ON o.id = i.oid JOIN c ON c.id ="
        " CASE WHEN o.cust > 2 THEN o.cust WHEN o.state = 1 THEN i.n ELSE p.cat END",
    ),
    "OR of what may be missing": Case(
        "id",
        "SELECT i.id, c.name FROM i JOIN p ON p.id = i.pid LEFT JOIN c ON c.id = p.cat"
        " WHERE i.n > 2 OR c.name = 'a' OR NOT coalesce(c.parent, 1) = 2",
    ),
    # rows out of the select list
    "unnested key": Case("id,tag", "SELECT p.id, unnest(p.tags) AS tag, p.sku FROM p"),
    "unnested key of a group": Case(
        "tag",
        "SELECT t.tag, count(*) AS n, max(c.name) AS name FROM (SELECT p.id, unnest(p.tags) + 1 AS tag"
        " FROM p) t LEFT JOIN c ON c.id = t.tag GROUP BY t.tag",
    ),
    "among what is unnested": Case(
        "id", "SELECT c.id, c.name FROM c WHERE c.id IN (SELECT unnest(p.tags) FROM p WHERE p.cat > 1)"
    ),
    "percentiles of a group": Case(
        "cat",
        "SELECT cat, percentile_disc(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY id) AS v FROM p"
        " WHERE cat IS NOT NULL GROUP BY cat",
    ),
    "percentiles of each row's own": Case(
        "id",
        "SELECT p.id, (SELECT percentile_disc(ARRAY[0.5, 1]) WITHIN GROUP (ORDER BY i.n) FROM i"
        " WHERE i.pid = p.id) AS v FROM p",
    ),
}
