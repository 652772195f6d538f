"""Code that belongs to strangers and would run with the daemon's rights."""

from __future__ import annotations

from collections.abc import Iterator

from cdc_daemon.analysis.lint.context import Subject
from cdc_daemon.analysis.model.catalogue import ForeignCode
from cdc_daemon.analysis.model.plan import Verdict
from cdc_daemon.analysis.source_text import Place


def strangers(subject: Subject) -> Iterator[Verdict]:
    """A verdict for each object in the feed's closure whose owner is a stranger."""
    role = subject.catalogue.role
    for code in subject.catalogue.code.foreign:
        yield subject.verdict(
            "foreign-code",
            f"{code} belongs to the role {code.owner}, and what it holds would run with the rights of {role}",
            f"give it to a role that may have them (ALTER {code.kind.upper()} … OWNER TO …); or read it, and "
            "accept it: then a change of it stops the feed until the next `cdc-daemon install`",
            _place(subject, code),
        )


def _place(subject: Subject, code: ForeignCode) -> Place | None:
    for view in subject.catalogue.views.values():
        if view.oid == code.oid:
            return subject.place_of(view.name)
    for function in subject.catalogue.functions:
        if function.oid == code.oid:
            return next(subject.places_of(function), None)
    return None
