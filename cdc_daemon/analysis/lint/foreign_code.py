"""Code of other owners that would run with the daemon's rights."""

from __future__ import annotations

from collections.abc import Iterator

from cdc_daemon.analysis.lint.context import LintContext
from cdc_daemon.analysis.model.catalogue import ForeignCode
from cdc_daemon.analysis.model.plan import Verdict
from cdc_daemon.analysis.source_text import Location


def foreign_code(context: LintContext) -> Iterator[Verdict]:
    """Yield a verdict for each object of the feed that has another owner than the trusted ones."""
    role = context.catalogue.role
    for code in context.catalogue.code.foreign:
        yield context.verdict(
            "foreign-code",
            f"{code} belongs to the role {code.owner}, and what it holds would run with the rights of {role}",
            f"give it to a role that may have them (ALTER {code.kind.upper()} … OWNER TO …); or read it, and "
            "accept it: then a change of it stops the feed until the next `cdc-daemon install`",
            _location(context, code),
        )


def _location(context: LintContext, code: ForeignCode) -> Location | None:
    for view in context.catalogue.views.values():
        if view.oid == code.oid:
            return context.location_of(view.name)
    for function in context.catalogue.functions:
        if function.oid == code.oid:
            return next(context.locations_of(function), None)
    return None
