"""Defects of the analysis itself, reported in words that a user can pass on."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import TypeVar

from cdc_daemon.errors import CdcError

_PACKAGE = __name__.rpartition(".")[0]
_Result = TypeVar("_Result")


def told_failure(error: Exception) -> str:
    """The sentence about a defect: the error, the line of the analysis, and the request to report it."""
    places = [
        f"{module}:{line}"
        for frame, line in traceback.walk_tb(error.__traceback__)
        if (module := str(frame.f_globals.get("__name__"))).startswith(_PACKAGE)
    ]
    words = str(error).split("\n", 1)[0]
    what = f"{type(error).__name__}: {words}" if words else type(error).__name__
    return (
        f"the analysis failed at {places[-1]} ({what}): this is a defect of cdc-daemon, please report it "
        "with the query"
    )


def attempted(work: Callable[[], _Result], otherwise: Callable[[str], _Result]) -> _Result:
    """The result of some work, or a safe result if the work fails by a defect of the analysis.

    Args:
        otherwise: makes the safe result from the sentence of `told_failure`.

    Raises:
        CdcError: `work` raised it, because of the user's query.
    """
    try:
        return work()
    except CdcError:
        raise
    except Exception as error:  # whatever a defect raises, the feed must not be lost to it
        return otherwise(told_failure(error))
