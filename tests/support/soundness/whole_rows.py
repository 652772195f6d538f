"""Queries that use whole rows: compared with each other, counted, tested for NULL, converted."""

from __future__ import annotations

from tests.support.soundness.case import Case

WHOLE_ROWS = {
    "equal whole rows": Case("id", "SELECT x.id, y.name FROM c x JOIN c y ON x = y"),
    "equal whole rows, entity on the other side": Case(
        "k", "SELECT y.parent AS k, x.name FROM c x JOIN c y ON x = y"
    ),
    "equal whole rows of tables with a key": Case(
        "k", "SELECT y.sku AS k, x.price::text AS price FROM p x JOIN p y ON x = y"
    ),
    "equal whole rows beyond a left join": Case(
        "id", "SELECT x.id, y.sku FROM p x LEFT JOIN p y ON x = y AND y.cat > 1"
    ),
    "equal whole rows above a full join": Case(
        "id", "SELECT x.id, y.qty FROM o x FULL JOIN ps y ON y.pid = x.id WHERE x = y::text::o OR x.id > 0"
    ),
    "equal whole rows of derived tables": Case(
        "id",
        "SELECT x.id, y.parent FROM (SELECT id, parent FROM c) x JOIN (SELECT id, cust FROM o) y (id, parent)"
        " ON x = y",
    ),
    "equal whole rows of two tables": Case("id", "SELECT o.id, ps.qty FROM o JOIN ps ON o = ROW(ps.*)::o"),
    "distinct whole rows": Case(
        "id", "SELECT x.id, y.name FROM c x JOIN c y ON x IS DISTINCT FROM y AND y.id = x.parent"
    ),
    "not distinct whole rows": Case("id", "SELECT x.id FROM c x JOIN c y ON x IS NOT DISTINCT FROM y"),
    "greater whole row": Case("id", "SELECT x.id, y.name FROM c x JOIN c y ON y.id = x.id AND x > y"),
    "rows of stars": Case("id", "SELECT x.id, y.name FROM c x JOIN c y ON ROW(x.*) = ROW(y.*)"),
    "whole row in a subquery": Case(
        "id", "SELECT x.id FROM c x WHERE x IN (SELECT y FROM c y WHERE y.id > 1)"
    ),
    "whole row not in a subquery": Case(
        "id", "SELECT x.id FROM c x WHERE x NOT IN (SELECT y FROM c y WHERE y.id > 1)"
    ),
    "whole row in a subquery as a value": Case(
        "id", "SELECT x.id, x IN (SELECT y FROM c y WHERE y.id = x.parent) AS has FROM c x"
    ),
    "whole row equal to any": Case(
        "id", "SELECT x.id FROM c x WHERE x = ANY (ARRAY(SELECT y FROM c y WHERE y.parent = x.id))"
    ),
    "exists an equal whole row": Case(
        "id", "SELECT x.id, EXISTS (SELECT FROM c y WHERE y = x AND y.id > 1) AS has FROM c x"
    ),
    "count of whole rows": Case(
        "id", "SELECT p.id, count(c) AS n FROM p LEFT JOIN c ON c.id = p.cat GROUP BY p.id"
    ),
    "whole row is null": Case("id", "SELECT p.id, c IS NULL AS none FROM p LEFT JOIN c ON c.id = p.cat"),
    "whole row is not null": Case("id", "SELECT p.id FROM p LEFT JOIN c ON c.id = p.cat WHERE c IS NOT NULL"),
    "whole row as text": Case("id", "SELECT p.id, c::text AS c FROM p LEFT JOIN c ON c.id = p.cat"),
    "whole row as json": Case("id", "SELECT c.id, to_jsonb(c) AS c FROM c"),
    "whole row as json, which is the entity": Case(
        "k", "SELECT to_jsonb(c)::text AS k, p.id FROM p FULL JOIN c ON c.id = p.cat"
    ),
    "whole row of a derived table as json, which is the entity": Case(
        "k", "SELECT to_jsonb(q)::text AS k, p.id FROM p FULL JOIN (SELECT id, name FROM c) q ON q.id = p.cat"
    ),
    "whole rows together": Case(
        "id",
        "SELECT p.id, (SELECT jsonb_agg(i ORDER BY i::text) FROM i WHERE i.pid = p.id) AS items FROM p",
    ),
    "column of a whole row": Case("id", "SELECT c.id, (c).name, (c).parent FROM c"),
    "column of a whole row as the entity": Case(
        "k", "SELECT (x).parent AS k, count(*) AS n FROM c x GROUP BY 1"
    ),
    "whole row as the entity": Case("k", "SELECT c::text AS k, p.id FROM c JOIN p ON p.cat = c.id"),
    "groups of whole rows": Case("k", "SELECT x::text AS k, count(*) AS n FROM c x GROUP BY x"),
    "partition by whole rows": Case(
        "id", "SELECT o.id, o.cust, count(*) OVER (PARTITION BY o) AS n FROM o WHERE o.state = 1"
    ),
    "a whole row through a derived table": Case(
        "k", "SELECT (q.r).id AS k, (q.r).name FROM (SELECT c AS r FROM c WHERE c.parent = 1) q"
    ),
    "equal whole rows through derived tables": Case(
        "k",
        "SELECT (q.r).id AS k, s.code FROM (SELECT c AS r FROM c) q JOIN c ON c = q.r "
        "JOIN s ON s.id = c.parent",
    ),
    "whole rows compared by coalesce": Case(
        "id",
        "SELECT p.id, coalesce(y, x)::text AS c FROM p LEFT JOIN c x ON x.id = p.cat LEFT JOIN c y ON y = x",
    ),
}
