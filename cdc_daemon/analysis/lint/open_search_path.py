"""Schemas of the search path in which roles other than the owner may create objects."""

from __future__ import annotations

from collections.abc import Iterator

from cdc_daemon.analysis.lint.context import LintContext
from cdc_daemon.analysis.model.plan import Verdict


def search_path(context: LintContext) -> Iterator[Verdict]:
    """Yield a verdict for each schema in which a role could shadow a name of the query."""
    for schema, roles in context.catalogue.creators.items():
        named = ", ".join(roles)
        yield context.verdict(
            "open-search-path",
            f"{named} may create in schema {schema} of the search path: the query would call an operator or "
            f"function of theirs that fits better, as {context.catalogue.role}",
            f"REVOKE CREATE ON SCHEMA {schema} FROM {named}, or ALTER SCHEMA {schema} OWNER TO a role that "
            f"you trust; or take {schema} out of database.search_path",
            None,
        )
    for schema, roles in context.catalogue.makers.items():
        named = ", ".join(roles)
        yield context.verdict(
            "open-search-path",
            f"the search path names schema {schema}, which does not exist, and {named} may make it: the "
            "query would call an operator or function of theirs that fits better, as "
            f"{context.catalogue.role}",
            f"take {schema} out of database.search_path, or create the schema",
            None,
        )
