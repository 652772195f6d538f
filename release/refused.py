"""Why a release is not made."""

from __future__ import annotations


class Refused(Exception):
    """A release is not made; nothing was changed.

    Attributes:
        what: the fault.
        hint: what to do.
    """

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint
