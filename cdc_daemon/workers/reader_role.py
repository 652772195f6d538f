"""The rights of a role that only looks: status, trace, verify and the other questions, and no act."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from cdc_daemon.pg.session import Connection
from cdc_daemon.pg.statements import statement
from cdc_daemon.workers.planning import FeedPlan


def reader_grants(connection: Connection, role: str, plans: Sequence[FeedPlan]) -> str:
    """Return the grants for a reading role, as SQL for a person who may grant them.

    Objects that this session's role creates later in schema cdc are readable too.

    Args:
        plans: the plans of all feeds. The role may read the tables and views of their queries.
    """
    grantee = sql.Identifier(role)
    relations = sorted({name for plan in plans for name in (*plan.catalogue.tables, *plan.catalogue.views)})
    found = [
        statement("installation.use_schema", role=grantee),
        statement("installation.read_all", role=grantee),
        statement("installation.read_later", role=grantee),
        statement("installation.plan_queries", database=sql.Identifier(connection.info.dbname), role=grantee),
    ]
    if relations:
        schemas = sorted({name.schema for name in relations})
        found += [
            statement(
                "installation.enter_schemas",
                schemas=sql.SQL(", ").join(map(sql.Identifier, schemas)),
                role=grantee,
            ),
            statement(
                "installation.read_sources",
                tables=sql.SQL(", ").join(sql.Identifier(name.schema, name.name) for name in relations),
                role=grantee,
            ),
        ]
    # The last one needs the right to grant this role, which the owner of a database may lack.
    found.append(statement("installation.see_sessions", role=grantee))
    return "".join(f"{each.as_string(connection)};\n" for each in found)
