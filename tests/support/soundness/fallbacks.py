"""Queries that join what COALESCE yields: of the side that is there, or of an override before the default."""

from __future__ import annotations

from tests.support.soundness.case import Case

FALLBACKS = {
    "join on the side that is there": Case(
        "id",
        "SELECT coalesce(c.id, o.id) AS id, c.name, i.n FROM c FULL JOIN o ON o.id = c.id"
        " JOIN i ON i.oid = coalesce(c.id, o.id)",
    ),
    "left join on the side that is there": Case(
        "id",
        "SELECT coalesce(c.id, o.id) AS id, c.name, i.n FROM c FULL JOIN o ON o.id = c.id"
        " LEFT JOIN i ON i.oid = coalesce(c.id, o.id)",
    ),
    "three full joins by using": Case(
        "id", "SELECT id, x.name, y.cust, z.n FROM c x FULL JOIN o y USING (id) FULL JOIN i z USING (id)"
    ),
    "full join by using, then left": Case(
        "id", "SELECT id, x.name, y.cust, z.n FROM c x FULL JOIN o y USING (id) LEFT JOIN i z USING (id)"
    ),
    "join on an override or the default": Case(
        "id",
        "SELECT p.id, c.name FROM p LEFT JOIN ps ON ps.pid = p.id AND ps.sid = 1"
        " JOIN c ON c.id = coalesce(ps.qty, p.cat)",
    ),
    "left join on an override or the default": Case(
        "id",
        "SELECT p.id, c.name FROM p LEFT JOIN ps ON ps.pid = p.id AND ps.sid = 1"
        " LEFT JOIN c ON c.id = coalesce(ps.qty, p.cat)",
    ),
    "fallback without an outer join": Case(
        "id", "SELECT p.id, c.name FROM p JOIN c ON c.id = coalesce(p.cat, p.id)"
    ),
    "override of an override": Case(
        "id",
        "SELECT p.id, c.name FROM p LEFT JOIN ps ON ps.pid = p.id LEFT JOIN s ON s.id = ps.sid"
        " LEFT JOIN c ON c.parent = coalesce(s.web, ps.qty, p.cat)",
    ),
    "three steps of a fallback": Case(
        "id",
        "SELECT p.id, c.name FROM p JOIN o ON o.id = p.id LEFT JOIN i ON i.pid = p.id"
        " JOIN c ON c.id = coalesce(i.oid, o.cust, p.cat)",
    ),
    "fallback in where": Case(
        "id",
        "SELECT p.id, c.name FROM p LEFT JOIN o ON o.id = p.id CROSS JOIN c"
        " WHERE coalesce(o.cust, p.cat) = c.id",
    ),
    "range beside a fallback": Case(
        "id",
        "SELECT p.id, i.n FROM p LEFT JOIN o ON o.id = p.cat"
        " JOIN i ON i.pid = coalesce(o.cust, p.id) AND i.n > coalesce(o.state, 0)",
    ),
    "where on a fallback beyond a left join": Case(
        "id",
        "SELECT p.id, c.name FROM p LEFT JOIN c ON c.id = p.cat"
        " WHERE coalesce(c.parent, p.id) IN (SELECT i.oid FROM i)",
    ),
    "subquery on a fallback": Case(
        "id",
        "SELECT p.id, (SELECT count(*) FROM i WHERE i.pid = coalesce(o.cust, p.id)) AS n"
        " FROM p LEFT JOIN o ON o.id = p.cat",
    ),
    "null if no match": Case(
        "id",
        "SELECT p.id, c.name FROM p LEFT JOIN o ON o.id = p.id"
        " JOIN c ON c.parent = p.cat OR (o.id IS NULL AND c.id = p.id)",
    ),
}
