"""Schemas in which the query finds names, and in which others than their owners may create."""

from __future__ import annotations

from collections.abc import Iterator

from cdc_daemon.analysis.plan import Verdict
from cdc_daemon.analysis.verdicts.subject import Subject


def search_path(subject: Subject) -> Iterator[Verdict]:
    """A verdict for each schema in which a role could shadow what the query names."""
    for schema, roles in subject.catalogue.creators.items():
        named = ", ".join(roles)
        yield subject.verdict(
            "open-search-path",
            f"{named} may create in schema {schema} of the search path: the query would call an operator or "
            f"function of theirs that fits better, as {subject.catalogue.role}",
            f"REVOKE CREATE ON SCHEMA {schema} FROM {named}; or take {schema} out of database.search_path",
            None,
        )
