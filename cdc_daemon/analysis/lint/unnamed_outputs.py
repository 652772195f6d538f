"""Output columns without a name: the document would have a field called `?column?`."""

from __future__ import annotations

from collections.abc import Iterator

from cdc_daemon.analysis.lint.context import LintContext
from cdc_daemon.analysis.model.plan import Verdict

_NAMELESS = "?column?"
"""What PostgreSQL calls the result of an expression (FigureColname in its parse_target.c)."""


def outputs(context: LintContext) -> Iterator[Verdict]:
    """Yield a warning for each output column that only PostgreSQL has named."""
    for number, output in enumerate(context.query.outputs, start=1):
        if output.name == _NAMELESS:
            yield Verdict(
                "unnamed-output",
                f"output column {number} has no name, so documents have a field called {_NAMELESS}",
                "name it with AS",
            )
